"""One-off schedules: one a visit and step, named so that it is found again, moved and removed.

EventBridge Scheduler puts the message of a step that has become due into the queue of `followups.on_due`. It may come
twice, or after the visit has moved on: whoever takes it reads the visit again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_scheduler.type_defs import TargetTypeDef

OLDEST: Final = timedelta(hours=24)
"""How long the scheduler tries to reach the queue; what comes later than its tolerance is recorded as skipped."""


@dataclass(frozen=True, slots=True)
class StepDue:
    """A step's moment has come, or a page of its people is next.

    Attributes:
        schedule: the version of the visit's schedule that this is about.
        after: the place of the last person seen; 0 at first.
    """

    visit_id: str
    step: str
    schedule: int
    after: int = 0

    def __str__(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))


def read_due(body: str) -> StepDue:
    """Return what a message says.

    Raises:
        KeyError, ValueError: it is none of ours.
    """
    said = json.loads(body)
    return StepDue(
        visit_id=str(said["visit_id"]),
        step=str(said["step"]),
        schedule=int(said["schedule"]),
        after=int(said.get("after", 0)),
    )


@dataclass(frozen=True, slots=True)
class Target:
    """Where schedules send: the queue, the role that may, and where goes what never arrives."""

    group: str
    queue_arn: str
    role_arn: str
    dead_letters_arn: str


class Schedules:
    """The schedules of this stage's visits."""

    def __init__(self, client: EventBridgeSchedulerClient, target: Target) -> None:
        self._client = client
        self._target = target

    def put(self, due: StepDue, at: datetime) -> None:
        """Have a step's message sent at ``at``, which is rounded up to a second; moves the schedule that is there."""
        from botocore.exceptions import ClientError

        # The two calls take the same, which the stubs have no one type for.
        asked: dict[str, Any] = {
            "Name": name(due.visit_id, due.step),
            "GroupName": self._target.group,
            "ScheduleExpression": f"at({_rounded_up(at):%Y-%m-%dT%H:%M:%S})",
            "ScheduleExpressionTimezone": "UTC",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "ActionAfterCompletion": "DELETE",
            "Target": self._sends(due),
        }
        try:
            self._client.update_schedule(**asked)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            self._client.create_schedule(**asked)

    def keep_only(self, visit_id: str, steps: Collection[str]) -> None:
        """Remove a visit's schedules but those of ``steps``."""
        kept = {name(visit_id, step) for step in steps}
        answer = self._client.list_schedules(GroupName=self._target.group, NamePrefix=_prefix(visit_id), MaxResults=100)
        for found in answer["Schedules"]:
            if found["Name"] not in kept:
                self._remove(found["Name"])

    def _remove(self, schedule: str) -> None:
        from botocore.exceptions import ClientError

        try:
            self._client.delete_schedule(Name=schedule, GroupName=self._target.group)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise

    def _sends(self, due: StepDue) -> TargetTypeDef:
        return {
            "Arn": self._target.queue_arn,
            "RoleArn": self._target.role_arn,
            "Input": str(due),
            "DeadLetterConfig": {"Arn": self._target.dead_letters_arn},
            "RetryPolicy": {
                "MaximumEventAgeInSeconds": int(OLDEST.total_seconds()),
                "MaximumRetryAttempts": 185,
            },
        }


def name(visit_id: str, step: str) -> str:
    """Return the name of a step's schedule: at most 64 characters, and always the same."""
    return f"{_prefix(visit_id)}{step}"


def _prefix(visit_id: str) -> str:
    return f"{hashlib.sha256(visit_id.encode()).hexdigest()[:23]}."


def _rounded_up(at: datetime) -> datetime:
    """The scheduler knows whole seconds; a message must never come before its moment."""
    at = at.astimezone(UTC)
    return at if at.microsecond == 0 else at.replace(microsecond=0) + timedelta(seconds=1)
