"""Every page and state in a real browser, without the service behind it: axe-core, small screens, the script."""

from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route

from infra import assets
from kernel import pages
from kernel.headers import headers
from tests.unit.page_samples import PAGES

ORIGIN = "https://visits.example.org"
AXE = (assets.ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
AXE_RUN = "rules => axe.run(document, {runOnly: {type: 'tag', values: rules}, resultTypes: ['violations']})"


@pytest.fixture(scope="module", autouse=True)
def _assets() -> None:
    assets.build_assets()


def visitor(browser: Browser, **settings: Any) -> BrowserContext:  # as many settings as Playwright has
    context = browser.new_context(**settings)
    context.route("**/*", answer)
    context.set_default_timeout(10_000)
    return context


def answer(route: Route) -> None:
    """Serve a sample by its name and assets by theirs, with the headers pages travel with."""
    path = route.request.url.removeprefix(ORIGIN)
    if path.startswith("/assets/"):
        found = pages.read_asset(path.removeprefix("/assets/"))
        assert found, path
        route.fulfill(body=found[0], content_type=found[1])
    elif path.startswith("/samples/"):
        template, context = list(PAGES.values())[int(path.removeprefix("/samples/").split("?")[0])]
        html = pages.render(template, **context)
        route.fulfill(body=html, content_type="text/html; charset=utf-8", headers=headers("public"))
    else:
        route.fulfill(status=204)


def address(sample: str) -> str:
    return f"{ORIGIN}/samples/{list(PAGES).index(sample)}"


def open_page(context: BrowserContext, sample: str) -> tuple[Page, list[str]]:
    page, complaints = context.new_page(), list[str]()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address(sample))
    return page, complaints


@pytest.mark.parametrize("context_name", sorted({template.split("/")[0] for template, _ in PAGES.values()}))
def test_axe_finds_nothing_on_any_page_and_nothing_overflows(browser: Browser, context_name: str) -> None:
    # With reduced motion, or a change of colours is looked at half-way.
    context = visitor(browser, reduced_motion="reduce")
    found = []
    for sample in [name for name, (template, _) in PAGES.items() if template.startswith(f"{context_name}/")]:
        page, complaints = open_page(context, sample)
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        page.evaluate(AXE)
        for width, dark in ((1280, True), (320, False)):
            page.set_viewport_size({"width": width, "height": 800})
            page.emulate_media(color_scheme="dark" if dark else "light")
            result = page.evaluate(AXE_RUN, RULES)
            found += [(sample, one["id"], [n["html"][:200] for n in one["nodes"]]) for one in result["violations"]]
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                found.append((sample, f"overflow at {width}", []))
        found += [(sample, "console", complaints)] if complaints else []
        page.close()
    context.close()
    assert not found


def test_the_reader_sees_their_own_time_where_it_differs(browser: Browser) -> None:
    context = visitor(browser, timezone_id="America/New_York")
    page, _ = open_page(context, "visit, open")
    assert page.locator(".facts .your-time").inner_text() == "09:00 to 11:30 your time"
    assert page.locator("input[name=timezone]").input_value() == "America/New_York"
    context.close()


def test_a_reader_far_away_is_told_the_day_too(browser: Browser) -> None:
    context = visitor(browser, timezone_id="Pacific/Auckland")
    page, _ = open_page(context, "visit, open")
    assert page.locator(".facts .your-time").inner_text() == "Wednesday 9 December, 03:00 to 05:30 your time"
    context.close()


def test_a_reader_in_the_visits_zone_sees_its_time_once(browser: Browser) -> None:
    context = visitor(browser, timezone_id="Europe/London")
    page, _ = open_page(context, "visit, open")
    assert page.locator(".your-time").count() == 0
    context.close()


def test_errors_take_the_focus_and_their_links_lead_to_the_fields(browser: Browser) -> None:
    context = visitor(browser)
    page, _ = open_page(context, "visit, with errors")
    assert page.evaluate("document.activeElement.hasAttribute('data-error-summary')")
    page.get_by_role("link", name="Type an address like").click()
    assert page.evaluate("document.activeElement.id") == "field-email"
    context.close()


def test_pressing_twice_sends_once(browser: Browser) -> None:
    context = visitor(browser)
    page, _ = open_page(context, "visit, open")
    sent = list[str]()
    page.on("request", lambda request: sent.append(request.method))
    button = page.locator("form button[type=submit]")
    button.dblclick()  # the answer is 204, so the page stays
    assert button.inner_text() == "One moment…"
    button.click(force=True)  # Playwright itself would wait for it to be enabled
    page.evaluate("fetch('/settled')")
    assert sent.count("POST") == 1
    context.close()


def test_a_visit_can_be_found_and_its_form_filled_in_with_the_keyboard_alone(browser: Browser) -> None:
    context = visitor(browser)
    page, _ = open_page(context, "coming visits")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    for _ in range(5):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "/visits/quieter-ward"
    context.close()


def test_pages_show_everything_without_javascript(browser: Browser) -> None:
    context = visitor(browser, java_script_enabled=False)
    page, _ = open_page(context, "visit, with errors")
    assert page.get_by_role("heading", name="A few things need your attention").is_visible()
    assert page.get_by_role("button", name="Register").is_visible()
    context.close()
