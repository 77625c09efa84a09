"""The plan's file: whole, never another's, and ended once however many would end it."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reccore.bundle.registry import Registry
from reccore.errors import UserError
from reccore.serve import rollout
from reccore.serve.rollout import Limits, Plan, Verdict, act


def started(registry: Registry, share: float = 0.1) -> Plan:
    return rollout.start(registry, "ranker", share=share, limits=Limits(error_rate=0.02))


def test_a_registry_without_the_file_has_no_plan(registry: Registry) -> None:
    assert rollout.read(registry, "ranker") == Plan.none()
    assert not rollout.stop(registry, "ranker", "why")
    assert not rollout.path_of(registry, "ranker").exists()


def test_start_is_read_as_written_and_makes_the_challenger(registry: Registry) -> None:
    plan = rollout.start(registry, "ranker", "1", share=0.1, shadow=0.5)
    assert rollout.read(registry, "ranker") == plan
    assert (plan.version, plan.champion, plan.share, plan.shadow) == ("1", "2", 0.1, 0.5)
    assert plan.since.endswith("+00:00")
    assert registry.aliases("ranker")["challenger"] == "1"
    assert registry.version("ranker") == "2"


def test_an_alias_is_resolved_when_it_starts(registry: Registry) -> None:
    assert started(registry).version == "3"
    registry.challenge("ranker", "1")
    assert rollout.read(registry, "ranker").version == "3"


def test_a_share_keeps_people_and_judgement(registry: Registry) -> None:
    plan = started(registry)
    after = rollout.set_share(registry, "ranker", 0.5)
    assert after == plan.model_copy(update={"share": 0.5})
    assert rollout.set_share(registry, "ranker", shadow=0.25).share == 0.5


@pytest.mark.parametrize("share", [-0.1, 1.01, float("nan")])
def test_a_share_is_a_share(registry: Registry, share: float) -> None:
    with pytest.raises(UserError, match=r"share"):
        started(registry, share)
    plan = started(registry)
    with pytest.raises(UserError, match=r"setting share"):
        rollout.set_share(registry, "ranker", share)
    assert rollout.read(registry, "ranker") == plan


def test_what_cannot_be_tried(registry: Registry) -> None:
    for which, problem in [
        ("champion", "ranker 2 is the champion"),
        ("7", "no version 7"),
    ]:
        with pytest.raises(UserError, match=problem):
            rollout.start(registry, "ranker", which)
    (registry.root / "ranker" / "3" / "bad").touch()
    with pytest.raises(UserError, match=r"ranker 3 is not tried: 3 is bad \(nothing was changed"):
        started(registry)
    assert rollout.read(registry, "ranker") == Plan.none()


def test_a_running_plan_is_never_replaced(registry: Registry) -> None:
    plan = started(registry)
    with pytest.raises(UserError, match=r"ranker 3 is being tried already \(stop it first"):
        rollout.start(registry, "ranker", "1")
    assert rollout.read(registry, "ranker") == plan
    assert rollout.stop(registry, "ranker", "enough")
    assert rollout.start(registry, "ranker", "1").limits == plan.limits, "limits stay"


def test_stop_says_why_and_what_follows_is_refused(registry: Registry) -> None:
    plan = started(registry)
    assert rollout.stop(registry, "ranker", "too slow", plan.id)
    assert not rollout.stop(registry, "ranker", "again", plan.id)
    assert rollout.read(registry, "ranker").stopped == "too slow"
    for refused in (rollout.promote, lambda one, name: rollout.set_share(one, name, 1.0)):
        with pytest.raises(UserError, match=r"ranker 3 was stopped: too slow"):
            refused(registry, "ranker")


def test_a_stale_judge_cannot_stop_a_newer_plan(registry: Registry) -> None:
    old = started(registry)
    rollout.stop(registry, "ranker", "by hand")
    new = started(registry)
    assert old.id != new.id
    assert not rollout.stop(registry, "ranker", "judged late", old.id)
    assert rollout.read(registry, "ranker") == new


def test_the_same_people_again(registry: Registry) -> None:
    old = started(registry)
    rollout.stop(registry, "ranker", "mended")
    again = rollout.start(registry, "ranker", seed=old.seed)
    assert again.seed == old.seed
    assert again.id != old.id


def test_promote(registry: Registry) -> None:
    plan = started(registry)
    aliases = rollout.promote(registry, "ranker")
    assert aliases == {"champion": "3", "previous": "2"}
    after = rollout.read(registry, "ranker")
    assert (after.version, after.watch_champion, after.limits) == (None, True, plan.limits)
    with pytest.raises(UserError, match="ranker has no rollout"):
        rollout.promote(registry, "ranker")


def test_a_version_that_fails_its_proof_is_not_promoted(registry: Registry) -> None:
    plan = started(registry)
    (registry.root / "ranker" / "3" / "bad").touch()
    with pytest.raises(UserError, match="the champion stays 2"):
        rollout.promote(registry, "ranker")
    assert rollout.read(registry, "ranker") == plan


def test_a_champion_from_elsewhere_ends_the_plan_for_good(registry: Registry) -> None:
    started(registry)
    registry.activate("ranker", "1")
    with pytest.raises(UserError, match="tried beside 2, and champion is 1"):
        rollout.set_share(registry, "ranker", 0.5)
    assert rollout.settle(registry, "ranker")
    assert not rollout.settle(registry, "ranker")
    registry.rollback("ranker")
    plan = rollout.read(registry, "ranker")
    assert not plan.tries("2"), "2 is champion again, and the plan does not wake up"
    assert plan.stopped == "the champion is 1 now, no longer 2"


def test_a_plan_that_holds_is_not_settled(registry: Registry) -> None:
    plan = started(registry)
    assert not rollout.settle(registry, "ranker")
    assert rollout.read(registry, "ranker") == plan


def test_withdraw_rolls_back_the_champion_that_was_judged(registry: Registry) -> None:
    assert not rollout.withdraw(registry, "ranker", "1", "late"), "1 is champion no more"
    assert registry.version("ranker") == "2"
    assert rollout.withdraw(registry, "ranker", "2", "too slow")
    assert registry.version("ranker") == "1"
    assert rollout.read(registry, "ranker").stopped == "too slow; rolled back to 1"
    assert not rollout.withdraw(registry, "ranker", "2", "again")
    assert not rollout.withdraw(registry, "ranker", "1", "nothing before it")
    assert registry.version("ranker") == "1"


def test_a_corrupt_plan_does_not_keep_a_bad_champion(registry: Registry) -> None:
    rollout.path_of(registry, "ranker").write_text("{")
    assert rollout.withdraw(registry, "ranker", "2", "too slow")
    assert registry.version("ranker") == "1"
    assert rollout.path_of(registry, "ranker").read_text() == "{"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "\udcff",
        '{"share": 2}',
        '{"share": "0.5"}',
        '{"shares": 0.5}',
        '{"share": 0.5}',
        '{"share": NaN}',
        '{"since": "yesterday"}',
        '{"version": "../../x", "champion": "1", "id": "a", "seed": "a"}',
        '{"version": "3", "champion": "1", "seed": "a"}',
        '{"limits": {"least": 0}}',
        "[" * 100_000,
    ],
)
def test_a_corrupt_file_names_itself_and_the_remedy(registry: Registry, text: str) -> None:
    path = rollout.path_of(registry, "ranker")
    path.write_text(text, errors="surrogateescape")
    changes: list[Callable[[], object]] = [
        lambda: rollout.read(registry, "ranker"),
        lambda: started(registry),
        lambda: rollout.stop(registry, "ranker", "why"),
    ]
    for change in changes:
        with pytest.raises(UserError, match=r"rollout\.json is corrupt.*remove it") as refused:
            change()
        assert str(path) in str(refused.value)


def test_a_folder_in_its_place_is_named(registry: Registry) -> None:
    rollout.path_of(registry, "ranker").mkdir()
    with pytest.raises(UserError, match=r"rollout\.json cannot be read: Is a directory"):
        rollout.read(registry, "ranker")


def test_new_champions_are_watched_by_stated_limits(registry: Registry) -> None:
    plan = rollout.watch_champions(registry, "ranker", True, Limits(latency_ms=80))
    assert (plan.watch_champion, plan.limits.latency_ms) == (True, 80)
    started(registry)
    assert rollout.read(registry, "ranker").watch_champion, "a trial changes nothing about it"
    with pytest.raises(UserError, match="by other limits"):
        rollout.watch_champions(registry, "ranker", True, Limits())
    assert not rollout.watch_champions(registry, "ranker", False).watch_champion
    assert rollout.read(registry, "ranker").running


def test_threads_that_see_a_breach_stop_once(registry: Registry) -> None:
    plan = started(registry)
    verdict = Verdict("breach", "challenger 3: slow", "challenger", "3")
    with ThreadPoolExecutor(8) as pool:
        acts = list(pool.map(lambda _: act(registry, "ranker", plan, verdict), range(16)))
    assert sorted(one.done for one in acts) == [False] * 15 + [True]
    assert not any(one.failed for one in acts)
    assert {one.words for one in acts if one.done} == {"challenger 3: slow; its rollout is stopped"}
    assert rollout.read(registry, "ranker").stopped == "challenger 3: slow"


WITHDRAW = """
import sys
from reccore.bundle.registry import Registry
from reccore.serve.rollout import Plan, Verdict, act
registry = Registry("films", sys.argv[1], prove=lambda _: None)
sys.stdin.read()
verdict = Verdict("breach", "champion 2: slow", "champion", "2")
print(act(registry, "ranker", Plan.none(), verdict).done)
"""


def test_processes_that_see_a_bad_champion_roll_back_once(registry: Registry) -> None:
    words = [sys.executable, "-c", WITHDRAW, str(registry.root)]
    pipe = subprocess.PIPE
    workers = [subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True) for _ in range(3)]
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.close()
        worker.stdin = None
    said = [worker.communicate()[0].strip() for worker in workers]
    assert sorted(said) == ["False", "False", "True"]
    assert registry.aliases("ranker") == {"champion": "1", "challenger": "3"}


def test_a_folder_that_cannot_be_written_is_said(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = started(registry)

    def refuse(*_: object) -> None:
        raise OSError(30, "Read-only file system", "rollout.json")

    monkeypatch.setattr("reccore.serve.rollout.changes.write_atomic", refuse)
    done = act(registry, "ranker", plan, Verdict("breach", "slow", "challenger", "3"))
    assert (done.done, done.failed) == (False, True)
    assert "could not be withdrawn: [Errno 30] Read-only file system" in done.words


def test_a_previous_champion_that_fails_its_proof_is_said(registry: Registry) -> None:
    (registry.root / "ranker" / "1" / "bad").touch()
    done = act(registry, "ranker", Plan.none(), Verdict("breach", "slow", "champion", "2"))
    assert (done.done, done.failed) == (False, True)
    assert "the champion stays 2" in done.words
    assert registry.version("ranker") == "2"


def test_a_reader_sees_whole_plans_only(registry: Registry) -> None:
    plan = started(registry)
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(
            lambda: [rollout.set_share(registry, "ranker", n / 100) for n in range(100)]
        )
        while not writing.done():
            assert rollout.read(registry, "ranker").id == plan.id
    assert rollout.read(registry, "ranker").share == 0.99


def test_the_watched_path_changes_with_every_write(registry: Registry) -> None:
    path: Path = rollout.path_of(registry, "ranker")
    started(registry)
    before = path.stat()
    rollout.set_share(registry, "ranker", 0.2)
    after = path.stat()
    assert (before.st_ino, before.st_mtime_ns) != (after.st_ino, after.st_mtime_ns)
