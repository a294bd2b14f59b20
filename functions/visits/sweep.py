"""Lambda `visits-sweep`, every five minutes: what a crash or a lost event left undone, done.

It voids places that were handed out and never written, and reconciles every visit that has not ended, once a day from
place 1. It repeats erasures that a registration may have slipped past (`visits.erase`), and once an hour forgets what
people told us and is no longer needed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pynamodb.exceptions import PynamoDBException

from kernel import clock, metrics, secrets, settings
from kernel.errors import Problem
from kernel.log import logger
from kernel.person_key import person_key
from visits.erase import erase_again
from visits.forget import forget
from visits.model import Details
from visits.reconcile import move_fence, reconcile


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function needs of its environment."""

    secret_id: str


_SETTINGS = settings.read(Settings)

EVERY = timedelta(minutes=5)

LONGEST = timedelta(days=31)
"""A visit that began longer ago has ended (`visits.edit.MAX_LENGTH`)."""


class SweepIncomplete(Exception):
    """Some visits could not be swept; the log names them."""


def handler(event: dict[str, Any], context: object) -> dict[str, int]:
    """Sweep every visit that can still need it; answer what was found. One visit's trouble stops no other."""
    now = clock.now()
    found = {"visits": 0, "voided": 0, "admitted": 0, "erased": 0, "failed": 0}
    for details in Details.public_by_start.query("yes", Details.starts_at >= now - LONGEST):
        if details.ends_at <= now:
            continue
        found["visits"] += 1
        try:
            found["voided"] += move_fence(details.visit_id, now=now)
            found["admitted"] += reconcile(details.visit_id, now=now, from_the_start=begins_the_day(now))
        except (PynamoDBException, Problem) as error:
            found["failed"] += 1
            logger.error("sweep failed", visit_id=details.visit_id, error=type(error).__name__)
    try:
        found["erased"] = _erase_again(now)
    except (PynamoDBException, Problem) as error:
        found["failed"] += 1  # it stays noted, so the next sweep repeats it
        logger.error("erasure not repeated", error=type(error).__name__)
    if begins_the_hour(now):
        found["forgotten"] = forget(now=now)
    metrics.count("PlacesVoided", found["voided"])
    metrics.count("PeopleAdmitted", found["admitted"])
    logger.info("swept", found=found)
    if found["failed"]:
        raise SweepIncomplete  # so that Lambda tries again and the alarm on errors sees it
    return found


def _erase_again(now: datetime) -> int:
    """Erase once more whom somebody may have been registering as when they were erased; return how many."""
    return erase_again(now=now, key_of=lambda email: person_key(email, secrets.load(_SETTINGS.secret_id).pepper))


def begins_the_hour(now: datetime) -> bool:
    """Tell whether this is the hour's first sweep: it forgets."""
    return now.minute < EVERY.seconds // 60


def begins_the_day(now: datetime) -> bool:
    """Tell whether this is the day's first sweep: it looks at every place."""
    return now.hour == 0 and begins_the_hour(now)
