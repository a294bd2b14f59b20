"""Lambda ``followups-digest``, every morning: organisers who want it hear who registered for their visits since.

Each day's digest is a delivery of its own, so running twice sends nothing twice. What stands in it, and whether there
is anything to say, is found when it is sent (`followups.letters`). Invoked by hand with ``{"day": "2026-11-24"}`` it
makes up for a morning that was missed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

from followups.delivery import created
from followups.model import Deliveries
from followups.on_event import Queue, Settings
from followups.plan import digest_day, digest_of
from kernel import aws, clock, settings
from kernel.log import logger


@dataclass(frozen=True, slots=True)
class Digests:
    """Makes the deliveries of a day's digests. May run twice, also at once.

    Attributes:
        readers: the person keys of who wants one.
    """

    deliveries: Deliveries
    queue: Queue
    readers: Callable[[], Iterable[str]]
    now: Callable[[], datetime]

    def make(self, day: date | None = None) -> int:
        """Make and queue the digests of a day, by default the latest that is due; return how many."""
        made = list(self._made(day or digest_day(self.now())))
        self.queue.put_all(made)
        return len(made)

    def _made(self, day: date) -> Iterator[str]:
        for person in self.readers():
            identity = digest_of(person, day)
            self.deliveries.create(created(identity, self.now()))
            yield identity.delivery_id


@cache
def _digests() -> Digests:
    from accounts import query

    return Digests(
        deliveries=Deliveries(),
        queue=Queue(aws.client("sqs"), settings.read(Settings).deliveries_queue_url),
        readers=lambda: (account.person for account in query.digest_readers()),
        now=clock.now,
    )


# What the scheduler or a person hands over is JSON, which has no narrower type than Any.
def handler(event: Mapping[str, Any], _context: object) -> dict[str, int]:
    """Make the digests of this morning, or of the day the event names."""
    day = event.get("day")
    made = _digests().make(None if day is None else date.fromisoformat(day))
    logger.info("digests planned", digests=made)
    return {"digests": made}
