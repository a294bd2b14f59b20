"""Lambda `comments-erase`: somebody is to be erased, so what they wrote goes."""

from datetime import datetime
from typing import Any

from comments.erase import erase
from kernel import clock
from kernel.log import logger


# What EventBridge hands over is JSON, which has no narrower type than Any.
def handler(event: dict[str, Any], context: object) -> None:
    """Take one ``person.erasure_requested``."""
    detail = event["detail"]
    erased = erase(detail["person"], datetime.fromisoformat(detail["requested_at"]), now=clock.now())
    logger.info("erased from the comments", event_id=detail.get("event_id"), comments=erased)
