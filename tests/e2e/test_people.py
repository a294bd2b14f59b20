"""Organisers and the people of a visit, on the running service: by hand, attendance, exports; and the join link."""

import csv
import io
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import openpyxl
import pytest

from infra.local import tokens
from tests.e2e.conftest import OpenPage
from tests.e2e.service import Answer, Person, Service, a_person

pytestmark = pytest.mark.stack

ROOM = "https://rooms.example.org/j/4711?pwd=sesame"
PERSON_FIELDS = {
    "registration_id", "name", "email", "organisation", "job_role", "access_needs", "answers", "consents", "status",
    "place", "position", "attendance", "extra", "registered_at", "cancelled_at",
}  # fmt: skip


def ask(service: Service, method: str, path: str, body: object = None) -> Answer:
    return service.ask(method, f"{service.api}/organiser{path}", body, token=tokens.ORGANISER.token)


def people(service: Service, visit_id: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = service.organise("GET", f"/visits/{visit_id}/registrations")["items"]
    return items


def soon(service: Service, **fields: object) -> str:
    """A visit that begins in ten minutes, so that its room is open."""
    starts_at = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=10)
    times = {"starts_at": starts_at.isoformat(), "ends_at": (starts_at + timedelta(hours=2)).isoformat()}
    return service.a_visit(**{"room_url": ROOM, **times, **fields})


def test_somebody_added_by_hand_and_somebody_moved_up_are_told_of_their_place(service: Service) -> None:
    visit_id = service.a_visit(capacity=1, waitlist="automatic")
    first, second, third, guest = (a_person(f"Ines {word}") for word in ("One", "Two", "Three", "Guest"))
    for person in (first, second, third):
        service.register(visit_id, person)
    added = ask(service, "POST", f"/visits/{visit_id}/registrations", {"name": guest.name, "email": guest.email})
    assert added.status == 201
    assert added.json.keys() == PERSON_FIELDS
    assert (added.json["extra"], added.json["place"], added.json["status"]) == (True, None, "confirmed")
    again = ask(service, "POST", f"/visits/{visit_id}/registrations", {"name": guest.name, "email": guest.email})
    assert (again.status, again.problem["type"]) == (409, "/problems/already-registered")
    assert service.email(guest.email, "You have a place").calendar

    waiting = people(service, visit_id)[2]
    path = f"/visits/{visit_id}/registrations/{waiting['registration_id']}"
    assert ask(service, "POST", f"{path}/move-up", {}).fields == {"reason"}
    old_link = service.place_token(third, "in line")
    moved = ask(service, "POST", f"{path}/move-up", {"reason": "She speaks at the visit."})
    assert (moved.status, moved.json["status"], moved.json["extra"]) == (200, "confirmed", True)
    assert service.email(third.email, "A place for you").calendar
    mine = service.get(f"{service.api}/registrations/{old_link}").json
    assert (mine["status"], mine["registration_id"]) == ("confirmed", waiting["registration_id"])
    assert [(one["status"], one["position"]) for one in people(service, visit_id)] == [
        ("confirmed", None), ("waiting", 1), ("confirmed", None), ("confirmed", None),
    ]  # fmt: skip


def test_a_registration_is_put_right_its_link_sent_again_and_cancelled(service: Service) -> None:
    visit_id = service.a_visit()
    person, other = a_person(), a_person()
    service.register(visit_id, person)
    [registered] = people(service, visit_id)
    path = f"/visits/{visit_id}/registrations/{registered['registration_id']}"
    service.place_token(person)
    corrected = ask(service, "PATCH", path, {"name": "Inès Halloran", "organisation": "Elm House"})
    assert (corrected.status, corrected.json["name"]) == (200, "Inès Halloran")
    moving = ask(service, "PATCH", path, {"email": other.email})
    assert (moving.status, moving.json["email"]) == (202, person.email)
    confirm = service.email(other.email, "Is this your new email address?").link("addresses")
    assert service.ask("POST", confirm, b"").status == 200
    assert people(service, visit_id)[0]["email"] == other.email
    assert ask(service, "POST", f"{path}/resend").status == 202
    assert service.email(other.email, "You have a place")
    assert ask(service, "DELETE", path).status == 204
    told = service.email(other.email, "cancelled")
    assert "The organisers of this visit have cancelled your place" in " ".join(told.text.split())
    for method, rest in (("PATCH", ""), ("POST", "/move-up"), ("POST", "/resend")):
        body = {"reason": "x"} if rest == "/move-up" else {"name": "x"} if method == "PATCH" else None
        assert ask(service, method, f"{path}{rest}", body).status == 409, rest
    elsewhere = service.a_visit()
    assert ask(service, "DELETE", path.replace(visit_id, elsewhere)).status == 404


def test_exports_are_read_by_other_programs_and_run_nothing(service: Service) -> None:
    visit_id = service.a_visit(
        questions=[{"question_id": "hope", "label": "What do you hope for?", "kind": "long_text"}]
    )
    person = a_person()
    service.register(
        visit_id, person, organisation="=1+1", access_needs="A hearing loop", answers={"hope": "Calm;\n“quiet”, too"}
    )
    answer = ask(service, "GET", f"/visits/{visit_id}/registrations.csv")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert visit_id in answer.headers["Content-Disposition"]
    [row] = csv.DictReader(io.StringIO(answer.body.decode("utf-8-sig"), newline=""))
    assert (row["Email"], row["Organisation"], row["Access needs"]) == (person.email, "'=1+1", "A hearing loop")
    assert row["What do you hope for?"] == "Calm;\n“quiet”, too"
    answer = ask(service, "GET", f"/visits/{visit_id}/registrations.xlsx")
    assert answer.status == 200
    [sheet] = openpyxl.load_workbook(io.BytesIO(answer.body)).worksheets
    titles, values = sheet.iter_rows()
    cells = {str(title.value): cell for title, cell in zip(titles, values, strict=True)}
    assert (cells["Organisation"].value, cells["Organisation"].data_type) == ("=1+1", "s")
    assert cells["What do you hope for?"].value == "Calm;\n“quiet”, too"


def test_attendance_is_marked_and_settled_and_shows_in_the_figures(service: Service) -> None:
    visit_id = service.a_visit()
    for number in range(3):
        service.register(visit_id, a_person(f"Ines {'ABC'[number]}"))
    ids = [one["registration_id"] for one in people(service, visit_id)]
    marks = [{"registration_id": ids[0], "attendance": "attended"}]
    assert ask(service, "POST", f"/visits/{visit_id}/attendance", marks).json == {"items": marks}
    wrong = [{"registration_id": ids[0], "attendance": "late"}, {"registration_id": "x", "attendance": "missed"}]
    assert ask(service, "POST", f"/visits/{visit_id}/attendance", wrong).fields == {"0.attendance"}
    unknown = [{"registration_id": "x", "attendance": "missed"}]
    assert ask(service, "POST", f"/visits/{visit_id}/attendance", unknown).fields == {"0.registration_id"}
    settled = ask(service, "POST", f"/visits/{visit_id}/attendance/settle")
    assert (settled.status, settled.json) == (200, {"marked": 2, "complete": True})
    figures = ask(service, "GET", f"/visits/{visit_id}/statistics").json
    assert figures["attendance"] == {"attended": 1, "missed": 2, "unknown": 0}
    assert figures["statuses"] == {"confirmed": 3, "waiting": 0, "offered": 0, "cancelled": 0}
    assert [day["total"] for day in figures["by_day"]][-1] == 3


@pytest.fixture
def room() -> Iterator[str]:
    """The address of a room on another origin."""

    class Room(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>Room</title><link rel='icon' href='data:,'><h1>The room</h1>")

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Room) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/j/4711?pwd=sesame"
        server.shutdown()


def test_the_way_from_my_place_into_the_room(service: Service, visitor: OpenPage, room: str) -> None:
    """A browser holds a form to the page's policy also where the answer leads elsewhere: the room is elsewhere."""
    visit_id = soon(service, room_url=room)
    person = a_person()
    service.register(visit_id, person)
    token = service.place_token(person)
    join_url = service.get(f"{service.api}/registrations/{token}").json["join_url"]
    page = visitor(viewport={"width": 360, "height": 740})
    page.goto(f"/places/{token}")
    page.get_by_role("link", name="Join now").click()
    assert page.url == join_url
    assert room not in page.content()
    assert people(service, visit_id)[0]["attendance"] == "unknown"
    page.get_by_role("button", name="Join the visit").click()
    page.get_by_role("heading", name="The room").wait_for()
    assert page.url == room
    assert people(service, visit_id)[0]["attendance"] == "attended"


def test_the_join_link_lets_in_who_has_a_place_and_nobody_else(service: Service) -> None:
    visit_id = soon(service, capacity=1)
    first, second = a_person("Ines One"), a_person("Ines Two")
    service.register(visit_id, first)
    service.register(visit_id, second)
    tokens_of = {person: service.place_token(person, said) for person, said in ((first, "You have"), (second, "line"))}

    def join_url(person: Person) -> str | None:
        url: str | None = service.get(f"{service.api}/registrations/{tokens_of[person]}").json["join_url"]
        return url

    link = join_url(first)
    assert link is not None
    assert join_url(second) is None
    page = service.get(link)
    assert page.status == 200
    assert "rooms.example.org" not in page.text + str(page.headers)
    pressed = service.ask("POST", link, b"")
    assert (pressed.status, pressed.headers["Location"]) == (303, ROOM)
    assert service.ask("DELETE", f"{service.api}/registrations/{tokens_of[first]}").status == 204
    refused = service.ask("POST", link, b"")
    assert (refused.status, refused.headers["Location"]) == (409, None)
    assert join_url(first) is None
    assert join_url(second) is not None
    for path in ("/", f"/visits/{visit_id}", f"/api/v1/visits/{visit_id}", f"/visits/{visit_id}/calendar.ics"):
        assert "rooms.example.org" not in service.get(path).text
