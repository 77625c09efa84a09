"""The client against a running server, and against one that is slow, gone, or says no."""

import asyncio
import inspect
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
import uvicorn

from cinesync.api.models import Failed, Happened, Recommend, Recommendations
from cinesync.app import application
from cinesync.bundles import export
from cinesync.client import ApiError, AsyncClient, Client, event
from cinesync.settings import resolve
from cinesync.training import train
from reccore.bundle.registry import Registry
from reccore.errors import UserError
from reccore.serve.feedback import FeedbackSettings
from reccore.serve.keys import KeyRing
from reccore.serve.settings import ServeSettings

KINDS: list[type[Any]] = [Client, AsyncClient]
both = pytest.mark.parametrize("kind", KINDS, ids=["blocking", "async"])
Waits = list[float]


class Reached:
    """A server's address, and its keys by scope."""

    def __init__(self, url: str, keys: dict[str, str]) -> None:
        self.url, self.keys = url, keys

    def ask(self, kind: type[Any], what: Callable[[Any], Any], scope: str = "admin") -> Any:
        return asked(kind, what, self.url, self.keys[scope])


def asked(kind: type[Any], what: Callable[[Any], Any], url: str, *key: str, **how: Any) -> Any:
    """Ask by either client, opened and closed."""
    if kind is Client:
        with Client(url, *key, **how) as client:
            return what(client)

    async def run() -> Any:
        async with AsyncClient(url, *key, **how) as client:
            return await what(client)

    return asyncio.run(run())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reached]:
    home = tmp_path_factory.mktemp("served")
    changes = {"data": {"options": {"users": 300, "items": 200}}, "evaluate": {"bootstrap": 0}}
    run = train(resolve("ease", changes=changes), out=home / "run")[0]
    registry = Registry("cinesync", home / "models")
    registry.add(export(run, home / "bundle").path, "films")
    registry.activate("films", "1")
    ring = KeyRing.load(home / "keys.toml")
    keys = {scope: ring.create(scope, (scope,))[1] for scope in ("read", "write", "admin")}
    feedback = FeedbackSettings(url=str(home / "feedback.sqlite"), spool=home / "spool")
    settings = ServeSettings(keys=home / "keys.toml", ahead=0, feedback=feedback)
    edge = application(registry, "films", settings)
    config = uvicorn.Config(edge, port=0, log_config=None, access_log=False, lifespan="on")
    uvicorn_server = uvicorn.Server(config)
    thread = threading.Thread(target=uvicorn_server.run)
    thread.start()
    while not uvicorn_server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    port = uvicorn_server.servers[0].sockets[0].getsockname()[1]
    yield Reached(f"http://127.0.0.1:{port}", keys)
    uvicorn_server.should_exit = True
    thread.join()


@both
def test_who_may_be_asked_for(server: Reached, kind: type[Any]) -> None:
    known = server.ask(kind, lambda c: c.recommendations(user=1, count=3))
    assert isinstance(known, Recommendations)
    assert [one.rank for one in known.items] == [1, 2, 3]
    assert known.model == "ease"
    history = ("10", 20)
    explained = server.ask(kind, lambda c: c.recommendations(history=history, explain=True))
    assert {why.item for one in explained.items for why in one.reasons or []} <= {"10", "20"}
    cold = server.ask(kind, lambda c: c.recommendations(preferences={"genres": ("Comedy",)}))
    assert [one.code for one in cold.degraded] == ["preferences"]
    session = server.ask(kind, lambda c: c.session(history, user=1, exclude=[30], count=4))
    assert len(session.items) == 4


@both
def test_a_batch_answers_and_refuses_each_for_itself(server: Reached, kind: type[Any]) -> None:
    requests = [Recommend(history=["10"]), Recommend(user="nobody"), Recommend(user="1", count=2)]
    first, second, third = server.ask(kind, lambda c: c.batch(requests))
    assert isinstance(first, Recommendations)
    assert isinstance(second, Failed)
    assert second.error["code"] == "unknown_user"
    assert len(third.items) == 2


@both
def test_the_catalogue(server: Reached, kind: type[Any]) -> None:
    page = server.ask(kind, lambda c: c.items("the", only=["genres=Comedy"], count=2))
    assert page.total > 2
    assert all("Comedy" in one.features["genres"] for one in page.items)
    following = server.ask(kind, lambda c: c.items("the", only=["genres=Comedy"], offset=page.next))
    assert not {one.item for one in page.items} & {one.item for one in following.items}
    one = server.ask(kind, lambda c: c.item(page.items[0].item))
    assert one == page.items[0]
    like = server.ask(kind, lambda c: c.similar(one.item, count=3))
    assert (like.title, len(like.items)) == (one.title, 3)


@both
def test_feedback_counts_once_and_is_forgotten(server: Reached, kind: type[Any]) -> None:
    user = f"new-{kind.__name__}"
    events = [event(user, item, "rate", 5) for item in range(1, 5)]
    assert server.ask(kind, lambda c: c.feedback(events)).stored == 4
    again = server.ask(kind, lambda c: c.feedback(events))
    assert (again.stored, again.known_before) == (0, 4)
    answer = server.ask(kind, lambda c: c.recommendations(user=user, count=20))
    assert not {"1", "2", "3", "4"} & {one.item for one in answer.items}
    assert server.ask(kind, lambda c: c.forget(user)).events == 4
    with pytest.raises(ApiError) as refused:
        server.ask(kind, lambda c: c.recommendations(user=user))
    assert (refused.value.status, refused.value.code) == (404, "unknown_user")


@both
def test_feedback_of_any_length_goes_in_parts(server: Reached, kind: type[Any]) -> None:
    events = [event(f"many-{kind.__name__}", number, "view") for number in range(1, 1102)]
    assert server.ask(kind, lambda c: c.feedback(events)).stored == 1101
    assert server.ask(kind, lambda c: c.feedback(events[::2])).known_before == 551
    assert server.ask(Client, lambda c: c.feedback([])).stored == 0


@both
def test_a_refusal_says_what_where_and_how_to_mend_it(server: Reached, kind: type[Any]) -> None:
    with pytest.raises(ApiError) as wrong:
        server.ask(kind, lambda c: c.recommendations(user="1", count=1000))
    assert (wrong.value.status, wrong.value.field) == (422, "count")
    assert wrong.value.request_id
    with pytest.raises(ApiError) as lacking:
        server.ask(kind, lambda c: c.feedback([event("1", "10", "play")]), "read")
    assert (lacking.value.status, lacking.value.code) == (403, "missing_scope")
    assert "'write'" in str(lacking.value)
    with pytest.raises(ApiError, match="no_key"):
        asked(kind, lambda c: c.recommendations(user="1"), server.url)


@both
@pytest.mark.parametrize("name", ["..", ".", "a/b", "a b?c#d", "%2F", "ü", "../admin/status"])
def test_an_id_never_leaves_its_place_in_the_path(
    server: Reached, kind: type[Any], name: str
) -> None:
    """Whatever an id holds, the answer is about an item, never about another path."""
    with pytest.raises(ApiError) as refused:
        server.ask(kind, lambda c: c.item(name))
    assert refused.value.status == 404
    paths: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        paths.append(request.url.raw_path.decode())
        return httpx2.Response(404)

    with pytest.raises(ApiError):
        scripted(kind, answer, lambda c: c.forget(name))
    assert paths[0].startswith("/v1/users/")
    assert paths[0].count("/") == 3


def scripted(
    kind: type[Any],
    answer: Callable[[httpx2.Request], httpx2.Response],
    what: Callable[[Any], Any] = lambda c: c.item("1"),
    **how: Any,
) -> Any:
    """Ask a server that answers as told."""
    transport = httpx2.MockTransport(answer)
    return asked(kind, what, "http://nowhere", "secret", transport=transport, **how)


LISTED: dict[str, Any] = {"item": "1", "title": None, "features": {}, "offered": True}


class Script:
    """Answers in order; the last one again and again. Exceptions are raised."""

    def __init__(self, *answers: httpx2.Response | Exception) -> None:
        self.answers, self.asked = list(answers), 0

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        found = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        if isinstance(found, Exception):
            raise found
        return httpx2.Response(found.status_code, headers=found.headers, content=found.content)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Waits:
    """How long the clients wait, without waiting."""
    waited: Waits = []

    async def nap(seconds: float) -> None:
        waited.append(seconds)

    # Not time.sleep itself: the server of the other tests sleeps, too.
    monkeypatch.setattr("cinesync.client.time", SimpleNamespace(sleep=waited.append))
    monkeypatch.setattr("cinesync.client.asyncio", SimpleNamespace(sleep=nap))
    return waited


@both
@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_when_it_says(
    kind: type[Any], status: int, waits: Waits
) -> None:
    busy = httpx2.Response(status, headers={"Retry-After": "2"})
    script = Script(busy, busy, httpx2.Response(200, json=LISTED))
    assert scripted(kind, script).item == "1"
    assert [int(wait) for wait in waits] == [2, 2]


@both
def test_a_server_that_is_not_there_is_asked_again_ever_more_slowly(
    kind: type[Any], waits: Waits
) -> None:
    script = Script(httpx2.ConnectError("refused"))
    with pytest.raises(ApiError) as gone:
        scripted(kind, script, retries=4)
    assert (gone.value.status, gone.value.code, script.asked) == (0, "unreachable", 5)
    assert all(0.05 * 2**n <= wait <= 0.1 * 2**n for n, wait in enumerate(waits))


@both
def test_patience_ends(kind: type[Any], waits: Waits) -> None:
    script = Script(httpx2.Response(429, headers={"Retry-After": "4"}))
    with pytest.raises(ApiError) as busy:
        scripted(kind, script, patience=5.0, retries=9)
    assert (busy.value.retry_after, script.asked) == (4, 2)
    assert sum(waits) <= 5


@both
@pytest.mark.parametrize("status", [400, 401, 404, 422, 500, 502])
def test_what_another_try_would_not_mend_is_said_at_once(
    kind: type[Any], status: int, waits: Waits
) -> None:
    script = Script(httpx2.Response(status, text="<html>a proxy's page"))
    with pytest.raises(ApiError) as refused:
        scripted(kind, script)
    assert (refused.value.code, script.asked, waits) == (f"http_{status}", 1, [])


@both
def test_an_answer_that_comes_too_late_is_asked_for_again_only_if_it_is_a_write(
    kind: type[Any], waits: Waits
) -> None:
    late = Script(httpx2.ReadTimeout("late"))
    with pytest.raises(ApiError, match="timeout"):
        scripted(kind, late)
    taken = {"stored": 1, "known_before": 0, "conflicts": [], "degraded": []}
    script = Script(httpx2.ReadTimeout("late"), httpx2.Response(202, json=taken))
    sent = event("1", "10", "play")
    assert scripted(kind, script, lambda c: c.feedback([sent])).stored == 1
    assert (late.asked, script.asked) == (1, 2)


@both
def test_another_server_is_found_out(kind: type[Any]) -> None:
    with pytest.raises(ApiError, match="bad_answer"):
        scripted(kind, lambda request: httpx2.Response(200, text="hello"))


@both
def test_an_address_is_a_url(kind: type[Any]) -> None:
    with pytest.raises(UserError, match="localhost:8000"):
        kind("localhost:8000")


def test_the_key_is_sent_and_never_shown() -> None:
    seen = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers["Authorization"])
        return httpx2.Response(403)

    with pytest.raises(ApiError) as refused:
        scripted(Client, answer)
    assert seen == ["Bearer secret"]
    assert "secret" not in repr(refused.value)


def test_events_have_ids_of_their_own() -> None:
    one, other = event(42, 10, "rate", 4.5), event(42, 10, "rate", 4.5)
    assert one.id != other.id
    assert one == Happened(id=one.id, user="42", item="10", kind="rate", value=4.5)


def test_connections_are_kept(server: Reached) -> None:
    ports = set()

    def note(response: httpx2.Response) -> None:
        ports.add(response.extensions["network_stream"].get_extra_info("client_addr"))

    with Client(server.url, server.keys["read"]) as client:
        client._http.event_hooks = {"response": [note]}
        for _ in range(3):
            client.recommendations(user="1")
    assert len(ports) == 1


def test_both_clients_offer_the_same() -> None:
    def offered(kind: type[Any]) -> dict[str, str]:
        public = {n: m for n, m in vars(kind).items() if not n.startswith("_")}
        return {name: str(inspect.signature(method)) for name, method in public.items()}

    assert offered(Client) == offered(AsyncClient)
