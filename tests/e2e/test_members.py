"""Members and organisers in the browser: my visits, what is held about me, erasing, settings, the audit log."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from infra.local import people
from infra.local.people import User
from kernel import secrets
from kernel.person_key import person_key
from tests.e2e.conftest import OpenPage
from tests.e2e.service import Person, Service, a_person, wait_for
from tests.e2e.test_accessibility import AXE, WCAG, violations

pytestmark = pytest.mark.stack


@dataclass(frozen=True)
class SignedIn:
    """Somebody with an account, a session and a user in the pool."""

    person: Person
    key: str
    cookie: str
    username: str


def key_of(service: Service, email: str) -> str:
    stack = service.stack
    client = stack.emulator.session.client("secretsmanager", **stack.emulator.connection)
    stored = client.get_secret_value(SecretId=stack.deployment["SecretIdName"])["SecretString"]
    return person_key(email, secrets.parse(stored).pepper)


def signed_in(service: Service, *roles: str, name: str = "Ines Halloran") -> SignedIn:
    """Let somebody be signed in, by the rows that signing in writes; they are in the user pool as well."""
    import hashlib

    stack, who = service.stack, a_person(name)
    people.add(stack.emulator, stack.deployment, User(who.email, who.name, "a-long-password", ""))
    cognito = stack.emulator.session.client("cognito-idp", **stack.emulator.connection)
    username = cognito.admin_get_user(UserPoolId=stack.deployment["UserPoolIdName"], Username=who.email)["Username"]
    key, cookie = key_of(service, who.email), uuid4().hex
    session = f"session#{hashlib.sha256(cookie.encode()).hexdigest()}"
    now, ends = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f+0000}", str(int(datetime.now(UTC).timestamp()) + 86400)
    known = {"person": {"S": key}, "email": {"S": who.email}, "name": {"S": who.name}, "created_at": {"S": now}}
    rows = [
        {"pk": {"S": session}, "sk": {"S": "session"}, "roles": {"S": json.dumps(roles)}, "expires_at": {"N": ends}}
        | known,
        {"pk": {"S": f"account#{key}"}, "sk": {"S": session}, "session_pk": {"S": session}, "expires_at": {"N": ends}},
        {"pk": {"S": f"account#{key}"}, "sk": {"S": "account"}, "username": {"S": username}, "signed_in_at": {"S": now}}
        | known,
    ]
    dynamodb = stack.emulator.session.client("dynamodb", **stack.emulator.connection)
    for row in rows:
        dynamodb.put_item(TableName=stack.deployment["AccountsTableName"], Item=row)
    return SignedIn(who, key, cookie, username)


def browse(visitor: OpenPage, service: Service, who: SignedIn, **settings: object) -> Page:
    """Open a browser in which they are signed in, as the cookies that signing in sets have it."""
    page = visitor(**settings)
    # Cookies of this name are for TLS; Chromium takes localhost for as good.
    address = service.base_url.replace("http:", "https:")
    for name, value, http_only in (("__Host-session", who.cookie, True), ("__Host-signed-in", "1", False)):
        page.context.add_cookies(
            [{"name": name, "value": value, "url": address, "httpOnly": http_only, "sameSite": "Lax"}]
        )
    return page


@pytest.fixture(scope="module")
def visits(service: Service) -> Iterator[tuple[str, str]]:
    """A visit with one place, and another one."""
    pair = (service.a_visit(title="A visit with one place", capacity=1), service.a_visit(title="Another visit"))
    yield pair
    for visit_id in pair:
        service.nothing_is_under_way(visit_id)


def test_my_visits_are_listed_and_what_is_held_can_be_taken_home(
    service: Service, visitor: OpenPage, visits: tuple[str, str]
) -> None:
    me = signed_in(service)
    service.register(visits[1], me.person, organisation="Elm House", access_needs="A ramp")
    page = browse(visitor, service, me)
    page.goto("/me")
    expect(page.get_by_role("heading", name="My visits", level=1)).to_be_visible()
    page.get_by_role("link", name="Another visit").click()
    expect(page).to_have_url(re.compile(r"/places/"))
    page.goto("/me")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download it").click()
    document = json.loads(download.value.path().read_text())
    [registration] = document["registrations"]
    assert (registration["name"], registration["access_needs"]) == (me.person.name, "A ramp")
    assert document["account"]["email"] == me.person.email
    assert document["sessions"]


def test_the_form_fills_itself_in_for_whoever_is_signed_in(
    service: Service, visitor: OpenPage, visits: tuple[str, str]
) -> None:
    me = signed_in(service)
    service.register(visits[1], me.person, organisation="Elm House")
    page = browse(visitor, service, me)
    page.goto(f"/visits/{visits[0]}")
    expect(page.get_by_label("Your name")).to_have_value(me.person.name)
    expect(page.get_by_label("Email address")).to_have_value(me.person.email)
    expect(page.get_by_label("Organisation")).to_have_value("Elm House")
    without_script = browse(visitor, service, me, java_script_enabled=False)
    without_script.goto(f"/visits/{visits[0]}?prefill=me")
    expect(without_script.get_by_label("Your name")).to_have_value(me.person.name)
    expect(without_script.get_by_text("Not you?")).to_be_visible()
    page.goto(f"/visits/{visits[0]}?prefill=me")
    page.get_by_role("link", name="Take an empty form").click()
    page.wait_for_load_state("networkidle")
    expect(page.get_by_label("Your name")).to_have_value("")
    stranger = visitor()
    stranger.goto(f"/visits/{visits[0]}")
    expect(stranger.get_by_label("Your name")).to_have_value("")
    expect(stranger.get_by_role("link", name="Sign in and we fill this in")).to_be_visible()


def test_whoever_erases_themselves_is_gone_everywhere_and_the_next_in_line_has_the_place(
    service: Service, visitor: OpenPage
) -> None:
    visit_id = service.a_visit(title="A visit that somebody leaves", capacity=1)
    me, other = signed_in(service, name="Wilhelmina Featherstone"), a_person()
    service.register(visit_id, me.person)
    service.register(visit_id, other)
    service.nothing_is_under_way(visit_id)
    page = browse(visitor, service, me)
    page.goto("/me")
    page.get_by_role("link", name="Erase it").click()
    expect(page.get_by_text("A visit that somebody leaves")).to_be_visible()
    page.get_by_role("button", name="Yes, erase everything about me").click()
    expect(page.get_by_role("heading", name="You are being erased")).to_be_visible()
    assert not [one for one in page.context.cookies() if one["name"].startswith("__Host-")]
    assert service.email(other.email, "A place").text
    wait_for(lambda: not traces(service, me), lambda: f"still held: {traces(service, me)}")
    wait_for(lambda: not in_the_pool(service, me), lambda: "still in the user pool")
    service.nothing_is_under_way(visit_id)
    found = service.organise("POST", "/people/search", {"email": me.person.email})
    assert found["items"] == []


def traces(service: Service, who: SignedIn) -> list[str]:
    """Return which tables still hold somebody's name or address. Tests may scan."""
    stack = service.stack
    dynamodb = stack.emulator.session.client("dynamodb", **stack.emulator.connection)
    held = []
    for name in ("VisitsTableName", "FollowupsTableName", "AccountsTableName"):
        pages = dynamodb.get_paginator("scan").paginate(TableName=stack.deployment[name])
        everything = json.dumps([page["Items"] for page in pages])
        held += [name for word in (who.person.name, who.person.email) if word in everything]
    return held


def in_the_pool(service: Service, who: SignedIn) -> bool:
    stack = service.stack
    cognito = stack.emulator.session.client("cognito-idp", **stack.emulator.connection)
    try:
        cognito.admin_get_user(UserPoolId=stack.deployment["UserPoolIdName"], Username=who.username)
    except cognito.exceptions.UserNotFoundException:
        return False
    return True


def test_an_organiser_finds_and_erases_a_person(service: Service, visitor: OpenPage) -> None:
    visit_id = service.a_visit(title="A visit of somebody who writes in")
    guest, olu = a_person("Percival Oakenshield"), signed_in(service, "organiser", name="Olu Adeyemi")
    service.register(visit_id, guest)
    service.nothing_is_under_way(visit_id)
    page = browse(visitor, service, olu)
    page.goto("/organise/people")
    page.get_by_label("Their email address").fill(guest.email)
    page.get_by_role("button", name="Find").click()
    page.get_by_role("link", name="See what is held").click()
    expect(page.get_by_role("link", name="A visit of somebody who writes in")).to_be_visible()
    page.get_by_role("link", name="Erase this person").click()
    page.get_by_role("button", name="Yes, erase this person").click()
    expect(page.get_by_text("They are being erased.")).to_be_visible()
    erased = SignedIn(guest, key_of(service, guest.email), "", "")
    wait_for(lambda: not traces(service, erased), lambda: f"still held: {traces(service, erased)}")
    page.goto("/organise/audit")
    expect(page.get_by_text("Olu Adeyemi had a person erased").first).to_be_visible()


def test_settings_are_saved_checked_and_shown_to_everybody(service: Service, visitor: OpenPage) -> None:
    olu = signed_in(service, "organiser", name="Olu Adeyemi")
    page = browse(visitor, service, olu)
    before = service.organise("GET", "/settings")
    try:
        page.goto("/organise/settings")
        page.get_by_label("Name of the community").fill("Open Doors")
        page.get_by_label("Colour of links and buttons").fill("#ffcc00")
        page.get_by_role("button", name="Save the settings").click()
        expect(page.get_by_text("Choose a darker shade").first).to_be_visible()
        expect(page.get_by_label("Name of the community")).to_have_value("Open Doors")
        page.get_by_label("Colour of links and buttons").fill("#5b2a86")
        page.get_by_role("button", name="Save the settings").click()
        expect(page.get_by_text("Saved.")).to_be_visible()
        stranger = visitor(color_scheme="light")
        stranger.goto("/privacy")
        expect(stranger.get_by_role("link", name="Open Doors")).to_be_visible()
        colour = stranger.get_by_role("link", name="we can send it again").evaluate(
            "one => getComputedStyle(one).color"
        )
        assert colour == "rgb(91, 42, 134)"
        sheet = stranger.evaluate("[...document.styleSheets].map(one => one.href).find(one => one.includes('/theme-'))")
        assert "immutable" in (service.get(sheet).headers["Cache-Control"] or "")
    finally:
        service.organise("PUT", "/settings", {k: v for k, v in before.items() if k != "version"})


PAGES = ("/me", "/me/erase", "/organise/settings", "/organise/people", "/organise/audit")


@pytest.mark.parametrize("theme", ["#1d6650", "#5b2a86"])
def test_axe_finds_nothing_on_these_pages(service: Service, visitor: OpenPage, theme: str) -> None:
    olu = signed_in(service, "organiser", name="Olu Adeyemi")
    service.register(service.a_visit(), olu.person)
    before = service.organise("GET", "/settings")
    changed = {k: v for k, v in before.items() if k != "version"} | {"colours": {"accent": theme}}
    service.organise("PUT", "/settings", changed)
    try:
        page = browse(visitor, service, olu, reduced_motion="reduce")
        complaints = []
        for path in (*PAGES, f"/organise/people/{olu.key}", f"/organise/people/{olu.key}/erase", "/"):
            page.goto(path)
            page.evaluate(AXE)
            for width, scheme in ((360, "light"), (1280, "dark")):
                page.set_viewport_size({"width": width, "height": 800})
                page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
                complaints += [f"{path} {scheme}: {one}" for one in violations(page, [*WCAG, "best-practice"])]
            page.set_viewport_size({"width": 320, "height": 800})
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                complaints.append(f"{path} scrolls sideways")
        assert not complaints
    finally:
        service.organise("PUT", "/settings", {k: v for k, v in before.items() if k != "version"})
