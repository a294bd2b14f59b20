"""Who moderates: whoever has decided something lately is reminded when comments wait for too long."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from comments.model import MODERATORS, ModeratorSeen

if TYPE_CHECKING:
    # At run time it would ask for the accounts' settings, which the functions that send reminders have not.
    from kernel.access import Actor

REMEMBERED_FOR = timedelta(days=90)
"""Whoever has not decided anything for so long is not reminded any more."""

_NOTED_EVERY = timedelta(hours=12)
_noted: dict[str, datetime] = {}


def decided(actor: Actor, now: datetime) -> None:
    """Note that somebody moderates; a container writes it down twice a day at most."""
    last = _noted.get(actor.person)
    if last is not None and timedelta() <= now - last < _NOTED_EVERY:
        return
    until = int((now + REMEMBERED_FOR).timestamp())
    ModeratorSeen(MODERATORS, actor.person, email=actor.email, name=actor.name, seen_at=now, expires_at=until).save()
    _noted[actor.person] = now


def lately(now: datetime) -> Iterator[ModeratorSeen]:
    """Yield who has decided something lately. Time to live deletes late, so it is checked too."""
    yield from ModeratorSeen.query(MODERATORS, filter_condition=ModeratorSeen.expires_at > now.timestamp())
