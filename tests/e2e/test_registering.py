"""Registering from end to end, in a real browser against the deployed service: each sentence of it, as people do it."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import OpenPage
from tests.e2e.filling import cancel, fill_in, find_email, look_at, register
from tests.e2e.service import Person, Service, a_person

pytestmark = pytest.mark.stack

QUESTIONS = [
    {"question_id": "hope", "label": "What do you hope for?", "kind": "long_text"},
    {"question_id": "setting", "label": "Where do you work?", "kind": "choice", "choices": ["Ward", "Home"],
     "required": True},
    {"question_id": "topics", "label": "What interests you?", "kind": "choices", "choices": ["Falls", "Food", "Sleep"]},
    {"question_id": "first", "label": "Is it your first visit?", "kind": "yes_no", "required": True},
    {"question_id": "town", "label": "Which town are you from?", "kind": "text"},
]  # fmt: skip

HAVE_A_PLACE = "You have a place"
WAITING = "You are on the waiting list"


def moments(**since_now: timedelta) -> dict[str, str]:
    now = datetime.now(UTC).replace(microsecond=0)
    return {name: (now + after).isoformat() for name, after in since_now.items()}


# --- the whole path --------------------------------------------------------------------------------------------------


def test_found_registered_read_changed_cancelled_and_the_next_in_line_is_told(
    visitor: OpenPage, service: Service
) -> None:
    title = f"The letter room {datetime.now(UTC):%H%M%S%f}"
    visit_id = service.a_visit(title=title, capacity=1, questions=QUESTIONS)
    ada, next_in_line = a_person("Ada Okafor"), a_person("Bea Lindqvist")
    page = visitor()

    # Found on the list, by searching for a word.
    page.goto("/")
    page.get_by_role("searchbox").fill(title)
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name=title).click()
    expect(page.get_by_role("heading", name=title, level=1)).to_be_visible()

    # Registered, with an answer to every kind of question.
    fill_in(page, ada, Organisation="Harbour Trust", Your_role="Physiotherapist", What_do_you_hope_for="One idea.")
    page.get_by_role("group", name="Where do you work?").or_(
        page.get_by_role("radiogroup", name="Where do you work?")
    ).get_by_label("Ward").check()
    page.get_by_label("Falls").check()
    page.get_by_label("Sleep").check()
    page.get_by_label("Yes", exact=True).check()
    page.get_by_label("Which town are you from?").fill("Ely")
    page.get_by_label("Is there anything that would help you take part?").fill("A chair with a back.")
    page.get_by_label("Write to me after the visit").check()
    look_at(page)
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("heading", name=HAVE_A_PLACE)).to_be_visible()
    assert ada.email not in page.url

    service.register(visit_id, next_in_line, answers={"setting": "Home", "first": False})
    assert service.email(next_in_line.email, "You are next in line").calendar is None

    # The email, in the mailbox; and from its link, my place.
    told = service.email(ada.email, HAVE_A_PLACE)
    assert told.subject == f"You have a place: {title}"
    assert told.calendar is not None
    place = find_email(page, ada, told)
    expect(place.get_by_role("heading", name="Your place is confirmed")).to_be_visible()
    expect(place.get_by_label("Organisation")).to_have_value("Harbour Trust")
    expect(place.get_by_label("Ward")).to_be_checked()
    expect(place.get_by_label("Falls")).to_be_checked()
    expect(place.get_by_label("Food")).not_to_be_checked()
    expect(place.get_by_label("Yes", exact=True)).to_be_checked()
    expect(place.get_by_label("Is there anything that would help you take part?")).to_have_value("A chair with a back.")
    expect(place.get_by_label("Write to me after the visit")).to_be_checked()

    # A detail changed.
    place.get_by_label("Your role").fill("Head of physiotherapy")
    place.get_by_label("Food").check()
    place.get_by_label("Write to me after the visit").uncheck()
    place.get_by_role("button", name="Save my details").click()
    expect(place.get_by_text("Your details are saved.")).to_be_visible()
    place.reload()
    expect(place.get_by_label("Your role")).to_have_value("Head of physiotherapy")
    expect(place.get_by_label("Food")).to_be_checked()
    expect(place.get_by_label("Write to me after the visit")).not_to_be_checked()

    # Cancelled; and the next in line has the place, and knows it.
    cancel(place)
    expect(place.get_by_text("Your registration is cancelled.")).to_be_visible()
    expect(place.get_by_role("heading", name="Your place is cancelled")).to_be_visible()
    assert service.email(ada.email, "Your place is cancelled").calendar is not None
    admitted = service.email(next_in_line.email, "A place for you")
    assert "METHOD:REQUEST" in (admitted.calendar or "")
    theirs = find_email(visitor(), next_in_line, admitted)
    expect(theirs.get_by_role("heading", name="Your place is confirmed")).to_be_visible()

    service.nothing_is_under_way(visit_id)
    assert [one.subject.partition(":")[0] for one in service.emails(ada.email)] == [
        HAVE_A_PLACE,
        "Your place is cancelled",
    ]
    assert [one.subject.partition(":")[0] for one in service.emails(next_in_line.email)] == [
        "You are next in line",
        "A place for you",
    ]


def test_the_line_is_shown_to_who_joins_it_who_is_in_it_and_who_looks_on(visitor: OpenPage, service: Service) -> None:
    visit_id = service.a_visit(capacity=1)
    holder, *line = [a_person(name) for name in ("Cy Bright", "Di Castell", "Ed Farrow", "Flo Garner")]
    service.register(visit_id, holder)
    page = visitor()
    for position, person in enumerate(line, start=1):
        register(page, visit_id, person)
        expect(page.get_by_role("heading", name=WAITING)).to_be_visible()
        expect(page.locator(".outcome")).to_contain_text(f"number {position} in line")
    assert service.get(f"{service.api}/visits/{visit_id}").json["waiting"] == len(line)

    # The second leaves: the third moves up, the first stays first.
    second = visitor()
    second.goto(service.email(line[1].email, "You are number 2 in line").link("places"))
    expect(second.get_by_role("heading", name="You are number 2 in line")).to_be_visible()
    cancel(second, "Yes, leave the waiting list")
    expect(second.get_by_role("heading", name="Your place is cancelled")).to_be_visible()
    assert service.email(line[1].email, "You have left the line").calendar is None
    for person, position in ((line[0], 1), (line[2], 2)):
        token = service.place_token(person)
        assert service.get(f"{service.api}/registrations/{token}").json["position"] == position


# --- ways to use it --------------------------------------------------------------------------------------------------


def test_everything_works_without_javascript(visitor: OpenPage, service: Service) -> None:
    title = f"Plain pages {datetime.now(UTC):%H%M%S%f}"
    visit_id = service.a_visit(title=title, questions=QUESTIONS)
    person = a_person("Gil Hartley")
    page = visitor(java_script_enabled=False)
    page.goto(f"/?q={quote(title)}")
    page.get_by_role("link", name=title, exact=True).click()
    # The page's clock stands still without scripts: type at a person's speed instead.
    page.get_by_label("Your name").press_sequentially(person.name, delay=60)
    page.get_by_label("Email address").press_sequentially(person.email, delay=25)
    page.get_by_label("Home").check()
    page.get_by_label("No", exact=True).check()
    page.get_by_role("button", name="Register").dblclick()  # nothing but the server keeps these two apart
    expect(page.get_by_role("heading", name=HAVE_A_PLACE)).to_be_visible()
    place = find_email(page, person, service.email(person.email, HAVE_A_PLACE))
    place.get_by_label("Organisation").fill("Somewhere new")
    place.get_by_role("button", name="Save my details").click()
    expect(place.get_by_text("Your details are saved.")).to_be_visible()
    expect(place.get_by_label("Organisation")).to_have_value("Somewhere new")
    cancel(place)
    expect(place.get_by_role("heading", name="Your place is cancelled")).to_be_visible()
    service.email(person.email, "Your place is cancelled")
    service.nothing_is_under_way(visit_id)
    assert len(service.emails(person.email)) == 2


def test_everything_can_be_reached_seen_and_done_with_the_keyboard_alone(visitor: OpenPage, service: Service) -> None:
    title = f"Keys only {datetime.now(UTC):%H%M%S%f}"
    visit_id = service.a_visit(title=title, questions=QUESTIONS)
    person = a_person("Hal Imrie")
    page = visitor()
    page.goto(f"/?q={quote(title)}")
    tab_to(page, f"a[href='/visits/{visit_id}']")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/visits/{visit_id}")
    tab_to(page, "[name=name]")
    page.keyboard.type(person.name)
    tab_to(page, "[name=email]")
    page.keyboard.type(person.email)
    tab_to(page, "[name='answers.setting']")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    tab_to(page, "[name='answers.topics']")
    page.keyboard.press("Space")
    tab_to(page, "[name='answers.first']")
    page.keyboard.press("Space")
    tab_to(page, "#register button")
    look_at(page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=HAVE_A_PLACE)).to_be_visible()

    page.goto(service.email(person.email, HAVE_A_PLACE).link("places"))
    expect(page.get_by_label("Home")).to_be_checked()
    expect(page.get_by_label("Falls")).to_be_checked()
    tab_to(page, "#leave summary")
    page.keyboard.press("Enter")
    tab_to(page, "#leave button")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Your place is cancelled")).to_be_visible()


def tab_to(page: Page, wanted: str) -> None:
    """Press Tab until the wanted element has the focus; at every stop on the way the focus must be seen."""
    for _ in range(40):
        page.keyboard.press("Tab")
        arrived, seen, what = page.evaluate(
            """wanted => {
                const one = document.activeElement;
                const ringed = style => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
                const seen = [null, "::after"].some(part => ringed(getComputedStyle(one, part)));
                return [one.matches(wanted), seen, one.outerHTML.slice(0, 120)];
            }""",
            wanted,
        )
        assert seen, f"nobody sees that this has the focus: {what}"
        if arrived:
            return
    pytest.fail(f"{wanted} cannot be reached with the Tab key")


def test_a_phone_shows_all_of_it_in_sizes_for_thumbs(visitor: OpenPage, service: Service) -> None:
    visit_id = service.a_visit(
        title="Donaudampfschifffahrtsgesellschaftskapitänsmützen, explained", questions=QUESTIONS
    )
    person = a_person("Ivo Jansen")
    page = visitor(viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True, device_scale_factor=2)
    page.goto(f"/visits/{visit_id}")
    fits_a_phone(page)
    page.get_by_role("link", name="Register", exact=True).tap()
    page.get_by_label("Your name").tap()
    fill_in(page, person)
    page.get_by_label("Ward").tap()
    page.get_by_label("Yes", exact=True).tap()
    look_at(page)
    page.get_by_role("button", name="Register").tap()
    expect(page.get_by_role("heading", name=HAVE_A_PLACE)).to_be_visible()
    fits_a_phone(page)
    page.goto(service.email(person.email, HAVE_A_PLACE).link("places"))
    fits_a_phone(page)
    # Where I stand is the first thing a phone shows.
    assert page.get_by_role("heading", name="Your place is confirmed").bounding_box()["y"] < 740  # type: ignore[index]


def fits_a_phone(page: Page) -> None:
    """Nothing scrolls sideways, text fields do not make a phone zoom in, and what is pressed is big enough (2.5.8)."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    small_text = """[...document.querySelectorAll("input, textarea")]
        .filter(one => parseFloat(getComputedStyle(one).fontSize) < 16).map(one => one.outerHTML)"""
    assert page.evaluate(small_text) == []
    # A box or a button in a label is pressed by its label.
    small = """[...document.querySelectorAll("button, input:not([type=hidden]), summary, label.option, .button")]
        .filter(one => one.checkVisibility() && !one.closest(".unseen") && !one.matches("label input"))
        .filter(one => { const box = one.getBoundingClientRect(); return Math.min(box.width, box.height) < 24; })
        .map(one => one.outerHTML.slice(0, 120))"""
    assert page.evaluate(small) == []


# --- times -----------------------------------------------------------------------------------------------------------


def test_times_are_in_the_visits_zone_and_in_the_readers(visitor: OpenPage, service: Service) -> None:
    visit_id = service.a_visit(starts_at="2031-12-09T14:00:00+00:00", ends_at="2031-12-09T16:30:00+00:00")
    page = visitor(timezone_id="America/New_York")
    page.goto(f"/visits/{visit_id}")
    when = page.locator(".facts time").first
    expect(when).to_have_text("Tuesday 9 December 2031, 14:00 to 16:30 GMT (London)")
    expect(page.locator(".facts .your-time")).to_have_text("09:00 to 11:30 your time")
    expect(page.locator("input[name=timezone]")).to_have_value("America/New_York")


def test_a_visit_in_the_night_of_the_october_clock_change_is_shown_at_the_right_hours(
    visitor: OpenPage, service: Service
) -> None:
    # On 26 October 2031 clocks in London go from 02:00 BST back to 01:00 GMT.
    visit_id = service.a_visit(starts_at="2031-10-26T00:30:00+01:00", ends_at="2031-10-26T02:30:00+00:00")
    page = visitor(timezone_id="Asia/Tokyo")
    page.goto(f"/visits/{visit_id}")
    expect(page.locator(".facts time").first).to_have_text("Sunday 26 October 2031, 00:30 BST to 02:30 GMT (London)")
    expect(page.locator(".facts .your-time")).to_have_text("08:30 to 11:30 your time")


# --- sent twice, sent wrongly ----------------------------------------------------------------------------------------


def test_double_click_reload_and_back_register_once_and_send_one_email(visitor: OpenPage, service: Service) -> None:
    visit_id = service.a_visit(capacity=5)
    person = a_person("Jo Kerrigan")
    page = visitor()
    page.goto(f"/visits/{visit_id}")
    fill_in(page, person)
    look_at(page)
    page.get_by_role("button", name="Register").dblclick()
    expect(page.get_by_role("heading", name=HAVE_A_PLACE)).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name=HAVE_A_PLACE)).to_be_visible()
    page.go_back()
    expect(page.get_by_label("Your name")).to_be_visible()
    fill_in(page, person)  # what a browser that kept nothing makes them do
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("heading", name=HAVE_A_PLACE)).to_be_visible()

    service.email(person.email, HAVE_A_PLACE)
    service.nothing_is_under_way(visit_id)
    assert len(service.emails(person.email)) == 1
    assert service.get(f"{service.api}/visits/{visit_id}").json["seats_left"] == 4


def test_registering_again_changes_nothing_and_sends_the_link_once_more(visitor: OpenPage, service: Service) -> None:
    visit_id = service.a_visit(capacity=2)
    person, other = a_person("Kay Lomax"), a_person("Lou Mercer")
    service.register(visit_id, person, organisation="The first")
    service.register(visit_id, other)
    page = visitor()
    register(page, visit_id, person, Organisation="The second")
    # As a newcomer is answered now: whoever types an address learns nothing about it.
    expect(page.get_by_role("heading", name=WAITING)).to_be_visible()
    again = service.email(person.email, "You have a place already")
    page.goto(again.link("places"))
    expect(page.get_by_role("heading", name="Your place is confirmed")).to_be_visible()
    expect(page.get_by_label("Organisation")).to_have_value("The first")
    assert service.get(f"{service.api}/visits/{visit_id}").json["waiting"] == 0


def test_errors_keep_everything_that_was_typed_and_lead_to_their_fields(visitor: OpenPage, service: Service) -> None:
    visit_id = service.a_visit(questions=QUESTIONS)
    person = Person("", "somebody at example.org")
    page = visitor()
    page.goto(f"/visits/{visit_id}")
    fill_in(page, person, Organisation="Ward 7 & “friends” <7>", What_do_you_hope_for="Two lines,\nboth kept.")
    page.get_by_label("Falls").check()
    page.get_by_label("Food").check()
    page.get_by_label("Introduce me").check()
    look_at(page)
    page.get_by_role("button", name="Register").click()

    summary = page.locator("[data-error-summary]")
    expect(summary).to_be_focused()
    assert page.title().startswith("Error: ")
    fields = {"Your name": "#field-name", "Email address": "#field-email", "Where do": "#field-answers-setting"}
    links = summary.get_by_role("link")
    targets = [links.nth(n).get_attribute("href") for n in range(links.count())]
    assert targets == [*fields.values(), "#field-answers-first"]
    for target in targets:
        summary.locator(f"a[href='{target}']").click()
        expect(page.locator(str(target))).to_be_focused()
    invalid = page.get_by_label("Email address")
    expect(invalid).to_have_attribute("aria-invalid", "true")
    described = str(invalid.get_attribute("aria-describedby"))
    expect(page.locator(f"[id='{described}']")).to_be_visible()

    expect(page.get_by_label("Email address")).to_have_value("somebody at example.org")
    expect(page.get_by_label("Organisation")).to_have_value("Ward 7 & “friends” <7>")
    expect(page.get_by_label("What do you hope for?")).to_have_value("Two lines,\nboth kept.")
    expect(page.get_by_label("Falls")).to_be_checked()
    expect(page.get_by_label("Food")).to_be_checked()
    expect(page.get_by_label("Sleep")).not_to_be_checked()
    expect(page.get_by_label("Introduce me")).to_be_checked()

    better = a_person("Max Norris")
    fill_in(page, better)
    page.get_by_label("Home").check()
    page.get_by_label("No", exact=True).check()
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("heading", name=HAVE_A_PLACE)).to_be_visible()
    place = service.get(f"{service.api}/registrations/{service.place_token(better)}").json
    assert place["organisation"] == "Ward 7 & “friends” <7>"
    assert place["answers"] == {
        "hope": "Two lines,\nboth kept.",
        "setting": "Home",
        "topics": ["Falls", "Food"],
        "first": False,
    }
    assert place["consents"] == {"follow_ups": False, "introductions": True}


def test_what_programs_do_is_asked_to_try_again_and_loses_nothing(visitor: OpenPage, service: Service) -> None:
    visit_id = service.a_visit()
    person = a_person("Nat Obi")
    page = visitor()
    page.goto(f"/visits/{visit_id}")
    page.evaluate(  # at once, as a program does it
        """([name, email]) => {
            const form = document.querySelector("#register form");
            form.elements.name.value = name; form.elements.email.value = email; form.elements.website.value = "x";
            form.submit();
        }""",
        [person.name, person.email],
    )
    expect(page.locator("[data-error-summary]")).to_be_visible()
    expect(page.get_by_label("Email address")).to_have_value(person.email)
    look_at(page)
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("heading", name=HAVE_A_PLACE)).to_be_visible()


# --- no registration here --------------------------------------------------------------------------------------------


def a_full_visit(service: Service) -> str:
    visit_id = service.a_visit(capacity=1, waitlist="off")
    service.register(visit_id, a_person())
    return visit_id


def a_cancelled_visit(service: Service) -> str:
    visit_id = service.a_visit()
    service.cancel_visit(visit_id)
    return visit_id


NO_FORM: dict[str, tuple[Callable[[Service], str], str, str]] = {
    "full without a waiting list": (a_full_visit, "This visit is full", "visit-full"),
    "not open yet": (
        lambda service: service.a_visit(**moments(registration_opens_at=timedelta(days=3))),
        "Registration is not open yet",
        "registration-closed",
    ),
    "closed": (
        lambda service: service.a_visit(
            **moments(registration_opens_at=timedelta(days=-3), registration_closes_at=timedelta(minutes=-5))
        ),
        "Registration is closed",
        "registration-closed",
    ),
    "cancelled": (a_cancelled_visit, "This visit is cancelled", "registration-closed"),
    "over": (
        lambda service: service.a_visit(**moments(starts_at=timedelta(days=-2), ends_at=timedelta(days=-1))),
        "This visit has taken place",
        "registration-closed",
    ),
}


@pytest.mark.parametrize("state", NO_FORM)
def test_where_nobody_can_register_the_page_says_so_and_so_does_the_api(
    visitor: OpenPage, service: Service, state: str
) -> None:
    make, heading, kind = NO_FORM[state]
    visit_id = make(service)
    page = visitor()
    page.goto(f"/visits/{visit_id}")
    expect(page.get_by_role("heading", name=heading)).to_be_visible()
    assert page.locator("#register form").count() == 0
    person = a_person()
    answer = service.ask(
        "POST", f"{service.api}/visits/{visit_id}/registrations", {"name": person.name, "email": person.email}
    )
    assert answer.status == 409
    assert answer.problem["type"] == f"/problems/{kind}"


def test_a_visit_that_fills_up_while_its_form_is_open_says_so_on_a_clear_page(
    visitor: OpenPage, service: Service
) -> None:
    visit_id = service.a_visit(capacity=1, waitlist="off")
    page = visitor()
    page.goto(f"/visits/{visit_id}")
    fill_in(page, a_person())
    service.register(visit_id, a_person())
    look_at(page)
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("heading", name="This visit is full")).to_be_visible()
    expect(page.get_by_role("link", name="See the coming visits")).to_be_visible()


@pytest.mark.parametrize("path", ["/visits/no-such-visit", "/visits/No_Such", "/no/such/page", "/assets/site.css"])
def test_what_does_not_exist_is_a_page_that_helps_on(visitor: OpenPage, path: str) -> None:
    page = visitor()
    response = page.goto(path)
    assert response
    assert response.status == 404
    expect(page.get_by_role("heading", name="We cannot find that page")).to_be_visible()
    page.get_by_role("link", name="See the coming visits").click()
    expect(page.get_by_role("heading", name="Coming visits")).to_be_visible()


# --- my place --------------------------------------------------------------------------------------------------------


def test_a_new_address_takes_effect_when_it_confirms_and_the_old_one_can_undo_it(
    visitor: OpenPage, service: Service
) -> None:
    visit_id = service.a_visit()
    old, new = a_person("Pia Quist"), a_person("Pia Quist")
    service.register(visit_id, old)
    page = visitor()
    place_link = service.email(old.email, HAVE_A_PLACE).link("places")
    page.goto(place_link)
    page.get_by_label("Email address").fill(new.email)
    page.get_by_role("button", name="Save my details").click()
    expect(page.get_by_text("Almost done: we have sent a link to your new address.")).to_be_visible()
    expect(page.get_by_label("Email address")).to_have_value(old.email)

    confirm = service.email(new.email, "Is this your new email address?").link("addresses")
    page.goto(confirm)
    expect(page.get_by_role("heading", name="Confirm your new address")).to_be_visible()
    assert address_at(service, place_link) == old.email  # looking changes nothing
    page.get_by_role("button", name="Yes, use this address").click()
    expect(page.get_by_role("heading", name="Your new address is confirmed")).to_be_visible()
    page.get_by_role("link", name="See my place").click()
    expect(page.get_by_label("Email address")).to_have_value(new.email)

    undo = service.email(old.email, "Your email address was changed").link("addresses/undo")
    page.goto(undo)
    expect(page.get_by_role("heading", name="Undo the change of address")).to_be_visible()
    assert address_at(service, place_link) == new.email
    page.get_by_role("button", name="Yes, undo the change").click()
    expect(page.get_by_role("heading", name="The change is undone")).to_be_visible()
    page.get_by_role("link", name="See my place").click()
    expect(page.get_by_label("Email address")).to_have_value(old.email)

    # What was in other hands meanwhile opens nothing any more, and no letter offers a way back.
    for link in (confirm, place_link, f"{service.api}/registrations/{place_link.rpartition('/')[2]}"):
        assert service.get(link).status == 404
    service.nothing_is_under_way(visit_id)
    assert len(service.emails(new.email)) == 1


def address_at(service: Service, place_link: str) -> str:
    return str(service.get(f"{service.api}/registrations/{place_link.rpartition('/')[2]}").json["email"])


def test_who_lost_the_link_gets_it_by_email_and_nobody_else_learns_anything(
    visitor: OpenPage, service: Service
) -> None:
    first, second = service.a_visit(), service.a_visit(capacity=1)
    person, stranger = a_person("Ray Sutter"), a_person("Sia Tan")
    service.register(second, a_person())
    for visit_id in (first, second):
        service.register(visit_id, person)
    page = visitor()
    said = []
    for one in (person, stranger):
        page.goto("/")
        page.get_by_role("link", name="Find my place").click()
        page.get_by_label("Email address").fill(one.email)
        page.get_by_role("button", name="Send me my links").click()
        expect(page.get_by_role("heading", name="Check your email")).to_be_visible()
        said.append(page.locator("main").inner_text())
    assert said[0] == said[1]
    sent = service.email(person.email, "Your visits with")
    links = re.findall(r"http\S+/places/\S+", sent.text)
    assert len(links) == 2
    for link, heading in zip(links, ("Your place is confirmed", "You are number 1 in line"), strict=True):
        page.goto(link)
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
    assert service.emails(stranger.email) == []


@pytest.mark.parametrize("broken", ["cut", "changed", "made up"])
def test_a_broken_link_offers_a_new_one(visitor: OpenPage, service: Service, broken: str) -> None:
    visit_id = service.a_visit()
    person = a_person("Tom Usher")
    service.register(visit_id, person)
    link = service.email(person.email, HAVE_A_PLACE).link("places")
    head, _, token = link.rpartition("/")
    page = visitor()
    answer = page.goto(f"{head}/{ {'cut': token[:-6], 'changed': token[:-1] + '~', 'made up': 'x.y.z'}[broken] }")
    assert answer
    assert answer.status == 404
    expect(page.get_by_role("heading", name="This link no longer works")).to_be_visible()
    page.get_by_label("Email address").fill(person.email)
    page.get_by_role("button", name="Send me my links").click()
    page.goto(service.email(person.email, "Your visits with").link("places"))
    expect(page.get_by_role("heading", name="Your place is confirmed")).to_be_visible()


def test_somebody_who_cancelled_may_register_again_and_joins_at_the_end(visitor: OpenPage, service: Service) -> None:
    visit_id = service.a_visit(capacity=1)
    person, other = a_person("Una Vance"), a_person("Vic Weir")
    service.register(visit_id, person)
    service.register(visit_id, other)
    page = visitor()
    page.goto(service.email(person.email, HAVE_A_PLACE).link("places"))
    cancel(page)
    page.get_by_role("link", name="Register again").click()
    fill_in(page, person)
    look_at(page)
    page.locator("#register form").get_by_role("button").click()
    expect(page.get_by_role("heading", name=WAITING)).to_be_visible()
    expect(page.locator(".outcome")).to_contain_text("number 1 in line")
    service.email(person.email, "You are next in line")
    service.email(other.email, "A place for you")
