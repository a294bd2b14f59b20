"""Whether a visit takes registrations, and how a refusal is said. Pure rules."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from kernel.errors import Problem, RegistrationClosed, VisitFull
from visits.line import Line

type Opening = Literal["not_yet", "open", "waitlist", "full", "closed", "cancelled", "ended"]

REGISTERS = frozenset({"open", "waitlist"})
"""The openings at which somebody can register."""


@dataclass(frozen=True, slots=True)
class Window:
    """What decides, apart from the line: the visit's status, its waiting list and its times (aware)."""

    status: str
    waitlist: str
    opens_at: datetime
    closes_at: datetime
    ends_at: datetime


def opening(window: Window, line: Line, now: datetime) -> Opening:
    """Return the contract's word for what a newcomer meets now. The order of the questions is part of the rule."""
    if window.status == "cancelled":
        return "cancelled"
    if now >= window.ends_at:
        return "ended"
    if now < window.opens_at:
        return "not_yet"
    if now >= window.closes_at:
        return "closed"
    if line.has_room:
        return "open"
    return "full" if window.waitlist == "off" else "waitlist"


_REFUSALS = {
    "not_yet": "Registration for this visit has not opened yet. Please come back later.",
    "closed": "Registration for this visit has closed.",
    "cancelled": "This visit was cancelled, so nobody can register any more.",
    "ended": "This visit is over. Have a look at the coming visits.",
}


def refusal(state: Opening) -> Problem:
    """Return the problem a newcomer is told when ``state`` is none of `REGISTERS`."""
    return VisitFull() if state == "full" else RegistrationClosed(_REFUSALS[state])
