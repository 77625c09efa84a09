"""Every change of a rollout: one file beside the aliases, replaced in one rename, under their lock.

models/<name>/rollout.json      read by every replica without a lock

Replicas decide for themselves and may do so at the same moment. Whoever ends a plan names the plan
it judged, and whoever withdraws a champion names the version: under the lock the first one acts,
and the others find it done.
"""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from reccore.bundle.registry import Aliases, Registry
from reccore.config import validate
from reccore.errors import UserError
from reccore.files import write_atomic
from reccore.serve.rollout.plan import Limits, Plan

FILE = "rollout.json"


class _Held(Registry):
    """A registry whose lock is held already by whoever made this."""

    @contextmanager
    def _changing(self, name: str) -> Iterator[Path]:
        yield self.root / name


def path_of(registry: Registry, name: str) -> Path:
    """The file to watch. It is replaced, never written into: its inode changes with it."""
    return registry._home(name) / FILE


def read(registry: Registry, name: str) -> Plan:
    """The plan as it stands; none where there is no file. A corrupt file is an error, no guess."""
    path = path_of(registry, name)
    remedy = "restore it, or remove it: then everybody gets the champion"
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(tree, dict):
            raise ValueError("it holds no object")
        return validate(Plan, tree, path.name)
    except FileNotFoundError:
        return Plan.none()
    except (ValueError, RecursionError, UserError) as error:
        raise UserError(f"{path} is corrupt: {error}", remedy) from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}", remedy) from None


def write(registry: Registry, name: str, plan: Plan) -> None:
    """Replace the plan, whatever it was."""
    with registry._changing(name) as home:
        _write(home, plan)


def start(
    registry: Registry,
    name: str,
    which: str = "challenger",
    share: float = 0.0,
    shadow: float = 0.0,
    limits: Limits | None = None,
    *,
    watch_champion: bool | None = None,
    seed: str | None = None,
) -> Plan:
    """Try a version beside the champion once it has proved itself; it becomes the challenger.

    The same `seed` as an earlier plan's draws the same people again.
    """
    with _changing(registry, name) as held:
        before = read(held, name)
        champion, version = held.version(name, "champion"), held.version(name, which)
        if before.tries(champion):
            raise UserError(
                f"{name} {before.version} is being tried already",
                "stop it first, or change its share",
            )
        if version == champion:
            raise UserError(f"{name} {version} is the champion", "try another version")
        _prove(held, name, version)
        held.challenge(name, version)
        drawn = secrets.token_hex(8)
        plan = _checked(
            id=drawn,
            version=version,
            champion=champion,
            share=share,
            shadow=shadow,
            limits=(limits or before.limits).model_dump(),
            seed=seed or drawn,
            since=_now(),
            watch_champion=before.watch_champion if watch_champion is None else watch_champion,
        )
        _write(held.root / name, plan)
        return plan


def set_share(
    registry: Registry, name: str, share: float | None = None, shadow: float | None = None
) -> Plan:
    """Change on how many it is tried; nobody else changes arms, for the seed stays."""
    with _changing(registry, name) as held:
        plan = _running(held, name)
        told = {"share": share, "shadow": shadow}
        changed = {key: value for key, value in told.items() if value is not None}
        after = _checked(**{**plan.model_dump(), **changed})
        _write(held.root / name, after)
        return after


def stop(registry: Registry, name: str, why: str, judged: str | None = None) -> bool:
    """End the plan; False if there was none, or (where `judged` is given) not this one any more."""
    with _changing(registry, name) as held:
        plan = read(held, name)
        if not plan.running or (judged is not None and plan.id != judged):
            return False
        _write(held.root / name, plan.model_copy(update={"stopped": why}))
        return True


def settle(registry: Registry, name: str) -> bool:
    """End a plan whose champion is champion no more, lest it wakes up when that one comes back.

    Every replica calls this when it sees one; True for the first.
    """
    with _changing(registry, name) as held:
        plan, champion = read(held, name), held.aliases(name).get("champion")
        if not plan.running or plan.tries(champion):
            return False
        why = f"the champion is {champion or 'nobody'} now, no longer {plan.champion}"
        _write(held.root / name, plan.model_copy(update={"stopped": why}))
        return True


def promote(registry: Registry, name: str, *, watch: bool = True) -> Aliases:
    """Make the tried version the champion, once it has proved itself, and end the plan.

    The new champion is watched by the limits it was tried with, unless `watch` is off.
    """
    with _changing(registry, name) as held:
        plan = _running(held, name)
        aliases = held.activate(name, str(plan.version))
        after = Plan(limits=plan.limits, since=_now(), watch_champion=watch)
        _write(held.root / name, after)
        return aliases


def watch_champions(registry: Registry, name: str, on: bool, limits: Limits | None = None) -> Plan:
    """Whether a champion that comes from now on is rolled back when it breaks the limits."""
    with _changing(registry, name) as held:
        plan = read(held, name)
        if limits is not None and plan.running:
            raise UserError(
                f"{name} {plan.version} is being tried by other limits", "stop it first"
            )
        changed = {"watch_champion": on, "limits": limits or plan.limits}
        after = plan.model_copy(update=changed)
        _write(held.root / name, after)
        return after


def withdraw(registry: Registry, name: str, version: str, why: str) -> bool:
    """Roll a champion back to the previous one; False if it is champion no more, or is the last.

    The reason goes into the plan, which ends with its champion.
    """
    with _changing(registry, name) as held:
        aliases = held.aliases(name)
        if aliases.get("champion") != version or "previous" not in aliases:
            return False
        after = held.rollback(name)
        said = f"{why}; rolled back to {after['champion']}"
        with suppress(UserError):  # a corrupt plan is left to be looked at; the rollback counts
            _write(held.root / name, read(held, name).model_copy(update={"stopped": said}))
        return True


@contextmanager
def _changing(registry: Registry, name: str) -> Iterator[_Held]:
    with registry._changing(name):
        yield _Held(registry.product, registry.root, registry.prove)


def _running(registry: Registry, name: str) -> Plan:
    """The plan, if it still holds; else why it does not."""
    plan, champion = read(registry, name), registry.aliases(name).get("champion")
    remedy = "start one"
    if plan.version is None:
        raise UserError(f"{name} has no rollout", remedy)
    if plan.stopped is not None:
        raise UserError(f"the rollout of {name} {plan.version} was stopped: {plan.stopped}", remedy)
    if not plan.tries(champion):
        raise UserError(
            f"{name} {plan.version} was tried beside {plan.champion}, and champion is {champion}",
            remedy,
        )
    return plan


def _prove(registry: Registry, name: str, version: str) -> None:
    try:
        registry.prove(registry.root / name / version)
    except UserError as error:
        raise UserError(f"{name} {version} is not tried: {error}", "nothing was changed") from None
    except Exception as error:  # a damaged model may fail anyhow
        why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise UserError(f"{name} {version} is not tried: {why}", "nothing was changed") from error


def _checked(**tree: object) -> Plan:
    return validate(Plan, tree, "the rollout")


def _write(home: Path, plan: Plan) -> None:
    write_atomic(home / FILE, plan.model_dump_json(indent=1) + "\n")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
