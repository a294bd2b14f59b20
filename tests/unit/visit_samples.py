"""Visits in each state they can be in, and what every page is told, for samples of pages."""

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

EVERYBODYS: dict[str, Any] = {
    "community": "Open Doors",
    "base_url": "https://visits.example.org",
    "page_url": "https://visits.example.org/here",
    "now": datetime(2026, 11, 23, 9, tzinfo=UTC),
}
SOMEBODYS = {**EVERYBODYS, "page_url": None}
