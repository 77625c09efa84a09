import json
from collections import Counter

import pytest

from giftrec.catalog.gifts import default_gifts, load_gifts, many_gifts, read_json, words_of
from giftrec.vocabulary import default_vocabulary
from reccore.errors import UserError

WORDS = default_vocabulary()
GIFTS = default_gifts()


def written(tmp_path, content):
    path = tmp_path / "gifts.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def plain(**changes):
    return {"id": "a-book", "title": "A book", "category": "books", "price": 1490} | changes


def test_the_shipped_gifts():
    assert len(GIFTS) == 45
    assert len({gift.id for gift in GIFTS}) == len({gift.title for gift in GIFTS}) == 45
    assert {gift.category for gift in GIFTS} == set(WORDS.gift_categories)
    assert min(Counter(gift.category for gift in GIFTS).values()) >= 3


@pytest.mark.parametrize("gift", GIFTS, ids=lambda gift: gift.id)
def test_a_shipped_gift_is_sound(gift):
    gift.check(WORDS, gift.id)
    assert gift.id == gift.id.lower()
    assert len(words_of(gift.description)) >= 10
    assert gift.hobbies
    assert gift.preferences
    assert gift.occasions
    for words in (gift.hobbies, gift.preferences, gift.occasions):
        assert len(set(words)) == len(words)
    cheapest, dearest = WORDS.budget_tiers["low"][0], WORDS.budget_tiers["premium"][1]
    assert 100 * cheapest / 2 < gift.price < 100 * dearest


def test_the_shipped_gifts_serve_everybody():
    """Every hobby, preference and occasion has gifts, and every budget a few."""
    for factor, field in (
        ("hobby", "hobbies"),
        ("preference", "preferences"),
        ("occasion", "occasions"),
    ):
        served = {word for gift in GIFTS for word in getattr(gift, field)}
        assert served == set(WORDS.levels(factor))
    for _, most in WORDS.budget_tiers.values():
        assert sum(gift.price <= 100 * most for gift in GIFTS) >= 5


def test_a_users_own_gifts_are_loaded(tmp_path):
    path = written(tmp_path, [json.loads(gift.model_dump_json()) for gift in GIFTS])
    assert load_gifts(path, WORDS) == GIFTS
    (only,) = load_gifts(written(tmp_path, [plain(ages=[18, 30])]), WORDS)
    assert (only.id, only.ages, only.quality) == ("a-book", (18, 30), 0.6)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"gifts": []}, "is not a list of gifts"),
        ([], "has no gifts"),
        ([plain(), plain(title="Another")], "the gift id 'a-book' is there twice"),
        ([plain(), 7], "gift 2"),
        ([plain(price=-5)], "gift 1, field price=-5"),
        ([plain(price="14.90")], "gift 1, field price='14.90'"),
        ([plain(cost=5)], "gift 1, field cost=5"),
        ([{"id": "a", "category": "books", "price": 5}], "gift 1, field title"),
        ([plain(quality=float("nan"))], "gift 1, field quality=nan"),
        ([plain(id="b"), plain(hobbies=["gardning"])], "gift 2 (a-book): unknown hobby 'gardning'"),
        ([plain(category="book")], "gift 1 (a-book), category: unknown category 'book'"),
        ([plain(ages=[60, 20])], "gift 1 (a-book), ages: [60, 20] end before they begin"),
    ],
)
def test_an_error_names_file_gift_and_field(tmp_path, content, said):
    path = written(tmp_path, content)
    with pytest.raises(UserError) as caught:
        load_gifts(path, WORDS)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_word_of_a_gift_names_the_nearest(tmp_path):
    with pytest.raises(UserError) as caught:
        load_gifts(written(tmp_path, [plain(preferences=["eco friendly"])]), WORDS)
    assert caught.value.remedy == "nearest: eco_friendly"


@pytest.mark.parametrize("content", [b"", b"[{]", b'"\xff"', b"[1,]"])
def test_what_is_no_json_is_said(tmp_path, content):
    path = tmp_path / "gifts.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"gifts\.json is not readable JSON"):
        read_json(path)


def test_files_that_cannot_be_read_are_said(tmp_path):
    with pytest.raises(UserError, match=r"no such file: .*absent\.json"):
        read_json(tmp_path / "absent.json")
    with pytest.raises(UserError, match="is not readable"):
        read_json(tmp_path)


def test_files_up_to_the_limit_are_read(tmp_path):
    path = tmp_path / "list.json"
    path.write_text("[" + "1," * 100 + "1]", encoding="utf-8")
    size = path.stat().st_size
    assert len(read_json(path, limit=size)) == 101
    with pytest.raises(UserError, match="more than the 0 MiB that are read"):
        read_json(path, limit=size - 1)


def test_many_gifts_begin_with_the_shipped_ones():
    assert many_gifts(10, 0) == GIFTS[:10]
    assert many_gifts(45, 0) == GIFTS
    assert many_gifts(300, 0)[:45] == GIFTS


def test_many_gifts_are_sound_and_differ():
    many = many_gifts(300, 0)
    assert len(many) == len({gift.id for gift in many}) == len({gift.title for gift in many}) == 300
    for gift in many:
        gift.check(WORDS, gift.id)
        assert type(gift).model_validate_json(gift.model_dump_json()) == gift
    assert len({gift.price for gift in many}) > 200
    assert {gift.category for gift in many[45:]} == set(WORDS.gift_categories)


def test_many_gifts_are_a_function_of_their_seed():
    assert many_gifts(100, 3) == many_gifts(100, 3)
    assert many_gifts(100, 3) != many_gifts(100, 4)


def test_words_of_a_text():
    assert words_of("Eco-friendly: 2 Vases, wrapped!") == ["eco", "friendly", "vases", "wrapped"]
    assert words_of("") == []
