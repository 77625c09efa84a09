"""Spans: there when the environment asks, absent and free when it does not, naming nobody."""

import asyncio
import logging
import subprocess
import sys
import timeit
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from reccore.errors import MissingExtraError, UserError
from reccore.serve import tracing
from reccore.serve.edge import Edge
from reccore.serve.scopes import Rule, Rules
from reccore.serve.tracing import Tracing, from_environment, span

memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
OTLP = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
PARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Route:
    path = "/v1/users/{user}"


@pytest.fixture
def exporter() -> Any:
    return memory.InMemorySpanExporter()


@pytest.fixture
def traced(exporter: Any) -> Iterator[Tracing]:
    made = Tracing(exporter, "giftrec", batch=False)
    yield made
    made.close()


def ask(
    traced: Tracing, *, fails: bool = False, headers: Sequence[tuple[bytes, bytes]] = ()
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["route"] = Route()
        with span("retrieve"):
            if fails:
                raise ValueError("u-secret")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    async def nothing(*_: Any) -> Any:
        return {"type": "http.request", "body": b""}

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/v1/users/u-secret",
        "query_string": b"q=u-secret",
        "headers": [(b"x-request-id", b"r1"), *headers],
        "client": ("203.0.113.9", 1),
    }
    edge = Edge(app, rules=Rules([Rule("/", None)]), tracing=traced)
    asyncio.run(edge(scope, nothing, nothing))


def test_a_request_is_a_span_with_its_parts_below(traced: Tracing, exporter: Any) -> None:
    ask(traced)
    part, root = exporter.get_finished_spans()
    assert (root.name, part.name) == ("GET /v1/users/{user}", "retrieve")
    assert part.parent.span_id == root.context.span_id
    assert root.parent is None
    assert dict(root.attributes) == {
        "http.request.method": "GET",
        "http.route": "/v1/users/{user}",
        "http.response.status_code": 200,
        "giftrec.request_id": "r1",
    }
    assert root.resource.attributes["service.name"] == "giftrec"


def test_the_callers_trace_goes_on(traced: Tracing, exporter: Any) -> None:
    ask(traced, headers=[(b"traceparent", PARENT)])
    root = exporter.get_finished_spans()[1]
    assert f"{root.context.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"
    assert f"{root.parent.span_id:016x}" == "b7ad6b7169203331"


@pytest.mark.parametrize("bad", [b"", b"nonsense", b"00-0-0-01", b"\xff\xfe", b"00-" + b"f" * 999])
def test_a_bad_traceparent_begins_a_new_trace(bad: bytes, traced: Tracing, exporter: Any) -> None:
    ask(traced, headers=[(b"traceparent", bad)])
    assert exporter.get_finished_spans()[1].parent is None


def test_a_failure_is_marked_without_its_words(traced: Tracing, exporter: Any) -> None:
    ask(traced, fails=True)
    part, root = exporter.get_finished_spans()
    assert part.attributes["error.type"] == "ValueError"
    assert root.status.status_code.name == "ERROR"
    assert root.attributes["http.response.status_code"] == 500
    for one in (part, root):
        assert "u-secret" not in one.to_json()
        assert "203.0.113.9" not in one.to_json()


def test_off_costs_a_function_call() -> None:
    def use() -> None:
        with span("x"):
            pass

    assert span("x") is span("y")
    assert min(timeit.repeat(use, number=10_000, repeat=5)) / 10_000 < 5e-6


def test_closing_turns_it_off(exporter: Any) -> None:
    made = Tracing(exporter, "giftrec", batch=False)
    assert span("x") is not span("x")
    made.close()
    assert span("x") is span("x")


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_SERVICE_NAME": "x"},
        {"OTEL_TRACES_EXPORTER": "none", **OTLP},
        {"OTEL_SDK_DISABLED": "true", **OTLP},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
    ],
)
def test_nobody_asked(environ: dict[str, str]) -> None:
    assert from_environment("giftrec", environ) is None


def test_nothing_is_imported_when_nobody_asked() -> None:
    code = (
        "import sys; from reccore.serve import tracing, edge;"
        "assert tracing.from_environment('x', {}) is None;"
        "assert not any(name.startswith('opentelemetry.sdk') for name in sys.modules);"
        "assert 'opentelemetry' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_an_endpoint_asks_for_otlp() -> None:
    made = from_environment("giftrec", OTLP)
    assert made is not None
    made.close()


def test_an_unknown_exporter_is_named() -> None:
    with pytest.raises(UserError, match="zipkin"):
        from_environment("giftrec", {"OTEL_TRACES_EXPORTER": "zipkin"})


def test_missing_packages_are_said_and_survived(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def absent(module: str, extra: str) -> Any:
        raise MissingExtraError(f"{module} is not installed", f"pip install 'giftrec[{extra}]'")

    monkeypatch.setattr(tracing, "need", absent)
    caplog.set_level(logging.WARNING)
    assert from_environment("giftrec", OTLP) is None
    assert "giftrec[otel]" in caplog.text
