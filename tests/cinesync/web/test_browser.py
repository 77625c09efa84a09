"""The pages in a real browser: with and without scripts, by keyboard, on a phone, in the dark."""

import re
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from reccore.serve.edge import Edge

driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")

WORDS = "headless no-sandbox disable-gpu disable-quic no-first-run disable-background-networking"
ARGUMENTS = [f"--{word}" for word in (WORDS + " disable-component-update disable-sync").split()]
PHONE = {"width": 360, "height": 740}
PATHS = ["/", "/search?q=story", "/items/i6", "/operator"]
Open = Callable[..., Any]


@contextmanager
def listening(edge: Edge) -> Iterator[str]:
    """A server on a free port of this machine, in a thread."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = uvicorn.Config(edge, port=port, log_config=None, access_log=False, lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 30
    while not server.started and thread.is_alive() and time.monotonic() < until:
        time.sleep(0.02)
    assert server.started, "the server did not start"
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)


@pytest.fixture(scope="module")
def site(
    made: Path, serve: Callable[..., Edge], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of a running server with a registry of its own."""
    folder = tmp_path_factory.mktemp("site")
    models = Path(shutil.copytree(made, folder / "models"))
    with listening(serve(models, folder)) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, once; it is gone before other tests want an event loop of their own."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no chromium on this machine")
    with driver.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Any, site: str) -> Iterator[Open]:
    """`visit("/", viewport=PHONE)` opens a page as somebody new; what it complains of fails."""
    contexts, complaints = [], []

    def begin(path: str = "/", **how: Any) -> Any:
        context = browser.new_context(base_url=site, **how)
        context.set_default_timeout(8000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if bad(said) else None)
        page.goto(path)
        return page

    yield begin
    for context in contexts:
        context.close()
    assert complaints == []


def bad(said: Any) -> bool:
    """Whether the console complains of more than a page that is not there."""
    return said.type == "error" and not said.text.startswith("Failed to load resource")


def stars(page: Any, item: str, count: int, where: str = "card") -> Any:
    return page.locator(f"#{where}-{item}-{count}")


def rated(page: Any, *items: str) -> None:
    """Rate by cookie, which is quicker than by hand."""
    value = "1" + "".join(f"!5{item}" for item in items)
    address = page.url.partition("/operator")[0]
    page.context.add_cookies([{"name": "ratings", "value": value, "url": address}])
    page.reload()


def test_without_scripts_everything_works(visit: Open) -> None:
    page = visit(java_script_enabled=False)
    page.fill("#q", "story of i6")
    page.get_by_role("button", name="Search").click()
    stars(page, "i6", 5).click()
    assert page.url.endswith("#card-i6")
    assert stars(page, "i6", 5).get_attribute("aria-pressed") == "true"
    page.get_by_role("link", name="CineSync").click()
    assert page.get_by_role("heading", name="Recommended for you").is_visible()
    assert page.get_by_text("Because you liked Story of i6").first.is_visible()
    page.get_by_role("radio", name="Series").check()
    page.get_by_role("button", name="Show", exact=True).click()
    assert "kind=TV" in page.url
    page.get_by_text("Start over").click()
    page.get_by_role("button", name="Yes, forget").click()
    assert page.get_by_role("heading", name="Popular to begin with").is_visible()


def test_with_scripts_nothing_is_loaded_anew_and_changes_are_told(visit: Open) -> None:
    page = visit()
    page.evaluate("window.same = true")
    page.fill("#q", "story of i6")
    stars(page, "i6", 5).wait_for()
    assert page.url.endswith("/search?q=story+of+i6")
    assert page.evaluate("document.activeElement.id") == "q"
    stars(page, "i6", 4).click()
    page.locator("#card-i6-4[aria-pressed=true]").wait_for()
    assert page.evaluate("document.activeElement.id") == "card-i6-4"
    page.get_by_role("link", name="CineSync").click()
    page.get_by_role("heading", name="Recommended for you").wait_for()
    assert page.title().startswith("What to watch next")
    driver.expect(page.locator("#said")).to_have_text(re.compile("recommendations from 1 rating,"))
    first = page.locator(".card").first.get_attribute("id")
    page.locator(".card .star").nth(4).click()
    page.locator(f"#{first}").wait_for(state="detached")
    driver.expect(page.locator("#said")).to_have_text(re.compile("recommendations from 2 ratings"))
    assert page.evaluate("document.activeElement.textContent") == "Recommended for you"
    page.locator("#mix").fill("100")
    page.wait_for_url("**/?*mix=100")
    assert page.evaluate("document.activeElement.id") == "mix"
    page.go_back()
    page.wait_for_url("**/search?q=story+of+i6")
    page.get_by_role("heading", name="for “story of i6”").wait_for()
    assert page.evaluate("window.same") is True


def test_no_rating_is_lost_in_a_hurry(visit: Open) -> None:
    page = visit("/search?q=story")
    click = "for (const one of document.querySelectorAll('.star:nth-child(4)')) one.click()"
    page.evaluate(f"{click}; document.querySelector('.brand').click()")
    page.get_by_role("heading", name="What to watch next").wait_for()
    page.wait_for_load_state("networkidle")
    page.reload()
    assert "24" in page.get_by_role("heading", name="Your ratings").inner_text()


def test_by_keyboard_alone(visit: Open) -> None:
    page = visit()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('.star')"):
            break
    stop = page.evaluate("document.activeElement.id")
    assert stop.endswith("-1")
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "End", "ArrowLeft"):
        page.keyboard.press(key)
    item = stop.split("-")[1]
    assert page.evaluate("document.activeElement.id") == f"card-{item}-4"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.locator(f"#mine-{item}-4[aria-pressed=true]").wait_for()
    assert page.evaluate("document.activeElement.textContent") == "Recommended for you"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "kind"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_of_it_in_light_and_dark(visit: Open, scheme: str) -> None:
    page = visit(viewport=PHONE, color_scheme=scheme, reduced_motion="reduce")
    rated(page, "i6", "i1", "i0")
    for path in PATHS:
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        light = sum(map(int, re.findall(r"\d+", colour)[:3])) > 3 * 128
        assert light == (scheme == "light")
        for selector in ("a.button, button:not(.link)", "select"):
            for box in page.locator(selector).all():
                if box.is_visible():
                    assert box.bounding_box()["height"] >= 24
        moves = "e => getComputedStyle(e).transitionDuration != '0s'"
        moving = f"[...document.querySelectorAll('*')].some({moves})"
        assert not page.evaluate(moving)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(visit: Open, scheme: str) -> None:
    page = visit(color_scheme=scheme, bypass_csp=True)
    rated(page, "i6", "i1", "i0")
    for path in [*PATHS, "/items/nothing"]:
        page.goto(path, wait_until="load")
        found = axe.Axe().run(page).response["violations"]
        told = [(one["id"], one["impact"], one["nodes"][0]["html"][:200]) for one in found]
        assert told == [], path


def test_the_operator_changes_versions_and_figures_stay_fresh(visit: Open) -> None:
    page = visit("/operator")
    page.evaluate("window.same = true")
    page.locator("#activate-2 summary").click()
    page.get_by_role("button", name="Yes, activate").click()
    page.locator(".good", has_text="The version answers now.").wait_for()
    page.locator("#rollback-1 summary").click()
    page.get_by_role("button", name="Yes, roll back to 1").click()
    page.locator(".good", has_text="The previous version answers again.").wait_for()
    before = page.locator("#requests").inner_text()
    other = page.context.new_page()
    other.goto("/search")
    other.close()
    driver.expect(page.locator("#requests")).not_to_have_text(before, timeout=9000)
    assert page.evaluate("window.same") is True


def test_the_first_page_is_small_and_quick(visit: Open, site: str) -> None:
    page = visit("/search")
    sizes: list[int] = []
    page.on("response", lambda answer: sizes.append(len(answer.body())))
    page.context.clear_cookies()
    times = []
    for _ in range(3):
        page.goto("/", wait_until="load")
        times.append(page.evaluate("performance.getEntriesByType('navigation')[0].responseEnd"))
    assert min(times) <= 300
    assert sum(sizes) <= 3 * 60_000


def test_a_server_that_is_gone_is_said(visit: Open) -> None:
    page = visit()
    page.route("**/rate", lambda route: route.abort())
    page.locator(".star").first.click()
    driver.expect(page.locator("#said")).to_have_text(re.compile("cannot be reached"))
    assert page.locator("#said").bounding_box()["width"] > 50
