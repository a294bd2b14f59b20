"""Organising from an idea to the figures, in a real browser against the deployed service, as somebody busy does it."""

import os
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect

from infra.local import people
from infra.settings import ROOT
from tests.e2e.conftest import OpenPage
from tests.e2e.service import Person, Service, a_person
from tests.e2e.signing_in import a_user, sign_in
from tests.e2e.test_accessibility import AXE, LOOKS, WCAG, violations

pytestmark = pytest.mark.stack

expect.set_options(timeout=20_000)  # milliseconds: as long as a busy machine may take, of which each is the exception

PICTURES = ROOT / "docs" / "pictures"
QUESTIONS = [
    {"question_id": "setting", "label": "Where do you work?", "kind": "choice", "choices": ["Ward", "Home"]},
    {"question_id": "hope", "label": "What do you hope for?", "kind": "text"},
]

type Take = Callable[[str, str], None]
type Picture = Callable[[Page, str, str], None]


@pytest.fixture
def picture() -> Picture:
    """Take a picture for the organisers' guide where ``PICTURES=1`` asks for it, so that other runs leave none."""

    def take(page: Page, name: str, part: str) -> None:
        if os.environ.get("PICTURES"):
            path: Path = PICTURES / f"{name}.png"
            path.parent.mkdir(exist_ok=True)
            page.evaluate(
                "part => scrollTo(0, document.querySelector(part).getBoundingClientRect().top + scrollY - 24)", part
            )
            page.screenshot(path=path, animations="disabled")

    return take


def local(moment: datetime) -> str:
    """A moment as the field of a time takes it, by the clock in London."""
    return f"{moment.astimezone(ZoneInfo('Europe/London')):%Y-%m-%dT%H:%M}"


def in_days(days: int, hour: int = 14) -> datetime:
    day = datetime.now(ZoneInfo("Europe/London")) + timedelta(days=days)
    return day.replace(hour=hour, minute=0, second=0, microsecond=0)


def choose(page: Page, name: str) -> None:
    """Go to another page of the visit."""
    page.get_by_role("navigation", name="This visit").get_by_role("link", name=name, exact=True).click()


def visit_id_in(page: Page) -> str:
    found = re.search(r"/organise/visits/([a-z0-9-]+)", page.url)
    assert found, page.url
    return found[1]


def open_as(page: Page, user: people.User, path: str) -> None:
    """Sign in on the way to a page, and wait until all of it is there."""
    sign_in(page, user, to=path)
    page.wait_for_url(lambda url: url.endswith(path))


def heading(page: Page, words: str) -> None:
    expect(page.get_by_role("heading", name=words)).to_be_visible()


# --- the whole path --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without"])
def test_from_an_idea_to_the_figures(visitor: OpenPage, service: Service, picture: Picture, script: bool) -> None:
    page = visitor(java_script_enabled=script, viewport={"width": 820, "height": 640}, reduced_motion="reduce")

    def take(name: str, part: str) -> None:
        if script:
            picture(page, name, part)

    open_as(page, people.ORGANISER, "/organise")
    page.get_by_role("link", name="New visit", exact=True).click()
    page.get_by_label("Title").fill("The ward that went home")
    page.get_by_label("Host").fill("Riverside Hospital")
    page.get_by_label("Summary").fill("How one team sends people home a day earlier.")
    page.get_by_label("Description", exact=True).fill(
        "You walk the ward with **the team**.\n\n- The huddle\n- The board"
    )
    if script:
        expect(page.locator("#preview strong")).to_have_text("the team")
    page.get_by_label("Start").fill(local(in_days(20)))
    page.get_by_label("End", exact=False).first.fill(local(in_days(20, 16)))
    page.get_by_label("Places", exact=True).fill("2")
    page.get_by_label("Link to the online room").fill("https://rooms.example.org/ward")
    take("new-visit", "h1")
    page.get_by_role("button", name="Add a question").click()
    page.get_by_label("Question", exact=False).first.fill("Where do you work?")
    page.get_by_role("button", name="Save as a draft", exact=True).click()

    heading(page, "Before you publish")
    visit_id = visit_id_in(page)
    assert service.get(f"/visits/{visit_id}").status == 404
    take("publish", "main section.panel")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("status").first).to_contain_text("published")
    assert service.get(f"/visits/{visit_id}").status == 200

    ada, bea, cem = a_person("Ada Okafor"), a_person("Bea Lindqvist"), a_person("Cem Aydin")
    for person in (ada, bea, cem):
        service.register(visit_id, person, answers={"where_do_you_work": "Ward"})
    page.reload()
    take("overview", "h1")
    numbers = page.locator(".numbers")
    expect(numbers).to_contain_text(re.compile(r"Confirmed\s*2"))
    expect(numbers).to_contain_text(re.compile(r"Waiting\s*1"))

    moved(page, service, (ada, cem), take)
    written(page, service, ada, cem, take)
    moved_up(page, service, cem, take)
    attended(page, visit_id, service, take)
    shared(page, service, visit_id, take)


def moved(page: Page, service: Service, told: tuple[Person, ...], take: Take) -> None:
    page.get_by_role("link", name="Move to another time").click()
    page.get_by_label("New start").fill(local(in_days(27)))
    page.get_by_label("New end").fill(local(in_days(27, 16)))
    page.get_by_label("What you want to add").fill("The team is on leave that week.")
    page.get_by_role("button", name="Look at it before it is done").click()
    heading(page, "Move it, and tell 3 people?")
    take("move", "main section.panel")
    page.get_by_role("button", name="Yes, move it and tell 3 people").click()
    expect(page.get_by_role("status").first).to_contain_text("moved")
    for person in told:
        mail = service.email(person.email, "A new time")
        assert "The team is on leave that week." in mail.text


def written(page: Page, service: Service, reader: Person, waiting: Person, take: Take) -> None:
    choose(page, "Message")
    page.get_by_label("Subject").fill("Where to park")
    page.get_by_label("Message", exact=False).last.fill("Behind the house, *not* in front.")
    page.get_by_role("button", name="Look at it before sending").click()
    heading(page, "Send this to 2 people?")
    take("message", "main section.panel")
    page.get_by_role("button", name="Send it to 2 people").click()
    expect(page.get_by_role("status").first).to_contain_text("on its way")
    assert "Behind the house" in service.email(reader.email, "Where to park").text
    assert not [one for one in service.emails(waiting.email) if "Where to park" in one.subject]


def moved_up(page: Page, service: Service, person: Person, take: Take) -> None:
    choose(page, "People")
    take("people", ".tools")
    page.get_by_role("link", name=person.name).click()
    page.get_by_text("Move up: give them a place now").click()
    page.get_by_label("Reason").fill("He presents the board.")
    page.get_by_role("button", name="Give them a place").click()
    expect(page.get_by_text("Extra place", exact=True)).to_be_visible()
    service.email(person.email, "A place for you")


def attended(page: Page, visit_id: str, service: Service, take: Take) -> None:
    choose(page, "Attendance")
    for name, word in (("Ada Okafor", "Attended"), ("Bea Lindqvist", "Missed")):
        button = page.get_by_role("button", name=f"{word}: {name}")
        button.click()
        expect(page.get_by_role("button", name=f"{word}: {name}")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#attendance-count")).to_have_text("1 attended, 1 missed, 1 not marked")
    take("attendance", "#attendance-count")
    page.get_by_role("link", name="Settle who came").click()
    heading(page, "1 person becomes “missed”")
    page.get_by_role("button", name="Settle, and mark 1 person as missed").click()
    expect(page.locator("#attendance-count")).to_have_text("1 attended, 2 missed, 0 not marked")
    choose(page, "Statistics")
    heading(page, "Registrations over time")
    attendance = page.get_by_role("img", name="Attendance")
    expect(attendance.locator("desc")).to_have_text("Attended: 1; Missed: 2; Not marked: 0")
    take("statistics", ".plots")


def shared(page: Page, service: Service, visit_id: str, take: Take) -> None:
    choose(page, "Share")
    page.get_by_label("Recording").fill("https://video.example.org/ward")
    page.get_by_label("Title").first.fill("The board, as a template")
    page.get_by_label("Web address").first.fill("https://files.example.org/board.pdf")
    take("share", "main form.panel")
    page.get_by_role("button", name="Share", exact=True).click()
    expect(page.get_by_role("status").first).to_contain_text("public page")
    visit = service.get(f"{service.api}/visits/{visit_id}").json
    assert visit["resources"] == [{"title": "The board, as a template", "url": "https://files.example.org/board.pdf"}]


def test_a_visit_is_copied_and_called_off(visitor: OpenPage, service: Service) -> None:
    visit_id, person = service.a_visit(), a_person()
    service.register(visit_id, person)
    page = visitor()
    open_as(page, people.ORGANISER, f"/organise/visits/{visit_id}")
    page.get_by_role("link", name="Copy").click()
    page.get_by_role("button", name="Make the copy").click()
    heading(page, "Before you publish")
    assert visit_id_in(page) != visit_id
    page.goto(f"/organise/visits/{visit_id}")
    page.get_by_role("link", name="Call it off").click()
    page.get_by_label("What you want to add").fill("The host is ill.")
    page.get_by_role("button", name="Look at it before it is done").click()
    page.get_by_role("button", name="Yes, call it off and tell 1 person").click()
    expect(page.get_by_role("status").first).to_contain_text("called off")
    assert "The host is ill." in service.email(person.email, "This visit is cancelled").text


# --- two at once -----------------------------------------------------------------------------------------------------


def test_two_organisers_edit_at_once_and_the_second_loses_nothing(
    visitor: OpenPage, service: Service, picture: Picture
) -> None:
    visit_id = service.a_visit(questions=QUESTIONS)
    first, second = visitor(), visitor(viewport={"width": 820, "height": 640}, reduced_motion="reduce")
    other = a_user(service, "organisers")
    edit = f"/organise/visits/{visit_id}/edit"
    open_as(first, people.ORGANISER, edit)
    open_as(second, other, edit)
    first.get_by_label("Title").fill("The first organiser’s title")
    first.get_by_label("Summary").fill("The first organiser’s summary")
    second.get_by_label("Title").fill("The second organiser’s title")
    second.get_by_label("Places", exact=True).fill("13")
    first.get_by_role("button", name="Save", exact=True).click()
    expect(first.get_by_role("status")).to_contain_text("saved")
    second.get_by_role("button", name="Save", exact=True).click()
    heading(second, f"{people.ORGANISER.name} changed this visit while you were writing")
    picture(second, "two-at-once", ".summary")
    expect(second.locator("[data-error-summary]").first).to_contain_text("The first organiser’s title")
    expect(second.get_by_label("Title")).to_have_value("The second organiser’s title")
    expect(second.get_by_label("Summary")).to_have_value("The first organiser’s summary")
    second.get_by_role("button", name="Save", exact=True).click()
    heading(second, "Before the number of places is saved")
    second.get_by_role("button", name="Save", exact=True).click()
    expect(second.get_by_role("status")).to_contain_text("saved")
    visit = service.organise("GET", f"/visits/{visit_id}")
    assert (visit["title"], visit["summary"], visit["capacity"]) == (
        "The second organiser’s title",
        "The first organiser’s summary",
        13,
    )


# --- what the script saves a reload for ------------------------------------------------------------------------------


def test_people_are_found_as_one_types_and_marked_without_leaving_the_page(visitor: OpenPage, service: Service) -> None:
    visit_id = service.a_visit()
    for name in ("Ada Okafor", "Bea Lindqvist"):
        service.register(visit_id, a_person(name))
    page = visitor(viewport={"width": 360, "height": 740})
    open_as(page, people.ORGANISER, f"/organise/visits/{visit_id}/people")
    page.evaluate("window.here = true")
    page.get_by_role("searchbox").press_sequentially("lindq")
    expect(page.get_by_role("link", name="Ada Okafor")).to_have_count(0)
    expect(page.get_by_role("link", name="Bea Lindqvist")).to_be_visible()
    assert page.evaluate("window.here")
    page.goto(f"/organise/visits/{visit_id}/attendance")
    page.evaluate("window.here = true")
    page.get_by_role("button", name="Attended: Bea Lindqvist").click()
    expect(page.locator("#attendance-count")).to_have_text("1 attended, 0 missed, 1 not marked")
    expect(page.get_by_role("button", name="Attended: Bea Lindqvist")).to_be_focused()
    # Until htmx has settled what it put in, a press is the plain form's: right too, but with a new page.
    expect(page.locator(".htmx-request, .htmx-swapping, .htmx-settling, .htmx-added")).to_have_count(0)
    page.keyboard.press("Enter")
    expect(page.locator("#attendance-count")).to_have_text("0 attended, 0 missed, 2 not marked")
    assert page.evaluate("window.here")


def test_enter_in_a_field_saves_and_moves_no_question(visitor: OpenPage, service: Service) -> None:
    draft = service.a_draft(questions=QUESTIONS)
    page = visitor()
    open_as(page, people.ORGANISER, f"/organise/visits/{draft['visit_id']}/edit")
    page.get_by_label("Title").fill("By the keyboard alone")
    page.get_by_label("Title").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("saved")
    heading(page, "By the keyboard alone")


# --- times -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("starts", "in_london", "in_new_york"),
    [
        ("2027-01-12T14:00", "14:00 to 16:00 GMT (London)", "09:00 to 11:00 your time"),
        ("2027-03-20T14:00", "14:00 to 16:00 GMT (London)", "10:00 to 12:00 your time"),  # America changed, Britain not
        ("2027-03-30T14:00", "14:00 to 16:00 BST (London)", "09:00 to 11:00 your time"),
        ("2027-10-30T14:00", "14:00 to 16:00 BST (London)", "09:00 to 11:00 your time"),
        ("2027-11-03T14:00", "14:00 to 16:00 GMT (London)", "10:00 to 12:00 your time"),  # Britain changed, America not
        ("2027-11-10T14:00", "14:00 to 16:00 GMT (London)", "09:00 to 11:00 your time"),
    ],
)
def test_a_visit_in_london_is_shown_right_in_new_york_across_both_clock_changes(
    visitor: OpenPage, service: Service, starts: str, in_london: str, in_new_york: str
) -> None:
    page = visitor(timezone_id="America/New_York")
    open_as(page, people.ORGANISER, "/organise/new")
    page.get_by_label("Title").fill("Across the clocks")
    page.get_by_label("Host").fill("Riverside Hospital")
    page.get_by_label("Description", exact=True).fill("Words.")
    page.get_by_label("Start").fill(starts)
    page.get_by_label("End", exact=False).first.fill(starts.replace("T14", "T16"))
    page.get_by_role("button", name="Save as a draft", exact=True).click()
    page.get_by_role("button", name="Publish").click()
    for path in (page.url, f"/visits/{visit_id_in(page)}"):
        page.goto(path)
        expect(page.locator("main")).to_contain_text(in_london)
        expect(page.locator(".your-time").first).to_have_text(in_new_york)


def test_a_time_the_clock_shows_twice_is_chosen_and_one_it_skips_refused(visitor: OpenPage, service: Service) -> None:
    draft = service.a_draft()
    page = visitor()
    open_as(page, people.ORGANISER, f"/organise/visits/{draft['visit_id']}/edit")
    page.get_by_label("Start").fill("2027-03-28T01:30")
    page.get_by_label("End", exact=False).first.fill("2027-10-31T03:00")
    save = page.get_by_role("button", name="Save", exact=True)
    save.click()
    expect(page.locator("[data-error-summary]")).to_contain_text("there is no 01:30")
    page.get_by_label("Start").fill("2027-10-31T01:30")
    save.click()
    page.get_by_label("01:30 GMT, an hour later").check()
    save.click()
    expect(page.get_by_role("status")).to_contain_text("saved")
    visit = service.organise("GET", f"/visits/{draft['visit_id']}")
    assert visit["starts_at"] == "2027-10-31T01:30:00+00:00"


# --- everybody -------------------------------------------------------------------------------------------------------


def test_axe_finds_nothing_on_the_organisers_pages_and_nothing_scrolls_sideways(
    browser: Browser, service: Service
) -> None:
    visit_id = service.a_visit(questions=QUESTIONS, capacity=1, format="hybrid", venue="The mill")
    for name in ("Ada Okafor", "Bea Lindqvist"):
        service.register(visit_id, a_person(name), answers={"setting": "Ward"})
    people_of = service.organise("GET", f"/visits/{visit_id}/registrations")["items"]
    home = f"/organise/visits/{visit_id}"
    parts = ("", "/edit", "/people", "/people/add", "/attendance", "/attendance/settle", "/message", "/share")
    more = (
        "/statistics",
        "/reschedule",
        "/cancel",
        "/copy",
        *(f"/people/{one['registration_id']}" for one in people_of),
    )
    context = browser.new_context(base_url=service.base_url, reduced_motion="reduce")
    page = context.new_page()
    open_as(page, people.ORGANISER, "/organise")
    complaints = [
        f"{path}: {one}"
        for path in ("/organise", "/organise?show=drafts", "/organise/new", *(home + part for part in (*parts, *more)))
        for one in looked_at(page, path)
    ]
    context.close()
    assert not complaints


def looked_at(page: Page, path: str) -> list[str]:
    response = page.goto(path)
    assert response
    assert response.status == 200, path
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    page.evaluate(AXE)
    found = []
    for width, scheme in (LOOKS[0], LOOKS[3]):
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        found += [f"{width} {scheme}: {one}" for one in violations(page, [*WCAG, "best-practice"])]
    page.set_viewport_size({"width": 320, "height": 800})
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        found.append("320: scrolls sideways")
    return found


def test_what_can_be_pressed_is_large_enough_for_a_thumb(visitor: OpenPage, service: Service) -> None:
    visit_id = service.a_visit()
    service.register(visit_id, a_person("Ada Okafor"))
    page = visitor(viewport={"width": 360, "height": 740})
    open_as(page, people.ORGANISER, f"/organise/visits/{visit_id}/attendance")
    for button in page.get_by_role("button").all():
        box = button.bounding_box()
        assert box, button
        assert box["height"] >= 44, button.inner_text()
