"""What a process does about a breach; blocking, for a thread."""

from dataclasses import dataclass

from reccore.bundle.registry import Registry
from reccore.errors import UserError
from reccore.serve.rollout.changes import stop, withdraw
from reccore.serve.rollout.plan import Plan
from reccore.serve.rollout.watch import Verdict


@dataclass(frozen=True)
class Act:
    """What came of it. `done`: by this process; `failed`: nobody could, and it should be tried
    again; neither: another replica was first, or there is nothing to go back to."""

    done: bool
    failed: bool
    words: str


def act(registry: Registry, name: str, plan: Plan, verdict: Verdict) -> Act:
    """Stop the plan that was judged, or roll the champion back that was judged; nothing newer.

    Call `Router.halt` first: it takes effect at once, and also where the registry's folder cannot
    be written by this process.
    """
    assert verdict.breach
    assert verdict.version is not None
    who = f"{name} {verdict.version}"
    try:
        if verdict.arm == "challenger":
            done, what = stop(registry, name, verdict.why, plan.id), "its rollout is stopped"
        else:
            done, what = withdraw(registry, name, verdict.version, verdict.why), "it is rolled back"
    except (UserError, OSError) as error:
        return Act(False, True, f"{verdict.why}; {who} could not be withdrawn: {error}")
    if done:
        return Act(True, False, f"{verdict.why}; {what}")
    return Act(
        False, False, f"{verdict.why}; {who} was withdrawn already, or nothing came before it"
    )
