"""Lambda ``followups-feedback``: what SES says became of our emails.

SES publishes to the default bus, by best effort: its events come late, twice, in any order, or never.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from followups.delivery import settled
from followups.model import Deliveries
from followups.ses import Record, delivery_id_of, evidence_of
from kernel import clock
from kernel.log import logger


@dataclass(frozen=True, slots=True)
class Listener:
    """Settles deliveries by evidence."""

    deliveries: Deliveries
    now: Callable[[], datetime]

    def hear(self, record: Record) -> str:
        """Take one SES event; return what it came to, for the log."""
        delivery_id = delivery_id_of(record)
        if delivery_id is None:
            return "not about a delivery"
        evidence = evidence_of(record)
        if evidence is None:
            return "proves nothing"
        now = self.now()
        delivery = self.deliveries.change(delivery_id, lambda current: settled(current, evidence, now))
        return "no such delivery" if delivery is None else delivery.state.value


@cache
def _listener() -> Listener:
    return Listener(deliveries=Deliveries(), now=clock.now)


# What EventBridge hands over is JSON, which has no narrower type than Any.
def handler(event: Mapping[str, Any], _context: object) -> None:
    """Take one event of SES."""
    record: Record = event["detail"]
    logger.info(
        "ses event",
        event_type=record.get("eventType"),
        delivery_id=delivery_id_of(record),
        came_to=_listener().hear(record),
    )
