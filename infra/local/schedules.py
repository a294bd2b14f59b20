"""What runs every few minutes, run now."""

import json

from infra.local.emulator import Emulator


class ScheduledFunctionFailed(Exception):
    """A function that a schedule calls answered with an error."""


def call_all(emulator: Emulator) -> list[str]:
    """Call every function that a schedule calls, once, and return their names.

    MiniStack's scheduler calls them every five minutes by itself. This is for who has moved the clock, or starts
    after hours in which nothing ran, and does not want to wait.

    Raises:
        ScheduledFunctionFailed: with the name of the function and what it said.
    """
    scheduler = emulator.untyped("scheduler")
    functions = emulator.session.client("lambda", **emulator.connection)
    called: list[str] = []
    for summary in scheduler.list_schedules()["Schedules"]:
        target = scheduler.get_schedule(Name=summary["Name"], GroupName=summary["GroupName"])["Target"]
        name = str(target["Arn"]).rpartition(":")[2]
        answer = functions.invoke(FunctionName=name, Payload=target.get("Input", "{}").encode())
        if "FunctionError" in answer:
            said = json.loads(answer["Payload"].read())
            raise ScheduledFunctionFailed(f"{name}: {said.get('errorType')}: {said.get('errorMessage')}")
        called.append(name)
    return called
