"""Lambda ``followups-plan``: something happened in the visits, so somebody is to get an email."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import batched
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from followups.delivery import created
from followups.model import Deliveries
from followups.plan import planned
from kernel import aws, clock, settings
from kernel.events import Fact
from kernel.log import logger

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

    from followups.late import Joiner

AT_ONCE = 10
"""Messages SQS takes in one call: its own limit."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function needs of its environment."""

    deliveries_queue_url: str


class Queue:
    """The queue of deliveries that are ready; a message holds nothing but a delivery's id."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url

    def put(self, delivery_id: str) -> None:
        """Queue a delivery. A second message for one that is no longer ready does nothing."""
        self._client.send_message(QueueUrl=self._url, MessageBody=_body(delivery_id))

    def put_all(self, delivery_ids: Iterable[str]) -> int:
        """Queue deliveries, ten a call; return how many the queue did not take.

        Those stay ready and due: `followups.settle` queues them.
        """
        lost = 0
        for some in batched(delivery_ids, AT_ONCE, strict=False):
            entries: list[SendMessageBatchRequestEntryTypeDef] = [
                {"Id": str(number), "MessageBody": _body(delivery_id)} for number, delivery_id in enumerate(some)
            ]
            try:
                lost += len(self._client.send_message_batch(QueueUrl=self._url, Entries=entries).get("Failed", []))
            except (BotoCoreError, ClientError) as error:
                logger.error("deliveries not queued", error=type(error).__name__, deliveries=len(some))
                lost += len(some)
        return lost


def _body(delivery_id: str) -> str:
    return json.dumps({"delivery_id": delivery_id})


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes deliveries. May be told of the same event twice, or late."""

    deliveries: Deliveries
    queue: Queue
    now: Callable[[], datetime]

    def on_event(self, name: str, detail: Mapping[str, Fact]) -> str | None:
        """Make the delivery an event asks for and queue it; return its id, None where nobody is written to."""
        identity = planned(name, detail)
        if identity is None:
            return None
        self.deliveries.create(created(identity, self.now()))
        try:
            # Also where it was there already: whoever made it may have died before this line.
            self.queue.put(identity.delivery_id)
        except (BotoCoreError, ClientError) as error:
            # It stays ready and due: `followups.settle` queues it.
            logger.error("delivery not queued", delivery_id=identity.delivery_id, error=type(error).__name__)
        return identity.delivery_id


@cache
def _joiner() -> Joiner:
    # Not for `settle` and others who want the queue alone: these read the visits.
    from followups.fan import Maker
    from followups.late import Joiner

    url = settings.read(Settings).deliveries_queue_url
    return Joiner(Maker(deliveries=Deliveries(), queue=Queue(aws.client("sqs"), url), now=clock.now))


@cache
def _planner() -> Planner:
    url = settings.read(Settings).deliveries_queue_url
    return Planner(deliveries=Deliveries(), queue=Queue(aws.client("sqs"), url), now=clock.now)


# What Lambda hands over is JSON, which has no narrower type than Any.
def handler(event: dict[str, Any], _context: object) -> None:
    """Take one event of the bus."""
    delivery_id = _planner().on_event(event["detail-type"], event["detail"])
    caught_up = _joiner().on_event(event["detail-type"], event["detail"])
    logger.info(
        "event planned",
        detail_type=event["detail-type"],
        event_id=event.get("id"),
        delivery_id=delivery_id,
        caught_up=caught_up,
    )
