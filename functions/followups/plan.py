"""Which event makes which step, and whether a step is still right when its moment comes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from followups.delivery import Identity
from kernel.ids import derived_id

if TYPE_CHECKING:
    from kernel.events import Fact
    from visits.query import RegistrationView, VisitView

SOURCE: Final = "microclimate.visits"


class Step(StrEnum):
    """The emails this context sends."""

    CONFIRMATION = "confirmation"
    PLACE_IN_LINE = "place_in_line"
    ADMITTED = "admitted"
    CANCELLED = "cancelled"
    LINK = "link"
    LINKS = "links"
    CONFIRM_ADDRESS = "confirm_address"
    ADDRESS_CHANGED = "address_changed"


_STEPS: Final = {
    "registration.confirmed": Step.CONFIRMATION,
    "registration.waiting": Step.PLACE_IN_LINE,
    "registration.admitted": Step.ADMITTED,
    "registration.cancelled": Step.CANCELLED,
    "registration.link_requested": Step.LINK,
    "registration.address_requested": Step.CONFIRM_ADDRESS,
    "registration.address_changed": Step.ADDRESS_CHANGED,
    "person.lookup_requested": Step.LINKS,
}

DETAIL_TYPES: Final = tuple(_STEPS)
"""The events that make a delivery: what the bus rule lets through."""

# What can be asked for again, each time as a new occurrence. The others happen once to a registration.
_REPEATABLE: Final = {Step.LINK, Step.LINKS, Step.CONFIRM_ADDRESS, Step.ADDRESS_CHANGED}


def planned(name: str, detail: Mapping[str, Fact]) -> Identity | None:
    """Return the delivery an event asks for; None for an event that nobody is written to about.

    The same event always gives the same delivery id, from nothing but what stands in it. The place stands for the
    registration (it is never used again), and the registration for the person on that visit: somebody who cancels
    and registers again is told again. An event without ``schedule`` answers what happened to a registration rather
    than when the visit is, so moving the visit does not make it due again.

    Raises:
        KeyError: the event lacks what its schema promises.
    """
    step = _STEPS.get(name)
    if step is None:
        return None
    person = str(detail["person"])
    occurrence = str(_asked_at(detail)) if step in _REPEATABLE else ""
    if step is Step.LINKS:
        visit_id = registration_id = place = None
        schedule = 0
    else:
        visit_id, place = str(detail["visit_id"]), int(detail["place"] or 0)
        registration_id = None if detail.get("registration_id") is None else str(detail["registration_id"])
        schedule = int(detail.get("schedule") or 0)
    return Identity(
        delivery_id=str(derived_id(visit_id or "", place or person, step, schedule, occurrence)),
        visit_id=visit_id,
        registration_id=registration_id,
        place=place,
        person=person,
        step=step,
        schedule=schedule,
        kind="service",
    )


def _asked_at(detail: Mapping[str, Fact]) -> Fact:
    """What tells one asking from the next; the event's id stands in where nothing else does."""
    return detail.get("asked_at") or detail.get("changed_at") or detail["event_id"]


def reason_to_skip(  # noqa: PLR0911  one answer a step
    step: str, *, visit: VisitView | None, registration: RegistrationView | None, now: datetime
) -> str | None:
    """Return why a step about one registration is no longer right, None while it is.

    Asked at the moment of sending, with both as they are then.
    """
    if visit is None or registration is None or registration.status == "void":
        return "nobody is registered there any more"
    match step:
        case Step.CONFIRMATION | Step.ADMITTED:
            return _about_the_visit(visit, now) or _NOT_CONFIRMED.get(registration.status)
        case Step.PLACE_IN_LINE:
            begun = "the visit has begun" if now >= visit.starts_at else None
            return _NOT_WAITING.get(registration.status) or _about_the_visit(visit, now) or begun
        case Step.CANCELLED:
            over = "the visit is over" if now >= visit.ends_at else None
            return over or (None if registration.status == "cancelled" else "not cancelled")
        case Step.LINK:
            return "cancelled since" if registration.status == "cancelled" else _about_the_visit(visit, now)
        case Step.CONFIRM_ADDRESS:
            return None if registration.pending_email else "the change of address is settled already"
        case Step.ADDRESS_CHANGED:
            return None if registration.previous_email else "the change of address was taken back"
        case _:
            return f"no such step: {step}"


_NOT_CONFIRMED: Final = {"cancelled": "cancelled since", "waiting": "not confirmed"}
_NOT_WAITING: Final = {"cancelled": "cancelled since", "confirmed": "admitted since"}


def _about_the_visit(visit: VisitView, now: datetime) -> str | None:
    if visit.status != "published":
        return "the visit is cancelled" if visit.status == "cancelled" else "the visit is not published"
    return "the visit is over" if now >= visit.ends_at else None
