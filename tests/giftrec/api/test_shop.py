"""The pages stand on the same server: same agent, same recommendations kept, same feedback."""

from datetime import timedelta
from typing import Any

from served_gifts import TODAY, Served, Start

from giftrec.agent.wish import Wish
from giftrec.api.shop import ServedShop
from giftrec.money import Money
from giftrec.schema import Profile


def _wish(**more: Any) -> Wish:
    profile = Profile(
        age=41,
        hobbies=("gardening",),
        relationship="friend",
        occasion="birthday",
        budget=Money(minor=7000, currency="EUR"),
    )
    return Wish(profile=profile, on=TODAY, needed_by=TODAY + timedelta(days=12), **more)


def _call(served: Served, what: Any, *given: Any) -> Any:
    assert served.client.portal is not None
    return served.client.portal.call(what, *given)


def test_the_first_page_is_there(served: Served) -> None:
    page = served.client.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "script-src" in page.headers["content-security-policy"]


def test_what_a_page_finds_is_kept_and_can_go_on_over_the_api(start: Start) -> None:
    with start() as served:
        shop = ServedShop(served.server)
        found = _call(served, shop.find, _wish())
        assert len(found.reply.picks) == 5
        kept = _call(served, shop.kept, found.id)
        assert kept.shown == tuple(pick.gift for pick in found.reply.picks)
        path = f"/v1/recommendations/{found.id}/next"
        answer = served.client.post(path, json={"swap": kept.shown[0]})
        assert answer.status_code == 200
        again = _call(served, shop.find, _wish(not_these=(kept.shown[0],)))
        assert _call(served, shop.kept, again.id).passed_over == (kept.shown[0],)


def test_a_click_twice_is_told_once(start: Start) -> None:
    with start() as served:
        shop = ServedShop(served.server)
        found = _call(served, shop.find, _wish())
        gift = found.reply.picks[0].gift
        assert _call(served, shop.tell, "up", gift, found.id)
        assert _call(served, shop.tell, "up", gift, found.id)
        assert not _call(served, shop.tell, "up", gift, "")
        stored = _call(served, served.server.store.of_user, f"recommendation:{found.id}", 10)
        assert [(event.kind, event.item) for event in stored.events] == [("up", gift)]


def test_titles_and_money_are_those_of_the_live_catalogue(served: Served) -> None:
    shop = ServedShop(served.server)
    gift = served.desk.snapshot.ids[0]
    titles = shop.titles([gift, "none"])
    assert titles == {gift: served.desk.snapshot.gifts["title"][0]}
    assert (shop.size, shop.currencies, shop.rates) == (45, ("EUR",), None)
    assert shop.today() == TODAY
    assert shop.vocabulary == served.desk.vocabulary
