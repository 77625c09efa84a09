"""The operator's page by forms alone: who may look, what each lever does, whose forms count."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from httpx import Response
from starlette.testclient import TestClient

from reccore.serve import rollout
from reccore.serve.keys import KeyRing

Start = Callable[..., AbstractContextManager[Any]]


def token(browser: TestClient) -> str:
    """Of the forms of the page."""
    found = re.search(r'name="token" value="([0-9a-f]+)"', browser.get("/operator").text)
    assert found is not None
    return found[1]


def do(browser: TestClient, what: str, **fields: str) -> Response:
    data = {"token": token(browser), "what": what, **fields}
    return browser.post("/operator", data=data)


def sign_in(browser: TestClient, key: str) -> Response:
    return browser.post("/operator/sign-in", data={"token": token(browser), "key": key})


def test_without_keys_all_is_shown_and_said_to_be_open(start: Start) -> None:
    with start() as site:
        page = site.browser.get("/operator")
        assert page.status_code == 200
        for words in (
            "There are no API keys",
            "champion",
            "challenger",
            "2026-01-02 03:04",
            "Ready",
        ):
            assert words in page.text
        assert "script-src 'self'" in page.headers["content-security-policy"]
        assert page.headers["cache-control"] == "no-store"


def test_versions_are_activated_and_rolled_back(start: Start) -> None:
    with start() as site:
        page = do(site.browser, "activate", version="3")
        assert "The version answers now." in page.text
        assert site.server.champion.version == "3"
        assert site.registry.aliases("ranker")["previous"] == "2"
        page = do(site.browser, "rollback", version="2")
        assert "The previous version answers again." in page.text
        assert site.server.champion.version == "2"


def test_a_trial_from_start_to_end(start: Start) -> None:
    with start() as site:
        do(site.browser, "start", version="3", share="12.5", shadow="50")
        plan = rollout.read(site.registry, "ranker")
        assert (plan.version, plan.share, plan.shadow) == ("3", 0.125, 0.5)
        assert "12.5 %" in site.browser.get("/operator").text
        do(site.browser, "change", share="25", shadow="")
        plan = rollout.read(site.registry, "ranker")
        assert (plan.share, plan.shadow) == (0.25, 0.0)
        page = do(site.browser, "stop", version="3")
        assert "stopped on the operator&#39;s page" in page.text
        do(site.browser, "start", version="3", share="5", shadow="0")
        do(site.browser, "promote", version="3")
        assert site.server.champion.version == "3"
        do(site.browser, "watch", on="no")
        assert not rollout.read(site.registry, "ranker").watch_champion
        do(site.browser, "watch", on="yes")
        assert rollout.read(site.registry, "ranker").watch_champion


@pytest.mark.parametrize(
    ("what", "fields", "words"),
    [
        ("activate", {"version": "9"}, "no version 9"),
        ("activate", {"version": "../1"}, "no version"),
        ("activate", {"version": ""}, "version"),
        ("activate", {"version": "bad"}, "bad answers nothing"),
        ("start", {"version": "3", "share": "101"}, "share"),
        ("start", {"version": "3", "share": "nan"}, "share"),
        ("start", {"version": "3", "share": "much"}, "a number of per cent"),
        ("change", {"share": "5"}, "no rollout"),
        ("promote", {}, "no rollout"),
        ("dance", {}, "nothing is called"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(
    start: Start, what: str, fields: dict[str, str], words: str
) -> None:
    with start() as site:
        page = do(site.browser, what, **fields)
        assert page.status_code == 422
        assert words in page.text
        assert site.server.champion.version == "2"
        assert site.registry.aliases("ranker")["challenger"] == "3"


def test_with_keys_nothing_is_shown_before_an_admin_signs_in(start: Start, ring: KeyRing) -> None:
    _, admin = ring.create("boss", ("admin",))
    _, writer = ring.create("shop", ("write",))
    with start(keys=True) as site:
        browser = site.browser
        page = browser.get("/operator")
        assert "Sign in" in page.text
        assert "champion" not in page.text
        for wrong in ("", "gr_wrong", writer, "\u2603"):
            refused = sign_in(browser, wrong)
            assert refused.status_code == 403
            assert "no API key with the scope admin" in refused.text
        assert do(browser, "activate", version="3").status_code == 403
        assert site.server.champion.version == "2"
        page = sign_in(browser, f" {admin}\n")
        assert "Sign out" in page.text
        assert site.server.champion.version == "2"
        do(browser, "activate", version="3")
        assert site.server.champion.version == "3"
        browser.post("/operator/sign-out", data={"token": token(browser)})
        assert "champion" not in browser.get("/operator").text


def test_the_cookie_is_closed_and_never_the_key(start: Start, ring: KeyRing) -> None:
    _, admin = ring.create("boss", ("admin",))
    with start(keys=True, address="https://ops.example") as site:
        given = token(site.browser)
        answer = site.browser.post(
            "/operator/sign-in", data={"token": given, "key": admin}, follow_redirects=False
        )
        cookie = answer.headers["set-cookie"]
        assert admin not in cookie
        for word in ("httponly", "samesite=strict", "secure", "path=/operator"):
            assert word in cookie.lower()


def test_a_session_ends_with_its_key(start: Start, ring: KeyRing) -> None:
    _, admin = ring.create("boss", ("admin",))
    _, other = ring.create("other", ("admin",))
    with start(keys=True) as site:
        sign_in(site.browser, admin)
        assert "Sign out" in site.browser.get("/operator").text
        ring.revoke("boss")
        assert "Sign out" not in site.browser.get("/operator").text
        ring.create("boss", ("admin",))  # another key of the same name
        assert "Sign out" not in site.browser.get("/operator").text
        assert other


def test_signing_in_is_limited_and_a_right_key_waits_too(start: Start, ring: KeyRing) -> None:
    _, admin = ring.create("boss", ("admin",))
    with start(keys=True) as site:
        statuses = [sign_in(site.browser, "gr_wrong").status_code for _ in range(7)]
        assert statuses == [403] * 5 + [429] * 2
        waiting = sign_in(site.browser, admin)
        assert waiting.status_code == 429
        assert int(waiting.headers["retry-after"]) >= 1


def test_only_a_form_of_this_very_session_counts(start: Start, ring: KeyRing) -> None:
    _, admin = ring.create("boss", ("admin",))
    with start(keys=True) as site:
        browser = site.browser
        before = token(browser)
        sign_in(browser, admin)
        mine = token(browser)
        assert before != mine
        for wrong in ("", "0" * 64, before, mine[:-1] + "x", "\u2603"):
            page = browser.post(
                "/operator", data={"token": wrong, "what": "activate", "version": "3"}
            )
            assert page.status_code == 403
        foreign = browser.post(
            "/operator",
            data={"token": mine, "what": "activate", "version": "3"},
            headers={"Sec-Fetch-Site": "cross-site"},
        )
        assert foreign.status_code == 403
        cookie = browser.cookies["operator"]
        browser.cookies.clear()
        assert (
            browser.post("/operator", data={"token": mine, "what": "rollback"}).status_code == 403
        )
        assert site.server.champion.version == "2"
        forged = cookie[:-1] + ("0" if cookie[-1] != "0" else "1")
        assert (
            "Sign out"
            not in browser.get("/operator", headers={"Cookie": f"operator={forged}"}).text
        )


def test_without_keys_a_foreign_name_is_turned_away(start: Start) -> None:
    with start() as site:
        for host, status in (
            ("localhost:8000", 200), ("[::1]:8000", 200), ("10.1.2.3", 200),
            ("rebound.example", 403), ("[::1", 403), ("", 403),
        ):  # fmt: skip
            assert site.browser.get("/operator", headers={"Host": host}).status_code == status
    with start("open=true") as site:
        assert site.browser.get("/operator", headers={"Host": "films.example"}).status_code == 200


def test_errors_and_figures_are_shown_without_their_words(start: Start) -> None:
    with start() as site:
        for _ in range(3):
            assert site.browser.get("/v1/fails").status_code == 500
        page = site.browser.get("/operator").text
        assert "ValueError" in page
        assert "a secret" not in page
        assert "GET /v1/fails" in page
        assert "5xx" in page


def test_a_broken_version_is_shown_and_not_offered(start: Start) -> None:
    with start() as site:
        (site.registry.root / "ranker" / "1" / "manifest.json").write_text("{")
        page = site.browser.get("/operator")
        assert page.status_code == 200
        assert "broken" in page.text
        assert 'id="activate-1"' not in page.text
        assert 'id="activate-3"' in page.text
