"""Visits as calendars and feeds: what other programs follow. Public pages only; never a room's address."""

from collections.abc import Sequence
from datetime import UTC, datetime
from xml.etree import ElementTree

from kernel import calendar
from visits.model import Details, Place
from visits.query import Publisher, calendar_entry, registration_view, visit_view


def calendar_of(visits: Sequence[Details], publisher: Publisher, *, name: str, now: datetime) -> str:
    """Return visits as a calendar anybody may read."""
    entries = [calendar_entry(visit_view(one), None, publisher) for one in visits]
    return calendar.published(entries, name=name, stamp=now)


def invitation(place: Place, details: Details, publisher: Publisher, *, now: datetime) -> str:
    """Return a registration's entry: the one its emails carry, withdrawn once it is cancelled."""
    entry = calendar_entry(visit_view(details), registration_view(place, None), publisher)
    return calendar.invitation(entry, stamp=now)


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
        _add(entry, "title", f"Cancelled: {details.title}" if details.status == "cancelled" else details.title)
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
