"""Visits as calendars and feeds: what other programs follow. Public pages only; never a room's address."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parseaddr
from xml.etree import ElementTree

from kernel import calendar
from visits.model import Details, Place


@dataclass(frozen=True, slots=True)
class Publisher:
    """Who publishes: the service's address, the community's name, and the mailbox it writes from."""

    base_url: str
    community: str
    sender: str

    @property
    def contact(self) -> calendar.Contact:
        """The organiser calendars show."""
        name, address = parseaddr(self.sender)
        return calendar.Contact(name or self.community, calendar.mailto(address))


def calendar_of(visits: Sequence[Details], publisher: Publisher, *, name: str, now: datetime) -> str:
    """Return visits as a calendar anybody may read."""
    entries = [
        _entry(details, publisher, uid=calendar.visit_uid(details.visit_id, publisher.base_url)) for details in visits
    ]
    return calendar.published(entries, name=name, stamp=now)


def invitation(place: Place, details: Details, publisher: Publisher, *, now: datetime) -> str:
    """Return a registration's entry: the one its emails carry, withdrawn once it is cancelled."""
    entry = _entry(
        details,
        publisher,
        uid=calendar.registration_uid(place.registration_id, publisher.base_url),
        sequence=int(place.sequence),
        attendee=calendar.Contact(place.name or "", calendar.mailto(place.email or "")),
        cancelled=place.status == "cancelled",
    )
    return calendar.invitation(entry, stamp=now)


def _entry(
    details: Details,
    publisher: Publisher,
    *,
    uid: str,
    sequence: int = 0,
    attendee: calendar.Contact | None = None,
    cancelled: bool = False,
) -> calendar.Entry:
    url = f"{publisher.base_url}/visits/{details.visit_id}"
    return calendar.Entry(
        uid=uid,
        sequence=int(details.sequence) + sequence,
        starts_at=details.starts_at,
        ends_at=details.ends_at,
        timezone=details.timezone,
        summary=details.title,
        description=f"{details.summary}\n\n{url}".strip(),
        location=details.venue or ("Online" if details.format == "online" else ""),
        url=url,
        organizer=publisher.contact,
        attendee=attendee,
        cancelled=cancelled or details.status == "cancelled",
    )


def atom(visits: Sequence[Details], publisher: Publisher, *, now: datetime) -> str:
    """Return visits as an Atom feed (RFC 4287)."""
    feed = ElementTree.Element("feed", xmlns="http://www.w3.org/2005/Atom")
    base = publisher.base_url
    updated = max((details.changed_at for details in visits), default=now)
    _add(feed, "id", f"{base}/visits.atom")
    _add(feed, "title", f"Visits of {publisher.community}")
    _add(feed, "updated", _time(updated))
    ElementTree.SubElement(feed, "link", rel="self", href=f"{base}/visits.atom")
    ElementTree.SubElement(feed, "link", rel="alternate", href=f"{base}/")
    _add(ElementTree.SubElement(feed, "author"), "name", publisher.community)
    for details in visits:
        entry = ElementTree.SubElement(feed, "entry")
        url = f"{base}/visits/{details.visit_id}"
        _add(entry, "id", url)
        _add(entry, "title", details.title)
        _add(entry, "updated", _time(details.changed_at))
        _add(entry, "published", _time(details.created_at))
        ElementTree.SubElement(entry, "link", rel="alternate", href=url)
        _add(entry, "summary", details.summary)
        content = ElementTree.SubElement(entry, "content", type="html")
        content.text = details.description_html
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(feed, encoding="unicode")


def _add(parent: ElementTree.Element, name: str, text: str) -> None:
    ElementTree.SubElement(parent, name).text = text


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
