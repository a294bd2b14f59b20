"""Times as people read them: in the visit's zone, with its abbreviation, and as `<time>` for machines.

Visits come as the contract writes them (API.md, "Visit, as read"): RFC 3339 strings and an IANA zone name.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup


def when_text(visit: Mapping[str, Any]) -> str:
    """When a visit (or one of its sessions, with its ``timezone``) takes place.

    "Tuesday 8 December 2026, 14:00 to 16:30 GMT (London)". The second date and the first abbreviation appear only
    where they differ: a visit over midnight, or over a clock change.
    """
    start, end = _local(visit["starts_at"], visit["timezone"]), _local(visit["ends_at"], visit["timezone"])
    from_, to = _abbreviation(start), _abbreviation(end)
    opening = f"{_day(start)}, {start:%H:%M}" + (f" {from_}" if from_ != to else "")
    closing = (f"{_day(end)}, " if start.date() != end.date() else "") + f"{end:%H:%M} {to}"
    return f"{opening} to {closing}{_place(visit['timezone'])}"


def when(visit: Mapping[str, Any]) -> Markup:
    """`when_text` as a `<time>` element, with what ``site.js`` needs to add the reader's own time."""
    return Markup('<time datetime="{}" data-ends="{}" data-zone="{}">{}</time>').format(
        visit["starts_at"], visit["ends_at"], visit["timezone"], when_text(visit)
    )


def moment_text(instant: str | datetime, timezone: str) -> str:
    """One instant in a zone: "Tuesday 1 December 2026 at 09:00 GMT"."""
    local = _local(instant, timezone)
    return f"{_day(local)} at {local:%H:%M} {_abbreviation(local)}"


def moment(instant: str | datetime, timezone: str) -> Markup:
    """`moment_text` as a `<time>` element."""
    iso = instant if isinstance(instant, str) else instant.isoformat()
    return Markup('<time datetime="{}" data-zone="{}">{}</time>').format(iso, timezone, moment_text(instant, timezone))


def leaf(visit: Mapping[str, Any]) -> tuple[str, str, str]:
    """What a tear-off calendar shows on the day a visit starts: ("Tue", "8", "Dec")."""
    start = _local(visit["starts_at"], visit["timezone"])
    return f"{start:%a}", str(start.day), f"{start:%b}"


def _local(instant: str | datetime, timezone: str) -> datetime:
    moment = datetime.fromisoformat(instant) if isinstance(instant, str) else instant
    return moment.astimezone(ZoneInfo(timezone))


def _day(local: datetime) -> str:
    return f"{local:%A} {local.day} {local:%B %Y}"


def _abbreviation(local: datetime) -> str:
    """The zone's usual abbreviation at that time; IANA has a bare offset ("+03") where no usage exists."""
    name = local.tzname() or ""
    return name if name.isalpha() else f"UTC{name}"


def _place(timezone: str) -> str:
    """The city a zone is named after, in brackets; nothing for zones that are named after none."""
    area, _, city = timezone.rpartition("/")
    return f" ({city.replace('_', ' ')})" if area and area != "Etc" else ""
