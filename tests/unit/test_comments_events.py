"""The events of comments: kept by the code, one for each thing that happens, and without personal data."""

import ast
import inspect
import json
from typing import Any

import pytest

from comments import decide, happened, move
from comments.decide import Decision
from comments.model import Reminder, Story
from kernel.events import Event
from kernel.publish import Outbox
from tests.events_seen import change_of
from tests.service import Clock, Service
from tests.unit.test_comments_deciding import IRIS, sent, story  # noqa: F401  a fixture
from tests.unit.test_visits_events import NAMES, Bus, validate

OURS = [name for name in NAMES if name.startswith(("comment.", "comments.", "author."))]


def names_in_the_code() -> set[str]:
    found = set(happened._BECAME.values())
    for node in ast.walk(ast.parse(inspect.getsource(happened))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Event":
            name = node.args[0]
            if isinstance(name, ast.Constant):
                found.add(str(name.value))
    return found


def test_every_event_of_comments_has_a_schema_and_an_example_and_no_other_has() -> None:
    assert sorted(names_in_the_code()) == OURS


def a_whole_life(service: Service, clock: Clock) -> list[dict[str, Any]]:
    """Let everything happen to comments that can; return the stream's records."""
    comment = sent(clock)
    Reminder("reminders", "2026-11-24", waiting=3, at=clock.now, expires_at=1).save()
    steps: list[tuple[int, Any]] = [(1, "approve"), (2, "spam"), (3, "restore"), (4, "remove"), (5, "reject")]
    for version, action in steps:
        message = "Try again?" if action == "reject" else None
        decision = Decision(comment.comment_id, version, action, message_to_author=message)
        assert decide.decide(decision, IRIS, now=clock.now).outcome == "done"
    decide.decide(Decision(comment.comment_id, 6, "restore"), IRIS, now=clock.now)
    decide.decide(Decision(comment.comment_id, 7, "restore"), IRIS, now=clock.now)
    other = sent(clock)
    decide.decide(Decision(other.comment_id, 1, "approve"), IRIS, now=clock.now)
    decide.decide(Decision(other.comment_id, 2, "restore"), IRIS, now=clock.now)
    for changes in ({"flags": 1}, {"body": "Else", "html": "<p>Else</p>"}, {"status": "deleted", "body": ""}):
        now = decide.stored(other.comment_id)
        assert now is not None
        assert move.made(move.Move(now, changes, {"what": "changed"}, clock.now))
    return service.dynamodb.taken()


def test_what_the_code_tells_keeps_the_schemas_and_says_nothing_about_anybody(
    service: Service,
    clock: Clock,
    story: Story,  # noqa: F811
) -> None:
    records = a_whole_life(service, clock)
    bus = Bus()
    outbox = Outbox("microclimate.comments", "bus", happened.happened, bus, park=_never)  # type: ignore[arg-type]
    assert outbox.publish(records) == {"batchItemFailures": []}
    said = [(entry["DetailType"], json.loads(entry["Detail"])) for entry in bus.entries]
    for name, detail in said:
        validate(name, detail)
    assert {name for name, _ in said} == set(OURS)
    everything = json.dumps(bus.entries)
    for personal in ("Ada", "@", "Well", "Iris", "Try again"):  # the person key may be there, where they are written to
        assert personal not in everything


def test_a_public_copy_a_counter_and_a_deletion_say_nothing(
    service: Service,
    clock: Clock,
    story: Story,  # noqa: F811
) -> None:
    comment = sent(clock)
    service.dynamodb.taken()
    decide.decide(Decision(comment.comment_id, 1, "approve"), IRIS, now=clock.now)
    told: list[Event] = [event for one in service.dynamodb.taken() for event in happened.happened(change_of(one))]
    assert [event.name for event in told] == ["comment.approved"]
    comment.delete()
    assert [event for one in service.dynamodb.taken() for event in happened.happened(change_of(one))] == []


def _never(record: object) -> None:
    pytest.fail(f"a record was not understood: {record}")
