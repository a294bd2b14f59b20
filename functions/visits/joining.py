"""When somebody may join a visit by their personal link, and what they meet otherwise. Pure rules.

The link shows on "my place" from an hour before the start, and lets in from a quarter of an hour before until the
end (the HTTP contract's figures). Only who has a place gets in.
"""

from datetime import datetime, timedelta
from typing import Literal

SHOWN_BEFORE = timedelta(hours=1)
OPENS_BEFORE = timedelta(minutes=15)

type Door = Literal["open", "early", "over", "called_off", "waiting", "cancelled", "no_room"]
"""``called_off`` is the visit's cancellation, ``cancelled`` the registration's; ``no_room`` has no address to go to."""


def is_shown(*, status: str, visit_status: str, starts_at: datetime, ends_at: datetime, now: datetime) -> bool:
    """Tell whether the link stands on "my place"."""
    return status == "confirmed" and visit_status == "published" and starts_at - SHOWN_BEFORE <= now < ends_at


def door(
    *, status: str, visit_status: str, starts_at: datetime, ends_at: datetime, room_url: str, now: datetime
) -> Door:
    """Return what somebody meets who follows their join link now. The order of the questions is part of the rule."""
    if visit_status != "published":
        return "called_off"
    if status == "cancelled":
        return "cancelled"
    if now >= ends_at:
        return "over"
    if status != "confirmed":
        return "waiting"
    if now < starts_at - OPENS_BEFORE:
        return "early"
    return "open" if room_url else "no_room"
