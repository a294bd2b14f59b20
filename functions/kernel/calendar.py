"""Calendar data: invitations people get by email, and calendars anybody may follow.

RFC 5545 (the format), RFC 5546 (REQUEST, CANCEL, PUBLISH), RFC 6047 (by email), RFC 7986 (a calendar's name).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from icalendar import Event, vCalAddress

type Method = Literal["REQUEST", "CANCEL", "PUBLISH"]

PRODUCT: Final = "-//Microclimate//Visits//EN"
REFRESH: Final = timedelta(hours=4)
"""How often we ask a program that follows a calendar to look again."""

# RFC 5545, 3.1: no control characters but tab; and line breaks only in texts, where they are escaped.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Contact:
    """An organiser or an attendee: a name, and the URI calendars know them by (`mailto`)."""

    name: str
    uri: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a calendar.

    Attributes:
        uid: the same for as long as the entry lives: `registration_uid` or `visit_uid`.
        sequence: raised at every change; programs ignore what is older than what they have.
        starts_at: aware; so is ``ends_at``.
        timezone: the IANA zone the times are written in.
        url: a public page. Never a room's address nor a capability: calendars are shared with colleagues.
        attendee: the person an invitation is for; None for what is published.
        cancelled: the entry is withdrawn.
    """

    uid: str
    sequence: int
    starts_at: datetime
    ends_at: datetime
    timezone: str
    summary: str
    description: str
    location: str
    url: str
    organizer: Contact
    attendee: Contact | None = None
    cancelled: bool = False


def mailto(email: str) -> str:
    """Return an address as a URI (RFC 6068): what is not ASCII is percent-encoded UTF-8."""
    return f"mailto:{quote(email, safe="@!$&'*+-./=^_`{|}~")}"


def registration_uid(registration_id: str, base_url: str) -> str:
    """Return the UID of a registration's entry."""
    return f"{registration_id}@{urlsplit(base_url).hostname}"


def visit_uid(visit_id: str, base_url: str) -> str:
    """Return the UID of a visit's public entry."""
    return f"{visit_id}@{urlsplit(base_url).hostname}"


def method_of(entry: Entry) -> Method:
    """Return what an entry sent to its attendee asks of their calendar."""
    return "CANCEL" if entry.cancelled else "REQUEST"


def invitation(entry: Entry, *, stamp: datetime) -> str:
    """Return one entry for its attendee: ``METHOD:REQUEST``, or ``CANCEL`` once it is withdrawn.

    ``stamp`` is when this was written (DTSTAMP, aware). Lines end in CRLF and are folded at 75 octets.
    """
    return _calendar([entry], method_of(entry), stamp=stamp, name=None)


def published(entries: Sequence[Entry], *, name: str, stamp: datetime) -> str:
    """Return entries anybody may read (``METHOD:PUBLISH``): one visit's, or a calendar to follow, called ``name``."""
    return _calendar(entries, "PUBLISH", stamp=stamp, name=name)


def _calendar(entries: Sequence[Entry], method: Method, *, stamp: datetime, name: str | None) -> str:
    from icalendar import Calendar, vText  # costs a quarter of a second at a cold start, and few requests need it

    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", method)
    if name is not None:
        # The library takes neither for a text, and a text's commas need escaping.
        calendar.add("name", vText(_text(name)))
        calendar.add("x-wr-calname", vText(_text(name)))
        calendar.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    for entry in entries:
        calendar.add_component(_event(entry, stamp))
    if entries:
        first, last = _span(entries)
        calendar.add_missing_timezones(first_date=first.date(), last_date=last.date())
    return str(calendar.to_ical(), "utf-8")


def _event(entry: Entry, stamp: datetime) -> Event:
    from icalendar import Event, vUri

    event = Event()
    event.add("uid", entry.uid)
    event.add("sequence", entry.sequence)
    event.add("dtstamp", stamp.astimezone(UTC))
    event.add("dtstart", entry.starts_at.astimezone(_clock(entry)))
    event.add("dtend", entry.ends_at.astimezone(_clock(entry)))
    event.add("summary", _text(entry.summary))
    event.add("description", _text(entry.description))
    event.add("location", _text(entry.location))
    event.add("url", vUri(entry.url))
    event.add("status", "CANCELLED" if entry.cancelled else "CONFIRMED")
    event.add("transp", "OPAQUE")
    event.add("class", "PUBLIC" if entry.attendee is None else "PRIVATE")
    event.add("organizer", _contact(entry.organizer))
    if entry.attendee is not None:
        event.add("attendee", _attendee(entry.attendee), encode=False)
    return event


def _contact(contact: Contact) -> vCalAddress:
    from icalendar import vCalAddress

    address = vCalAddress(contact.uri)
    # RFC 5545, 3.2: a parameter cannot hold a double quote, and a name is one line.
    address.params["CN"] = " ".join(_text(contact.name).replace('"', "'").split())
    return address


def _attendee(person: Contact) -> vCalAddress:
    address = _contact(person)
    # They registered, which is their answer: no client is to ask them again or to write to us about it.
    address.params.update({"CUTYPE": "INDIVIDUAL", "ROLE": "REQ-PARTICIPANT", "PARTSTAT": "ACCEPTED", "RSVP": "FALSE"})
    return address


def _clock(entry: Entry) -> tzinfo:
    """The clock an entry's times are written on: its zone's; UTC where that shows one of its times twice.

    RFC 5545, 3.3.5: a local time that occurs twice means its first occurrence. The second has no other form, and
    programs disagree about the first.
    """
    zone = ZoneInfo(entry.timezone)
    times = (entry.starts_at.astimezone(zone), entry.ends_at.astimezone(zone))
    twice = any(time.replace(fold=0).utcoffset() != time.replace(fold=1).utcoffset() for time in times)
    return UTC if twice else zone


def _span(entries: Iterable[Entry]) -> tuple[datetime, datetime]:
    moments = [moment for entry in entries for moment in (entry.starts_at, entry.ends_at)]
    # A day more on either side: dates differ between zones.
    return min(moments) - timedelta(days=1), max(moments) + timedelta(days=1)


def _text(text: str) -> str:
    return _CONTROL.sub("", text)
