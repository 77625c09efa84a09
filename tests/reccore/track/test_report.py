"""The report holds the curves, escapes what it is given and loads nothing."""

import re
from html.parser import HTMLParser

import pytest

from reccore.track import write_report
from reccore.track.report import charts

FLAG = {"name": "quality_falling", "colour": "red", "message": "ndcg@10 <falls>"}


def history(epochs: int = 6):
    for epoch in range(1, epochs + 1):
        yield {
            "epoch": epoch,
            "step": epoch * 10,
            "seconds": 2.0,
            "loss": 1.0 / epoch,
            "val_loss": 1.1 / epoch,
            "loss/a": 0.6 / epoch,
            "loss/b": 0.4 / epoch,
            "balance/a": 0.6,
            "balance/b": 0.4,
            "weight/a": 1.0,
            "weight/b": 0.5 + epoch / 10,
            "lr/main": 1e-3 / epoch,
            "grad_norm": 1.0,
            "grad_norm_max": 2.0,
            "stat/hard gap": 0.1 * epoch,
            "best": epoch == 4,
            "flags": [FLAG] if epoch == 5 else [],
        } | ({"val/ndcg@10": 0.1 * epoch, "val/rmse": 1.0} if epoch % 2 == 0 else {})


def metric(value: float, low: float | None = None, high: float | None = None):
    return {"value": value, "low": low, "high": high}


class Page(HTMLParser):
    """Collects tags and checks that they nest."""

    VOID = ("meta", "link", "br", "img")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def page(tmp_path):
    path = write_report(
        tmp_path,
        "mf <on> ml-1m",
        {"data": "<b>ml</b>", "seed": "0"},
        list(history()),
        {
            "users": 6040,
            "metrics": {"ndcg@10": metric(0.41349, 0.4, 0.42), "coverage@10": metric(0.5)},
            "groups": {
                "<new>": {"ndcg@10": metric(0.3, 0.2, 0.4)},
                "old": {"ndcg@10": metric(0.5), "hit@10": metric(0.9)},
            },
        },
    )
    assert path == tmp_path / "report.html"
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]
    return path.read_text(encoding="utf-8")


def test_every_curve_is_there(page):
    titles = re.findall(r'<title id="[^"]*">([^<]*)</title>', page)
    assert titles == [
        "Loss",
        "Loss terms",
        "Validation ndcg",
        "Validation rmse",
        "Gradient norm",
        "Learning rate",
        "Share of each loss term",
        "Weight of each loss term",
        "hard gap",
        "Seconds an epoch",
    ]
    assert page.count('stroke-dasharray="3 3"') == len(titles)  # the best epoch, in each


def test_facts_results_and_flags_are_there_and_escaped(page):
    for text in ("mf &lt;on&gt; ml-1m", "&lt;b&gt;ml&lt;/b&gt;", "&lt;new&gt;", "&lt;falls&gt;"):
        assert text in page
    for text in ("<on>", "<b>ml", "<new>", "<falls>"):
        assert text not in page
    assert "<td>0.4135</td><td>0.4000 to 0.4200</td>" in page
    assert "6,040 held-out users" in page
    plain = page.replace("\N{NO-BREAK SPACE}", " ")
    assert "<td>ndcg@10</td><td>0.3000 (0.2000 to 0.4000)</td><td>0.5000</td>" in plain
    assert "<td>hit@10</td><td></td><td>0.9000</td>" in page
    assert '<span class="flag red">red</span><span class="when">epoch 5</span>' in page
    assert "quality falling" in page


def test_it_loads_nothing_and_runs_nothing(page):
    parsed = Page(page)
    assert not {tag for tag, _ in parsed.tags} & {"script", "link", "img", "iframe", "use", "image"}
    for _, attributes in parsed.tags:
        assert not {"src", "href", "srcset"} & attributes.keys()
        assert not any(name.startswith("on") for name in attributes)
    assert "url(" not in page
    assert "@import" not in page
    assert "default-src 'none'" in page
    assert "prefers-color-scheme: dark" in page
    ids = [a["id"] for _, a in parsed.tags if "id" in a]
    assert len(ids) == len(set(ids))


def test_flags_can_be_given(tmp_path):
    flags = [{"name": "gap", "colour": "amber", "message": "wide", "epoch": 7}]
    text = write_report(tmp_path, "t", {}, list(history(2)), flags=flags).read_text("utf-8")
    assert '<span class="flag amber">amber</span><span class="when">epoch 7</span>' in text


def test_a_model_without_epochs_has_no_curves(tmp_path):
    evaluation = {"users": 5, "metrics": {"ndcg@10": metric(0.4)}, "groups": {}}
    text = write_report(tmp_path, "ease", {"data": "ml"}, [], evaluation).read_text("utf-8")
    assert "<svg" not in text
    assert "no epochs" in text
    Page(text)


def test_wild_gradient_norms_are_drawn_on_a_log_scale():
    records = [{"epoch": 1, "grad_norm": 1.0}, {"epoch": 2, "grad_norm": 1000.0}]
    assert "Gradient norm (log scale)" in charts(records)[0]


def test_holes_and_odd_figures_are_survived(tmp_path):
    records = [
        {"epoch": 1, "loss": float("nan"), "grad_norm": None},
        {"epoch": 2, "loss": float("inf")},
        {"epoch": 3, "loss": None, "val/x@1": 1},
    ]
    Page(write_report(tmp_path, "t", {}, records).read_text("utf-8"))
