import json

import pytest
from recipients import profile

from giftrec.catalog.gifts import read_json
from giftrec.money import Money
from giftrec.scenarios.files import load_scenarios, parse_scenarios, split, write_scenarios
from giftrec.schema import Outcome, Scenario
from reccore.errors import UserError


@pytest.fixture
def scenarios(world):
    """Ten by hand: no simulator is needed to store them."""
    return tuple(
        Scenario(
            id=f"case-{n}",
            profile=profile(
                age=20 + n,
                hobbies=("reading", "film")[: n % 3],
                budget=Money(minor=1500 + n, currency="EUR"),
            ),
            day=n,
            expected_categories=("books", "games")[: n % 3],
            expected_tools=("review_analysis",) * (n % 2),
            outcomes=(Outcome(gift=world.gifts[n].id, satisfaction=n / 10),),
        )
        for n in range(10)
    )


@pytest.fixture
def path(tmp_path, scenarios):
    path = tmp_path / "scenarios.json"
    write_scenarios(path, scenarios, {"seed": 7, "note": "für Zoë"})
    return path


def refused(path, world):
    with pytest.raises(UserError) as caught:
        load_scenarios(path, world)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def test_what_is_written_is_read_back(path, scenarios, world):
    read = load_scenarios(path, world)
    assert read.scenarios == scenarios
    assert read.metadata == {"seed": 7, "note": "für Zoë"}
    assert read.source == str(path)
    again = path.with_name("again.json")
    write_scenarios(again, read.scenarios, read.metadata)
    assert again.read_bytes() == path.read_bytes()


def test_a_plain_list_is_read_too(path, scenarios, world):
    content = json.loads(path.read_text(encoding="utf-8"))
    bare = parse_scenarios(content["scenarios"], "a list", world)
    assert bare.scenarios == scenarios
    assert bare.metadata == {}


def test_writing_leaves_no_other_file(path):
    assert [p.name for p in path.parent.iterdir()] == ["scenarios.json"]


def change(path, at, value):
    """Set one value of the file: `at` is the way to it; None drops it."""
    content = json.loads(path.read_text(encoding="utf-8"))
    place = content
    for key in at[:-1]:
        place = place[key]
    if value is None:
        del place[at[-1]]
    else:
        place[at[-1]] = value
    path.write_text(json.dumps(content), encoding="utf-8")


OF_FIRST = ("scenarios", 1)
OF_PROFILE = (*OF_FIRST, "profile")


@pytest.mark.parametrize(
    ("at", "value", "said"),
    [
        ((*OF_PROFILE, "hobbies"), ["reading", "gardning"], "hobbies: unknown hobby 'gardning'"),
        ((*OF_PROFILE, "preferences"), ["eco"], "preferences: unknown preference 'eco'"),
        ((*OF_PROFILE, "relationship"), "frend", "relationship: unknown relationship 'frend'"),
        ((*OF_PROFILE, "occasion"), "easter", "occasion: unknown occasion 'easter'"),
        ((*OF_FIRST, "expected_categories"), ["book"], "expected_categories: unknown category"),
        ((*OF_FIRST, "expected_tools"), ["oracle"], "expected_tools: unknown tool 'oracle'"),
        ((*OF_PROFILE, "budget", "minor"), 0, "budget 0.00 EUR is not above 0"),
        ((*OF_PROFILE, "budget", "minor"), -500, "budget -5.00 EUR is not above 0"),
        ((*OF_PROFILE, "budget", "currency"), None, "field profile.budget.currency"),
        ((*OF_PROFILE, "budget"), 60, "field profile.budget=60"),
        ((*OF_PROFILE, "age"), 0, "field profile.age=0"),
        ((*OF_PROFILE, "age"), 200, "field profile.age=200"),
        ((*OF_PROFILE, "age"), "40", "field profile.age='40'"),
        ((*OF_PROFILE, "age"), None, "field profile.age"),
        ((*OF_PROFILE, "mood"), "sad", "field profile.mood='sad'"),
        ((*OF_PROFILE, "hobbies"), ["film", "film"], "hobbies repeats a word"),
        ((*OF_FIRST, "day"), -1, "field day=-1"),
        ((*OF_FIRST, "outcomes", 0, "satisfaction"), 1.5, "field outcomes.0.satisfaction=1.5"),
        ((*OF_FIRST, "outcomes", 0, "gift"), "a-unicorn", "outcomes: unknown gift 'a-unicorn'"),
    ],
)
def test_an_error_names_file_scenario_and_field(path, world, at, value, said):
    change(path, at, value)
    message = refused(path, world)
    assert f"{path}, scenario case-1" in message
    assert said in message


def test_an_unknown_hobby_lists_the_nearest(path, world):
    change(path, (*OF_PROFILE, "hobbies"), ["gardning"])
    assert "(nearest: gardening" in refused(path, world)


def test_a_scenario_without_an_id_is_named_by_its_number(path, world):
    change(path, (*OF_FIRST, "id"), None)
    assert f"{path}, scenario 2, field id" in refused(path, world)
    change(path, OF_FIRST, "no object")
    assert f"{path}, scenario 2" in refused(path, world)


def test_duplicate_ids_are_named(path, world):
    change(path, (*OF_FIRST, "id"), "case-0")
    assert "scenario case-0: its id is there twice" in refused(path, world)


@pytest.mark.parametrize(
    ("at", "value", "said"),
    [
        (("scenarios",), [], "has 0 scenarios"),
        (("scenarios",), {}, "has no list of scenarios"),
        (("scenarios",), None, "has no list of scenarios"),
        (("format",), "gifts", "is not a scenario file"),
        (("format",), None, "is not a scenario file"),
        (("version",), 2, "has version 2 (this reads 1)"),
        (("version",), None, "has version None"),
    ],
)
def test_what_is_no_scenario_file_is_said(path, world, at, value, said):
    change(path, at, value)
    assert said in refused(path, world)


@pytest.mark.parametrize("content", ["", '{"format": ', "[1,]"])
def test_broken_json_is_said(path, world, content):
    path.write_text(content, encoding="utf-8")
    assert "is not readable JSON" in refused(path, world)


@pytest.mark.parametrize("content", ["7", '"scenarios"', "null"])
def test_json_of_another_kind_is_said(path, world, content):
    path.write_text(content, encoding="utf-8")
    assert "has no list of scenarios" in refused(path, world)


def test_a_file_that_is_too_large_is_not_read(path, world):
    with path.open("wb") as handle:
        handle.truncate(41 << 20)  # a hole, not bytes
    assert "has 41 MiB, more than the 40 MiB that are read" in refused(path, world)
    with pytest.raises(UserError, match="split it into smaller files"):
        read_json(path, limit=1000)


def test_a_missing_file_is_said(tmp_path, world):
    assert "no such file" in refused(tmp_path / "absent.json", world)


def many(count):
    return [Scenario(id=str(n), profile=profile()) for n in range(count)]


@pytest.mark.parametrize(
    ("count", "validation", "held"),
    [(100, 0.2, 20), (10, 0.2, 2), (2, 0.2, 1), (2, 0.9, 1), (3, 0.0, 1), (7, 1.0, 6)],
)
def test_a_split_holds_its_share_and_both_parts_something(count, validation, held):
    whole = many(count)
    training, validating = split(whole, validation, seed=7)
    assert (len(training), len(validating)) == (count - held, held)
    assert sorted((*training, *validating), key=lambda s: int(s.id)) == whole
    for part in (training, validating):
        assert list(part) == sorted(part, key=lambda s: int(s.id))


def test_a_split_is_a_function_of_its_seed():
    whole = many(100)
    assert split(whole, 0.2, seed=7) == split(whole, 0.2, seed=7)
    assert split(whole, 0.2, seed=7) != split(whole, 0.2, seed=8)


@pytest.mark.parametrize("count", [0, 1])
def test_what_cannot_be_split_is_said(count):
    with pytest.raises(UserError, match=f"{count} scenario cannot be split"):
        split(many(count), 0.2, seed=7)
