"""Lambda ``followups-moderation``: moderators wrote to an author, or comments wait for too long."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from followups.delivery import created
from followups.model import Deliveries
from followups.moderation import HELD_BACK, planned
from kernel import aws, clock, settings
from kernel.log import logger


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function needs of its environment."""

    deliveries_queue_url: str


_SETTINGS = settings.read(Settings)


# What Lambda hands over is JSON, which has no narrower type than Any.
def handler(event: dict[str, Any], _context: object) -> None:
    """Make the deliveries that one event of the bus asks for. May be told of the same event twice, or late."""
    from comments import query

    now, name = clock.now(), event["detail-type"]
    moderators = query.moderators_lately(now) if name == "comments.waiting" else ()
    identities = planned(name, event["detail"], moderators)
    for identity in identities:
        Deliveries().create(created(identity, now))
        _queue(identity.delivery_id)
    logger.info("event planned", detail_type=name, event_id=event.get("id"), deliveries=len(identities))


def _queue(delivery_id: str) -> None:
    """Queue a delivery, to be sent in a little while: a decision may be taken back until then."""
    try:
        aws.client("sqs").send_message(
            QueueUrl=_SETTINGS.deliveries_queue_url,
            MessageBody=json.dumps({"delivery_id": delivery_id}),
            DelaySeconds=int(HELD_BACK.total_seconds()),
        )
    except (BotoCoreError, ClientError) as error:
        # It stays ready and due: `followups.settle` queues it.
        logger.error("delivery not queued", delivery_id=delivery_id, error=type(error).__name__)
