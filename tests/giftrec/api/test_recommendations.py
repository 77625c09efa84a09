"""What is asked for is understood, answered within bounds, or refused by name."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from served_gifts import TODAY, Served, Start

from giftrec.agent.wish import Wish
from giftrec.money import Money
from giftrec.schema import Profile

SENTENCE = "my sister turns 30, loves pottery and hiking, about 60 euros, needs it by Friday"
RECIPIENT = {
    "age": 41,
    "relationship": "friend",
    "occasion": "birthday",
    "hobbies": ["gardening", "baking"],
    "preferences": ["handmade"],
    "budget": {"minor": 7000, "currency": "EUR"},
    "days_left": 12,
}
NASTY = (
    "'; DROP TABLE words; --",
    "<script>alert(1)</script>",
    '" OR ""="',
    "{{7*7}}",
    "%s%n\\",
    "a\u0000b",
    "é\u202e\ufeff🎁",
)


def test_a_sentence_is_five_gifts_that_fit(served: Served) -> None:
    answer = served.ask(text=SENTENCE)
    understood = answer["understood"]
    assert understood["profile"]["relationship"] == "sibling"
    assert understood["profile"]["age"] == 30
    assert understood["profile"]["hobbies"] == ["crafts", "hiking"]
    assert understood["needed_by"] == "2026-11-27"
    assert len(answer["picks"]) == 5
    assert len({pick["gift"] for pick in answer["picks"]}) == 5
    for pick in answer["picks"]:
        assert pick["cost"]["total"]["currency"] == "EUR"
        assert pick["cost"]["total"]["minor"] <= 6600
        assert pick["delivery"]["in_time"] is True
        assert pick["reasons"]
    assert answer["degraded"] == []
    assert answer["model_version"] == "1.1"
    assert answer["as_of"] == TODAY.isoformat()
    assert answer["trace"]


def test_a_recipient_is_answered_as_the_agent_answers(served: Served) -> None:
    """The route adds nothing and loses nothing: the agent itself says the same."""
    answer = served.ask(recipient=RECIPIENT, wishes=["something for the balcony"], count=4)
    desk = served.desk
    budget = Money(minor=7000, currency="EUR")
    given = {name: tuple(v) if isinstance(v, list) else v for name, v in RECIPIENT.items()}
    profile = Profile(**{**given, "budget": budget})  # type: ignore[arg-type]
    needed_by = TODAY + timedelta(days=12)
    wish = Wish(
        profile=profile,
        on=TODAY,
        needed_by=needed_by,
        wishes=("something for the balcony",),
        count=4,
    )
    said = desk.agent.recommend_sync(wish)
    told = json.loads(said.model_dump_json())
    for name in ("picks", "alternatives", "categories", "notes", "text_by", "catalogue"):
        assert answer[name] == told[name], name


def test_fields_beside_a_sentence_count_more(served: Served) -> None:
    answer = served.ask(text=SENTENCE, recipient={"budget": "25.50EUR", "age": 31})
    assert answer["understood"]["profile"]["budget"] == {"minor": 2550, "currency": "EUR"}
    assert answer["understood"]["profile"]["age"] == 31
    assert answer["understood"]["profile"]["hobbies"] == ["crafts", "hiking"]
    assert all(pick["cost"]["total"]["minor"] <= 2550 for pick in answer["picks"])


def test_what_is_not_said_is_assumed_and_what_is_not_understood_is_said(served: Served) -> None:
    answer = served.ask(text="my friend likes hiking and zorbleflux, 40 euros")
    assert any("no age was said" in words for words in answer["understood"]["assumed"])
    told = [*answer["understood"]["not_understood"], *answer["understood"]["wishes"]]
    assert any("zorbleflux" in words for words in told)


def test_excluded_owned_and_not_these_are_not_shown(served: Served) -> None:
    before = served.ask(recipient=RECIPIENT)
    first, second, third = (pick for pick in before["picks"][:3])
    after = served.ask(
        recipient=RECIPIENT,
        not_these=[first["gift"]],
        owned=[second["title"]],
        excluded=[third["title"]],
    )
    gone = {first["gift"], second["gift"], third["gift"]}
    assert not gone & {pick["gift"] for pick in after["picks"]}


def test_without_explanation_the_gifts_are_the_same(served: Served) -> None:
    long, short = (served.ask(recipient=RECIPIENT, explain=explain) for explain in (True, False))
    assert [p["gift"] for p in long["picks"]] == [p["gift"] for p in short["picks"]]
    assert all(not pick["reasons"] for pick in short["picks"])
    assert short["trace"] == [] != long["trace"]


def test_the_same_day_is_cached_and_the_next_is_not(start: Start) -> None:
    with start() as served:
        asked = {"recipient": {**RECIPIENT, "days_left": 20}}
        one, two = served.ask(**asked), served.ask(**asked, user="ann")
        assert (one["cached"], two["cached"]) == (None, "memory")
        assert one["picks"] == two["picks"]
        assert one["recommendation_id"] != two["recommendation_id"]
        served.day.now = TODAY + timedelta(days=1)
        three = served.ask(**asked)
        assert three["cached"] is None
        assert three["understood"]["needed_by"] == "2026-12-12"


def test_an_impossible_budget_is_an_honest_empty_answer(served: Served) -> None:
    answer = served.ask(recipient={**RECIPIENT, "budget": "0.50EUR"})
    assert answer["picks"] == []
    (least,) = answer["alternatives"]
    assert least["total"]["minor"] > 50
    assert least["more"]["minor"] >= least["total"]["minor"] - 50
    assert any("only 0 gifts" in words for words in answer["notes"])
    assert answer["recommendation_id"]
    assert "giftrec_empty_answers_total" in served.client.get("/metrics").text


@pytest.mark.parametrize(
    ("field", "given", "nearest"),
    [
        ("hobbies", ["hikking"], "hiking"),
        ("preferences", ["handmde"], "handmade"),
        ("relationship", "sibbling", "sibling"),
        ("occasion", "birthdy", "birthday"),
    ],
)
def test_unknown_words_are_refused_with_the_nearest(
    served: Served, field: str, given: Any, nearest: str
) -> None:
    error = served.refused("/v1/recommendations", {"recipient": {**RECIPIENT, field: given}})
    assert error["code"] == "unknown_word"
    assert error["field"] == f"recipient.{field}"
    assert nearest in error["remedy"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, None),
        ({"text": ""}, "text"),
        ({"text": "   "}, "text"),
        ({"text": "a gift", "colour": "red"}, "colour"),
        ({"recipient": {"age": 0}}, "recipient.age"),
        ({"recipient": {"age": "30"}}, "recipient.age"),
        ({"recipient": {"budget": "60"}}, "recipient.budget"),
        ({"recipient": {"budget": "0EUR"}}, "recipient.budget.minor"),
        ({"recipient": {"budget": {"minor": 6.5, "currency": "EUR"}}}, "recipient.budget.minor"),
        ({"recipient": {"budget": {"minor": 10**13, "currency": "EUR"}}}, "recipient.budget.minor"),
        ({"recipient": {"budget": "60USD"}}, "recipient.budget"),
        ({"recipient": {"at_least": "90EUR", "budget": "60EUR"}}, "recipient"),
        ({"recipient": {"needed_by": "2026-11-01"}}, "recipient"),
        ({"recipient": {"needed_by": "soon"}}, "recipient.needed_by"),
        ({"recipient": {}, "count": 11}, "count"),
        ({"recipient": {}, "like": "no such gift"}, "like"),
        ({"recipient": {}, "wishes": ["x"] * 21}, "wishes"),
        ({"recipient": {}, "excluded": ["x" * 201]}, "excluded.0"),
    ],
)
def test_what_is_wrong_is_named(served: Served, body: dict[str, Any], field: str | None) -> None:
    error = served.refused("/v1/recommendations", body)
    assert error.get("field") == field, error
    assert error["message"]


@pytest.mark.parametrize("words", NASTY)
def test_html_and_sql_are_text(served: Served, words: str) -> None:
    before = served.client.get("/v1/catalogue").json()
    for name in ("wishes", "excluded", "owned"):
        answer = served.ask(recipient=RECIPIENT, **{name: [words]})
        assert answer["understood"][name] == [words.strip()]
        assert answer["picks"]
    served.ask(text=f"my sister likes {words}, 60 euros", not_these=[words])
    assert served.refused("/v1/recommendations", {"recipient": {"hobbies": [words]}})
    found = served.client.get("/v1/catalogue/search", params={"query": words})
    assert found.status_code == 200
    assert served.client.get("/v1/catalogue").json() == before


def test_ten_megabytes_are_too_large_however_they_come(served: Served) -> None:
    body = json.dumps({"text": "x" * 10_000_000}).encode()

    def chunks() -> Iterator[bytes]:
        yield from (body[at : at + 65_536] for at in range(0, len(body), 65_536))

    for content in (body, chunks()):
        answer = served.client.post(
            "/v1/recommendations", content=content, headers={"content-type": "application/json"}
        )
        assert answer.status_code == 413, answer.text
        assert answer.json()["error"]["code"] == "body_too_large"


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff\xfe", b'{"text": "\\ud800"}', b"null", b""])
def test_what_is_no_request_is_refused(served: Served, body: bytes) -> None:
    answer = served.client.post(
        "/v1/recommendations", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code in (400, 422), answer.text


def test_other_money_needs_rates_and_then_is_shown_beside(start: Start, tmp_path: Any) -> None:
    rates = tmp_path / "rates.json"
    rates.write_text('{"on": "2026-11-20", "base": "EUR", "rates": {"USD": 0.9, "JPY": 0.006}}')
    with start(f"rates={rates}") as served:
        answer = served.ask(recipient={**RECIPIENT, "budget": "80USD"})
        assert answer["understood"]["profile"]["budget"] == {"minor": 8000, "currency": "USD"}
        for pick in answer["picks"]:
            assert pick["cost"]["total"]["minor"] <= 7200
            assert pick["cost"]["shopper"]["currency"] == "USD"
            assert pick["cost"]["rates_of"] == "2026-11-20"
        error = served.refused("/v1/recommendations", {"recipient": {"budget": "80GBP"}})
        assert error["field"] == "recipient.budget"


def test_a_store_that_is_down_breaks_no_answer(start: Start, monkeypatch: Any) -> None:
    from reccore.serve.refusal import Refusal

    with start() as served:

        async def down(kept: object) -> None:
            raise Refusal(503, "recommendations_unavailable", "they cannot be stored now")

        monkeypatch.setattr(served.gifts.kept, "save", down)
        answer = served.ask(recipient=RECIPIENT)
        assert answer["recommendation_id"] is None
        assert len(answer["picks"]) == 5
        assert [one["code"] for one in answer["degraded"]] == ["not_kept"]


def test_the_document_describes_the_answer(served: Served) -> None:
    document = served.client.get("/openapi.json").json()
    asked = document["components"]["schemas"]["Recommend"]
    assert {"text"} in [set(one) for one in asked["examples"]]
    answer = document["components"]["schemas"]["Answer"]
    assert answer["examples"][0]["picks"]
    assert set(answer["examples"][0]) == set(answer["properties"])
    real = served.ask(recipient=RECIPIENT)
    assert set(real) == set(answer["properties"])


def test_examples_of_the_document_are_answered(served: Served) -> None:
    document = served.client.get("/openapi.json").json()
    for example in document["components"]["schemas"]["Recommend"]["examples"]:
        served.ask(**example)


def test_gates_and_tools_are_counted(served: Served) -> None:
    served.ask(recipient={**RECIPIENT, "age": 66})
    text = served.client.get("/metrics").text
    assert 'giftrec_tool_answers_total{status="ok",tool="inventory_check"}' in text
    assert 'giftrec_tool_now{tool="price_comparison",what="hanging"} 0.0' in text
    assert "giftrec_catalogue_followed 1.0" in text
