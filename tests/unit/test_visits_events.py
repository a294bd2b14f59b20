"""The contract of this context's events (`events/`): complete, valid, kept by the code, and without personal data."""

import ast
import inspect
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker, ValidationError

from kernel.events import Event
from kernel.publish import Outbox
from tests.events_seen import events_of
from tests.service import SURNAME, Clock, Context, Service, person
from tests.unit.conftest import SECRET
from visits import happened, links, on_stream

FOLDER = Path(__file__).parents[2] / "events"
NAMES = sorted(path.name.removesuffix(".schema.json") for path in FOLDER.glob("*.schema.json"))
ELSEWHERE = ("comment.", "comments.", "author.", "person.erasure_requested")  # test_comments_events.py, test_erasing.py
OURS = [name for name in NAMES if not name.startswith(ELSEWHERE)]
AWS = sorted(path.name for path in (FOLDER / "aws").glob("*.json"))

FACTS_ABOUT_PEOPLE = {"person"}
FACTS = {"event_id", "occurred_at", "visit_id", "registration_id", "place", "version", "was", "asked_at", "changed_at"}
FACTS |= {"comment_id", "story_id", "requested_at"}
FACTS |= {"sequence", "line", "message_id"}
FACTS |= {"day", "waiting"}


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.schema.json").read_text())
    return found


def example(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.example.json").read_text())
    return found


def validate(name: str, detail: Mapping[str, object]) -> None:
    Draft202012Validator(schema(name), format_checker=FormatChecker()).validate(detail)


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_valid_strict_and_explains_itself(name: str) -> None:
    described = schema(name)
    Draft202012Validator.check_schema(described)
    assert described["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert (described["title"], described["$id"]) == (name, f"{name}.schema.json")
    assert described["description"]
    assert described["additionalProperties"] is False
    assert sorted(described["required"]) == sorted(described["properties"])


@pytest.mark.parametrize("name", NAMES)
def test_an_example_keeps_its_schema_and_would_not_without_any_of_its_facts(name: str) -> None:
    validate(name, example(name))
    for fact in example(name):
        without = {key: value for key, value in example(name).items() if key != fact}
        with pytest.raises(ValidationError):
            validate(name, without)
    with pytest.raises(ValidationError):
        validate(name, {**example(name), "email": "robin@example.org"})


@pytest.mark.parametrize("name", NAMES)
def test_the_person_key_is_the_only_thing_about_a_person(name: str) -> None:
    assert set(schema(name)["properties"]) <= FACTS | FACTS_ABOUT_PEOPLE


def names_in_the_code() -> Iterator[str]:
    """Every name that `visits.happened` can give an event, read from its source."""
    for node in ast.walk(ast.parse(inspect.getsource(happened))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Event":
            match node.args[0]:
                case ast.Constant(value=str(name)):
                    yield name
                case ast.JoinedStr():
                    yield from ("registration.confirmed", "registration.waiting")
                case other:
                    pytest.fail(f"cannot read the name of an event: {ast.dump(other)}")


def test_every_event_the_code_can_tell_has_a_schema_and_an_example_and_no_other_has() -> None:
    assert sorted(set(names_in_the_code())) == OURS
    assert sorted(path.name.removesuffix(".example.json") for path in FOLDER.glob("*.example.json")) == NAMES


class Bus:
    """Stands for EventBridge: takes everything."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803  botocore's name
        self.entries += Entries
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "x"} for _ in Entries]}


def a_whole_life(service: Service) -> list[dict[str, Any]]:
    """Let everything happen that can happen; return the stream's records."""
    from tests.unit.test_visits_my_place import asked_to_move, undo_path

    service.make_visit(written={"capacity": 1})
    service.organise("POST", "/visits/ward/unpublish")
    service.organise("POST", "/visits/ward/publish")
    etag = service.organise("GET", "/visits/ward").headers["ETag"]
    service.organise("PATCH", "/visits/ward", {"summary": "Another."}, if_match=etag)
    for number in (1, 2, 3):
        service.register(number, access_needs="A ramp", organisation="Elm House")
    service.clock.advance(hours=1)
    service.register(1)
    service.api("POST", "/registrations/lookup", {"email": person(1)["email"]})
    mine = f"/registrations/{service.link(1)}"
    service.post(asked_to_move(service, mine), {})
    service.post(undo_path(service), {})
    service.api("DELETE", f"/registrations/{service.link(3)}")
    recalled = links.PlaceRef("ward", 1, 1)  # undoing recalled the links made before it
    token = links.place_token(recalled, ends_at=service.details().ends_at, keys=SECRET.signing_keys)
    service.post(f"/places/{token}/cancel", {})
    service.sweep(times=2)
    moved = {"starts_at": "2026-10-20T14:00:00Z", "ends_at": "2026-10-20T16:00:00Z", "message": "Sorry, Quillfeather!"}
    service.organise("POST", "/visits/ward/reschedule", moved)
    service.organise("POST", "/visits/ward/attendance/settle")
    service.organise("POST", "/visits/ward/share", {"recording_url": "https://video.example.org/1"})
    message = {"subject": "For Quillfeather", "body_markdown": "Bring a ramp.", "to": ["confirmed"]}
    service.organise("POST", "/visits/ward/messages", message)
    service.organise("POST", "/visits/ward/cancel", {"message": "Sorry, ada1@people.example.org!"})
    return service.dynamodb.taken()


def test_what_the_code_tells_keeps_the_schemas_and_says_nothing_about_anybody(service: Service) -> None:
    records = a_whole_life(service)
    bus = Bus()
    outbox = Outbox("microclimate.visits", "bus", happened.happened, bus, park=_never)  # type: ignore[arg-type]
    assert outbox.publish(records) == {"batchItemFailures": []}
    said = [(entry["DetailType"], json.loads(entry["Detail"])) for entry in bus.entries]
    for name, detail in said:
        validate(name, detail)
    assert {name for name, _ in said} == set(OURS)
    everything = json.dumps(bus.entries)
    for personal in (SURNAME, "@", "Elm House", "ramp"):
        assert personal not in everything
    assert len({detail["event_id"] for _, detail in said}) == len(said)
    again = Bus()
    Outbox("microclimate.visits", "bus", happened.happened, again, park=_never).publish(records)  # type: ignore[arg-type]
    assert again.entries == bus.entries, "a repetition must be told by its event_id"


def _never(record: object) -> None:
    pytest.fail(f"a record was not understood: {record}")


def test_what_happens_once_is_told_once(service: Service) -> None:
    told = [event.name for event in events_of(a_whole_life(service))]
    once = {name: told.count(name) for name in set(told)}
    assert once == {
        "visit.published": 2,
        "visit.unpublished": 1,
        "visit.changed": 1,
        "visit.rescheduled": 1,
        "visit.shared": 1,
        "visit.attendance_settled": 1,
        "visit.message_posted": 1,
        "visit.cancelled": 1,
        "registration.confirmed": 1,
        "registration.waiting": 2,
        "registration.link_requested": 1,
        "person.lookup_requested": 1,
        "registration.address_requested": 1,
        "registration.address_changed": 1,
        "registration.cancelled": 2,
        "registration.admitted": 1,
    }


@pytest.mark.parametrize("name", AWS)
def test_samples_of_what_aws_sends_hold_no_real_account_and_nobody(name: str) -> None:
    text = (FOLDER / "aws" / name).read_text()
    assert json.loads(text)
    for domain in re.findall(r"@([A-Za-z0-9.-]+)", text):
        assert domain.endswith(("example.org", "example.com", "amazonses.com")), domain


def test_the_functions_take_what_aws_sends(service: Service, clock: Clock) -> None:
    request = json.loads((FOLDER / "aws" / "api-gateway-request.json").read_text())
    service.visit("quieter-ward")
    assert service.handle(request).status == 201
    batch = json.loads((FOLDER / "aws" / "dynamodb-stream-batch.json").read_text())
    assert on_stream.handler(batch, Context()) == {"batchItemFailures": []}
    told: list[Event] = events_of(batch["Records"])
    assert [event.name for event in told] == ["registration.confirmed", "registration.cancelled"]


def test_a_tombstone_and_a_deletion_are_nobodys_business(service: Service) -> None:
    service.visit(capacity=2)
    counters = service.counters()
    counters.update(actions=[type(counters).line.add(1)])
    service.sweep(times=3)
    assert service.statuses() == ["void"]
    assert events_of(service.dynamodb.taken()) == []
    service.places()[0].delete()
    assert events_of(service.dynamodb.taken()) == []
