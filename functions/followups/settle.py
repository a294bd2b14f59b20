"""Lambda ``followups-settle``, every five minutes: deliveries that nothing else will move.

A sender that died, a queue message that was lost, a fate that stayed unknown, a refusal whose waiting time is over.
Invoked by hand with ``{"try_again": ["<delivery_id>", …]}`` it sends what a person decided to send
(`docs/sending.md`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from followups.delivery import Change, State, lease_expired, queued_again, tried_again, waited
from followups.model import Deliveries
from followups.on_event import Queue, Settings
from kernel import aws, clock, settings
from kernel.log import logger

BATCH = 500
"""Deliveries looked at in one run, well within the function's time. What is left is due again in five minutes."""


class Unsettled(Exception):
    """Some deliveries could not be moved. The others were; the next run looks at these again."""


@dataclass(frozen=True, slots=True)
class Settler:
    """Moves deliveries. May run twice at once."""

    deliveries: Deliveries
    queue: Queue
    now: Callable[[], datetime]

    def settle(self) -> int:
        """Move every delivery that is due; return how many were queued.

        Raises:
            Unsettled: after all of them were looked at, where some could not be moved.
        """
        now = self.now()
        return self._each(list(self.deliveries.due(now, BATCH)), _due(now))

    def try_again(self, delivery_ids: Iterable[str]) -> int:
        """Queue deliveries of unknown fate, and failed ones, because a person said so; return how many were queued.

        Raises:
            Unsettled: see `settle`.
        """
        now = self.now()
        return self._each(delivery_ids, lambda delivery: tried_again(delivery, now))

    def _each(self, delivery_ids: Iterable[str], change: Change) -> int:
        queued = failed = 0
        for delivery_id in delivery_ids:
            try:
                queued += self._move(delivery_id, change)
            except Exception:  # noqa: BLE001  one bad delivery must not hold up those behind it
                logger.exception("delivery not settled", delivery_id=delivery_id)
                failed += 1
        if failed:
            raise Unsettled(f"{failed} deliveries")
        return queued

    def _move(self, delivery_id: str, change: Change) -> bool:
        delivery = self.deliveries.change(delivery_id, change)
        if delivery is None or delivery.state is not State.READY:
            return False
        # Written first, queued second: dying between the two leaves it due once more, ten minutes on.
        self.queue.put(delivery_id)
        return True


def _due(now: datetime) -> Change:
    """What becomes of a delivery that is due. At most one of the three applies to a state."""
    return lambda delivery: queued_again(waited(lease_expired(delivery, now), now), now)


@cache
def _settler() -> Settler:
    url = settings.read(Settings).deliveries_queue_url
    return Settler(deliveries=Deliveries(), queue=Queue(aws.client("sqs"), url), now=clock.now)


# What the scheduler or a person hands over is JSON, which has no narrower type than Any.
def handler(event: Mapping[str, Any], _context: object) -> dict[str, int]:
    """Settle what is due, or try again what the event names."""
    by_hand = event.get("try_again")
    queued = _settler().settle() if by_hand is None else _settler().try_again(by_hand)
    logger.info("settled", queued=queued, by_hand=by_hand is not None)
    return {"queued": queued}
