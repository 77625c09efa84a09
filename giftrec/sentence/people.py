"""Who the gifts are for: which words name a recipient, and where each one's part begins.

"My sister's husband" is one recipient; "my brother and I", "a gift from my wife" and "she is a
teacher" name none. With two recipients each has the words from their mention to the next one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from giftrec.sentence.lexicon import Mark
from giftrec.sentence.stream import Stream

DETERMINERS = frozenset(
    ("my", "our", "a", "an", "the", "his", "her", "their", "dear", "old", "own", "best", "lovely",
     "new", "favourite", "favorite", "older", "younger", "little", "big", "elder", "youngest",
     "eldest", "oldest", "beloved", "darling", "late", "poor", "good", "close", "dearest", "your")
)  # fmt: skip
IS_A = frozenset(
    ("is", "as", "'s", "was", "be", "being", "becoming", "became", "not", "am", "are", "'m", "im")
)
SPEAKS = frozenset(("says", "said", "told", "thinks", "suggested", "reckons", "mentioned"))
TAKEN_WITH = frozenset(("with", "from", "like", "according", "per", "via", "behalf", "besides"))
PARTNERS = frozenset(("partner",))
OTHER = frozenset(("other", "another", "second"))
PROFESSIONS = frozenset(("teacher", "near_teacher", "boss", "near_boss", "near_colleague"))
ELDEST = frozenset(("oldest", "eldest", "youngest"))
ONLY_ONE = frozenset(("partner", "colleague", "boss", "teacher", "neighbour"))
VAGUE = frozenset(("child", "sibling", "grandparent", "friend", "partner", "grandchild", "parents"))
MOST = 20
BREAKS = frozenset((",", ";", ".", "!", "?", "and", "&", "plus", "then", "/", "+", "also"))


@dataclass(frozen=True)
class Mention:
    """A recipient, and from which token on the words are theirs."""

    start: int
    end: int
    value: str
    near: bool
    group: str
    begins: int
    again: tuple[int, ...] = ()  # where they are named once more


def recipients(stream: Stream, marks: Sequence[Mark]) -> list[Mention]:
    """The recipients in order; none where no relationship is said."""
    named = [mark for mark in marks if mark.of("relationship")]
    named = [mark for mark in named if not _is_profession(stream, mark, len(named) > 1)]
    fallback: Mention | None = None
    found: list[Mention] = []
    owner: Mark | None = None
    for n, mark in enumerate(named):
        after = named[n + 1] if n + 1 < len(named) else None
        if after is not None and after.start == mark.end and stream.word(mark.start) in ELDEST:
            continue  # "my eldest sister"
        if after is not None and _owns(stream, mark, after):
            owner = mark
            continue
        mention = _mention(stream, mark, owner)
        if _is_bystander(stream, mark, bool(found)) and owner is None:
            theirs = stream.word(mark.start - 1) in {"his", "her", "their"}
            fallback = mention if theirs or fallback is None else fallback
        else:
            known = _known(stream, mention, found)
            if known is not None:
                again = (*found[known].again, mention.begins)
                found[known] = replace(found[known], again=again)
            elif len(found) < MOST:
                found.append(mention)
        owner = None
    if not found and fallback is not None:
        return [fallback]
    return [m if n == 0 else _with_beginning(stream, m, found[n - 1]) for n, m in enumerate(found)]


def _is_profession(stream: Stream, mark: Mark, others: bool) -> bool:
    """`she is a teacher`, `works as a coach`, `a retired teacher`"""
    if others and stream.word(mark.start - 1) in {"retired", "former", "trained", "qualified"}:
        meaning = mark.of("relationship")
        return meaning is not None and meaning.group in PROFESSIONS
    if stream.word(mark.start - 1) not in {"a", "an"}:
        word = stream.word(mark.start - 1)
        return (
            (word == "new" or word not in DETERMINERS)
            and stream.word(mark.start - 2) in {"a", "an"}
            and (stream.word(mark.start - 3) in IS_A)
        )
    return stream.word(mark.start - 2) in IS_A


def _owns(stream: Stream, mark: Mark, after: Mark) -> bool:
    """`my sister 's husband`: the first one only says whose."""
    possessive = stream.word(mark.end) == "'s" or (
        stream.word(mark.end) == "'" and stream.word(mark.end - 1).endswith("s")
    )
    between = range(mark.end + 1, after.start)
    return possessive and len(between) <= 2 and all(stream.tokens[n].is_word for n in between)


def _mention(stream: Stream, mark: Mark, owner: Mark | None) -> Mention:
    meaning = mark.of("relationship")
    assert meaning is not None
    value, near, start = meaning.value, meaning.near, mark.start
    group = meaning.group
    if owner is not None:
        whose = owner.of("relationship")
        assert whose is not None
        start, near = owner.start, True
        group = f"{whose.group}'s {group}"
        if value in PARTNERS:
            value = whose.value  # someone's partner is as near as they are
    return Mention(start, mark.end, value, near, group, begins=start)


def _is_bystander(stream: Stream, mark: Mark, others: bool) -> bool:
    at = mark.start - 1
    owned = False
    while at >= 0 and stream.word(at) in DETERMINERS and mark.start - at <= 4:
        owned = owned or stream.word(at) in {"his", "her", "their"}
        at -= 1
    before, after = stream.word(at), stream.word(mark.end)
    if owned or before in TAKEN_WITH or after in SPEAKS:
        return True
    if before == "of" and others:
        return True
    if before in {"and", "&"} and stream.word(at - 1) in {"me", "i", "myself"}:
        return True
    if after in {"and", "&"} and stream.word(mark.end + 1) in {"i", "me", "myself"}:
        return True
    counted = before[:1].isdecimal() or before in {"no", "two", "three", "several"}
    several = stream.word(mark.end - 1) == "children" or stream.word(mark.end - 1)[-1] == "s"
    if several and counted and others and mark.meanings[0].value == "child":
        return True
    return (
        (counted and stream.word(at - 1) in {"has", "have", "with", "of"})
        or (several and before.isdecimal() and len(before) < 4 and int(before) >= 5)
        or (before in {"has", "have", "having", "'ve"})
    )


def _known(stream: Stream, mention: Mention, found: Sequence[Mention]) -> int | None:
    """Which of those found already is meant once more."""
    before = {stream.word(n) for n in range(max(0, mention.start - 2), mention.start)}
    if before & OTHER:
        return None
    for n, known in enumerate(found):
        if known.group == mention.group:
            return n
        vague = mention.group in VAGUE or known.group in VAGUE or mention.value in ONLY_ONE
        if known.value == mention.value and vague:
            return n
    return None


def _with_beginning(stream: Stream, mention: Mention, before: Mention) -> Mention:
    """In "... and a fishing gift for my dad" dad's part begins after the "and"."""
    at = mention.start - 1
    while at > before.end and stream.word(at) in DETERMINERS:
        at -= 1
    begins = mention.start
    if stream.word(at) in {"for", "to", "on"}:
        for n in range(at - 1, max(before.end - 1, at - 16), -1):
            if stream.word(n) in BREAKS:
                begins = n
                break
    return replace(mention, begins=begins)
