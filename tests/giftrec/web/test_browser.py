"""The page in a real browser: with and without scripts, by keyboard, on a phone, in the dark."""

import re
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn
from shopfront import SENTENCE, WISH

from reccore.serve.edge import Edge

driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")

WORDS = "headless no-sandbox disable-gpu disable-quic no-first-run disable-background-networking"
ARGUMENTS = [f"--{word}" for word in (WORDS + " disable-component-update disable-sync").split()]
PHONE = {"width": 360, "height": 740}
HEARD = "/gifts?budget=90&away=sstoneware-bud-vase&up=oak-record-stand"
PATHS = ["/", WISH, HEARD, "/gifts?budget=1", f"{WISH}&view=print", "/shared/none"]
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
    until = time.monotonic() + 60
    while not server.started and thread.is_alive() and time.monotonic() < until:
        time.sleep(0.02)
    assert server.started, "the server did not start"
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)


@pytest.fixture(scope="module")
def site(serve: Callable[..., Edge], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running server."""
    with listening(serve(tmp_path_factory.mktemp("site"))) as address:
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


def ask(page: Any, sentence: str = SENTENCE) -> None:
    page.fill("#say", sentence)
    page.click("#say-it")
    page.locator(".card").first.wait_for()


def test_without_scripts_everything_works(visit: Open) -> None:
    page = visit(java_script_enabled=False)
    ask(page)
    assert page.locator(".card").count() == 5
    assert page.locator("#f-slider").is_hidden()  # without a script it would say nothing
    first = page.locator(".card").first.get_attribute("id")
    page.get_by_role("button", name=re.compile("^Add to basket")).first.click()
    assert page.get_by_role("heading", name="Basket").is_visible()
    assert "of €66 left" in page.locator("#left").inner_text()
    page.get_by_role("button", name=re.compile("^Swap")).first.click()
    assert page.locator(f"[id='{first}']").count() == 0
    page.get_by_text("One gift set aside").click()
    page.get_by_role("button", name=re.compile("^Take back")).click()
    assert page.locator(f"[id='{first}']").count() == 1
    page.get_by_role("checkbox", name="wine").check()
    page.fill("#f-budget", "40")
    page.get_by_role("button", name="Show gifts").click()
    assert "hobby=wine" in page.url
    assert "budget=40" in page.url
    page.get_by_role("link", name="Deutsch").click()
    assert page.locator("html").get_attribute("lang") == "de"
    page.get_by_role("link", name="Druckansicht").click()
    assert page.locator(".card").count() >= 1
    page.go_back()
    page.get_by_role("link", name="Öffnen").get_attribute("href")
    assert page.get_by_label("Privater Link").input_value().startswith("/shared/")


def test_with_scripts_nothing_is_loaded_anew_and_changes_are_told(visit: Open) -> None:
    page = visit()
    page.evaluate("window.same = true")
    page.fill("#say", SENTENCE)
    page.press("#say", "Enter")
    page.locator(".card").first.wait_for()
    assert page.title().startswith("5 gifts for your sister")
    driver.expect(page.locator("#said")).to_have_text(re.compile("^5 gifts for your sister"))
    assert page.get_by_label("Private link").input_value().startswith("http://127.0.0.1")
    first = page.locator(".card").first.get_attribute("id") or ""
    key = first.removeprefix("card-")
    page.locator(f"[id='up-{key}']").click()
    page.locator(f"[id='up-{key}'][aria-pressed=true]").wait_for()
    assert page.evaluate("document.activeElement.id") == f"up-{key}"
    page.locator(f"[id='put-{key}']").click()
    page.locator("#basket").wait_for()
    assert page.evaluate("document.activeElement.id") == f"put-{key}"
    page.locator(f"[id='swap-{key}']").click()
    page.locator(f"[id='{first}']").wait_for(state="detached")
    assert page.evaluate("document.activeElement.textContent") == "The gifts"
    page.get_by_text("One gift set aside").click()  # where the focus is must not move the page
    assert page.locator("#aside").evaluate("e => e.open")
    page.go_back()
    page.locator(f"[id='{first}']").wait_for()
    assert page.evaluate("window.same") is True


def test_slider_and_number_say_the_same(visit: Open) -> None:
    page = visit()
    page.locator("#f-slider").fill("120")
    assert page.input_value("#f-budget") == "120"
    page.fill("#f-budget", "45")
    assert page.input_value("#f-slider") == "45"
    page.fill("#f-age", "30")
    page.get_by_role("button", name="Show gifts").click()
    page.wait_for_url("**/gifts?**")
    assert "budget=45" in page.url
    assert page.evaluate("document.activeElement.tagName") == "H1"


def test_by_keyboard_alone(visit: Open) -> None:
    page = visit()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.wait_for_url("**/#main")
    page.wait_for_timeout(500)  # the browser moves its starting point a moment later
    page.keyboard.press("Tab")
    page.locator("#say:focus").wait_for()
    page.keyboard.type("my boss likes coffee, 50 euros")
    page.keyboard.press("Enter")
    page.locator(".card").first.wait_for()
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id.startsWith('put-')"):
            break
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.keyboard.press("Enter")
    page.locator("#basket").wait_for()
    page.goto("/")
    page.locator("#hobby-1-1").focus()
    page.keyboard.press("Space")
    assert page.is_checked("#hobby-1-1")
    label = "getComputedStyle(document.activeElement.nextElementSibling).outlineStyle"
    assert page.evaluate(label) == "solid"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_of_it_in_light_and_dark(visit: Open, scheme: str) -> None:
    page = visit(viewport=PHONE, color_scheme=scheme, reduced_motion="reduce")
    ask(page)
    page.locator(".acts .button").first.click()
    page.locator("#basket").wait_for()
    for path in [page.url, *PATHS, "/?lang=de", f"{WISH}&lang=de"]:
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        light = sum(map(int, re.findall(r"\d+", colour)[:3])) > 3 * 128
        assert light == (scheme == "light")
        for box in page.locator("a.button, button, select, .pick").all():
            if box.is_visible():
                assert box.bounding_box()["height"] >= 24, path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("locale", ["en-GB", "de-DE"])
def test_axe_finds_nothing(visit: Open, scheme: str, locale: str) -> None:
    page = visit(color_scheme=scheme, locale=locale, bypass_csp=True)
    ask(page, "my boss likes coffee and frobnicating, about 60 dollars; my mum likes wine")
    page.locator(".acts .button").first.click()
    page.locator("#basket").wait_for()
    share = page.locator("#share").input_value()
    for path in [page.url, *PATHS, share]:
        page.goto(path, wait_until="load")
        for details in page.locator("details").all():
            details.evaluate("e => { e.open = true }")
        found = axe.Axe().run(page).response["violations"]
        told = [(one["id"], one["impact"], one["nodes"][0]["html"][:200]) for one in found]
        assert told == [], path


def test_hostile_titles_run_nothing(visit: Open) -> None:
    page = visit("/gifts?hobby=camping&budget=80&likes=<img src=x onerror=alert(1)>")
    page.on("dialog", lambda dialog: pytest.fail("a script ran"))
    assert page.get_by_text("<script>alert(1)</script> Lantern").first.is_visible()
    page.get_by_role("button", name=re.compile("Add to basket ?: <script>")).click()
    page.locator("#basket").wait_for()
    assert page.evaluate("document.scripts.length") == 2


def test_on_paper_there_is_nothing_to_press(visit: Open) -> None:
    page = visit(WISH)
    page.emulate_media(media="print")
    for selector in (".acts", "#wish", "#keep", ".languages", ".foot"):
        assert page.locator(selector).first.is_hidden(), selector
    assert page.locator(".card").first.is_visible()


def test_a_page_is_small_and_quick(visit: Open) -> None:
    page = visit("/")
    sizes: list[int] = []
    page.on("response", lambda answer: sizes.append(len(answer.body())))
    times = []
    for _ in range(3):
        page.goto(WISH, wait_until="load")
        times.append(page.evaluate("performance.getEntriesByType('navigation')[0].responseEnd"))
    assert min(times) <= 500
    assert sum(sizes) <= 3 * 120_000


def test_a_server_that_is_gone_is_said_in_the_pages_language(visit: Open) -> None:
    page = visit(locale="de-DE")
    page.route("**/say", lambda route: route.abort())
    page.fill("#say", SENTENCE)
    page.click("#say-it")
    driver.expect(page.locator("#said")).to_have_text(re.compile("nicht zu erreichen"))
