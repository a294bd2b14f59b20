"""axe-core on every page of the running service, in each of its states: light and dark, on a phone and on a desk."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Route

from infra.settings import ROOT
from tests.e2e.service import Person, Service, a_person

pytestmark = pytest.mark.stack

AXE = (ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
RUN = "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']})"
LOOKS = [(360, "light"), (360, "dark"), (1280, "light"), (1280, "dark")]
FEWER_LOOKS = {"API": LOOKS[::3]}
"""Where there is much of the same on a page, axe takes long: each width and each scheme once."""

QUESTIONS = [
    {"question_id": "hope", "label": "What do you hope for?", "kind": "long_text", "help": "A sentence is plenty."},
    {"question_id": "setting", "label": "Where do you work?", "kind": "choice", "choices": ["Ward", "Home"],
     "required": True},
    {"question_id": "topics", "label": "What interests you?", "kind": "choices", "choices": ["Falls", "Food"],
     "required": True},
    {"question_id": "first", "label": "Is it your first visit?", "kind": "yes_no", "required": True},
    {"question_id": "town", "label": "Which town are you from?", "kind": "text", "required": True},
]  # fmt: skip


@dataclass
class World:
    """Visits and people in every state there is, made once."""

    service: Service
    word: str = field(default_factory=lambda: f"quokka{datetime.now(UTC):%H%M%S%f}")
    people: dict[str, Person] = field(default_factory=dict)
    visits: dict[str, str] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    form_token: str = ""

    def make(self) -> None:
        now = datetime.now(UTC).replace(microsecond=0)

        def at(**after: float) -> str:
            return (now + timedelta(**after)).isoformat()

        over: dict[str, object] = {"starts_at": at(days=-9), "ends_at": at(days=-8)}
        make: dict[str, dict[str, object]] = {
            "open": {
                "title": f"Open: {self.word}, Donaudampfschifffahrtsgesellschaft",
                "questions": QUESTIONS,
                "format": "hybrid",
                "venue": "The mill",
            },
            "waitlist": {"title": f"Line: {self.word}", "capacity": 1},
            "full": {"capacity": 1, "waitlist": "off"},
            "not yet": {"registration_opens_at": at(days=2)},
            "closed": {"registration_opens_at": at(days=-2), "registration_closes_at": at(minutes=-1)},
            "cancelled": {},
            "over": over,
            "shared": over | {"title": f"Over: {self.word}"},
        }
        self.visits = {name: self.service.a_visit(**fields) for name, fields in make.items()}
        form = self.service.get(f"/visits/{self.visits['open']}").text
        self.form_token = re.findall(r'name="form_token" value="([^"]+)"', form)[0]
        self._register()
        self.service.cancel_visit(self.visits["cancelled"])
        self._share(self.visits["shared"])

    def _register(self) -> None:
        service = self.service
        for name, visit in (
            ("confirmed", "waitlist"),
            ("waiting", "waitlist"),
            ("left", "full"),
            ("called off", "cancelled"),
            ("moving", "closed again"),
        ):
            person = self.people[name] = a_person()
            self.visits.setdefault("closed again", service.a_visit())
            service.register(self.visits[visit], person)
            self.places[name] = service.email(person.email, "You ").link("places").removeprefix(service.base_url)
        service.ask("DELETE", self._api("left"))
        service.register(self.visits["full"], a_person())
        new = self.people["moved"] = a_person()
        service.ask("PATCH", self._api("moving"), {"email": new.email})
        self.addresses["confirm"] = service.email(new.email, "Is this your new").link("addresses")
        service.ask("POST", self.addresses["confirm"], b"")
        old = self.people["moving"].email
        self.addresses["undo"] = service.email(old, "Your email address was changed").link("addresses/undo")
        again = self.people["again"] = a_person()
        service.ask("PATCH", self._api("moving"), {"email": again.email})
        self.addresses["confirm again"] = service.email(again.email, "Is this your new").link("addresses")

    def _api(self, name: str) -> str:
        return f"{self.service.api}/registrations/{self.places[name].rpartition('/')[2]}"

    def _share(self, visit_id: str) -> None:
        emulator = self.service.stack.emulator
        emulator.session.client("dynamodb", **emulator.connection).update_item(
            TableName=self.service.stack.deployment["VisitsTableName"],
            Key={"pk": {"S": f"visit#{visit_id}"}, "sk": {"S": "visit#details"}},
            UpdateExpression="SET recording_url = :recording, resources = :resources",
            ExpressionAttributeValues={
                ":recording": {"S": "https://video.example.org/mill"},
                ":resources": {"S": json.dumps([{"title": "The letter log", "url": "https://example.org/log"}])},
            },
        )


type Look = tuple[str, dict[str, str] | None]
"""The path of a page, and the form posted to it, if one is."""


def visit(name: str) -> Callable[[World], Look]:
    return lambda world: (f"/visits/{world.visits[name]}", None)


def place(name: str, query: str = "") -> Callable[[World], Look]:
    return lambda world: (world.places[name] + query, None)


def at(path: str, form: dict[str, str] | None = None) -> Callable[[World], Look]:
    return lambda _: (path, form)


STATES: dict[str, tuple[int, str, Callable[[World], Look]]] = {
    "coming visits": (200, "Coming visits", at("/")),
    "coming visits, found": (200, "Coming visits", lambda world: (f"/?q={world.word}", None)),
    "coming visits, page by page": (200, "Coming visits", lambda world: (f"/?q={world.word}&limit=1", None)),
    "coming visits, nothing found": (200, "Coming visits", at("/?q=nobody+wrote+this")),
    "coming visits, none": (200, "Coming visits", at("/?from=2199-01-01")),
    "past visits": (200, "Past visits", lambda world: (f"/?past=true&q={world.word}", None)),
    "past visits, none": (200, "Past visits", at("/?past=true&to=1999-01-01")),
    "visit, open": (200, "Open: quokka", visit("open")),
    "visit, waiting list": (200, "Line: quokka", visit("waitlist")),
    "visit, full": (200, "This visit is full", visit("full")),
    "visit, not open yet": (200, "Registration is not open yet", visit("not yet")),
    "visit, closed": (200, "Registration is closed", visit("closed")),
    "visit, cancelled": (200, "This visit is cancelled", visit("cancelled")),
    "visit, over": (200, "This visit has taken place", visit("over")),
    "visit, over and shared": (200, "Watch it again, take it home", visit("shared")),
    "form, everything wrong": (
        422,
        "A few things need your attention",
        lambda world: (
            f"/visits/{world.visits['open']}/registrations",
            {
                "form_token": world.form_token,
                "name": "",
                "email": "x",
                "access_needs": "y" * 1001,
                "answers.setting": "Moon",
                "answers.topics": "Moon",
            },
        ),
    ),
    "form, too late": (
        409,
        "This visit is full",
        lambda world: (
            f"/visits/{world.visits['full']}/registrations",
            {"form_token": world.form_token, "name": "N", "email": "n@example.org"},
        ),
    ),
    "my place, confirmed": (200, "Your place is confirmed", place("confirmed")),
    "my place, saved": (200, "Your place is confirmed", place("confirmed", "?said=saved")),
    "my place, waiting": (200, "You are number 1 in line", place("waiting")),
    "my place, cancelled": (200, "Your place is cancelled", place("left", "?said=cancelled")),
    "my place, visit cancelled": (200, "This visit is cancelled", place("called off")),
    "my place, something wrong": (
        422,
        "A few things need your attention",
        lambda world: (world.places["confirmed"], {"name": "", "email": "x", "organisation": "y" * 201}),
    ),
    "new address": (200, "Confirm your new address", lambda world: (world.addresses["confirm again"], None)),
    "new address, confirmed": (200, "Your new address is confirmed", lambda world: (world.addresses["confirm"], None)),
    "new address, to undo": (200, "Undo the change of address", lambda world: (world.addresses["undo"], None)),
    "find my place": (200, "Find my place", at("/places")),
    "find my place, wrong": (422, "Something needs your attention", at("/places", {"email": "x"})),
    "find my place, sent": (202, "Check your email", at("/places", {"email": "nobody.at.all@example.org"})),
    "broken link": (404, "This link no longer works", at("/places/broken")),
    "no such page": (404, "We cannot find that page", at("/nowhere")),
    "not that way": (405, "Method not allowed", at("/privacy", {"a": "b"})),
    "privacy": (200, "Privacy", at("/privacy")),
    "accessibility": (200, "Accessibility", at("/accessibility")),
    "API": (200, "API", at("/api/v1/docs")),
    "mailbox": (200, "Mailbox", lambda world: (f"/mailbox?to={quote(world.people['waiting'].email)}", None)),
    "mailbox, nothing": (200, "Mailbox", at("/mailbox?to=nobody.at.all@example.org")),
}


@pytest.fixture(scope="module")
def world(service: Service) -> World:
    world = World(service)
    world.make()
    return world


@pytest.fixture(scope="module")
def reader(browser: Browser, service: Service) -> Iterator[Page]:
    """One page for all: with reduced motion, or a change of colours is looked at half-way."""
    context = browser.new_context(base_url=service.base_url, reduced_motion="reduce")
    context.set_default_timeout(15_000)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing_and_nothing_scrolls_sideways(reader: Page, world: World, state: str) -> None:
    status, heading, where = STATES[state]
    complaints = opened(reader, *where(world), status)
    assert reader.get_by_role("heading", name=re.compile(re.escape(heading))).first.is_visible()
    reader.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    reader.evaluate(AXE)
    for width, scheme in FEWER_LOOKS.get(state, LOOKS):
        reader.set_viewport_size({"width": width, "height": 800})
        reader.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        complaints += [f"{width} {scheme}: {one}" for one in violations(reader, [*WCAG, "best-practice"])]
    reader.set_viewport_size({"width": 320, "height": 800})
    if reader.evaluate("document.documentElement.scrollWidth > innerWidth"):
        complaints.append("320: scrolls sideways")
    assert not complaints


@pytest.mark.parametrize(
    ("who", "subject"),
    [
        ("confirmed", "You have a place"),
        ("waiting", "You are next in line"),
        ("left", "Your place is cancelled"),
        ("moved", "Is this your new email address?"),
        ("moving", "Your email address was changed"),
    ],
)
def test_axe_finds_nothing_in_emails_either(reader: Page, world: World, who: str, subject: str) -> None:
    mail = world.service.email(world.people[who].email, subject)
    reader.goto("about:blank")
    reader.set_viewport_size({"width": 360, "height": 800})
    reader.set_content(mail.document["html"])
    reader.evaluate(AXE)
    assert violations(reader, WCAG) == []
    assert not reader.evaluate("document.documentElement.scrollWidth > innerWidth")


def opened(reader: Page, path: str, form: dict[str, str] | None, status: int) -> list[str]:
    """Open a page, by posting a form where there is one; return what the browser's console complains of."""

    def post(route: Route) -> None:
        headers = {**route.request.headers, "content-type": "application/x-www-form-urlencoded"}
        route.continue_(method="POST", headers=headers, post_data=urlencode(form or {}))

    complaints: list[str] = []

    def listen(said: ConsoleMessage) -> None:
        complaints.append(said.text)

    reader.on("console", listen)
    if form is not None:
        reader.route(lambda url: url.endswith(path), post, times=1)
    response = reader.goto(path)
    reader.remove_listener("console", listen)
    assert response
    assert response.status == status
    # What Chromium says of every answer that is no success.
    return [one for one in complaints if not one.startswith("Failed to load resource: the server responded with")]


def violations(reader: Page, tags: list[str]) -> list[str]:
    found = reader.evaluate(RUN, tags)["violations"]
    return [f"{one['id']}: {[node['html'][:200] for node in one['nodes']]}" for one in found]
