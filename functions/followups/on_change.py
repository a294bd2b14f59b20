"""Lambda ``followups-schedule``: a visit or its plan changed, so its schedules may have to move.

It hears of visits by the bus and of plans by the stream of the followups table, and reads both again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from followups import plans
from followups.align import Aligner
from followups.on_due import DueQueue
from followups.schedules import Schedules, Target
from kernel import aws, clock, settings
from kernel.log import logger, what_failed


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function needs of its environment."""

    due_queue_url: str
    due_queue_arn: str
    due_dead_letters_arn: str
    schedule_group: str
    scheduler_role_arn: str


@cache
def _aligner() -> Aligner:
    read = settings.read(Settings)
    target = Target(
        group=read.schedule_group,
        queue_arn=read.due_queue_arn,
        role_arn=read.scheduler_role_arn,
        dead_letters_arn=read.due_dead_letters_arn,
    )
    return Aligner(
        schedules=Schedules(aws.client("scheduler"), target),
        start=DueQueue(aws.client("sqs"), read.due_queue_url).put,
        now=clock.now,
    )


# What Lambda hands over is JSON, which has no narrower type than Any.
def handler(event: Mapping[str, Any], _context: object) -> dict[str, list[dict[str, str]]] | None:
    """Take one event of the bus, or a batch of the stream's records."""
    if "Records" not in event:
        visit_id = str(event["detail"]["visit_id"])
        if event["detail-type"] == "visit.published":
            plans.keep_a_copy(visit_id, clock.now())
        _align(visit_id)
        return None
    failed = []
    for record in event["Records"]:
        visit_id = str(record["dynamodb"]["Keys"]["pk"]["S"]).removeprefix("plan#")
        try:
            _align(visit_id)
        except Exception as error:  # noqa: BLE001  one bad record must not hold up the batch
            logger.error("schedules not moved", visit_id=visit_id, failure=what_failed(error))
            failed.append({"itemIdentifier": record["dynamodb"]["SequenceNumber"]})
    return {"batchItemFailures": failed}


def _align(visit_id: str) -> None:
    _aligner().align(visit_id)
    logger.info("schedules moved", visit_id=visit_id)
