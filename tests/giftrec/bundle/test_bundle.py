"""The bundle that ships: answers without torch, other gifts, and what is refused by name."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recipients import profile, profiles

from giftrec.bundle.bundle import GiftBundle
from giftrec.bundle.golden import check_golden, rows_of
from giftrec.catalog.gifts import many_gifts
from giftrec.catalog.today import facts_on
from giftrec.catalog.world import default_world
from giftrec.checkpoints import RELEASED, open_any
from giftrec.columns import Columns
from giftrec.inputs import asked
from giftrec.money import Money
from giftrec.runs import Run
from giftrec.scenarios.files import shipped_scenarios
from giftrec.vocabulary import TOOLS
from reccore.bundle.manifest import Manifest
from reccore.bundle.write import listed
from reccore.errors import UserError

SHIPPED = Path(__file__).parents[3] / "checkpoints" / RELEASED
ALONE = """
import sys
for name in ("torch", "scipy", "numba", "sklearn"):
    sys.modules[name] = None
from giftrec.cli import main
main()
"""
SOMEONE = "--age 52 --relationship mother --occasion birthday --budget 60EUR --hobby gardening"


@pytest.fixture(scope="module")
def bundle():
    return GiftBundle.open(SHIPPED)


@pytest.fixture
def copy(tmp_path):
    """A bundle of one's own, to break."""
    return shutil.copytree(SHIPPED, tmp_path / "copy")


def reseal(path, **facts):
    """As if it had been written so: hashes are right, what they stand for is not."""
    manifest = Manifest.read(path)
    Manifest({**manifest.facts, **facts, "files": listed(path)}).write(path)


def test_it_is_small():
    size = sum(path.stat().st_size for path in SHIPPED.rglob("*") if path.is_file())
    assert size < 2 << 20


def test_it_answers_where_torch_cannot_be_imported(tmp_path):
    """In a folder without a checkpoint of its own, by the console script's own words."""
    shop = ["--catalog", str(tmp_path / "shop")]
    words = ["recommend", "--run", str(SHIPPED), *shop, *SOMEONE.split(), "--json"]
    command = [sys.executable, "-W", "error", "-c", ALONE, *words]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, "")
    (answer,) = json.loads(done.stdout)["answers"]
    assert len(answer["reply"]["picks"]) == 5
    assert answer["reply"]["profile"]["hobbies"] == ["gardening"]


def test_what_it_was_asked_at_export_it_answers_alike(bundle):
    check_golden(bundle)
    rows = rows_of(bundle)
    shown = [len(row["answer"]["suggestions"]) for row in rows]
    assert max(shown) == 5
    assert min(shown) == 0
    assert len({tuple(row["answer"]["tools"]) for row in rows}) > 1


def test_another_answer_than_at_export_is_refused(bundle, copy):
    rows = rows_of(bundle)
    rows[1]["answer"]["suggestions"][0]["expected_satisfaction"] += 0.01
    (copy / "golden-1.json").write_text(json.dumps(rows))
    reseal(copy)
    with pytest.raises(UserError, match="golden request 2 otherwise"):
        check_golden(GiftBundle.open(copy))


@given(profiles(40_000), st.integers(0, 10**9))
def test_what_cannot_be_had_today_is_not_recommended(bundle, recipient, day):
    """By the facts of the tools that were asked; an infinite logit stays one in a graph."""
    answer = bundle.recommend(recipient, day)
    today = facts_on(bundle.world, [day])
    for suggestion in answer.suggestions:
        gift = bundle.world.index[suggestion.gift]
        cost = today.fees[0, gift] if TOOLS[4] in answer.tools else 0
        assert suggestion.price.minor + cost <= recipient.budget.minor
        if TOOLS[2] in answer.tools:
            assert today.lead_days[0, gift] <= recipient.days_left


def test_a_recipient_in_a_batch_is_a_recipient_alone(bundle):
    some = shipped_scenarios(bundle.world).scenarios[:12]
    who = Columns.of([s.profile for s in some], bundle.world.vocabulary)
    tools = np.random.default_rng(0).random((len(some), len(TOOLS))) < 0.5
    facts = asked(bundle.world, [s.day for s in some], tools)
    predictor = bundle.recommender.predictor
    together = predictor.rewards(who, facts)
    for n, scenario in enumerate(some):
        one = asked(bundle.world, [scenario.day], tools[n : n + 1])
        alone = predictor.rewards(who.take([n]), one)
        np.testing.assert_allclose(alone.expected[0], together.expected[n], atol=1e-5)
        wishes, all_wishes = predictor.wishes(who.take([n])), predictor.wishes(who)
        np.testing.assert_allclose(wishes.tools[0], all_wishes.tools[n], atol=1e-4)


def euros(amount):
    return Money(minor=100 * amount, currency="EUR")


@pytest.mark.parametrize("count", [1, 3, 45, 300])
def test_other_gifts_need_no_training(bundle, tmp_path, count):
    """Fewer and more than at export, from a user's file; new ones can come first."""
    own = many_gifts(count, 3)[::-1]
    path = tmp_path / "own.json"
    path.write_text(json.dumps([json.loads(gift.model_dump_json()) for gift in own]))
    found = bundle.with_gifts(path)
    answers = [found.recommend(profile(budget=euros(900)), day) for day in range(4)]
    shown = {s.gift for answer in answers for s in answer.suggestions}
    assert shown
    assert shown <= {gift.id for gift in own}
    if count == 300:
        assert shown - {gift.id for gift in many_gifts(45, 3)}


def test_gifts_of_unknown_words_are_refused(bundle, tmp_path):
    gift = json.loads(many_gifts(1, 0)[0].model_dump_json()) | {"hobbies": ["yodelling"]}
    (tmp_path / "own.json").write_text(json.dumps([gift]))
    with pytest.raises(UserError, match="yodelling"):
        bundle.with_gifts(tmp_path / "own.json")


def test_graphs_of_other_words_are_refused(bundle):
    words = bundle.world.vocabulary
    more = {**words.hobby_categories, "voice": ("yodelling",)}
    other = words.model_copy(update={"hobby_categories": more})
    other.__dict__.pop("hobbies", None)
    with pytest.raises(UserError, match="the graph gifts is of other words or gifts"):
        bundle.on(replace(bundle.world, vocabulary=other))


def test_a_great_k_is_a_partial_answer(bundle):
    answer = bundle.recommend(profile(budget=euros(100_000), days_left=300), k=10**9)
    assert 5 < len(answer.suggestions) <= 45
    assert answer.note.startswith(f"only {len(answer.suggestions)} of 1000000000")


@pytest.mark.parametrize("name", ["graphs/wishes.onnx", "gifts.json", "vocabulary.toml", "card.md"])
def test_a_changed_or_missing_file_is_refused(copy, name):
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(UserError, match=f"{name} is corrupt"):
        GiftBundle.open(copy)
    (copy / name).unlink()
    with pytest.raises(UserError, match=f"lacks {name}"):
        GiftBundle.open(copy)


def test_a_changed_manifest_is_refused(copy):
    text = (copy / "manifest.json").read_text()
    (copy / "manifest.json").write_text(text.replace('"ask_above": 0.', '"ask_above": 1.'))
    with pytest.raises(UserError, match="its hash is not its own"):
        open_any(copy)
    (copy / "manifest.json").write_text("{]")
    with pytest.raises(UserError, match="corrupt"):
        open_any(copy)


def test_a_foreign_graph_is_refused(copy):
    shutil.copy(copy / "graphs" / "rewards.onnx", copy / "graphs" / "wishes.onnx")
    reseal(copy)
    with pytest.raises(UserError, match=r"wishes\.onnx is a foreign graph"):
        GiftBundle.open(copy)
    (copy / "graphs" / "wishes.onnx").write_bytes(b"no graph")
    reseal(copy)
    with pytest.raises(UserError, match="is not a graph this version can run"):
        GiftBundle.open(copy)


def test_a_link_is_refused(copy):
    shutil.move(copy / "gifts.json", copy.parent / "gifts.json")
    (copy / "gifts.json").symlink_to(copy.parent / "gifts.json")
    with pytest.raises(UserError, match=r"gifts\.json is a link"):
        GiftBundle.open(copy)


def test_what_is_no_gift_bundle_is_refused(copy, tmp_path):
    reseal(copy, product="cinesync")
    with pytest.raises(UserError, match="is a bundle of cinesync, not giftrec"):
        open_any(copy)
    scorer = {**Manifest.read(SHIPPED)["scorer"], "kind": "quantum"}
    reseal(copy, product="giftrec", scorer=scorer, minimum_version="9.9")
    with pytest.raises(UserError, match=r"'quantum'.*giftrec 9\.9 or later"):
        open_any(copy)
    with pytest.raises(UserError, match="no such bundle"):
        GiftBundle.open(tmp_path / "nowhere")


def test_a_newest_run_goes_before_the_shipped_bundle(run, tmp_path):
    with pytest.raises(UserError, match=r"no finished run.*giftrec train makes one"):
        open_any(root=tmp_path)
    shutil.copytree(SHIPPED, tmp_path / RELEASED)
    assert isinstance(open_any(root=tmp_path), GiftBundle)
    shutil.copytree(run.path, tmp_path / "giftrec" / "compact" / "one")
    assert isinstance(open_any(root=tmp_path), Run)


def test_its_world_is_the_world_of_its_gifts(bundle):
    """Words in their order, which is the model's code for them; and the same facts of a day."""
    ours, theirs = bundle.world, default_world()
    assert ours.gifts == theirs.gifts
    assert ours.vocabulary.words == theirs.vocabulary.words
    assert ours.vocabulary == theirs.vocabulary
    assert (facts_on(ours, [5]).price == facts_on(theirs, [5]).price).all()
