"""Erasing a person: what was sent stays as a figure, and nothing in it leads to them.

The suppression stays: it is how somebody who asked not to be mailed is still not mailed, and holds the person key
alone.
"""

from __future__ import annotations

from datetime import datetime

from followups.delivery import erased
from followups.model import Deliveries


def erase(person: str, *, requested_at: datetime, now: datetime, deliveries: Deliveries) -> int:
    """Erase what was sent, or was about to be sent, to a person; return how many deliveries that were.

    Deliveries made after it was asked for belong to what the person has done since, and stay.
    """
    count = 0
    for delivery_id in list(deliveries.of_person(person, until=requested_at)):
        count += deliveries.change(delivery_id, lambda delivery: erased(delivery, now)) is not None
    return count
