"""What the page of a visit's emails shows, and what its forms send."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from followups.contract import PlanWritten, TestSend, read_plan
from followups.due import OF_THE_VISIT, Anchor
from followups.overview import Row
from followups.steps import OF_EVENTS, PlanStep, to_json
from kernel import fields
from kernel.errors import FieldError, Invalid
from visits.query import VisitView

SAID: Final[Mapping[str, str]] = {
    "saved": "Your words are saved.",
    "tested": "The test is on its way.",
    "paused": "It is paused: nothing more of it goes out.",
    "resumed": "It goes on with whoever has not got it yet.",
    "sent": "It is on its way.",
}
"""What a page says of what was just done, by the word in its address: nothing else is ever shown from there."""

LABELS: Final[Mapping[str, str]] = {
    "confirmation": "Confirmation",
    "place_in_line": "Place in line",
    "admitted": "A place came free",
    "rescheduled": "A new time",
    "visit_cancelled": "The visit is called off",
    "cancelled": "Somebody cancelled",
    "reminder_week": "Reminder, a week before",
    "reminder_day": "Reminder, the day before",
    "reminder_hour": "Reminder, an hour before, with the way in",
    "thank_you": "Thank you",
    "sorry_we_missed_you": "Sorry we missed you",
    "recording": "Recording and tools",
}

_AFTER: Final[Mapping[Anchor, str]] = {
    Anchor.REGISTERED: "When somebody has a place",
    Anchor.WAITING: "When somebody begins to wait",
    Anchor.ADMITTED: "When somebody gets a place from the line",
    Anchor.OFFERED: "When somebody is offered a place",
    Anchor.CHANGED: "When the visit moves",
    Anchor.CANCELLED: "When it is cancelled",
    Anchor.SHARED: "When something is shared",
    Anchor.END: "The morning after attendance was settled",
    Anchor.START: "Before the visit",
    Anchor.PLEDGED: "After somebody said what they will try",
}

_AFTER_OF: Final[Mapping[str, str]] = {
    "cancelled": "When somebody gives their place back, or leaves the line",
    "visit_cancelled": "When you call the visit off",
}


# What templates show has no narrower type than Any.
def row(found: Row) -> dict[str, Any]:
    """Return a step as the templates show it."""
    step = found.step
    after = _AFTER_OF.get(step.step, _AFTER[step.when.anchor])
    if step.when.anchor not in OF_THE_VISIT and step.step not in OF_EVENTS:
        after += ", each at their own moment"
    return {
        "step": step.step,
        "label": LABELS.get(step.step, step.step.replace("_", " ").capitalize()),
        "when": found.due,
        "after": after,
        "state": found.state,
        "people": found.people,
        "counts": found.counts,
        "is_of_event": step.step in OF_EVENTS,
    }


def head(visit: VisitView, now: datetime) -> dict[str, object]:
    """Return a visit as the top of its pages shows it."""
    ended = visit.status == "published" and now >= visit.ends_at
    return {
        "visit_id": visit.visit_id,
        "title": visit.title,
        "host": visit.host,
        "status": "ended" if ended else visit.status,
        "starts_at": visit.starts_at.isoformat(),
        "ends_at": visit.ends_at.isoformat(),
        "timezone": visit.timezone,
    }


def values_of_step(step: PlanStep) -> dict[str, str]:
    """Return a form's values from a step as it is."""
    return {
        "subject": step.subject,
        "body_markdown": step.body_markdown,
        "enabled": "yes" if step.enabled else "",
        "email": "",
    }


def values_of(posted: Mapping[str, Sequence[str]], step: PlanStep) -> dict[str, str]:
    """Return a form's values as they were typed; what the pressed form does not have stays as it is stored."""
    stored = values_of_step(step)
    if "subject" not in posted:
        return stored | {"email": "".join(posted.get("email", ())[:1])}
    enabled = "yes" if step.step in OF_EVENTS else "".join(posted.get("enabled", ())[:1])
    typed = {name: "".join(posted.get(name, ())[:1]) for name in ("subject", "body_markdown")}
    return stored | typed | {"enabled": enabled}


def written(step: PlanStep, values: Mapping[str, str]) -> PlanStep:
    """Return a step with the words of a form.

    Raises:
        Invalid: naming the field.
    """
    document = to_json(step) | {
        "subject": values["subject"],
        "body_markdown": values["body_markdown"],
        "enabled": bool(values["enabled"]),
    }
    try:
        [checked] = read_plan(fields.read(PlanWritten, {"steps": [document]}))
    except Invalid as wrong:
        raise Invalid(
            errors=[FieldError(one.field.removeprefix("steps.0."), one.message) for one in wrong.errors]
        ) from None
    return replace(step, subject=checked.subject, body_markdown=checked.body_markdown, enabled=checked.enabled)


def address(values: Mapping[str, str]) -> str:
    """Return where a test goes.

    Raises:
        Invalid: it is no address.
    """
    return fields.read(TestSend, {"email": values["email"]}).email
