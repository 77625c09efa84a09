"""Alerts and the dashboard ask for figures, labels and values that exist."""

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml  # type: ignore[import-untyped]

from cinesync.app import application
from reccore.bundle.registry import Registry
from reccore.serve.edge import Edge
from reccore.serve.feedback import FeedbackSettings
from reccore.serve.limits import LimitSettings
from reccore.serve.settings import ServeSettings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"

RULES = [
    rule
    for group in yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
BOARD = json.loads((DEPLOY / "grafana/dashboards/cinesync.json").read_text())
ASKED = {rule["alert"]: rule["expr"] for rule in RULES} | {
    f"{panel['title']} {target['refId']}": target["expr"]
    for panel in BOARD["panels"]
    for target in panel["targets"]
}
PROMETHEUS_OWN = {"up"}
FROM_SCRAPING = {"instance", "job"}
METRIC = re.compile(r"\b((?:giftrec|process|python)_[a-z_]+|up)\b(?:\{([^}]*)\})?")
LABEL = re.compile(r'([a-z]+)\s*(=~|!~|!=|=)\s*"([^"]*)"')


@dataclass(frozen=True)
class Seen:
    """What Prometheus would know of a server that has met a bit of everything."""

    types: dict[str, str]  # of families, by the names they are exposed under
    samples: dict[str, set[str]]  # labels of every sample
    routes: set[str]

    @property
    def names(self) -> set[str]:
        """What a query may name."""
        histograms = {
            name + end
            for name, kind in self.types.items()
            if kind == "histogram"
            for end in ("_bucket", "_sum", "_count")
        }
        return {name for name, kind in self.types.items() if kind != "histogram"} | histograms


@pytest.fixture(scope="session")
def seen(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    home = tmp_path_factory.mktemp("served")
    settings = ServeSettings(
        ahead=0,
        feedback=FeedbackSettings(url=str(home / "feedback.sqlite"), spool=home / "spool"),
        limits=LimitSettings(per_second=0.001, burst=20),
    )
    edge = application(registry, "films", settings)
    text = with_server(edge, _a_bit_of_everything)
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    samples: dict[str, set[str]] = {}
    for name, labels in re.findall(r"^([a-z_]+)(?:\{(.*)\})? \S+$", text, re.MULTILINE):
        samples.setdefault(name, set()).update(re.findall(r'([a-z]+)="', labels))
    app: Any = edge.app
    return Seen(types, samples, set(app.openapi()["paths"]) | {"/metrics"})


def with_server(edge: Edge, what: Callable[[httpx2.AsyncClient], Awaitable[str]]) -> str:
    """Ask an application that is started and stopped."""

    async def run() -> str:
        app: Any = edge.app
        transport = httpx2.ASGITransport(app=edge)
        async with (
            app.router.lifespan_context(app),
            httpx2.AsyncClient(transport=transport, base_url="http://test") as client,
        ):
            return await what(client)

    return asyncio.run(run())


async def _a_bit_of_everything(client: httpx2.AsyncClient) -> str:
    asked = {"history": ["10", "20", "nothing"], "count": 3}
    for _ in range(2):  # made, and then found
        await client.post("/v1/recommendations", json=asked)
    await client.post("/v1/recommendations", json={"user": "nobody"})
    for _ in range(20):
        await client.get("/v1/items/10")
    return (await client.get("/metrics")).text


def metrics(expression: str) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """Names with their matchers: (label, operator, value)."""
    return [(name, LABEL.findall(inside or "")) for name, inside in METRIC.findall(expression)]


@pytest.mark.parametrize("about", ASKED)
def test_every_figure_asked_for_exists_with_its_labels(about: str, seen: Seen) -> None:
    found = metrics(ASKED[about])
    assert found
    for name, matchers in found:
        assert name in seen.names | PROMETHEUS_OWN, name
        labels = seen.samples.get(name, set()) | FROM_SCRAPING
        assert {label for label, _, _ in matchers} <= labels, (name, matchers)
    for words in re.findall(r"\bby \(([^)]*)\)", ASKED[about]):
        known = set().union(*(seen.samples.get(name, set()) for name, _ in found)) | FROM_SCRAPING
        assert {word.strip() for word in words.split(",")} <= known


@pytest.mark.parametrize("about", ASKED)
def test_every_value_asked_for_can_occur(about: str, seen: Seen) -> None:
    """A route, status or reason that nothing ever says would make an alert that never fires."""
    for _, matchers in metrics(ASKED[about]):
        for label, operator, value in matchers:
            if label in FROM_SCRAPING:
                continue
            for one in alternatives(value) if "~" in operator else [value]:
                if label == "route":
                    assert any(re.fullmatch(one, route) for route in seen.routes), one
                elif label == "status":
                    assert one in ("1xx", "2xx", "3xx", "4xx", "5xx", "499")
                else:
                    assert said_somewhere(one), f"nothing says {one}"


def alternatives(pattern: str) -> list[str]:
    """a(b|c) as ab, ac; a|b as a, b."""
    if grouped := re.fullmatch(r"([^(|]*)\(([^)]*)\)", pattern):
        return [grouped[1] + one for one in grouped[2].split("|")]
    return pattern.split("|")


def said_somewhere(word: str) -> bool:
    files = [*(ROOT / "reccore").rglob("*.py"), *(ROOT / "cinesync").rglob("*.py")]
    return any(f'"{word}"' in path.read_text(encoding="utf-8") for path in files)


def test_the_check_finds_what_is_wrong(seen: Seen) -> None:
    assert metrics('rate(giftrec_x_total{a="b",c=~"d|e"}[5m])') == [
        ("giftrec_x_total", [("a", "=", "b"), ("c", "=~", "d|e")])
    ]
    assert "giftrec_x_total" not in seen.names
    assert alternatives("/v1/(a|b)") == ["/v1/a", "/v1/b"]
    assert not said_somewhere("no such" + " reason")
    assert {"le", "route", "method", "status"} <= seen.samples["giftrec_request_seconds_bucket"]
    assert "level" in seen.samples["giftrec_cache_hits_total"]


def test_every_figure_of_ours_is_on_the_board(seen: Seen) -> None:
    shown = " ".join(ASKED.values())
    ours = {name for name in seen.types if name.startswith("giftrec_")}
    missing = [name for name in ours if not name.endswith("_created") and name not in shown]
    assert not missing


def test_every_alert_says_what_is_wrong_and_how_bad_it_is() -> None:
    for rule in RULES:
        assert rule["labels"]["severity"] in ("critical", "warning"), rule
        assert rule["annotations"]["summary"].endswith("."), rule
    names = [rule["alert"] for rule in RULES]
    assert len(set(names)) == len(names)


def test_every_alert_is_tested() -> None:
    tests = yaml.safe_load((DEPLOY / "alerts_test.yml").read_text())["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    fires = {case["alertname"] for case in cases if case.get("exp_alerts")}
    silent = {case["alertname"] for case in cases if not case.get("exp_alerts")}
    assert fires == silent == {rule["alert"] for rule in RULES}


@pytest.mark.parametrize(
    "words",
    [
        ["check", "config", "prometheus.yml"],
        ["check", "rules", "alerts.yml"],
        ["test", "rules", "alerts_test.yml"],
    ],
    ids=" ".join,
)
def test_prometheus_accepts_the_rules(words: list[str]) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    done = subprocess.run(
        [promtool, *words], cwd=DEPLOY, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_can_read_what_the_board_asks(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    rules = [
        {"record": "x", "expr": ask.replace("$__rate_interval", "1m").replace("$instance", ".*")}
        for ask in ASKED.values()
    ]
    groups = {"groups": [{"name": f"g{at}", "rules": [one]} for at, one in enumerate(rules)]}
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(groups))
    done = subprocess.run(
        [promtool, "check", "rules", "--lint=none", str(tmp_path / "rules.yml")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_board_can_be_laid_out() -> None:
    panels: list[dict[str, Any]] = BOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells


def test_the_board_finds_its_source() -> None:
    home = DEPLOY / "grafana" / "provisioning"
    sources = yaml.safe_load((home / "datasources/prometheus.yaml").read_text())["datasources"]
    known = {source["uid"] for source in sources}
    asked = set(re.findall(r'"uid": "([^"]+)"', json.dumps(BOARD["panels"])))
    assert asked == known
    (provider,) = yaml.safe_load((home / "dashboards/cinesync.yaml").read_text())["providers"]
    mounts = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["grafana"]["volumes"]
    assert any(mount.split(":")[1] == provider["options"]["path"] for mount in mounts)
    assert Path(DEPLOY / "grafana/dashboards/cinesync.json").exists()
