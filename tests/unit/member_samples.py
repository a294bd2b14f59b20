"""Samples of the pages about settings, people and the audit log, in each state they can be in."""

from datetime import UTC, datetime, timedelta
from typing import Any

from accounts.told import Line
from tests.unit.console_samples import ACTOR
from tests.unit.visit_samples import SOMEBODYS
from visits.query import Holding, RegistrationView, SessionView, VisitView

STARTS = datetime(2026, 12, 8, 14, tzinfo=UTC)
ENDS = STARTS + timedelta(hours=2)
EVERY: dict[str, Any] = {**SOMEBODYS, "actor": ACTOR, "notice": None}
PERSON = {
    "person": "p" * 43,
    "name": "Ada O’Neill",
    "email": "ada@example.org",
    "registrations": 2,
    "comments": 0,
}


def holding(status: str = "confirmed", *, visit_status: str = "published", attendance: str = "unknown") -> Holding:
    """Somebody's registration on a visit."""
    return Holding(
        visit=VisitView(
            visit_id="quieter-ward",
            title="How one ward halved its falls",
            host="Riverside Community Hospital",
            summary="",
            starts_at=STARTS,
            ends_at=ENDS,
            timezone="Europe/London",
            sessions=(SessionView(STARTS, ENDS, ""),),
            format="online",
            venue="",
            status=visit_status,
            sequence=0,
        ),
        registration=RegistrationView(
            visit_id="quieter-ward",
            registration_id="01932c07-0000-7000-8000-000000000001",
            place=1,
            person="p" * 43,
            name="Ada O’Neill",
            email="ada@example.org",
            status=status,
            position=3 if status == "waiting" else None,
            sequence=0,
            was_confirmed=True,
            pending_email=None,
            previous_email=None,
        ),
        organisation="St Anne’s",
        job_role="Ward sister",
        attendance=attendance,
        registered_at=STARTS,
        organisers=("olive@example.org",),
        stored={},
    )


HOLDINGS = [holding(), holding("waiting"), holding("cancelled"), holding(attendance="attended")]


def _settings(**context: object) -> tuple[str, dict[str, Any]]:
    values = {
        "community_name": "Open Doors",
        "reply_to": "hello@example.org",
        "colours.accent": "#1d6650",
        "embedders": "https://www.example.org",
    }
    return "accounts/settings.html", {
        **EVERY,
        "form": {"values": values, "errors": [], "token": ""},
        "version": 3,
        **context,
    }


def _people(**context: object) -> tuple[str, dict[str, Any]]:
    empty: dict[str, Any] = {"values": {}, "errors": [], "token": ""}
    return "accounts/people.html", {**EVERY, "form": empty, "found": None, "searched": False, **context}


def _me(**context: object) -> tuple[str, dict[str, Any]]:
    listed = [(one, "/places/token") for one in HOLDINGS]
    return "accounts/me.html", {
        **EVERY,
        "coming": listed,
        "past": [(holding(attendance="missed"), "/places/token")],
        "digest": True,
        "has_account": True,
        **context,
    }


WRONG: list[dict[str, str]] = [
    {"field": "colours.accent", "message": "White text on this colour has a contrast of 3.9 to 1."},
    {"field": "embedders", "message": "Write the address of a site as https://www.example.org."},
    {"field": "", "message": "Somebody saved other settings meanwhile."},
]


def _line(**changes: Any) -> Line:
    values: dict[str, Any] = {
        "at": STARTS,
        "ago": "3 minutes ago",
        "who": "Olu",
        "before": "published ",
        "what": "“The ward that went home”",
        "href": "/organise/visits/quieter-ward",
        "after": "",
        "about": "visit:quieter-ward",
        "others": [],
        "details": "",
        "reason": None,
        **changes,
    }
    return Line(**values)


LINES = [
    _line(),
    _line(
        before="moved ",
        after=" up",
        others=[("a person", f"/organise/people/{'p' * 43}")],
        reason="She leads the tour",
        details="place: 90000001",
    ),
    _line(
        before="changed ", what="the settings", href="/organise/settings", about="settings", details="changed: accent"
    ),
]

PAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "settings": _settings(notice="Saved. Pages show it within ten seconds."),
    "settings, with errors": _settings(
        form={"values": {"community_name": "<Open>", "colours.accent": "#ff0000"}, "errors": WRONG, "token": ""}
    ),
    "people": _people(notice="They are being erased."),
    "people, found": _people(found=PERSON, searched=True),
    "people, not found": _people(searched=True),
    "people, with errors": _people(
        form={"values": {"email": "ada@"}, "errors": [{"field": "email", "message": "Write it all."}], "token": ""}
    ),
    "person": ("accounts/person.html", {**EVERY, "person": PERSON, "registrations": HOLDINGS}),
    "person, no registrations": ("accounts/person.html", {**EVERY, "person": PERSON, "registrations": []}),
    "erase a person": ("accounts/erase_person.html", {**EVERY, "person": PERSON}),
    "audit log": ("accounts/audit.html", {**EVERY, "lines": LINES, "subject": None, "next": "cursor"}),
    "audit log of a visit": ("accounts/audit.html", {**EVERY, "lines": LINES, "subject": "visit:ward", "next": None}),
    "audit log, empty": ("accounts/audit.html", {**EVERY, "lines": [], "subject": None, "next": None}),
    "me": _me(notice="Your choice is saved."),
    "me, nothing": _me(coming=[], past=[], has_account=False, digest=False),
    "erase me": ("accounts/erase_me.html", {**EVERY, "coming": [holding()], "done": False}),
    "erased": ("accounts/erase_me.html", {**EVERY, "coming": [], "done": True}),
}
