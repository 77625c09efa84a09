"""The page on a test holds every figure, escapes what it is given and loads nothing."""

import re
from html.parser import HTMLParser

import pytest

from giftrec import testing
from giftrec.report import COMPARED, MEANINGS, write_test_report
from giftrec.show import LEADING
from reccore.metrics.intervals import Metric

HOSTILE = '<script>alert("1")</script>'


class Page(HTMLParser):
    """Collects tags and the rows of tables, and checks that tags nest."""

    VOID = ("meta", "link", "br", "img")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.bold: set[tuple[str, str]] = set()  # (rival, metric)
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1] += data.replace("\N{NO-BREAK SPACE}", " ")
        if "b" in self.open:
            row = self.rows[-1]
            self.bold.add((row[0], COMPARED[len(row) - 2]))


def metrics(value: float, **others: float) -> dict[str, Metric]:
    """All metrics, a little apart from each other."""
    names = [name for name in MEANINGS if name != "generalisation_gap"]
    values = {name: value + place / 1000 for place, name in enumerate(names)} | others
    return {name: Metric(v, v - 0.02, v + 0.02) for name, v in values.items()}


def group(name: str, of_best: float) -> dict[str, object]:
    return {
        "group": name,
        "scenarios": 1234,
        "categories": {"books": 0.614, "music": 0.2},
        "distinct_categories": 7,
        "mean_price": 1048.5,
        "worth": 0.5123,
        "of_best": of_best,
    }


def case(number: int) -> dict[str, object]:
    return {
        "scenario": f"s990001-{number:04d}",
        "recipient": f"mother, 52, birthday, 60 EUR, 5 days left; {HOSTILE}; handmade",
        "lost": 0.4321,
        "worth": 0.2109,
        "best": 0.643,
        "answered": ["Garden <b>gnome</b>", "Tea set"],
        "expected_categories": ["outdoor", "gourmet"],
        "tools": [],
        "expected_tools": ["inventory_check"],
    }


def outcome(**changes: object) -> testing.Tested:
    given = {
        "run": "checkpoints/giftrec/compact/<run>",
        "facts": {
            "preset": "compact & small",
            "seed": 3,
            "data_fingerprint": "f1a2b3",
            "git_commit": None,
            "scenarios": {"train": 80, "validation": 20, "fresh": 2000},
            "fresh_seed": 990001,
        },
        "train": metrics(0.91),
        "validation": metrics(0.81, generalisation_gap=0.1),
        "fresh": metrics(0.71, generalisation_gap=0.2, tool_regret=0.05, reward_ece=0.5),
        "baselines": {
            "random": {"fresh": metrics(0.1), "validation": metrics(0.11)},
            "<trees>": {"fresh": metrics(0.6, tool_f1=0.8, reward_ece=0.03)},
        },
        "reliability": [
            {"pairs": 12345.0, "predicted": 0.0512, "received": 0.1034},
            {"pairs": 7.0, "predicted": 0.9345, "received": 0.7777},
        ],
        "worst": [case(n) for n in range(10)],
        "fairness": {
            "relationship": [group("mother", 0.9321), group("<boss>", 0.2345)],
            "age_group": [group("16-24", 0.8765)],
        },
    }
    return testing.Tested(**given | changes)


def written(tmp_path, **changes: object) -> str:
    path = write_test_report(tmp_path / "test.html", outcome(**changes))
    assert path == tmp_path / "test.html"
    assert [p.name for p in tmp_path.iterdir()] == ["test.html"]
    return path.read_text(encoding="utf-8")


@pytest.fixture
def page(tmp_path):
    return written(tmp_path)


def test_the_sections_and_tiles_are_there(page):
    assert re.findall(r"<h2>([^<]*)</h2>", page) == [
        "Facts",
        "Metrics",
        "Against baselines",
        "Reliability",
        "Worst cases",
        "Fairness",
    ]
    header = page[page.index("<header>") : page.index("</header>")]
    assert dict(re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd>", header)) == {
        "quality": "0.7100",
        "category match": "0.7110",
        "tool match": "0.7130",
        "reward share": "0.7160",
        "preset": "compact &amp; small",
        "seed": "3",
    }
    assert "2,000 fresh scenarios" in header
    for fact in ("f1a2b3", "train 80, validation 20, fresh 2,000", "990001", "<dd>-</dd>"):
        assert fact in page


def test_every_metric_is_explained_and_shown_on_every_part(page):
    rows = {row[0]: row[1:] for row in Page(page).rows if row and row[0] in MEANINGS}
    assert list(rows) == [*LEADING, "worth"]
    assert rows["quality"] == [
        MEANINGS["quality"],
        "0.9100",
        "0.8100",
        "0.7100 (0.6900 to 0.7300)",
    ]
    assert rows["generalisation_gap"][1:] == ["", "0.1000", "0.2000 (0.1800 to 0.2200)"]
    assert "lower is better" in rows["tool_regret"][0]


def test_a_metric_nobody_explained_is_shown(tmp_path):
    text = written(tmp_path, fresh=metrics(0.7, novelty=0.3))
    assert ["novelty", "", "", "", "0.3000 (0.2800 to 0.3200)"] in Page(text).rows


def test_baselines_stand_beside_the_model_and_the_best_is_bold(page):
    parsed = Page(page)
    start = parsed.rows.index(["", *COMPARED])
    random, trees, model = parsed.rows[start + 1 : start + 4]
    assert [row[0] for row in (random, trees, model)] == ["random", "<trees>", "the model"]
    assert random[1:4] == ["0.1000", "0.1010", "0.1020"]
    best = dict.fromkeys(COMPARED, "the model") | {"tool_f1": "<trees>", "reward_ece": "<trees>"}
    assert parsed.bold == {(rival, metric) for metric, rival in best.items()}


def test_equals_share_the_best(tmp_path):
    rivals = {"popularity": {"fresh": metrics(0.71)}}
    bold = Page(written(tmp_path, fresh=metrics(0.71), baselines=rivals)).bold
    assert bold == {(rival, metric) for rival in ("popularity", "the model") for metric in COMPARED}


def test_a_baseline_without_a_metric_has_a_blank_and_no_say(tmp_path):
    partial = metrics(0.0, tool_match=float("nan"))
    del partial["tool_regret"]
    parsed = Page(written(tmp_path, baselines={"partial": {"fresh": partial}, "none": {}}))
    start = parsed.rows.index(["", *COMPARED])
    assert parsed.rows[start + 1][COMPARED.index("tool_regret") + 1] == ""
    assert parsed.rows[start + 2] == ["none", *[""] * len(COMPARED)]
    assert parsed.bold == {
        ("partial" if metric == "reward_ece" else "the model", metric) for metric in COMPARED
    }


def test_reliability_is_drawn_and_tabled(page):
    titles = re.findall(r'<title id="[^"]*">([^<]*)</title>', page)
    assert titles == ["Reward received (%)"]
    rows = Page(page).rows
    assert ["0.0512", "0.1034", "12,345"] in rows
    assert ["0.9345", "0.7777", "7"] in rows
    assert "predicted reward (%) 5.1: 10.34" in page
    ticks = re.findall(r'text-anchor="middle"[^>]*>(\d+)</text>', page)
    assert ticks == ["0", "20", "40", "60", "80", "100"]


def test_worst_cases_are_told(page):
    rows = [row for row in Page(page).rows if row and row[0].startswith("s990001-")]
    assert len(rows) == 10
    assert rows[0][1:] == [
        "0.4321",
        "0.2109",
        "0.6430",
        f"mother, 52, birthday, 60 EUR, 5 days left; {HOSTILE}; handmade",
        "Garden <b>gnome</b>, Tea set",
        "outdoor, gourmet",
        "none",
        "inventory_check",
    ]


def test_fairness_is_shown_by_both_groups_and_explained(page):
    rows = Page(page).rows
    shared = ["books 61%, music 20%", "7", "1,234", "1,048.50", "0.5123"]
    for name, share in (("mother", "0.9321"), ("<boss>", "0.2345"), ("16-24", "0.8765")):
        assert [name, *shared, share] in rows
    assert "<caption>By relationship</caption>" in page
    assert "<caption>By age group</caption>" in page
    assert "stereotype" in page


def test_hostile_text_is_escaped(page):
    assert "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;" in page
    for text in ("<script", "<b>gnome", "<run>", "<trees>", "<boss>"):
        assert text not in page


def test_it_loads_nothing_and_runs_nothing(page):
    parsed = Page(page)
    assert not {tag for tag, _ in parsed.tags} & {"script", "link", "img", "iframe", "use", "image"}
    for _, attributes in parsed.tags:
        assert not {"src", "href", "srcset"} & attributes.keys()
        assert not any(name.startswith("on") for name in attributes)
    loose = page.replace('xmlns="http://www.w3.org/2000/svg"', "")  # a name, not an address
    for reference in ("http:", "https:", "src=", "<script", "url(", "@import"):
        assert reference not in loose
    assert "default-src 'none'" in page
    assert "prefers-color-scheme: dark" in page


def test_an_empty_test_is_still_a_page(tmp_path):
    nothing = {"train": {}, "validation": {}, "baselines": {}, "worst": [], "fairness": {}}
    text = written(tmp_path, **nothing, reliability=[])
    Page(text)
    assert re.findall(r"<h2>([^<]*)</h2>", text) == ["Facts", "Metrics", "Against baselines"]
