"""What search engines read of a visit: schema.org's Event as JSON-LD (https://schema.org/Event)."""

from collections.abc import Mapping
from typing import Any

from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

_ATTENDANCE = {
    "online": "https://schema.org/OnlineEventAttendanceMode",
    "in_person": "https://schema.org/OfflineEventAttendanceMode",
    "hybrid": "https://schema.org/MixedEventAttendanceMode",
}
_AVAILABILITY = {
    "open": "https://schema.org/InStock",
    "waitlist": "https://schema.org/BackOrder",
    "not_yet": "https://schema.org/PreOrder",
}


def event(visit: Mapping[str, Any], *, base_url: str, community: str) -> Markup:
    """The visit as JSON that may stand inside a `<script>`: ``<``, ``>``, ``&`` and ``'`` are written as escapes."""
    return htmlsafe_json_dumps(_event(visit, base_url, community), sort_keys=True, ensure_ascii=False)


# JSON has no narrower type than Any for its values.
def _event(visit: Mapping[str, Any], base_url: str, community: str) -> dict[str, Any]:
    url = f"{base_url}/visits/{visit['visit_id']}"
    document = {
        "@context": "https://schema.org",
        "@type": "Event",
        "@id": url,
        "url": url,
        "name": visit["title"],
        "description": visit["summary"],
        "startDate": visit["starts_at"],
        "endDate": visit["ends_at"],
        "eventStatus": _status(visit),
        "eventAttendanceMode": _ATTENDANCE[visit["format"]],
        "location": _location(visit, url),
        "organizer": {"@type": "Organization", "name": community, "url": base_url},
        "performer": {"@type": "Organization", "name": visit["host"]},
        "maximumAttendeeCapacity": visit["capacity"],
        "remainingAttendeeCapacity": visit["seats_left"],
        "offers": _offer(visit, url),
        "subEvent": _sessions(visit, url),
    }
    return {name: value for name, value in document.items() if value not in (None, "", [])}


def _status(visit: Mapping[str, Any]) -> str:
    cancelled = visit["status"] == "cancelled"
    return "https://schema.org/EventCancelled" if cancelled else "https://schema.org/EventScheduled"


def _location(visit: Mapping[str, Any], url: str) -> list[dict[str, Any]]:
    room = {"@type": "VirtualLocation", "url": url}
    venue = {"@type": "Place", "name": visit["venue"] or visit["host"], "address": visit["venue"] or visit["host"]}
    return {"online": [room], "in_person": [venue], "hybrid": [venue, room]}[visit["format"]]


def _offer(visit: Mapping[str, Any], url: str) -> dict[str, Any]:
    offer = {
        "@type": "Offer",
        "url": url,
        "availability": _AVAILABILITY.get(visit["registration"], "https://schema.org/SoldOut"),
        "validFrom": visit["registration_opens_at"],
    }
    return {name: value for name, value in offer.items() if value is not None}


def _sessions(visit: Mapping[str, Any], url: str) -> list[dict[str, Any]]:
    if len(visit["sessions"]) < 2:
        return []
    return [
        {
            "@type": "Event",
            "name": session["title"] or visit["title"],
            "startDate": session["starts_at"],
            "endDate": session["ends_at"],
            "location": _location(visit, url),
        }
        for session in visit["sessions"]
    ]
