"""One rendering of every page and of every state it can be in: what the unit tests and axe-core look at."""

from datetime import UTC, datetime
from typing import Any

VISIT: dict[str, Any] = {
    "visit_id": "quieter-ward",
    "title": "How one ward halved its falls",
    "summary": "See how a ward team measures, tries and keeps what works.",
    "description_html": "<p>An afternoon with the team.</p><h2>What you will see</h2><ul><li>The huddle</li></ul>"
    '<blockquote><p>It changed our mornings.</p></blockquote><p><a href="https://example.org">Read on</a></p>',
    "host": "Riverside Community Hospital",
    "starts_at": "2026-12-08T14:00:00+00:00",
    "ends_at": "2026-12-08T16:30:00+00:00",
    "timezone": "Europe/London",
    "sessions": [{"starts_at": "2026-12-08T14:00:00+00:00", "ends_at": "2026-12-08T16:30:00+00:00", "title": ""}],
    "format": "online",
    "venue": None,
    "capacity": 40,
    "seats_left": 3,
    "waiting": 0,
    "waitlist": "automatic",
    "registration": "open",
    "registration_opens_at": "2026-11-01T09:00:00+00:00",
    "registration_closes_at": "2026-12-08T14:00:00+00:00",
    "audience": "public",
    "questions": [
        {"question_id": "hope", "label": "What do you hope for?", "kind": "long_text", "choices": [],
         "required": False, "help": "A sentence is plenty."},
        {"question_id": "setting", "label": "Where do you work?", "kind": "choice",
         "choices": ["Hospital", "Care home"], "required": True, "help": ""},
        {"question_id": "topics", "label": "Which topics interest you?", "kind": "choices",
         "choices": ["Falls", "Huddles", "Families"], "required": True, "help": "As many as you like."},
        {"question_id": "first", "label": "Is this your first visit?", "kind": "yes_no", "choices": [],
         "required": False, "help": ""},
        {"question_id": "town", "label": "Town", "kind": "text", "choices": [], "required": False, "help": ""},
    ],
    "resources": [],
    "recording_url": None,
    "status": "published",
    "sequence": 0,
}  # fmt: skip


def a_visit(**changes: object) -> dict[str, Any]:
    """The sample visit, changed."""
    return {**VISIT, **changes}


FULL = a_visit(
    visit_id="open-kitchen",
    title="A care home where residents run the kitchen",
    host="Elm House",
    registration="waitlist",
    seats_left=0,
    waiting=4,
    format="hybrid",
    venue="Elm House, 4 Mill Lane, Leeds",
)
NOT_YET = a_visit(
    visit_id="laboratory",
    title="Inside a laboratory that publishes its waiting times, and what became of them when it did",
    registration="not_yet",
    format="in_person",
    venue="12 High Street, York",
    capacity=None,
    seats_left=None,
    starts_at="2027-03-27T23:30:00+00:00",
    ends_at="2027-03-28T02:30:00+01:00",
)
SERIES = a_visit(
    sessions=[
        {"starts_at": "2026-12-08T14:00:00+00:00", "ends_at": "2026-12-08T15:00:00+00:00", "title": "Seeing"},
        {"starts_at": "2026-12-15T14:00:00+00:00", "ends_at": "2026-12-15T15:00:00+00:00", "title": "Trying"},
    ],
    ends_at="2026-12-15T15:00:00+00:00",
    seats_left=1,
)
PAST = a_visit(
    visit_id="handover",
    title="Handover without the paper",
    registration="ended",
    status="ended",
    starts_at="2026-09-22T14:00:00+01:00",
    ends_at="2026-09-22T16:30:00+01:00",
    recording_url="https://video.example.org/handover",
    resources=[{"title": "Handover card (PDF)", "url": "https://files.example.org/card.pdf"}],
)
CANCELLED = a_visit(registration="cancelled", status="cancelled")

EMPTY_FORM: dict[str, Any] = {"values": {}, "errors": [], "token": "form-token"}
FILLED_FORM: dict[str, Any] = {
    "values": {
        "name": "Ada O’Neill",
        "email": "ada@example.org",
        "organisation": "St Anne’s",
        "job_role": "Ward sister",
        "access_needs": "Captions, please",
        "answers.hope": "Calmer nights",
        "answers.setting": "Hospital",
        "answers.topics": ["Falls", "Families"],
        "answers.first": "yes",
        "answers.town": "Derby",
        "consents.follow_ups": "true",
        "timezone": "Europe/Paris",
    },
    "errors": [],
    "token": "form-token",
}
WRONG_FORM: dict[str, Any] = {
    "values": {**FILLED_FORM["values"], "email": "ada@"},
    "errors": [
        {"field": "email", "message": "Type an address like name@example.org."},
        {"field": "answers.setting", "message": "Choose an answer to “Where do you work?”."},
        {"field": "answers.topics", "message": "Choose from the answers offered."},
        {"field": "answers.hope", "message": "Shorten this answer."},
        {"field": "consents.follow_ups", "message": "This must be true or false."},
        {"field": "form_token", "message": "That was very quick. Please send it once more."},
    ],
    "token": "form-token",
}


def a_place(visit: dict[str, Any] | None = None, **changes: object) -> dict[str, Any]:
    """Somebody's confirmed place on the sample visit, changed."""
    return {
        "visit": visit or VISIT,
        "registration_id": "01932c07-0000-7000-8000-000000000001",
        "name": "Ada O’Neill",
        "email": "ada@example.org",
        "organisation": "St Anne’s",
        "job_role": "Ward sister",
        "access_needs": None,
        "answers": {},
        "consents": {"follow_ups": True, "introductions": False},
        "status": "confirmed",
        "position": None,
        "offer_expires_at": None,
        "join_url": None,
        "cancelled_at": None,
        **changes,
    }


OPENAPI: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Microclimate", "version": "0.1.0"},
    "paths": {
        "/api/v1/visits": {
            "get": {
                "tags": ["Visits"],
                "summary": "Published visits, next first",
                "parameters": [
                    {
                        "name": "q",
                        "in": "query",
                        "description": "Words to look for",
                        "schema": {"anyOf": [{"type": "string", "maxLength": 100}, {"type": "null"}]},
                    }
                ],
                "responses": {
                    "200": {
                        "description": "A page of visits",
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/VisitList"}}},
                    }
                },
            },
        },
        "/api/v1/visits/{visit_id}/registrations": {
            "post": {
                "tags": ["Visits"],
                "summary": "Register",
                "description": "Takes a place, or a position in line.",
                "parameters": [
                    {"name": "visit_id", "in": "path", "required": True, "schema": {"type": "string"}},
                ],
                "requestBody": {
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Registration"}}}
                },
                "responses": {"201": {"description": "Registered"}},
            }
        },
    },
    "components": {
        "schemas": {
            "VisitList": {
                "type": "object",
                "required": ["items"],
                "properties": {
                    "items": {"type": "array", "items": {"$ref": "#/components/schemas/Visit"}},
                    "next": {"type": ["string", "null"]},
                },
            },
            "Visit": {"type": "object", "properties": {"visit_id": {"type": "string"}}},
            "Registration": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "maxLength": 100, "description": "As on a badge."},
                    "format": {"enum": ["online", "in_person"]},
                },
            },
        }
    },
}

EVERYBODYS: dict[str, Any] = {
    "community": "Open Doors",
    "base_url": "https://visits.example.org",
    "page_url": "https://visits.example.org/here",
    "now": datetime(2026, 11, 23, 9, tzinfo=UTC),
}
SOMEBODYS = {**EVERYBODYS, "page_url": None}


def _list(**context: object) -> tuple[str, dict[str, Any]]:
    return "visits/list.html", {**EVERYBODYS, "past": False, "q": "", "next_url": None, **context}


def _visit(visit: dict[str, Any], form: object = None) -> tuple[str, dict[str, Any]]:
    return "visits/visit.html", {**EVERYBODYS, "visit": visit, "form": form}


def _place(place: dict[str, Any], form: object = FILLED_FORM, notice: object = None) -> tuple[str, dict[str, Any]]:
    return "visits/place.html", {**SOMEBODYS, "place": place, "token": "token", "form": form, "notice": notice}


def _address(*, purpose: str, done: bool) -> tuple[str, dict[str, Any]]:
    return "visits/address.html", {
        **SOMEBODYS,
        "purpose": purpose,
        "done": done,
        "email": "new@example.org",
        "visit": VISIT,
        "token": "token",
        "place_url": "/places/token" if done else None,
    }


PAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "coming visits": _list(visits=[VISIT, FULL, NOT_YET], next_url="/?cursor=abc"),
    "past visits, searched": _list(visits=[PAST], past=True, q="handover"),
    "nothing found": _list(visits=[], q="<script>"),
    "no visits": _list(visits=[]),
    "no past visits": _list(visits=[], past=True),
    "visit, open": _visit(VISIT, EMPTY_FORM),
    "visit, series": _visit(SERIES, EMPTY_FORM),
    "visit, with errors": _visit(VISIT, WRONG_FORM),
    "visit, waiting list": _visit(FULL, EMPTY_FORM),
    "visit, not yet": _visit(NOT_YET),
    "visit, full": _visit(a_visit(registration="full", seats_left=0)),
    "visit, closed": _visit(a_visit(registration="closed")),
    "visit, cancelled": _visit(CANCELLED),
    "visit, past": _visit(PAST),
    "visit, past, nothing shared": _visit(a_visit(registration="ended", status="ended")),
    "registered": ("visits/registered.html", {**SOMEBODYS, "visit": VISIT, "status": "confirmed", "position": None}),
    "registered, waiting": ("visits/registered.html", {**SOMEBODYS, "visit": FULL, "status": "waiting", "position": 5}),
    "my place": _place(a_place(), notice="Your details are saved."),
    "my place, with errors": _place(a_place(), WRONG_FORM),
    "my place, waiting": _place(a_place(FULL, status="waiting", position=3)),
    "my place, cancelled": _place(a_place(status="cancelled", cancelled_at="2026-11-20T10:00:00+00:00")),
    "my place, visit cancelled": _place(a_place(CANCELLED)),
    "my place, visit past": _place(a_place(PAST)),
    "find my place": ("visits/find_place.html", {**EVERYBODYS, "form": EMPTY_FORM}),
    "find my place, with errors": ("visits/find_place.html", {**EVERYBODYS, "form": WRONG_FORM}),
    "links sent": ("visits/links_sent.html", SOMEBODYS),
    "expired link": ("visits/expired_link.html", {**SOMEBODYS, "form": EMPTY_FORM}),
    "address, confirm": _address(purpose="confirm", done=False),
    "address, confirmed": _address(purpose="confirm", done=True),
    "address, undo": _address(purpose="undo", done=False),
    "address, undone": _address(purpose="undo", done=True),
    "organise": ("visits/console_list.html", {**SOMEBODYS, "visits": [VISIT, FULL], "next": None, "actor": None}),
    "problem": (
        "kernel/problem.html",
        {
            **SOMEBODYS,
            "problem": {"title": "Registration has closed", "detail": "Registration for this visit has closed."},
            "actions": [{"href": "/", "label": "See the coming visits"}, {"href": "/places", "label": "My place"}],
            "request_id": "1-67-89",
        },
    ),
    "not found": ("kernel/not_found.html", SOMEBODYS),
    "privacy": ("kernel/privacy.html", EVERYBODYS),
    "accessibility": ("kernel/accessibility.html", EVERYBODYS),
    "api": ("kernel/api_docs.html", {**EVERYBODYS, "openapi": OPENAPI}),
}
