from itertools import chain, pairwise
from pathlib import Path

import pytest

from giftrec.vocabulary import TOOLS, default_vocabulary, load_vocabulary
from reccore.config import dump_toml, to_tree
from reccore.errors import UserError

WORDS = default_vocabulary()
FACTORS = (
    "age_group",
    "hobby_category",
    "hobby",
    "preference_type",
    "preference",
    "relationship",
    "occasion",
    "budget_tier",
    "urgency",
    "category",
    "tool",
)


def test_the_shipped_words():
    assert len(WORDS.gift_categories) == 13
    assert tuple(WORDS.tools) == TOOLS
    for groups, words in (
        (WORDS.hobby_categories, WORDS.hobbies),
        (WORDS.preference_types, WORDS.preferences),
    ):
        listed = list(chain(*groups.values()))
        assert list(words) == listed  # no word twice, and in the order of the file
        assert all(word in groups[kind] for word, kind in words.items())
    assert len(set(WORDS.words)) == len(WORDS.words) == len(WORDS.hobbies) + len(WORDS.preferences)
    assert all(0 <= share <= 1 for share in WORDS.relationships.values())
    assert all(0 <= share <= 1 for share in WORDS.occasions.values())


def test_the_shipped_ranges_follow_each_other():
    """No age, budget or day between the first and the last is in no group."""
    for ranges, gap in ((WORDS.age_groups, 1), (WORDS.budget_tiers, 0)):
        bounds = list(ranges.values())
        assert all(low < high for low, high in bounds)
        assert all(after[0] - before[1] == gap for before, after in pairwise(bounds))
    assert all(0 <= fewest <= most <= 365 for fewest, most in WORDS.urgencies.values())


@pytest.mark.parametrize("factor", FACTORS)
def test_every_known_word_is_accepted(factor):
    levels = WORDS.levels(factor)
    assert len(set(levels)) == len(levels) > 1
    for word in levels:
        WORDS.require(factor, word, "here")
        with pytest.raises(UserError, match="here: unknown"):
            WORDS.require(factor, word + "zzz", "here")


@pytest.mark.parametrize(
    ("factor", "word", "nearest"),
    [
        ("hobby", "gardning", "gardening"),
        ("hobby", "Interior Design", "interior_design"),
        ("preference", "eco-friendly", "eco_friendly"),
        ("relationship", "neighbor", "neighbour"),
        ("occasion", "mother's day", "mothers_day"),
        ("category", "home decor", "home_decor"),
        ("tool", "inventory", "inventory_check"),
    ],
)
def test_an_unknown_word_names_the_nearest(factor, word, nearest):
    with pytest.raises(UserError) as caught:
        WORDS.require(factor, word, "profile, field")
    assert caught.value.problem == f"profile, field: unknown {factor} {word!r}"
    assert caught.value.remedy.startswith("nearest: ")
    assert nearest in caught.value.remedy
    assert caught.value.remedy.count(",") <= 2


def test_a_word_like_no_other_lists_all():
    with pytest.raises(UserError) as caught:
        WORDS.require("urgency", "qqqqqqqqqq", "here")
    assert caught.value.remedy == "known: urgent, soon, relaxed"


def test_an_unknown_factor_is_no_users_error():
    with pytest.raises(ValueError, match="unknown factor 'colour'; known: age_group"):
        WORDS.levels("colour")


@pytest.mark.parametrize("group", WORDS.age_groups)
def test_age_groups_hold_their_bounds(group):
    first, last = WORDS.age_groups[group]
    assert {WORDS.age_group(age) for age in range(first, last + 1)} == {group}


def test_ages_beyond_the_groups_belong_to_the_nearest():
    assert WORDS.age_group(1) == WORDS.age_group(15) == "16-24"
    assert WORDS.age_group(76) == WORDS.age_group(120) == "65-75"


def test_impossible_pairs_are_refused():
    pairs = [
        (*factors.split(","), *pair) for factors, all_of in WORDS.impossible.items()
        for pair in all_of
    ]  # fmt: skip
    assert len(pairs) > 30
    for first, second, a, b in pairs:
        assert not WORDS.is_possible(**{first: a, second: b})
        assert not WORDS.is_possible(**{second: b, first: a, "urgency": "soon"})
        assert WORDS.is_possible(**{first: a})
        assert WORDS.is_possible(**{second: b})
    assert WORDS.is_possible(relationship="partner", occasion="valentines_day", age_group="16-24")
    assert WORDS.is_possible()


def test_every_level_has_a_possible_partner_in_every_factor():
    for first in FACTORS:
        for second in set(FACTORS) - {first}:
            for a in WORDS.levels(first):
                others = WORDS.levels(second)
                assert any(WORDS.is_possible(**{first: a, second: b}) for b in others)


def changed(tmp_path: Path, **changes) -> Path:
    path = tmp_path / "words.toml"
    path.write_text(dump_toml(to_tree(WORDS) | changes), encoding="utf-8")
    return path


def test_no_file_means_the_shipped_words():
    assert load_vocabulary(None) is WORDS


def test_a_users_own_words_are_loaded(tmp_path):
    assert load_vocabulary(changed(tmp_path)) == WORDS
    hobbies = to_tree(WORDS)["hobby_categories"] | {"clay": ["pottery", "sculpture"]}
    own = load_vocabulary(changed(tmp_path, hobby_categories=hobbies, impossible={}))
    assert own.hobbies["pottery"] == "clay"
    assert own.levels("hobby")[-2:] == ("pottery", "sculpture")
    assert own.is_possible(relationship="mother", occasion="fathers_day")
    own.require("hobby", "pottery", "here")
    with pytest.raises(UserError):
        WORDS.require("hobby", "pottery", "here")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"relationship": {"friend": 0.5}}, "did you mean relationships"),
        ({"relationships": {"friend": "close"}}, "relationships.friend='close'"),
        ({"relationships": {"friend": float("nan")}}, "finite"),
        ({"age_groups": {"young": [1]}}, "age_groups.young"),
        ({"tools": {"price_comparison": 0.1}}, "tools must be, in this order: price_comparison"),
        ({"impossible": {"relationship,occasion": [["aunt", "birthday"]]}}, "'aunt' is no rel"),
        ({"impossible": {"relationship,weather": [["boss", "rain"]]}}, "unknown factor 'weather'"),
        ({"impossible": {"relationship": [["boss", "birthday"]]}}, ""),
        ({"impossible": {"relationship,occasion": [["boss"]]}}, "impossible.relationship,occasion"),
    ],
)
def test_a_broken_file_is_explained_in_one_line(tmp_path, changes, said):
    path = changed(tmp_path, **changes)
    with pytest.raises(UserError) as caught:
        load_vocabulary(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_part_is_named(tmp_path):
    tree = to_tree(WORDS)
    del tree["occasions"]
    path = tmp_path / "words.toml"
    path.write_text(dump_toml(tree), encoding="utf-8")
    with pytest.raises(UserError, match="occasions"):
        load_vocabulary(path)


@pytest.mark.parametrize("content", [b"hobbies = [", b"\xff\xfe\x00"])
def test_what_is_no_toml_is_said(tmp_path, content):
    path = tmp_path / "words.toml"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"words\.toml is not valid TOML"):
        load_vocabulary(path)


def test_no_file_at_all_is_said(tmp_path):
    with pytest.raises(UserError, match=r"no such file: .*absent\.toml"):
        load_vocabulary(tmp_path / "absent.toml")
