"""One replica: who answers, what was answered already, whose turn it is, and what is counted.

A product says how a folder becomes a bundle and how a request becomes an answer; all else is here.
"""

import asyncio
import contextlib
import gc
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from reccore.errors import UserError
from reccore.serve.answers import Answered, Facts, codes
from reccore.serve.cache.key import Key
from reccore.serve.cache.levels import MADE, Cache
from reccore.serve.cache.settings import make_cache
from reccore.serve.feedback import Store, open_store
from reccore.serve.live import Live, Opened, Serving, State
from reccore.serve.logs import scrubbed
from reccore.serve.metrics import Metrics
from reccore.serve.metrics import Serving as Named
from reccore.serve.product import Job, Product, Question, Staged
from reccore.serve.refusal import Refusal
from reccore.serve.rollout import Arm, Compare, Plan, Watch, act, settle
from reccore.serve.settings import ServeSettings
from reccore.serve.tracing import span
from reccore.serve.work import Turns, Work

B = TypeVar("B")
DAY, RETRY = 86_400, 300  # seconds
SHADOWS = 8  # shadow answers that may wait; more are let go
log = logging.getLogger("serve")


@dataclass(frozen=True)
class Gone:
    """Where a person was removed from."""

    bundles: list[str]
    events: int
    degraded: tuple[str, ...]


class Server(Generic[B]):
    """Everything a replica holds; start it, ask it, stop it."""

    def __init__(self, settings: ServeSettings, product: Product[B], name: str) -> None:
        self.settings, self.product, self.name = settings, product, name
        self.metrics = Metrics()
        self.work = Work(settings.work)
        self.live: Live[B] = Live(product.registry, name, self._open)
        self.compare = Compare()
        self.ready = False
        self._watch = Watch(Plan.none(), None)
        self._tasks: set[asyncio.Task[None]] = set()
        self._shadows = 0
        self._beside = contextlib.AsyncExitStack()

    def _open(self, folder: Path) -> Opened[B]:
        return self.product.open(folder, self.settings)

    async def start(self) -> None:
        """Load the champion, connect what is configured, begin to watch."""
        self.cache: Cache = make_cache(self.settings.cache)
        await self.cache.open()
        how = self.settings.feedback
        self.store: Store = open_store(how.url, how.spool, how.spool_mb)
        await self.live.look()
        self._changed()
        self.metrics.watch("queue_length", lambda: self.work.waiting)
        self.metrics.watch("registry_followed", lambda: self.live.problem is None)
        self.ready = True
        self._keep(self._watching())
        self._keep(self._retaining())
        self._keep(self._ahead())
        await self._beside.enter_async_context(self.product.beside(self))

    async def stop(self) -> None:
        """Let go of everything; what was accepted is finished."""
        self.ready = False
        await self._beside.aclose()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.work.close()
        await self.store.close()
        await self.cache.close()
        gc.unfreeze()

    @property
    def state(self) -> State[B]:
        """What answers now."""
        state = self.live.state
        if state is None:
            raise Refusal(503, "not_ready", "no model is loaded yet", retry_after=1)
        return state

    @property
    def champion(self) -> Serving[B]:
        return self.state.champion

    @property
    def problem(self) -> str | None:
        """What is wrong though the server answers."""
        state = self.live.state
        found = [self.live.problem, state and self.product.problem(state.champion.bundle)]
        return "; ".join(words for words in found if words) or None

    async def respond(self, question: Question[B]) -> bytes:
        """The caller's answer as JSON, by whichever arm the unit belongs to."""
        return (await self.answer(question)).complete()

    async def answer(self, question: Question[B]) -> Answered:
        """What was made, and the facts of this answer, for who puts them together himself."""
        began, state = time.perf_counter(), self.state
        arm: Arm = "champion"
        serving = state.champion
        if state.challenger is not None and state.router.arm(question.unit) == "challenger":
            arm, serving = "challenger", state.challenger
        degraded: tuple[str, ...] = ()
        try:
            body, level, degraded = await self._found(question, serving, arm)
        except Refusal:
            raise
        except Exception as error:
            if arm == "champion":
                raise
            log.error("the challenger failed; the champion answers", extra=scrubbed(error))
            arm, serving = "champion", state.champion
            body, level, degraded = await self._found(question, serving, arm)
            degraded += ("the version that is being tried failed; the usual one answers",)
            self.metrics.fell_back("challenger_failed")
        if level is None:
            self.metrics.missed()
        else:
            self.metrics.hit(level)
        if arm == "champion" and state.challenger is not None:
            self._shadow(question, state, body)
        for code in (*codes(body), *(["server"] if degraded else [])):
            self.metrics.fell_back(code)
        took = 1000 * (time.perf_counter() - began)
        return Answered(body, Facts(took, level, serving.label, arm), degraded)

    async def _found(
        self, question: Question[B], serving: Serving[B], arm: Arm
    ) -> tuple[bytes, str | None, tuple[str, ...]]:
        """From the cache, or made now."""
        key = Key(
            self.product.name,
            self.name,
            serving.version,
            serving.opened.generation,
            "",
            question.user,
            question.request + question.stands_on(serving),
        )
        said: list[str] = []

        async def make() -> bytes:
            job, missing = await question.make(serving)
            said.extend(missing)
            return await self._made(job, arm)

        found = await self.cache.get_or_make(key, make, lambda: not said and question.keep())
        assert found.value is not None
        if found.level == MADE:
            if said:  # what could not be asked may come back: keep no answer made without it
                await self.cache.forget_user(question.user)
            return found.value, None, (*found.degraded, *said)
        return found.value, found.level, found.degraded

    async def _made(self, job: Job | Staged, arm: Arm) -> bytes:
        """By the bundle, when it is its turn; the arm's time and failures are noted."""
        watch, turns, began = self._watch, Turns(self.work), time.perf_counter()
        try:
            with span("answer"):
                made = await (job.run(turns) if isinstance(job, Staged) else turns(job))
        except (Refusal, UserError):
            raise
        except Exception:
            watch.note(arm, time.perf_counter() - began, failed=True)
            raise
        watch.note(arm, turns.took, failed=False)
        self.metrics.queued(turns.waited)
        self.metrics.computed(arm, turns.took)
        return made

    def _shadow(self, question: Question[B], state: State[B], body: bytes) -> None:
        """Have the challenger answer too, unseen, where nobody waits for it."""
        busy = self._shadows >= SHADOWS or self.work.waiting > 1
        if busy or not state.router.shadows(question.unit):
            return
        self._shadows += 1

        async def answer() -> None:
            try:
                assert state.challenger is not None
                job, _ = await question.make(state.challenger)
                theirs = await self._made(job, "challenger")
                self.compare.note(question.shown(body), question.shown(theirs))
            except (Refusal, UserError):
                self.metrics.fell_back("shadow_refused")
            except Exception as error:
                log.error("a shadow answer failed", extra=scrubbed(error))
            finally:
                self._shadows -= 1

        self._keep(answer())

    async def forget(self, user: str) -> Gone:
        """Remove a person from every version in the registry, from feedback and from the cache."""
        gone = await self.store.forget(user)
        await self.cache.forget_user(user)
        registry, bundles = self.product.registry, []
        for version in registry.versions(self.name):
            folder = registry.root / self.name / version
            try:
                if await asyncio.to_thread(self.product.forget, folder, user):
                    bundles.append(version)
            except OSError as error:
                raise Refusal(
                    503, "not_writable",
                    f"{self.name} {version} cannot be written here ({error.strerror}); feedback "
                    f"and cache are cleared",
                    remedy="forget them where the registry can be written",
                ) from None  # fmt: skip
        await self.follow()
        said = await self.cache.forget_user(user)  # what was made meanwhile, too
        return Gone(bundles, gone.events, (*gone.degraded, *said))

    async def follow(self) -> None:
        """Look at the registry now."""
        if await self.live.look():
            self._changed()

    def _changed(self) -> None:
        """Another version answers, or a plan began or ended."""
        state = self.state
        self._watch = self._watch.follow(state.plan, state.champion.version)
        self.work.measured(state.champion.opened.seconds)
        arms = {"champion": state.champion, "challenger": state.challenger}
        self.metrics.serving(
            Named(self.name, one.version, str(one.opened.generation), arm)
            for arm, one in arms.items()
            if one is not None
        )
        if self.ready:
            self._keep(self._ahead())

    async def _watching(self) -> None:
        """Follow the registry, and withdraw what breaks its limits."""
        while True:
            await asyncio.sleep(self.settings.watch_s)
            try:
                await self.follow()
                await self._judge()
            except (UserError, OSError) as error:
                log.error("the registry cannot be followed: %s", error)

    async def _judge(self) -> None:
        state, registry = self.state, self.product.registry
        verdict = self._watch.due()
        if verdict is not None:
            if verdict.arm == "challenger":
                state.router.halt(verdict.why)
            came = await asyncio.to_thread(act, registry, self.name, state.plan, verdict)
            log.warning("%s", came.words)
            self.metrics.fell_back("rolled_back")
        elif state.plan.running and not state.plan.tries(state.champion.version):
            await asyncio.to_thread(settle, registry, self.name)

    async def _retaining(self) -> None:
        """Delete what is older than events are kept, daily."""
        while True:
            pause = DAY
            try:
                await self.store.expire(self.settings.feedback.cutoff())
            except Refusal as refusal:
                log.warning("old feedback is not deleted yet: %s", refusal.message)
                pause = RETRY
            await asyncio.sleep(pause)

    async def _ahead(self) -> None:
        """Answer the most frequent askers before they ask, whenever nobody waits."""
        serving = self.champion
        for question in self.product.frequent(serving.bundle, self.settings.ahead):
            while self.work.waiting:
                await asyncio.sleep(0.005)
            if self.champion is not serving:
                return
            with contextlib.suppress(Refusal, UserError):
                await self._found(question, serving, "champion")
            await asyncio.sleep(0)

    def _keep(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(_told)

    def figures(self) -> dict[str, Any]:
        """For the operator's page."""
        state = self.live.state
        return {
            "ready": self.ready,
            "problem": self.problem,
            "waiting": self.work.waiting,
            "champion": None if state is None else state.champion.label,
            "challenger": None if state is None or not state.challenger else state.challenger.label,
            "plan": None if state is None else state.plan.model_dump(mode="json"),
            "arms": {arm: vars(found) for arm, found in self._watch.figures().items()},
            "verdict": self._watch.verdict().why,
            "agreement": vars(self.compare.agreement),
            "bundle": None if state is None else self.product.facts(state.champion.bundle),
            "cache": self.cache.facts(),
            "feedback": self.store.facts(),
        }


def _told(task: "asyncio.Task[None]") -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        log.error("a background task ended", extra=scrubbed(error))
