"""Calendars read by a second library, vobject: what one library writes and reads again proves little."""

from dataclasses import dataclass
from datetime import UTC, datetime

import vobject


@dataclass(frozen=True)
class Event:
    """One entry of a calendar: what the tests look at. ``starts_at`` and ``ends_at`` are in UTC."""

    method: str
    uid: str
    sequence: int
    status: str
    summary: str
    starts_at: datetime
    ends_at: datetime
    clock: str
    """The start as the entry writes it, on the clock of its zone."""


def events(text: str) -> list[Event]:
    """Return a calendar's entries. Lines end and are folded as RFC 5545, 3.1 says."""
    assert text.replace("\r\n", "").count("\n") == 0, "lines end in CRLF"
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    calendar = vobject.readOne(text)
    assert calendar.name == "VCALENDAR"
    assert calendar.version.value == "2.0"
    return [_event(calendar.method.value, one) for one in calendar.contents.get("vevent", [])]


def event(text: str) -> Event:
    """Return the one entry of a calendar."""
    (one,) = events(text)
    return one


def _event(method: str, one: vobject.base.Component) -> Event:
    return Event(
        method=method,
        uid=one.uid.value,
        sequence=int(one.sequence.value),
        status=one.status.value,
        summary=one.summary.value,
        starts_at=one.dtstart.value.astimezone(UTC),
        ends_at=one.dtend.value.astimezone(UTC),
        clock=f"{one.dtstart.value:%Y-%m-%d %H:%M}",
    )
