"""What runs every few minutes, and the follow-up steps that are due, run now."""

import json
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from infra.local import clock
from infra.local.emulator import Emulator
from infra.local.folder import Folder

_ONCE = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_QUIET_AFTER = 4.0
"""Seconds without a message: as long as a change takes from a table's stream to a queue."""
_QUIET_WITHIN = 60.0


class ScheduledFunctionFailed(Exception):
    """A function that a schedule calls answered with an error."""


@dataclass(frozen=True)
class OneOff:
    """A schedule of a visit's step: its group and name, its moment, and the message it sends to a queue."""

    group: str
    name: str
    at: datetime
    queue_arn: str
    message: str


def call_all(emulator: Emulator) -> list[str]:
    """Call every function that a schedule calls again and again, once, and return their names.

    MiniStack's scheduler calls them every five minutes by itself. This is for who has moved the clock, or starts
    after hours in which nothing ran, and does not want to wait.

    Raises:
        ScheduledFunctionFailed: with the name of the function and what it said.
    """
    scheduler = emulator.untyped("scheduler")
    functions = emulator.session.client("lambda", **emulator.connection)
    called: list[str] = []
    for summary in scheduler.list_schedules(GroupName="default")["Schedules"]:
        target = scheduler.get_schedule(Name=summary["Name"], GroupName=summary["GroupName"])["Target"]
        if ":lambda:" not in str(target["Arn"]):
            continue
        name = str(target["Arn"]).rpartition(":")[2]
        answer = functions.invoke(FunctionName=name, Payload=target.get("Input", "{}").encode())
        if "FunctionError" in answer:
            said = json.loads(answer["Payload"].read())
            raise ScheduledFunctionFailed(f"{name}: {said.get('errorType')}: {said.get('errorMessage')}")
        called.append(name)
    return called


def one_offs(emulator: Emulator) -> list[OneOff]:
    """Return the schedules of steps that lie ahead, the next first."""
    scheduler = emulator.untyped("scheduler")
    found = []
    for group in scheduler.list_schedule_groups()["ScheduleGroups"]:
        if group["Name"] == "default":
            continue
        for summary in scheduler.list_schedules(GroupName=group["Name"])["Schedules"]:
            one = scheduler.get_schedule(Name=summary["Name"], GroupName=summary["GroupName"])
            match = _ONCE.fullmatch(one["ScheduleExpression"])
            if match:
                at = datetime.fromisoformat(match[1]).replace(tzinfo=UTC)
                target = one["Target"]
                found.append(OneOff(group["Name"], summary["Name"], at, target["Arn"], target["Input"]))
    return sorted(found, key=lambda one: one.at)


def send(emulator: Emulator, due: OneOff) -> None:
    """Do what the scheduler does when a one-off schedule's moment has come: send its message, and forget it.

    MiniStack would, by the real clock. The clock here is ahead of it once it was moved.
    """
    scheduler, sqs = emulator.untyped("scheduler"), emulator.session.client("sqs", **emulator.connection)
    queue = sqs.get_queue_url(QueueName=due.queue_arn.rpartition(":")[2])["QueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody=due.message)
    scheduler.delete_schedule(Name=due.name, GroupName=due.group)


def send_due(emulator: Emulator, now: datetime) -> int:
    """Send everything whose moment has come; return how much that was."""
    due = [one for one in one_offs(emulator) if one.at <= now]
    for one in due:
        send(emulator, one)
    return len(due)


def play(home: Folder, emulator: Emulator, by: timedelta) -> int:
    """Move the clock on by stopping at each moment of a step, and letting it do its work; return how many there were.

    Jumping over a moment would be a moment missed: what is too late by its tolerance is skipped, here as anywhere.

    Raises:
        ValueError: time does not run backwards.
    """
    target = clock.ahead(home) + by
    if by <= timedelta():
        clock.advance(home, by)
    played = 0
    while ahead := [one for one in one_offs(emulator) if one.at <= datetime.now(UTC) + target]:
        # A second more: the clock's file holds whole ones, and nothing comes before its moment.
        clock.set_ahead(home, max(clock.ahead(home), ahead[0].at + timedelta(seconds=1) - datetime.now(UTC)))
        played += send_due(emulator, clock.now(home))
        wait_until_quiet(emulator)
    clock.set_ahead(home, target)
    return played


def wait_until_quiet(emulator: Emulator) -> None:
    """Wait until no message is in a queue that somebody reads, and none has been for a moment; at most a minute."""
    sqs = emulator.session.client("sqs", **emulator.connection)
    queues = [url for url in sqs.list_queues().get("QueueUrls", []) if "DeadLetters" not in url]
    give_up = time.monotonic() + _QUIET_WITHIN
    quiet_since = time.monotonic()
    while time.monotonic() < give_up and time.monotonic() - quiet_since < _QUIET_AFTER:
        time.sleep(0.25)
        if any(_messages(sqs, url) for url in queues):
            quiet_since = time.monotonic()


def _messages(sqs: object, url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]  # type: ignore[attr-defined]
    return sum(int(count) for count in attributes.values())
