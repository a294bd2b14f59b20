"""Lambda ``followups-due``: a step's moment has come, or a page of its people is next.

EventBridge Scheduler and this function itself put messages into its queue; any may come twice, or late.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from followups.fan import Fan, Maker
from followups.model import Deliveries
from followups.on_event import Queue
from followups.schedules import StepDue, read_due
from kernel import aws, clock, settings
from kernel.log import logger, what_failed

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function needs of its environment."""

    deliveries_queue_url: str
    due_queue_url: str


class DueQueue:
    """The queue of steps that are due."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url

    def put(self, due: StepDue) -> None:
        """Queue a message. A second one for what was done already does nothing."""
        self._client.send_message(QueueUrl=self._url, MessageBody=str(due))


@cache
def _fan() -> Fan:
    read = settings.read(Settings)
    sqs = aws.client("sqs")
    maker = Maker(deliveries=Deliveries(), queue=Queue(sqs, read.deliveries_queue_url), now=clock.now)
    return Fan(maker=maker, next_page=DueQueue(sqs, read.due_queue_url).put, now=clock.now)


# What Lambda hands over is JSON, which has no narrower type than Any.
def handler(event: Mapping[str, Any], _context: object) -> dict[str, list[dict[str, str]]]:
    """Take messages of the queue; what failed for a reason of ours comes again, and then goes to the dead letters."""
    failed = []
    for record in event["Records"]:
        try:
            due = read_due(record["body"])
            came_to = _fan().take(due)
            logger.info(
                "step due",
                visit_id=due.visit_id,
                step=due.step,
                schedule=due.schedule,
                after=due.after,
                came_to=came_to,
            )
        except Exception as error:  # noqa: BLE001  one bad message must not hold up the batch
            logger.error("step due comes again", message_id=record["messageId"], failure=what_failed(error))
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}
