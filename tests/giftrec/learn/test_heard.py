import json
import stat

import pytest
from pydantic import ValidationError

from giftrec.learn.heard import Heard, Preferred, fingerprint, read_heard, write_heard
from giftrec.money import Money
from giftrec.schema import Profile
from reccore.errors import UserError

PROFILE = Profile(
    age=30,
    hobbies=("painting",),
    relationship="sibling",
    occasion="birthday",
    budget=Money(minor=6000, currency="EUR"),
)
AB = Preferred(better="a", worse="b", weight=0.4)


def heard(**changes):
    told = {"review_analysis": (0.5, -1.0)}
    return Heard(
        **{"profile": PROFILE, "gifts": ("a", "b"), "told": told, "preferred": (AB,)} | changes
    )


def test_what_was_heard_is_read_back_and_is_its_owners_alone(tmp_path):
    path = tmp_path / "heard.json"
    every = [heard(), heard(told={})]
    write_heard(path, every)
    assert read_heard(path) == tuple(every)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert fingerprint(every) == fingerprint(read_heard(path)) != fingerprint(every[:1])


@pytest.mark.parametrize(
    "changes",
    [
        {"preferred": (Preferred(better="a", worse="a", weight=1),)},
        {"preferred": (AB, Preferred(better="b", worse="a", weight=1))},
        {"preferred": (Preferred(better="a", worse="c", weight=1),)},
        {"preferred": ()},
        {"told": {"review_analysis": (0.5,)}},
        {"told": {"guess": (0.5, 0.5)}},
        {"gifts": ("a",)},
    ],
)
def test_what_cannot_have_been_heard_is_refused(changes):
    with pytest.raises(ValidationError):
        heard(**changes)


def test_a_file_that_is_missing_or_spoilt_is_named_without_its_content(tmp_path):
    path = tmp_path / "heard.json"
    with pytest.raises(UserError, match="is missing"):
        read_heard(path)
    write_heard(path, [heard()])
    content = json.loads(path.read_text())
    content[0]["profile"]["age"] = "thirty"
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"0.profile.age") as refused:
        read_heard(path)
    assert "thirty" not in str(refused.value)
