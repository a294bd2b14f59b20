"""Lambda `visits-people`: what organisers do with who registered, through the API."""

from dataclasses import dataclass
from functools import partial
from typing import Literal

from kernel import access, metrics, secrets, settings
from kernel.errors import (
    AlreadyRegistered,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    NotSignedIn,
    UnsupportedMediaType,
)
from kernel.http import Answer, Edge, Operation, Parameter, file_answer, json_answer, no_content, see_other
from kernel.person_key import person_key
from kernel.problem_page import problem_page
from visits import listing, query, view
from visits.model import Counters, Details, Place

_VISIT = "/api/v1/organiser/visits/<visit_id>"
_REGISTRATIONS = f"{_VISIT}/registrations"


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function needs of its environment."""

    base_url: str
    secret_id: str
    exports_bucket: str
    origin_secret: str
    community_name: str


_SETTINGS = settings.read(Settings)

edge = Edge(
    origin_secret=_SETTINGS.origin_secret,
    problem_page=problem_page(community=_SETTINGS.community_name, base_url=_SETTINGS.base_url),
    who_is=partial(access.actor, base_url=_SETTINGS.base_url),
)
handler = edge.handler

_REFUSED = (NotSignedIn, Forbidden)


@edge.route(
    Operation(
        "GET",
        _REGISTRATIONS,
        "Who registered, in the order of the line",
        "Organising",
        query=(
            Parameter("status", "Only these.", {"enum": ["confirmed", "waiting", "offered", "cancelled"]}),
            Parameter("attendance", "Only these.", {"enum": ["attended", "missed", "unknown"]}),
            Parameter("q", "Text to find in name, address or organisation."),
            Parameter("limit", "How many.", {"type": "integer", "minimum": 1, "maximum": 100, "default": 50}),
            Parameter("cursor", "The `next` of the page before."),
        ),
        answers={200: "visits.contract:People"},
        problems=(*_REFUSED, NotFound, Invalid),
        who="organiser",
    )
)
def list_registrations(visit_id: str) -> Answer:
    """List registrations. Access needs can be health data: the visit's own organisers alone see them."""
    counters, details = _found(visit_id)
    page = listing.people(visit_id, listing.asked_people(edge.request.query))
    positions = listing.positions(page.items, counters)
    sees = edge.actor.email in details.organisers
    items = [
        view.person_json(place, details, position=positions.get(place.number), access_needs=sees)
        for place in page.items
    ]
    return json_answer(200, {"items": items, "next": page.next})


@edge.route(
    Operation(
        "POST",
        _REGISTRATIONS,
        "Add somebody by hand, on an extra place",
        "Organising",
        body="visits.contract:AddedByHand",
        answers={201: "visits.contract:Person"},
        problems=(*_REFUSED, NotFound, Conflict, AlreadyRegistered, Invalid),
        who="organiser",
    )
)
def add_by_hand(visit_id: str) -> Answer:
    """Register somebody whom an organiser names, also when the visit is full or registration is closed."""
    from kernel import fields
    from visits import by_hand
    from visits.contract import AddedByHand
    from visits.register import Registrant

    counters, details = _found(visit_id)
    asked = fields.read(AddedByHand, edge.request.json())
    registrant = Registrant(
        name=asked.name,
        email=asked.email,
        organisation=asked.organisation or "",
        job_role=asked.job_role or "",
        access_needs=asked.access_needs or "",
        answers=asked.answers,
        consents=asked.consents.model_dump(),
        timezone=asked.timezone or "",
    )
    place = by_hand.add(visit_id, _person(asked.email), registrant, actor=edge.actor, now=edge.request.now)
    return _answer(place, counters, details, status=201)


@edge.route(
    Operation(
        "PATCH",
        f"{_REGISTRATIONS}/<registration_id>",
        "Put a registration right",
        "Organising",
        body="visits.contract:Correction",
        answers={200: "visits.contract:Person", 202: "visits.contract:Person"},
        problems=(*_REFUSED, NotFound, Conflict, Invalid),
        who="organiser",
    )
)
def correct(visit_id: str, registration_id: str) -> Answer:
    """Put a registration right; 202 when a new address has to confirm itself first."""
    from kernel import fields
    from visits import on_behalf
    from visits.change import Change
    from visits.contract import Correction

    place, counters, details = _registration(visit_id, registration_id)
    asked = fields.read(Correction, edge.request.json())
    sent = asked.model_dump(include=asked.model_fields_set)
    email = sent.pop("email", None)
    answers = sent.pop("answers", None)
    moves = on_behalf.correct(
        place,
        details,
        Change(fields=sent, answers=answers, email=email),
        new_person=None if email is None else _person(email),
        actor=edge.actor,
        now=edge.request.now,
    )
    return _answer(place, counters, details, status=202 if moves else 200)


@edge.route(
    Operation(
        "DELETE",
        f"{_REGISTRATIONS}/<registration_id>",
        "Cancel a registration",
        "Organising",
        answers={204: None},
        problems=(*_REFUSED, NotFound, Conflict),
        who="organiser",
    )
)
def cancel(visit_id: str, registration_id: str) -> Answer:
    """Cancel a registration: its person is told, and the place goes to the line. Doing it twice is doing it once."""
    from visits import on_behalf

    place, counters, _ = _registration(visit_id, registration_id)
    if on_behalf.cancel_for(place, counters, actor=edge.actor, now=edge.request.now):
        metrics.count("Cancellations")
    return no_content()


@edge.route(
    Operation(
        "POST",
        f"{_REGISTRATIONS}/<registration_id>/move-up",
        "Give somebody who waits an extra place",
        "Organising",
        body="visits.contract:MoveUp",
        answers={200: "visits.contract:Person"},
        problems=(*_REFUSED, NotFound, Conflict, Invalid),
        who="organiser",
    )
)
def move_up(visit_id: str, registration_id: str) -> Answer:
    """Give somebody who waits an extra place, past everybody else who does; the reason is kept."""
    from kernel import fields
    from visits import by_hand
    from visits.contract import MoveUp

    place, counters, details = _registration(visit_id, registration_id)
    asked = fields.read(MoveUp, edge.request.json())
    moved = by_hand.move_up(place, asked.reason, actor=edge.actor, now=edge.request.now)
    return _answer(moved, counters, details)


@edge.route(
    Operation(
        "POST",
        f"{_REGISTRATIONS}/<registration_id>/resend",
        "Send somebody the link to their place again",
        "Organising",
        answers={202: "visits.contract:Person"},
        problems=(*_REFUSED, NotFound, Conflict),
        who="organiser",
    )
)
def resend(visit_id: str, registration_id: str) -> Answer:
    """Have the link to "my place" sent again; asked for twice within a minute, it is sent once."""
    from visits import on_behalf

    place, counters, details = _registration(visit_id, registration_id)
    on_behalf.send_link(place, counters, actor=edge.actor, now=edge.request.now)
    return _answer(place, counters, details, status=202)


# --- exports and figures ---------------------------------------------------------------------------------------------


@edge.route(
    Operation(
        "GET",
        f"{_REGISTRATIONS}.csv",
        "Everybody registered, as CSV",
        "Organising",
        answers={200: "text/csv", 303: None},
        problems=(*_REFUSED, NotFound),
        who="organiser",
    )
)
def export_csv(visit_id: str) -> Answer:
    """Export a visit's registrations as CSV; over 4 MB, redirect to an address that is good for five minutes."""
    return _exported(visit_id, "csv")


@edge.route(
    Operation(
        "GET",
        f"{_REGISTRATIONS}.xlsx",
        "Everybody registered, as a workbook",
        "Organising",
        answers={200: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", 303: None},
        problems=(*_REFUSED, NotFound),
        who="organiser",
    )
)
def export_xlsx(visit_id: str) -> Answer:
    """Export a visit's registrations as XLSX; over 4 MB, redirect to an address that is good for five minutes."""
    return _exported(visit_id, "xlsx")


@edge.route(
    Operation(
        "GET",
        f"{_VISIT}/statistics",
        "A visit in figures",
        "Organising",
        answers={200: "visits.contract:Statistics"},
        problems=(*_REFUSED, NotFound),
        who="organiser",
    )
)
def read_statistics(visit_id: str) -> Answer:
    """Count a visit's registrations by day, status, attendance and answer."""
    from visits.statistics import statistics

    _, details = _found(visit_id)
    return json_answer(200, view.statistics_json(statistics(details)))


# --- attendance ------------------------------------------------------------------------------------------------------


@edge.route(
    Operation(
        "POST",
        f"{_VISIT}/attendance",
        "Mark who came, some people at a time",
        "Organising",
        body="visits.contract:AttendanceMarks",
        answers={200: "visits.contract:AttendanceMarked"},
        problems=(*_REFUSED, NotFound, Conflict, UnsupportedMediaType, Invalid),
        who="organiser",
    )
)
def mark_attendance(visit_id: str) -> Answer:
    """Mark people as attended, missed or unknown: all that are sent, or none where one cannot be."""
    from kernel import fields
    from visits import attendance
    from visits.contract import AttendanceMarks

    request = edge.request
    if request.headers.get("content-type", "").startswith("text/csv"):
        raise UnsupportedMediaType("Participant reports cannot be read here yet. Send the marks as a JSON list.")
    asked = fields.read(AttendanceMarks, request.json_list()).root
    marks = [attendance.Mark(one.registration_id, one.attendance) for one in asked]
    attendance.mark(visit_id, marks, actor=edge.actor, now=request.now)
    return json_answer(200, {"items": [one.model_dump() for one in asked]})


@edge.route(
    Operation(
        "POST",
        f"{_VISIT}/attendance/settle",
        "Mark everybody not marked as missed",
        "Organising",
        answers={200: "visits.contract:AttendanceSettled", 202: "visits.contract:AttendanceSettled"},
        problems=(*_REFUSED, NotFound, Conflict),
        who="organiser",
    )
)
def settle_attendance(visit_id: str) -> Answer:
    """Settle who came; 202 where there are so many people that it has to be asked for again to go on."""
    from visits import attendance

    settled = attendance.settle(visit_id, actor=edge.actor, now=edge.request.now)
    return json_answer(200 if settled.complete else 202, {"marked": settled.marked, "complete": settled.complete})


# --- what routes share -----------------------------------------------------------------------------------------------


def _exported(visit_id: str, kind: Literal["csv", "xlsx"]) -> Answer:
    from visits.export import CONTENT_TYPES, export, keep

    _, details = _found(visit_id)
    with export(details, kind, actor=edge.actor, now=edge.request.now) as made:
        if not made.is_small:
            return see_other(keep(made, _SETTINGS.exports_bucket))
        return file_answer(made.path.read_bytes(), CONTENT_TYPES[kind], audience="private", name=made.name)


def _person(email: str) -> str:
    return person_key(email, secrets.load(_SETTINGS.secret_id).pepper)


def _registration(visit_id: str, registration_id: str) -> tuple[Place, Counters, Details]:
    found = _found(visit_id)
    place = query.registration_of(visit_id, registration_id)
    if place is None:
        raise NotFound
    return place, *found


def _answer(place: Place, counters: Counters, details: Details, *, status: int = 200) -> Answer:
    """Answer with one registration. Access needs can be health data: the visit's own organisers alone see them."""
    position = query.position_at(counters, place.number) if place.status == "waiting" else None
    sees = edge.actor.email in details.organisers
    return json_answer(status, view.person_json(place, details, position=position, access_needs=sees))


def _found(visit_id: str) -> tuple[Counters, Details]:
    found = query.counters_and_details(visit_id)
    if found is None:
        raise NotFound
    return found
