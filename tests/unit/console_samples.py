"""Samples of the organisers' pages, in each state they can be in."""

from datetime import date, timedelta
from typing import Any

from kernel.access import Actor
from tests.unit.visit_samples import CANCELLED, FULL, NOT_YET, PAST, SOMEBODYS, VISIT
from visits import console_form, plots
from visits.tally import Tally

ACTOR = Actor("person-of-olive", "olive@example.org", "Olive Organiser", frozenset({"organiser"}))
EVERY: dict[str, Any] = {**SOMEBODYS, "actor": ACTOR, "notice": None}


def organised(visit: dict[str, Any], **changes: object) -> dict[str, Any]:
    """A sample visit, as organisers see it."""
    return {
        **visit,
        "description_markdown": "You will see **the huddle**.",
        "room_url": "https://rooms.example.org/ward",
        "offer_hours": 48,
        "organisers": ["olive@example.org", "uma@example.org"],
        "version": 3,
        **changes,
    }


DRAFT = organised(VISIT, status="draft", registration="open")
OURS = organised(VISIT)
TALLY = Tally(confirmed=37, waiting=2, cancelled=4, attended=20, missed=5)


def _list(**context: object) -> tuple[str, dict[str, Any]]:
    return "visits/console_list.html", {**EVERY, "which": "coming", "q": "", "next_url": None, **context}


CHECKLIST = [
    {"done": True, "needed": True, "field": "title", "text": "Title, host, start and end"},
    {"done": False, "needed": True, "field": "description_markdown", "text": "Write a description."},
    {"done": False, "needed": False, "field": "summary", "text": "A summary for the list"},
]


def _home(visit: dict[str, Any], **context: object) -> tuple[str, dict[str, Any]]:
    return "visits/console_visit.html", {
        **EVERY,
        "visit": visit,
        "tally": TALLY,
        "checklist": CHECKLIST,
        "ready": True,
        "problem": None,
        **context,
    }


VALUES: dict[str, str] = {
    "version": "3",
    "basis": "title:0123456789ab host:0123456789ab",
    "title": "How one ward halved its falls",
    "host": "Riverside Community Hospital",
    "summary": "See how a ward team measures, tries and keeps what works.",
    "description_markdown": "You will see **the huddle**.\n\n- One\n- Two",
    "format": "hybrid",
    "venue": "Ward 7",
    "room_url": "https://rooms.example.org/ward",
    "waitlist": "automatic",
    "timezone": "Europe/London",
    "starts_at": "2026-10-25T01:30",
    "ends_at": "2026-10-25T03:30",
    "registration_opens_at": "",
    "registration_closes_at": "",
    "capacity": "40",
    "organisers": "olive@example.org\numa@example.org",
}
NEW: dict[str, str] = {"format": "online", "waitlist": "automatic", "timezone": ""}
ROWS = console_form.rows_of(VISIT["questions"])


def _form(visit: dict[str, Any] | None, **context: Any) -> tuple[str, dict[str, Any]]:
    values = {**VALUES, **console_form.flat(ROWS)}
    return "visits/console_edit.html", {
        **EVERY,
        "visit": visit,
        "form": {"values": values, "errors": []},
        "rows": ROWS,
        "retired": [{"question_id": "diet", "label": "What do you eat?"}],
        "zones": [("Europe", ["Europe/London", "Europe/Paris"]), ("Everywhere", ["UTC"])],
        "zone": "Europe/London",
        "twice": {"starts_at": ("01:30 BST, the first time", "01:30 GMT, an hour later")},
        "preview": "<p>You will see <strong>the huddle</strong>.</p>",
        "moved": "",
        "meanwhile": None,
        "consequence": None,
        **context,
    }


def a_person(**changes: object) -> dict[str, Any]:
    """Somebody's registration, as an organiser of the visit sees it."""
    return {
        "registration_id": "01932c07-0000-7000-8000-000000000001",
        "name": "Ada O’Neill",
        "email": "ada.oneill@st-annes-hospital.example.org",
        "organisation": "St Anne’s Hospital",
        "job_role": "Ward sister",
        "access_needs": "Captions, please",
        "answers": {"hope": "Calmer nights", "setting": "Hospital", "topics": ["Falls", "Families"], "first": True},
        "consents": {"follow_ups": True, "introductions": False},
        "status": "confirmed",
        "place": 7,
        "position": None,
        "attendance": "unknown",
        "extra": False,
        "registered_at": "2026-11-20T10:00:00+00:00",
        "cancelled_at": None,
        **changes,
    }


PEOPLE = [
    a_person(),
    a_person(
        registration_id="b", name="Bea Lindqvist-Featherstonehaugh", status="waiting", position=2, access_needs=None
    ),
    a_person(registration_id="c", name="", email="", organisation="", status="cancelled", access_needs=None),
    a_person(registration_id="d", name="Di", extra=True, attendance="attended", access_needs=None),
]


def _people(**context: object) -> tuple[str, dict[str, Any]]:
    return "visits/console_people.html", {
        **EVERY,
        "visit": OURS,
        "people": PEOPLE,
        "tally": TALLY,
        "which": "",
        "q": "",
        "next_url": None,
        **context,
    }


def _person(person: dict[str, Any], visit: dict[str, Any] = OURS, **context: object) -> tuple[str, dict[str, Any]]:
    values = {**person, "answers.hope": "Calmer nights", "answers.topics": ["Falls"]}
    return "visits/console_person.html", {
        **EVERY,
        "visit": visit,
        "person": person,
        "answers": [{"label": "What do you eat?", "answer": ["Fish", "Fruit"]}, {"label": "Unasked", "answer": None}],
        "pending": None,
        "form": {"values": values, "errors": []},
        "moving": {"values": {}, "errors": []},
        "sees": True,
        "problem": None,
        **context,
    }


def _add(**context: object) -> tuple[str, dict[str, Any]]:
    no_form: dict[str, Any] = {"values": {}, "errors": []}
    return "visits/console_add.html", {**EVERY, "visit": OURS, "form": no_form, "sees": True, **context}


MARKS = [
    {"registration_id": "a", "name": "Ada O’Neill", "organisation": "St Anne’s Hospital", "attendance": "attended"},
    {"registration_id": "b", "name": "Bea Lindqvist-Featherstonehaugh", "organisation": "", "attendance": "missed"},
    {"registration_id": "c", "name": "", "organisation": "Elm House", "attendance": "unknown"},
]


def _attendance(**context: object) -> tuple[str, dict[str, Any]]:
    return "visits/console_attendance.html", {
        **EVERY,
        "visit": OURS,
        "people": MARKS,
        "tally": TALLY,
        "q": "",
        "next_url": None,
        "problem": None,
        **context,
    }


def _settle(**context: object) -> tuple[str, dict[str, Any]]:
    return "visits/console_settle.html", {**EVERY, "visit": OURS, "tally": TALLY, "problem": None, **context}


DAYS = [(date(2026, 11, 1) + timedelta(days=day), day % 4, 0) for day in range(30)]


def _statistics(**context: object) -> tuple[str, dict[str, Any]]:
    total, days = 0, []
    for day, count, _ in DAYS:
        total += count
        days.append((day, count, total))
    statuses = plots.bars([("Confirmed", 37), ("Waiting", 2), ("Cancelled", 0)])
    answers = plots.bars([("Hospital", 20), ("A care home or somewhere else that nobody thought of", 12)])
    return "visits/console_statistics.html", {
        **EVERY,
        "visit": OURS,
        "registered": 39,
        "extra": 2,
        "course": plots.course(days),
        "plots": [
            {"id": "statuses", "title": "Where people stand", "note": "", "bars": statuses},
            {"id": "question-1", "title": "Where do you work?", "note": "Asked no more.", "bars": answers},
        ],
        "texts": [{"label": "What do you hope for?", "answered": 12}],
        **context,
    }


class Posted:
    """What was written before, as templates read it."""

    subject = None
    kind = "rescheduled"
    html = ""
    posted_at = EVERY["now"]


def _telling(kind: str, **context: object) -> tuple[str, dict[str, Any]]:
    values = {"starts_at": "2026-12-08T14:00", "ends_at": "2026-12-08T16:30"} if kind == "reschedule" else {}
    return "visits/console_telling.html", {
        **EVERY,
        "visit": OURS,
        "kind": kind,
        "step": "write",
        "form": {"values": values, "errors": []},
        "twice": {},
        "moved_to": None,
        "tally": TALLY,
        "to": ["confirmed"] if kind == "message" else ["confirmed", "waiting"],
        "people": 39,
        "preview": "",
        "posted": [Posted()] if kind == "message" else [],
        "problem": None,
        **context,
    }


def _share(**context: object) -> tuple[str, dict[str, Any]]:
    values = {"recording_url": "https://video.example.org/x", "resources.0.title": "Card"}
    return "visits/console_share.html", {
        **EVERY,
        "visit": OURS,
        "form": {"values": values, "errors": []},
        "rows": 3,
        "problem": None,
        **context,
    }


def _copy(**context: object) -> tuple[str, dict[str, Any]]:
    form: dict[str, Any] = {"values": {"starts_at": "2026-12-15T14:00"}, "errors": []}
    return "visits/console_copy.html", {**EVERY, "visit": OURS, "form": form, "twice": {}, **context}


PAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "organise": _list(visits=[OURS, organised(FULL), organised(NOT_YET)], next_url="/organise?cursor=abc"),
    "organise, drafts": _list(visits=[DRAFT], which="drafts", q="falls", notice="Your draft is saved."),
    "organise, nothing": _list(visits=[], which="past"),
    "organise, draft": _home(DRAFT, problem="The visit cannot be published yet.", ready=False),
    "organise, draft to publish": _home(DRAFT, notice="Your changes are saved."),
    "organise, published": _home(OURS),
    "organise, cancelled": _home(organised(CANCELLED)),
    "organise, over": _home(organised(PAST)),
    "organise, new visit": _form(
        None,
        form={"values": NEW, "errors": []},
        rows=[],
        retired=[],
        twice={},
        preview="",
    ),
    "organise, edit a draft": _form(DRAFT, moved="up.1"),
    "organise, edit, with errors": _form(
        DRAFT,
        form={
            "values": {**VALUES, **console_form.flat(ROWS)},
            "errors": [
                {"field": "title", "message": "This is needed."},
                {"field": "starts_at", "message": "The clocks go back that day."},
                {"field": "description_markdown", "message": "Shorten this."},
                {"field": "timezone", "message": "Choose a time zone."},
                {"field": "questions.1.choices", "message": "Give at least two choices."},
                {"field": "", "message": "Something else."},
            ],
        },
    ),
    "organise, edit, changed meanwhile": _form(
        OURS,
        meanwhile={
            "who": "Uma Organiser",
            "theirs": ["Summary", "Venue"],
            "conflicts": [
                {"field": "title", "label": "Title", "now": "How two wards halved their falls"},
                {"field": "questions", "label": "Questions", "now": "One\nTwo"},
            ],
        },
    ),
    "organise, edit, more places": _form(OURS, consequence="2 people who wait get a place at once."),
    "organise, published, nobody yet": _home(OURS, tally=Tally()),
    "organise, move": _telling("reschedule"),
    "organise, move, with errors": _telling(
        "reschedule",
        twice={"starts_at": ("01:30 BST, the first time", "01:30 GMT, an hour later")},
        form={
            "values": {"starts_at": "2026-10-25T01:30", "message": "Sorry."},
            "errors": [
                {"field": "starts_at", "message": "It comes twice."},
                {"field": "message", "message": "Shorten this."},
            ],
        },
    ),
    "organise, move, check": _telling(
        "reschedule",
        step="check",
        moved_to={
            "starts_at": "2026-12-15T14:00:00+00:00",
            "ends_at": "2026-12-15T16:30:00+00:00",
            "timezone": "Europe/London",
        },
        form={"values": {"starts_at": "2026-12-15T14:00", "ends_at": "2026-12-15T16:30"}, "errors": []},
    ),
    "organise, move a draft": _telling("reschedule", visit=DRAFT),
    "organise, call off": _telling("cancel", problem="It could not be called off."),
    "organise, call off, check": _telling("cancel", step="check", preview="<p>The host is ill.</p>", people=1),
    "organise, call off what is over": _telling("cancel", visit=organised(PAST)),
    "organise, write": _telling("message", notice="The message is on its way."),
    "organise, write, with errors": _telling(
        "message",
        to=[],
        form={
            "values": {"subject": "Parking", "key": "abc"},
            "errors": [
                {"field": "to", "message": "Choose whom the message is for."},
                {"field": "body_markdown", "message": "This is needed."},
            ],
        },
    ),
    "organise, write, check": _telling(
        "message",
        step="check",
        form={"values": {"subject": "Parking", "body_markdown": "Behind.", "to": "confirmed"}, "errors": []},
        preview="<p>Behind the house.</p>",
        people=37,
    ),
    "organise, write about a draft": _telling("message", visit=DRAFT),
    "organise, share": _share(),
    "organise, share, with errors": _share(
        problem="This visit was cancelled.",
        form={
            "values": {"recording_url": "x", "resources.0.title": "Card"},
            "errors": [
                {"field": "recording_url", "message": "Write a web address that begins with https://."},
                {"field": "resources.0.url", "message": "Write a web address that begins with https://."},
            ],
        },
    ),
    "organise, copy": _copy(),
    "organise, copy, with errors": _copy(
        form={
            "values": {"starts_at": "2027-03-28T01:30"},
            "errors": [{"field": "starts_at", "message": "There is no 01:30."}],
        }
    ),
    "organise, attendance": _attendance(next_url="/organise/visits/x/attendance?cursor=abc"),
    "organise, attendance, found": _attendance(q="ada", people=MARKS[:1], notice="It is settled who came."),
    "organise, attendance, nobody": _attendance(people=[], problem="This visit was cancelled."),
    "organise, settle": _settle(),
    "organise, settle, over": _settle(visit=organised(PAST), tally=Tally(confirmed=1), problem="It was cancelled."),
    "organise, settle, all marked": _settle(tally=Tally(confirmed=2, attended=2)),
    "organise, statistics": _statistics(),
    "organise, statistics, nobody": _statistics(registered=1, extra=0, course=None, plots=[], texts=[]),
    "organise, people": _people(next_url="/organise/visits/x/people?cursor=abc"),
    "organise, people, found": _people(which="confirmed", q="ada", people=PEOPLE[:1]),
    "organise, people, nobody": _people(which="waiting", people=[]),
    "organise, person": _person(a_person(), notice="The registration is put right."),
    "organise, person, waiting": _person(
        a_person(status="waiting", position=2),
        pending="ada@elsewhere.example.org",
        sees=False,
        moving={"values": {"reason": ""}, "errors": [{"field": "reason", "message": "This is needed."}]},
    ),
    "organise, person, cancelled": _person(
        a_person(status="cancelled", cancelled_at="2026-11-21T10:00:00+00:00"), problem="It was cancelled."
    ),
    "organise, person, with errors": _person(
        a_person(),
        form={
            "values": {"name": "", "email": "ada@"},
            "errors": [
                {"field": "name", "message": "This is needed."},
                {"field": "answers.setting", "message": "Choose from the answers offered."},
            ],
        },
    ),
    "organise, add somebody": _add(),
    "organise, add somebody, with errors": _add(
        sees=False,
        form={"values": {"email": "ada@"}, "errors": [{"field": "email", "message": "Type an address."}]},
    ),
}
