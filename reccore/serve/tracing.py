"""OpenTelemetry spans, when the standard OTEL_* variables ask for them and never otherwise.

Nothing of OpenTelemetry is imported before; `span` then costs a function call. Spans carry the
route's template, the status and the request id: no path, no query, no address, no exception's
words, since any of them may hold a person's data.
"""

import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from reccore.errors import MissingExtraError, UserError, need

log = logging.getLogger(__name__)

ASKS = (
    "OTEL_TRACES_EXPORTER",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
)
SERVICE = "OTEL_SERVICE_NAME"


class _Off:
    """A span that is none."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *error: object) -> None:
        return None


_OFF = _Off()
_tracer: Any = None


def span(name: str) -> AbstractContextManager[None]:
    """A part of the request's span: `with span("retrieve"): ...`."""
    return _OFF if _tracer is None else _child(name)


@contextmanager
def _child(name: str) -> Iterator[None]:
    with _tracer.start_as_current_span(
        name, record_exception=False, set_status_on_exception=False
    ) as child:
        try:
            yield
        except Exception as error:
            child.set_attribute("error.type", type(error).__name__)
            raise


class Told:
    """What a request's span learns at its end."""

    def __init__(self, span: Any) -> None:
        self._span = span

    def end(self, method: str, route: str, status: int, request_id: str) -> None:
        self._span.update_name(f"{method} {route}")
        self._span.set_attributes(
            {
                "http.request.method": method,
                "http.route": route,
                "http.response.status_code": status,
                "giftrec.request_id": request_id,
            }
        )
        if status >= 500:
            code = need("opentelemetry.trace", "otel").StatusCode.ERROR
            self._span.set_status(code)


class Tracing:
    """A tracer of this server's own; OpenTelemetry's global one is left alone."""

    def __init__(self, exporter: Any, service: str, *, batch: bool = True) -> None:
        sdk = need("opentelemetry.sdk.trace", "otel")
        export = need("opentelemetry.sdk.trace.export", "otel")
        resources = need("opentelemetry.sdk.resources", "otel")
        named = {} if os.environ.get(SERVICE) else {"service.name": service}
        self._provider = sdk.TracerProvider(resource=resources.Resource.create(named))
        process = export.BatchSpanProcessor if batch else export.SimpleSpanProcessor
        self._provider.add_span_processor(process(exporter))
        self._tracer = self._provider.get_tracer("giftrec.serve")
        self._kind = need("opentelemetry.trace", "otel").SpanKind.SERVER
        self._w3c = need(
            "opentelemetry.trace.propagation.tracecontext", "otel"
        ).TraceContextTextMapPropagator()
        global _tracer  # noqa: PLW0603 one server a process; `span` must cost nothing when off
        _tracer = self._tracer

    @contextmanager
    def request(self, headers: Iterable[tuple[bytes, bytes]]) -> Iterator[Told]:
        """The span of one request, below the caller's if `traceparent` names one."""
        carrier = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in headers
            if name in (b"traceparent", b"tracestate")
        }
        with self._tracer.start_as_current_span(
            "request",
            context=self._w3c.extract(carrier),
            kind=self._kind,
            record_exception=False,
            set_status_on_exception=False,
        ) as root:
            yield Told(root)

    def close(self) -> None:
        """Send what waits, and stop."""
        global _tracer  # noqa: PLW0603
        if _tracer is self._tracer:
            _tracer = None
        self._provider.shutdown()


def from_environment(service: str, environ: Mapping[str, str] = os.environ) -> Tracing | None:
    """Tracing as the environment asks; None when it does not, or the packages are missing."""
    exporter = environ.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    off = environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if off or exporter == "none" or not any(environ.get(name) for name in ASKS):
        return None
    try:
        if exporter == "console":
            console = need("opentelemetry.sdk.trace.export", "otel").ConsoleSpanExporter
            return Tracing(console(), service, batch=False)
        if exporter in ("", "otlp"):
            http = need("opentelemetry.exporter.otlp.proto.http.trace_exporter", "otel")
            return Tracing(http.OTLPSpanExporter(), service)
    except MissingExtraError as error:
        log.warning("the environment asks for traces, and there are none: %s", error)
        return None
    raise UserError(f"OTEL_TRACES_EXPORTER={exporter}", "otlp, console or none")
