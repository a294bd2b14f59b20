"""Lambda ``followups-erase``: somebody is to be erased, so their deliveries forget whose they were."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from followups.erase import erase
from followups.model import Deliveries
from kernel import clock
from kernel.log import logger


# What EventBridge hands over is JSON, which has no narrower type than Any.
def handler(event: Mapping[str, Any], _context: object) -> None:
    """Take one ``person.erasure_requested``."""
    detail = event["detail"]
    requested_at = datetime.fromisoformat(detail["requested_at"])
    count = erase(detail["person"], requested_at=requested_at, now=clock.now(), deliveries=Deliveries())
    logger.info("erased from the deliveries", event_id=detail.get("event_id"), deliveries=count)
