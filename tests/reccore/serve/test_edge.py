"""The edge, as a server would call it: raw ASGI, FastAPI behind it, and uvicorn in front."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import APIRouter, FastAPI, Request
from hypothesis import given
from hypothesis import strategies as st

from reccore.errors import UserError
from reccore.serve.edge import Edge, EdgeSettings
from reccore.serve.gate import caller
from reccore.serve.keys import KeyRing
from reccore.serve.limits import Limit, MemoryLimits
from reccore.serve.logs import Logs, install
from reccore.serve.metrics import Metrics
from reccore.serve.refusal import Refusal
from reccore.serve.scopes import Rule, Rules

Pairs = Sequence[tuple[bytes, bytes]]
RULES = Rules(
    [
        Rule("/health", None, limited=False),
        Rule("/web", None, page=True),
        Rule("/v1", "read"),
        Rule("/v1/feedback", "write", frozenset({"POST"})),
        Rule("/v1/admin", "admin"),
    ]
)


@dataclass
class Heard:
    """What a client heard, and how much of its body anybody asked for."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    messages: list[Any] = field(default_factory=list)
    taken: int = 0

    @property
    def error(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)["error"]
        return found


async def ask(
    app: Any,
    path: str = "/v1/x",
    method: str = "GET",
    headers: Pairs = (),
    chunks: Sequence[bytes] = (b"",),
    *,
    stays: bool = True,
    **more: Any,
) -> Heard:
    """One request; a client that does not stay goes once its chunks are sent."""
    heard = Heard()
    scope = {"type": "http", "method": method, "path": path, "headers": list(headers), **more}
    scope.setdefault("query_string", b"user=u-secret")

    async def receive() -> dict[str, Any]:
        heard.taken += 1
        if heard.taken > len(chunks):
            if stays:
                await asyncio.sleep(30)
            return {"type": "http.disconnect"}
        last = heard.taken == len(chunks) and stays
        return {"type": "http.request", "body": chunks[heard.taken - 1], "more_body": not last}

    async def send(message: Any) -> None:
        heard.messages.append(message)
        if message["type"] == "http.response.start":
            assert not heard.status, "an answer started twice"
            heard.status = message["status"]
            names = [name for name, _ in message["headers"]]
            assert len(names) == len(set(names)), f"a header twice: {names}"
            heard.headers = {n.decode(): v.decode() for n, v in message["headers"]}
        elif message["type"] == "http.response.body":
            heard.body += message["body"]

    await app(scope, receive, send)
    return heard


def run(app: Any, *args: Any, **more: Any) -> Heard:
    return asyncio.run(ask(app, *args, **more))


def answering(
    body: bytes = b"{}", status: int = 200, headers: Pairs = ()
) -> Callable[..., Awaitable[None]]:
    """A route that reads the whole body, then answers."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})
        await send({"type": "http.response.body", "body": body})

    return app


def edge(app: Any = None, **options: Any) -> Edge:
    return Edge(app or answering(), rules=options.pop("rules", RULES), **options)


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing.load(tmp_path / "keys.toml")


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def logs(stream: io.StringIO) -> Iterator[Logs]:
    made = install("info", "json", stream)
    yield made
    made.close()


def lines(logs: Logs, stream: io.StringIO) -> list[dict[str, Any]]:
    logs.close()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def bearer(secret: str) -> Pairs:
    return [(b"authorization", b"Bearer " + secret.encode())]


# Request ids


def test_a_plain_id_is_kept_and_handed_to_the_route() -> None:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["state"]["request_id"])
        await answering()(scope, receive, send)

    heard = run(edge(app), headers=[(b"x-request-id", b"abc_DEF-9")])
    assert (heard.headers["x-request-id"], seen) == ("abc_DEF-9", ["abc_DEF-9"])


@pytest.mark.parametrize(
    "bad", [b"", b"a" * 65, b"a b", b"a\r\nb", b'a"b', b"\xff\xfe", "é".encode()]
)
def test_any_other_id_is_replaced(bad: bytes) -> None:
    heard = run(edge(), headers=[(b"x-request-id", bad)])
    assert heard.headers["x-request-id"].encode() != bad
    assert heard.headers["x-request-id"].isalnum()


def test_ids_made_here_differ() -> None:
    one, two = edge(), edge()
    ids = {run(app).headers["x-request-id"] for app in (one, two) for _ in range(50)}
    assert len(ids) == 100


# Bodies


@pytest.mark.parametrize("length", [b"-1", b"+5", b"1_0", b"0x10", b"", b"5, 5", b"1e3", b"\xb2"])
def test_a_malformed_length_is_refused(length: bytes) -> None:
    heard = run(edge(), method="POST", headers=[(b"content-length", length)])
    assert (heard.status, heard.error["code"]) == (400, "bad_content_length")
    assert heard.error["field"] == "Content-Length"


def test_two_lengths_or_a_length_and_chunks_are_refused() -> None:
    two = [(b"content-length", b"1"), (b"content-length", b"2")]
    both = [(b"content-length", b"1"), (b"transfer-encoding", b"chunked")]
    assert [run(edge(), headers=h).status for h in (two, both)] == [400, 400]


@pytest.mark.parametrize("length", [b"101", b"9" * 5000])
def test_a_declared_length_over_the_cap_never_reaches_the_route(length: bytes) -> None:
    async def app(*_: Any) -> None:
        pytest.fail("the route ran")

    small = edge(app, settings=EdgeSettings(body_bytes=100))
    heard = run(small, method="POST", headers=[(b"content-length", length)])
    assert (heard.status, heard.error["code"]) == (413, "body_too_large")
    assert heard.headers["connection"] == "close"


def test_a_body_of_exactly_the_cap_passes() -> None:
    app = edge(settings=EdgeSettings(body_bytes=100))
    assert run(app, method="POST", chunks=[b"x" * 60, b"x" * 40]).status == 200
    assert run(app, method="POST", chunks=[b"x" * 60, b"x" * 41]).status == 413


@pytest.mark.parametrize(
    "headers", [[(b"transfer-encoding", b"chunked")], [(b"content-length", b"5")]]
)
def test_chunks_and_lies_are_counted_and_a_bounded_rest_thrown_away(headers: Pairs) -> None:
    app = edge(settings=EdgeSettings(body_bytes=100, linger_bytes=1000))
    heard = run(app, method="POST", headers=headers, chunks=[b"x" * 60] * 1000)
    assert (heard.status, heard.error["code"]) == (413, "body_too_large")
    assert 2 < heard.taken < 25, "two chunks pass the cap; the rest is bounded by linger_bytes"
    assert heard.messages[-1].get("more_body") is False


def test_the_route_that_turns_the_refusal_into_something_else_is_overruled() -> None:
    app = FastAPI()

    @app.post("/v1/x")
    def take(body: dict[str, int]) -> dict[str, int]:
        return body

    small = edge(app, settings=EdgeSettings(body_bytes=10))
    heard = run(small, method="POST", chunks=[b'{"a": 1}', b" " * 20])
    assert heard.status == 413, "FastAPI would have said 400"


def test_too_many_headers() -> None:
    many = [(b"x-%d" % n, b"") for n in range(101)]
    assert run(edge(), headers=many).status == 431
    assert run(edge(), headers=[(b"cookie", b"x" * 70_000)]).status == 431


# Keys


def test_keys_by_scope(ring: KeyRing) -> None:
    secrets = {name: ring.create(name, (name,))[1] for name in ("read", "write", "admin")}
    app = edge(keys=ring)

    def status(who: str, path: str, method: str = "GET") -> int:
        return run(app, path, method, bearer(secrets[who])).status

    asked = [("/v1/x", "GET"), ("/v1/feedback", "POST"), ("/v1/admin/models", "POST")]
    found = {who: [status(who, path, method) for path, method in asked] for who in secrets}
    assert found == {"read": [200, 403, 403], "write": [200, 200, 403], "admin": [200, 200, 200]}


def test_what_a_refused_caller_is_told(ring: KeyRing) -> None:
    _, secret = ring.create("web", ("read",))
    app = edge(keys=ring)
    none, wrong = run(app), run(app, headers=bearer("gr_wrong"))
    assert (none.status, none.error["code"]) == (401, "no_key")
    assert none.headers["www-authenticate"] == "Bearer"
    assert (wrong.status, wrong.error["code"]) == (401, "bad_key")
    short = run(app, "/v1/admin", "POST", bearer(secret))
    assert (short.status, short.error["code"]) == (403, "missing_scope")
    assert "'admin'" in short.error["message"]
    assert 'scope="admin"' in short.headers["www-authenticate"]


def test_ways_to_show_a_key(ring: KeyRing) -> None:
    _, secret = ring.create("web", ("read",))
    key = secret.encode()
    app = edge(keys=ring)
    basic = (b"authorization", b"Basic dTpw")
    for good in (
        [(b"authorization", b"bearer " + key)],
        [(b"authorization", b"  BEARER   " + key + b" ")],
        [(b"x-api-key", key)],
        [basic, (b"x-api-key", key)],
    ):
        assert run(app, headers=good).status == 200, good
    for bad in (
        [basic],
        [(b"authorization", b"Bearer")],
        [(b"authorization", b"Bearer ")],
        [(b"authorization", key)],
        [(b"authorization", b"Bearer " + key + b"x")],
        [(b"authorization", b"Bearer \xff\xfe\x00")],
        [(b"x-api-key", b"")],
        [(b"x-api-key", b"k" * 60_000)],
    ):
        assert run(app, headers=bad).status == 401, bad
    for several in (
        [(b"x-api-key", key), (b"x-api-key", key)],
        [(b"authorization", b"Bearer " + key), (b"x-api-key", b"another")],
        [(b"authorization", b"Bearer " + key), (b"authorization", b"Bearer x")],
    ):
        heard = run(app, headers=several)
        assert (heard.status, heard.error["code"]) == (400, "several_keys")


def test_public_paths_need_no_key_and_nothing_below_a_name_does_by_accident(ring: KeyRing) -> None:
    ring.create("web", ("read",))
    app = edge(keys=ring)
    public = ("/health", "/health/ready", "/web/app.js")
    closed = ("/", "/healthy", "/webhook", "/v1", "/metrics", "/Health", "//health", "")
    assert [run(app, path).status for path in public] == [200, 200, 200]
    assert [run(app, path).status for path in closed] == [401] * len(closed)


@pytest.mark.parametrize("path", ["/v1/admin\n", "/v1/x\x00", "/v1/\x7f", "/\r\n"])
def test_control_characters_in_a_path(path: str, ring: KeyRing) -> None:
    _, secret = ring.create("web", ("read",))
    assert run(edge(keys=ring), path, headers=bearer(secret)).error["code"] == "bad_path"


@given(path=st.text(alphabet="/v1admin.%2F\n AD\x00é", max_size=24).map(lambda text: "/" + text))
def test_no_path_reaches_an_admin_route_with_less_than_admin(
    path: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    app = FastAPI()
    reached: list[str] = []

    @app.api_route("/v1/admin", methods=["GET"])
    @app.api_route("/v1/admin/{what:path}", methods=["GET"])
    def admin() -> dict[str, int]:
        reached.append(path)
        return {}

    ring = KeyRing.load(tmp_path_factory.mktemp("keys") / "keys.toml")
    _, secret = ring.create("web", ("read",))
    for tried in (path, "/v1/admin" + path, "/v1/admin" + path[1:]):
        run(edge(app, keys=ring), tried, headers=bearer(secret))
    assert reached == []


def test_the_root_path_is_taken_off_as_the_router_does(ring: KeyRing) -> None:
    _, secret = ring.create("web", ("read",))
    app = edge(keys=ring)

    def status(path: str) -> int:
        return run(app, path, headers=bearer(secret), root_path="/api").status

    assert status("/api/v1/admin") == 403
    assert status("/api/v1/x") == status("/v1/x") == 200
    own = FastAPI()
    own.root_path = "/api"
    with pytest.raises(UserError, match="root_path"):
        edge(own)


def test_without_keys_all_is_open_except_to_other_sites_pages() -> None:
    app = edge()
    cross = [(b"sec-fetch-site", b"cross-site")]
    assert run(app, "/v1/admin", "POST").status == 200
    assert run(app, "/v1/admin", "POST", cross).error["code"] == "cross_site"
    assert run(app, "/v1/x", "GET", cross).status == 200


def test_websockets_are_turned_away() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(edge()({"type": "websocket", "path": "/v1/x"}, None, send))  # type: ignore[arg-type]
    assert sent == [{"type": "websocket.close", "code": 1008}]


# Limits


def test_the_rate_limit_is_by_key_and_probes_go_uncounted(ring: KeyRing) -> None:
    one, two = (bearer(ring.create(name, ("read",))[1]) for name in ("one", "two"))
    own = bearer(ring.create("own", ("read",), limit=Limit(1, 5))[1])
    metrics = Metrics()
    app = edge(
        keys=ring,
        limits=MemoryLimits(clock=lambda: 0),
        limit=Limit(0.4, 2),
        metrics=metrics,
    )
    assert [run(app, headers=one).status for _ in range(3)] == [200, 200, 429]
    assert [run(app, headers=two).status for _ in range(3)] == [200, 200, 429]
    assert [run(app, headers=own).status for _ in range(6)] == [200] * 5 + [429]
    assert {run(app, "/health").status for _ in range(9)} == {200}
    heard = run(app, headers=one)
    assert (heard.error["code"], heard.headers["retry-after"]) == ("rate_limited", "3")
    assert b"giftrec_rate_limited_total 4.0" in metrics.exposition()[0]


def test_open_servers_limit_by_address() -> None:
    app = edge(limits=MemoryLimits(clock=lambda: 0), limit=Limit(1, 1))
    first = [run(app, client=(f"10.0.0.{n}", 1)).status for n in (1, 2, 1)]
    assert first == [200, 200, 429]
    assert run(app, client=None).status == 200


def test_whom_an_address_stands_for() -> None:
    assert caller(("2001:db8::1", 5)) == caller(("2001:db8::ffff", 5))
    assert caller(("2001:db8:0:1::1", 5)) != caller(("2001:db8::1", 5))
    assert caller(("::ffff:10.0.0.1", 5)) == caller(("10.0.0.1", 5))
    assert caller(("fe80::1%eth0", 5)) == caller(("fe80::2", 5))
    assert (caller(None), caller((":nonsense", 5))) == ("local", "unknown")


# Answers


def test_headers_of_every_answer() -> None:
    heard = run(edge())
    assert heard.headers["x-content-type-options"] == "nosniff"
    assert heard.headers["referrer-policy"] == "no-referrer"
    assert heard.headers["cache-control"] == "no-store"
    assert "connection" not in heard.headers


def test_what_the_route_says_wins_and_pages_say_it_themselves() -> None:
    own = [(b"cache-control", b"max-age=60"), (b"referrer-policy", b"same-origin")]
    heard = run(edge(answering(headers=own)))
    assert heard.headers["cache-control"] == "max-age=60"
    assert heard.headers["referrer-policy"] == "same-origin"
    assert "cache-control" not in run(edge(), "/web").headers


def test_a_route_that_raises_says_nothing_but_the_id(logs: Logs, stream: io.StringIO) -> None:
    app = FastAPI()
    metrics = Metrics()

    @app.get("/v1/users/{user}")
    def fail(user: str) -> None:
        try:
            raise KeyError(user)
        except KeyError as error:
            raise ValueError(f"no taste for {user}") from error

    around = edge(app, access=logs.access, metrics=metrics)
    heard = run(around, "/v1/users/u-secret", headers=[(b"x-request-id", b"id-1")])
    assert heard.status == 500
    assert heard.error["request_id"] == heard.headers["x-request-id"] == "id-1"
    assert b"Traceback" not in heard.body
    assert b"u-secret" not in heard.body
    kept = around.errors[0]
    assert (kept["error"], kept["route"]) == ("ValueError", "/v1/users/{user}")
    assert any("test_edge.py" in at for at in kept["trace"])
    failed, request = lines(logs, stream)
    assert (failed["level"], failed["error"], failed["cause"]) == (
        "error",
        "ValueError",
        "KeyError",
    )
    assert (request["status"], request["route"]) == (500, "/v1/users/{user}")
    assert "u-secret" not in stream.getvalue()
    assert b"giftrec_errors_total 1.0" in metrics.exposition()[0]


def test_the_last_errors_are_bounded() -> None:
    async def app(*_: Any) -> None:
        raise RuntimeError

    around = edge(app, settings=EdgeSettings(errors_kept=3))
    ids = [run(around).headers["x-request-id"] for _ in range(5)]
    assert [kept["request_id"] for kept in around.errors] == ids[2:]


def test_a_500_that_a_route_means_is_passed_on() -> None:
    heard = run(edge(answering(b"on purpose", 500)))
    assert (heard.status, heard.body) == (500, b"on purpose")


def test_a_route_that_never_answers() -> None:
    async def app(*_: Any) -> None:
        return None

    assert run(edge(app)).error["code"] == "internal"


def test_a_refusal_that_escapes_is_answered() -> None:
    async def app(*_: Any) -> None:
        raise Refusal(429, "busy", "try later", retry_after=2)

    heard = run(edge(app))
    assert (heard.status, heard.error["code"], heard.headers["retry-after"]) == (429, "busy", "2")


def test_an_answer_that_breaks_off_is_an_error_and_not_answered_twice() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise RuntimeError("stop")

    metrics = Metrics()
    around = edge(app, metrics=metrics)
    heard = run(around)
    assert (heard.status, heard.body, len(around.errors)) == (200, b"half", 1)
    assert b'status="5xx"' in metrics.exposition()[0]


# Clients that go


def test_a_client_that_goes_is_no_error(logs: Logs, stream: io.StringIO) -> None:
    app = FastAPI()

    @app.post("/v1/raw")
    async def raw(request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    @app.post("/v1/model")
    async def model(body: dict[str, int]) -> dict[str, int]:
        return body

    around = edge(app, access=logs.access)
    for path in ("/v1/raw", "/v1/model"):
        run(around, path, "POST", chunks=[b"{"], stays=False)
    assert list(around.errors) == []
    assert [line["status"] for line in lines(logs, stream)] == [499, 499]


def test_a_server_that_raises_when_the_client_is_gone(logs: Logs, stream: io.StringIO) -> None:
    async def main() -> None:
        async def send(_: Any) -> None:
            raise OSError("gone")

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        for app in (answering(), answering(status=500)):
            scope = {"type": "http", "method": "GET", "path": "/v1/x", "headers": []}
            await edge(app, access=logs.access)(scope, receive, send)

    asyncio.run(main())
    assert [line["status"] for line in lines(logs, stream)] == [499, 499]


def test_a_server_that_tells_of_the_end_before_its_send_returns(
    logs: Logs, stream: io.StringIO
) -> None:
    async def main() -> None:
        ended = asyncio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            listening = asyncio.create_task(receive())
            await asyncio.sleep(0)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"{}"})
            await listening

        async def receive() -> Any:
            await ended.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.body":
                ended.set()
                await asyncio.sleep(0.01)

        scope = {"type": "http", "method": "GET", "path": "/v1/x", "headers": []}
        await edge(app, access=logs.access)(scope, receive, send)

    asyncio.run(main())
    assert lines(logs, stream)[0]["status"] == 200


def test_a_cancelled_request_is_counted_and_stays_cancelled() -> None:
    async def main() -> None:
        async def app(*_: Any) -> None:
            await asyncio.sleep(30)

        metrics = Metrics()
        around = edge(app, metrics=metrics)
        task = asyncio.create_task(ask(around))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert around.in_flight == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert around.in_flight == 0
        assert b'status="499"' in metrics.exposition()[0]

    asyncio.run(main())


# Log, metrics, draining


def test_the_access_line_names_templates_and_nobody(
    logs: Logs, stream: io.StringIO, ring: KeyRing
) -> None:
    inner = APIRouter(prefix="/users")

    @inner.get("/{user}")
    def one(user: str) -> dict[str, str]:
        return {}

    app = FastAPI()
    app.include_router(inner, prefix="/v1")
    _, secret = ring.create("web", ("read",))
    metrics = Metrics()
    around = edge(app, access=logs.access, keys=ring, metrics=metrics)
    asked = [
        ("GET", "/v1/users/u-secret"),
        ("GET", "/u-secret"),
        ("GET", "/v1/users/u-secret/"),
        ("POST", "/v1/users/u-secret"),
        ("U-SECRET", "/v1/users/u-secret"),
    ]
    for method, path in asked:
        run(around, path, method, bearer(secret), client=("203.0.113.9", 1))
    run(around, "/v1/users/u-secret", headers=bearer("u-secret"))
    told = [line for line in lines(logs, stream) if line["msg"] == "request"]
    assert set(told[0]) == {
        *("ts", "level", "msg", "request_id", "method", "route", "status", "took_ms", "key")
    }
    assert [(line["method"], line["route"], line["status"]) for line in told] == [
        ("GET", "/v1/users/{user}", 200),
        ("GET", "other", 404),
        ("GET", "other", 307),
        ("POST", "/v1/users/{user}", 405),
        ("other", "/v1/users/{user}", 405),
        ("GET", "other", 401),
    ]
    assert told[0]["key"] == "web"
    for hidden in ("u-secret", "203.0.113.9", secret, "U-SECRET"):
        assert hidden not in stream.getvalue()
        assert hidden.encode() not in metrics.exposition()[0]


def test_addresses_are_logged_only_when_asked(logs: Logs, stream: io.StringIO) -> None:
    settings = EdgeSettings(log_addresses=True)
    run(edge(access=logs.access, settings=settings), client=("203.0.113.9", 1))
    assert lines(logs, stream)[0]["address"] == "203.0.113.9"


def test_draining_serves_on_and_says_close() -> None:
    async def main() -> None:
        go = asyncio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await go.wait()
            await answering()(scope, receive, send)

        around = edge(app)
        slow = asyncio.create_task(ask(around))
        await asyncio.sleep(0.01)
        around.draining = True
        assert not await around.idle(0.02)
        late = asyncio.create_task(ask(around))
        waiting = asyncio.create_task(around.idle(5))
        await asyncio.sleep(0.01)
        go.set()
        assert await waiting
        assert (await late).headers["connection"] == "close"
        assert (await slow).status == 200
        assert await around.idle(0)

    asyncio.run(main())


def test_behind_uvicorn_senders_of_too_much_see_their_answer() -> None:
    async def chunks(size: int) -> AsyncIterator[bytes]:
        for _ in range(size // 65536):
            yield b"x" * 65536

    async def main() -> None:
        config = uvicorn.Config(edge(), port=0, log_config=None, access_log=False, lifespan="off")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}/v1/x"
        try:
            async with httpx.AsyncClient(timeout=20) as client:
                for body in (b"x" * 10_000_000, chunks(10_000_000)):
                    heard = await client.post(url, content=body)
                    assert (heard.status_code, heard.json()["error"]["code"]) == (
                        413,
                        "body_too_large",
                    )
                assert (await client.post(url, content=chunks(1_000_000))).status_code == 200
                long = await client.get(url, headers={"x-long": "y" * 200_000})
                assert long.status_code in (400, 431), "h11 refuses it, httptools lets it through"
        finally:
            server.should_exit = True
            await serving

    asyncio.run(main())


def test_lifespan_goes_straight_through() -> None:
    seen: list[str] = []

    async def app(scope: Any, *_: Any) -> None:
        seen.append(scope["type"])

    asyncio.run(edge(app)({"type": "lifespan"}, None, None))  # type: ignore[arg-type]
    assert seen == ["lifespan"]


@given(
    headers=st.lists(
        st.tuples(
            st.sampled_from(
                [b"content-length", b"authorization", b"x-api-key", b"x-request-id", b"expect"]
            ),
            st.binary(max_size=80),
        ),
        max_size=6,
    ),
    chunks=st.lists(st.binary(max_size=40), min_size=1, max_size=4),
    stays=st.booleans(),
)
def test_no_request_gets_a_5xx_from_the_edge(
    headers: Pairs, chunks: list[bytes], stays: bool
) -> None:
    app = edge(settings=EdgeSettings(body_bytes=64))
    heard = run(app, "/v1/x", "POST", headers, chunks, stays=stays)
    assert heard.status in (200, 400, 413)
    assert not app.errors
    assert app.in_flight == 0
