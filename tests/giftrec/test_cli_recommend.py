"""`giftrec recommend`, by the words a shopper types."""

import json
import re
from pathlib import Path

import pytest

from giftrec.catalog.live import Catalogue
from giftrec.checkpoints import RELEASED
from giftrec.cli import app
from giftrec.money import Money
from reccore.cli import exit_codes

SHIPPED = Path(__file__).parents[2] / "checkpoints" / RELEASED
SISTER = "my sister turns 30, loves pottery and hiking, about 60 euros, needs it by Friday"
MOTHER = [
    *("--age", "52", "--relationship", "mother", "--occasion", "birthday"),
    *("--budget", "60EUR", "--hobby", "gardening"),
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return tmp_path_factory.mktemp("shop")


@pytest.fixture
def ask(capsys, shop, monkeypatch):
    """Exit code, output and errors of `recommend` with some words, on a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")

    def call(*words, on="2026-11-21", catalog=shop):
        asked = ["recommend", "--run", SHIPPED, "--catalog", catalog, "--on", on, *words]
        code = exit_codes(app, "giftrec", [str(word) for word in asked])
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def good(ask):
    def call(*words, **how):
        code, shown, told = ask(*words, **how)
        assert (code, told) == (0, "")
        return shown

    return call


@pytest.fixture
def answers(good):
    return lambda *words, **how: json.loads(good(*words, "--json", **how))["answers"]


@pytest.fixture
def bad(ask):
    """The one line of a refusal."""

    def call(*words, **how):
        code, shown, told = ask(*words, **how)
        assert (code, shown) == (2, "")
        assert told.startswith("error: ")
        assert len(told.strip().splitlines()) == 1
        return told

    return call


def test_a_sentence_is_answered(good, answers):
    (answer,) = answers(SISTER)
    reply = answer["reply"]
    assert [pick["rank"] for pick in reply["picks"]] == [1, 2, 3, 4, 5]
    assert answer["wish"]["wishes"] == ["pottery"]
    assert "pottery taken as crafts" in answer["missing"]
    for pick in reply["picks"]:
        assert 0 < pick["cost"]["total"]["minor"] <= 6600
        assert pick["delivery"]["arrives"] <= "2026-11-27"
        assert pick["reasons"]
    assert "trace" not in reply
    assert any("demonstration shop" in note for note in reply["notes"])

    shown = good(SISTER)
    flat = " ".join(shown.split())
    assert max(map(len, shown.splitlines())) <= 80
    for words in ("sibling · 30 years · birthday", "crafts, hiking", "“pottery”", "66.00 EUR"):
        assert words in flat
    assert "Fri 27 Nov" in flat
    assert "pottery taken as crafts" in flat
    assert "demonstration shop" in flat
    for pick in reply["picks"]:
        assert pick["title"] in flat
        assert str(Money(**pick["cost"]["total"])) in flat
        for reason in pick["reasons"]:
            assert "".join(reason["words"].split()) in _text_of(shown)


def _text_of(shown):
    """Cells are wrapped: the middle column alone, without spaces."""
    return re.sub(r"\s|with\d+\.\d+fees", "", shown)


def test_explain_shows_tools_steps_and_weights(good, answers):
    shown = good(SISTER, "--explain")
    (answer,) = answers(SISTER, "--explain")
    for use in answer["reply"]["tools"]:
        assert use["tool"] in shown
    assert "gate:" in shown
    assert answer["reply"]["trace"]
    first = answer["reply"]["picks"][0]
    assert first["gift"] in shown
    assert f"({first['reasons'][0]['weight']:+.3f})" in shown
    assert f"expected {first['expected']:.2f}" in shown


def test_options_alone_and_instead_of_the_sentence(answers):
    (alone,) = answers(*MOTHER, "-k", "3", "--days", "9")
    profile = alone["wish"]["profile"]
    assert (profile["age"], profile["relationship"], profile["hobbies"]) == (
        52,
        "mother",
        ["gardening"],
    )
    assert alone["missing"] == []
    assert len(alone["reply"]["picks"]) == 3
    (both,) = answers(SISTER, "--age", "44", "--by", "2026-12-24", "--at-least", "20EUR")
    assert both["wish"]["profile"]["age"] == 44
    assert both["wish"]["profile"]["relationship"] == "sibling"
    assert both["wish"]["needed_by"] == "2026-12-24"
    assert all(p["cost"]["price"]["minor"] >= 2000 for p in both["reply"]["picks"])


def test_not_and_owns_and_like(answers):
    (first,) = answers(*MOTHER)
    title = first["reply"]["picks"][0]["title"]
    gift = first["reply"]["picks"][0]["gift"]
    word = max(re.findall(r"[A-Za-z]+", title), key=len)
    for how in (("--not", word), ("--owns", word), ("--like", gift)):
        (other,) = answers(*MOTHER, *how)
        assert other["reply"]["picks"]
        assert gift not in [pick["gift"] for pick in other["reply"]["picks"]]


def test_everybody_in_the_sentence_is_answered(good, answers):
    text = "for a kid obsessed with trains, 7 years old, and my sister who loves wine, 40 euro each"
    kid, sister = answers(text)
    assert (kid["person"], sister["person"]) == (0, 1)
    assert sister["wish"]["profile"]["hobbies"] == ["wine"]
    shown = good(text)
    assert shown.count("needed by") == 2


def test_nothing_fits_and_the_cheapest_is_named(good, answers):
    (answer,) = answers(*MOTHER, "--budget", "0.01EUR")
    assert answer["reply"]["picks"] == []
    (cheapest,) = answer["reply"]["alternatives"]
    shown = " ".join(good(*MOTHER, "--budget", "0.01EUR").split())
    assert "No gift fits." in shown
    assert cheapest["words"] in shown


def test_a_dated_rate_table_converts_both_ways(good, answers, bad, tmp_path):
    table = tmp_path / "rates.json"
    table.write_text('{"on": "2026-11-01", "base": "USD", "rates": {"EUR": 1.25}}')
    (answer,) = answers("my mum loves gardening, 50 dollars", "--rates", table)
    for pick in answer["reply"]["picks"]:
        cost = pick["cost"]
        assert cost["shopper"]["currency"] == "USD"
        assert cost["shopper"]["minor"] <= 5000
        assert cost["total"]["currency"] == "EUR"
    shown = good("my mum loves gardening, 50 dollars", "--rates", table)
    assert "rate of 2026-11-01" in shown
    assert "JPY" in bad(*MOTHER, "--budget", "6000JPY")
    assert "JPY" in bad(*MOTHER, "--budget", "6000JPY", "--rates", table)


WRONG = {
    "nobody": ([], ["nobody was named", "giftrec recommend"]),
    "an empty sentence": (["  "], ["the sentence is empty"]),
    "relationship": (["--relationship", "wizard"], ["'wizard' is not known", "known: partner"]),
    "occasion": (["--occasion", "festival"], ["'festival' is not known", "known: birthday"]),
    "budget 0": (["--budget", "0EUR"], ["budget", "0.00 EUR", "not above 0"]),
    "negative budget": (["--budget", "-5EUR"], ["budget", "-5.00 EUR", "not above 0"]),
    "no currency": (["--budget", "60"], ["--budget", "'60'", "no currency", "e.g. 60EUR"]),
    "no amount": (["--budget", "much"], ["--budget", "'much'", "e.g. 60EUR"]),
    "fractions of a cent": (["--budget", "1.234EUR"], ["--budget", "'1.234EUR'", "EUR has 2"]),
    "age 0": (["--age", "0"], ["age 0", "greater than or equal to 1"]),
    "age 200": (["--age", "200"], ["age 200", "less than or equal to 120"]),
    "a day gone by": (["--days", "-1"], ["days_left -1", "greater than or equal to 0"]),
    "a past day": (["--age", "3", "--by", "2026-11-20"], ["2026-11-20 is before 2026-11-21"]),
    "no day": (["--age", "3", "--by", "Friday"], ["--by 'Friday' is no day"]),
    "no gifts": (["--age", "3", "--k", "0"], ["--k is 0", "1 to 10"]),
    "no such gift": (["--like", "nix"], ["no gift 'nix'"]),
    "no rates": (["--age", "3", "--rates", "none.json"], ["no such file: none.json"]),
    "a run": ([str(SHIPPED)], ["is a folder, not a sentence", "--run "]),
    "long": (["x" * 10_001], ["10,001 characters", "at most 10,000"]),
}


@pytest.mark.parametrize("case", list(WRONG))
def test_what_is_wrong_is_one_line(case, bad):
    words, expected = WRONG[case]
    told = bad(*words)
    for word in expected:
        assert word in told


@pytest.mark.parametrize(
    "text",
    ["<script>alert(1)</script>", "'; DROP TABLE gifts; --", "[bold red]mum[/bold red]", "\x1b[2J"],
)
def test_markup_in_a_sentence_is_text(text, good):
    shown = good(f"my mum loves {text} and gardening, 60 euros")
    assert "\x1b" not in shown
    assert "mother" in shown


def test_a_catalogue_of_ones_own_is_never_dated_anew(ask, bad, tmp_path):
    rows = [f"g{n},Gardening kit {n},1{n}.00,5,2" for n in range(8)]
    (tmp_path / "own.csv").write_text("\n".join(["id,title,price,stock,lead_days", *rows]))
    own = tmp_path / "own"
    words = ["catalog", "import", str(tmp_path / "own.csv"), "--currency", "EUR", "--as-of"]
    assert exit_codes(app, "giftrec", [*words, "2026-11-10", "--out", str(own)]) == 0
    before = Catalogue(own).names()
    ask()
    code, shown, _ = ask(*MOTHER, "--json", catalog=own)
    assert code == 0
    (answer,) = json.loads(shown)["answers"]
    assert any("11 days old" in said for said in answer["reply"]["degraded"])
    assert answer["reply"]["notes"] == []
    assert "is of 2026-11-10, after 2026-11-09" in bad(*MOTHER, on="2026-11-09", catalog=own)
    assert Catalogue(own).names() == before
