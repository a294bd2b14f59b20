"""Which event makes which step, and whether a step is still right when its moment comes. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

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
    RESCHEDULED = "rescheduled"
    VISIT_CANCELLED = "visit_cancelled"
    MESSAGE = "message"
    DIGEST = "digest"


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

_ABOUT_VISITS: Final = {
    "visit.rescheduled": Step.RESCHEDULED,
    "visit.cancelled": Step.VISIT_CANCELLED,
    "visit.message_posted": Step.MESSAGE,
}

ABOUT_VISITS: Final = tuple(_ABOUT_VISITS)
"""The events about a whole visit: each makes a delivery for everybody registered (`followups.fan_out`)."""

FIRST_EXTRA: Final = 90_000_001
"""Places from here on stand beside the line (`visits.line`): no place in the line has such a number."""

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


@dataclass(frozen=True, slots=True)
class ForEverybody:
    """A step for everybody registered on a visit.

    Attributes:
        schedule: the version of the visit's schedule that it tells of; 0 where it tells of none.
        message_id: the organiser's message; None where the schedule's own notice is meant.
        line: the last place handed out before it; None where it does not matter.
    """

    step: Step
    visit_id: str
    schedule: int
    message_id: str | None
    line: int | None

    def identity(self, registration: RegistrationView) -> Identity | None:
        """Return one person's delivery; None for whoever registered later, and so knew.

        The registration's id stands for it, not its place: somebody moved up meanwhile is met at both places.
        """
        if self.line is not None and self.line < registration.place < FIRST_EXTRA:
            return None
        named = derived_id(self.visit_id, registration.registration_id, self.step, self.schedule, self.message_id or "")
        return Identity(
            delivery_id=str(named),
            visit_id=self.visit_id,
            registration_id=registration.registration_id,
            place=registration.place,
            person=registration.person,
            step=self.step,
            schedule=self.schedule,
            kind="service",
            message_id=self.message_id,
        )


DIGEST_AT: Final = time(7)
"""When organisers get their digest, on London's clocks: before the working day begins."""

_DIGEST_ZONE: Final = ZoneInfo("Europe/London")


def digest_day(now: datetime) -> date:
    """Return the day whose digest is the latest that is due."""
    local = now.astimezone(_DIGEST_ZONE)
    return local.date() if local.time() >= DIGEST_AT else local.date() - timedelta(days=1)


def digest_of(person: str, day: date) -> Identity:
    """Return a person's digest of a day; ``schedule`` is the day, as 20261124."""
    schedule = int(f"{day:%Y%m%d}")
    return Identity(
        delivery_id=str(derived_id(person, Step.DIGEST, schedule)),
        visit_id=None,
        registration_id=None,
        place=None,
        person=person,
        step=Step.DIGEST,
        schedule=schedule,
        kind="service",
    )


def digest_span(schedule: int) -> tuple[datetime, datetime]:
    """Return what the digest of a day is about: from seven the day before until seven, whatever the clocks did."""
    day = datetime.strptime(str(schedule), "%Y%m%d").date()  # noqa: DTZ007  a day, which has no zone
    until = datetime.combine(day, DIGEST_AT, _DIGEST_ZONE)
    since = datetime.combine(day - timedelta(days=1), DIGEST_AT, _DIGEST_ZONE)
    return since.astimezone(UTC), until.astimezone(UTC)


def for_everybody(name: str, detail: Mapping[str, Fact]) -> ForEverybody | None:
    """Return what an event about a whole visit asks for; None for an event that nobody is written to about.

    Raises:
        KeyError: the event lacks what its schema promises.
    """
    step = _ABOUT_VISITS.get(name)
    if step is None:
        return None
    message = step is Step.MESSAGE
    return ForEverybody(
        step=step,
        visit_id=str(detail["visit_id"]),
        schedule=0 if message else int(detail["sequence"] or 0),
        message_id=str(detail["message_id"]) if message else None,
        line=None if message else int(detail["line"] or 0),
    )


def _asked_at(detail: Mapping[str, Fact]) -> Fact:
    """What tells one asking from the next; the event's id stands in where nothing else does."""
    return detail.get("asked_at") or detail.get("changed_at") or detail["event_id"]


def reason_to_skip(  # noqa: PLR0911  one answer a step
    step: str,
    *,
    visit: VisitView | None,
    registration: RegistrationView | None,
    now: datetime,
    schedule: int = 0,
    to: Collection[str] = (),
) -> str | None:
    """Return why a step about one registration is no longer right, None while it is.

    Asked at the moment of sending, with both as they are then. ``schedule`` is the version of the visit's schedule
    that the delivery was made for, ``to`` the statuses an organiser's message is for.
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
        case Step.RESCHEDULED:
            moved = None if visit.sequence == schedule else "moved again since"
            return _about_the_visit(visit, now) or moved or _GONE.get(registration.status)
        case Step.VISIT_CANCELLED:
            held = None if visit.status == "cancelled" else "the visit is not cancelled"
            over = "the visit is over" if now >= visit.ends_at else None
            return held or over or _GONE.get(registration.status)
        case Step.MESSAGE:
            others = None if registration.status in to else "no longer among those it is for"
            return _GONE.get(registration.status) or others
        case _:
            return f"no such step: {step}"


_GONE: Final = {"cancelled": "cancelled since"}
_NOT_CONFIRMED: Final = {"cancelled": "cancelled since", "waiting": "not confirmed"}
_NOT_WAITING: Final = {"cancelled": "cancelled since", "confirmed": "admitted since"}


def _about_the_visit(visit: VisitView, now: datetime) -> str | None:
    if visit.status != "published":
        return "the visit is cancelled" if visit.status == "cancelled" else "the visit is not published"
    return "the visit is over" if now >= visit.ends_at else None
