"""The outbox: everything committed is told, whatever EventBridge, S3 or a record do."""

import copy
import json
from collections.abc import Callable, Iterable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from kernel import aws, publish
from kernel.events import Event
from kernel.publish import Change, Outbox
from tests import tables
from tests.dynamodb_tap import refusal

type Answers = Callable[[int, list[dict[str, Any]]], set[int]]
"""Which entries of a call the bus refuses; it may raise."""


class Bus:
    """Stands for EventBridge; `refuses` says which entries of which call it does not take."""

    def __init__(self, refuses: Answers = lambda call, entries: set()) -> None:
        self.refuses = refuses
        self.calls: list[list[str]] = []
        self.told: list[str] = []

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803  botocore's name
        assert 1 <= len(Entries) <= 10
        numbers = [json.loads(entry["Detail"])["number"] for entry in Entries]
        self.calls.append(numbers)
        refused = self.refuses(len(self.calls), Entries)
        self.told += [number for index, number in enumerate(numbers) if index not in refused]
        results = [{"ErrorCode": "InternalFailure"} if i in refused else {"EventId": "x"} for i in range(len(Entries))]
        return {"FailedEntryCount": len(refused), "Entries": results}


def records(*numbers: str) -> list[dict[str, Any]]:
    """Records of items called ``numbers``; sequence numbers are as DynamoDB writes them."""
    return [
        {
            "eventID": f"event-{number}",
            "dynamodb": {
                "SequenceNumber": f"44215845000000000174504390{index + 90}",
                "ApproximateCreationDateTime": 1790847001 + index,
                "NewImage": {"pk": {"S": number}},
            },
        }
        for index, number in enumerate(numbers)
    ]


def sequence(batch: list[dict[str, Any]], index: int) -> list[dict[str, str]]:
    return [{"itemIdentifier": batch[index]["dynamodb"]["SequenceNumber"]}]


def describe(change: Change) -> Iterable[Event]:
    """Tell an item's name; one called "poison" cannot be understood, one called "two" is two events."""
    name = change.key("pk")
    if name == "poison":
        yield Event("half.told", {"number": name})
        raise KeyError("what is this")
    for _ in range(2 if name == "two" else 1):
        yield Event("something.happened", {"number": name})


class Case:
    """One outbox, its bus and its parking."""

    def __init__(self, bus: Bus, *, parks: bool = True) -> None:
        self.bus = bus
        self.parked: list[Any] = []
        self.waits: list[float] = []
        self.outbox = Outbox(
            source="microclimate.visits",
            bus="microclimate",
            describe=describe,
            events=bus,  # type: ignore[arg-type]
            park=self.park if parks else self.fail,
            sleep=self.waits.append,
        )

    def park(self, record: Any) -> None:
        self.parked.append(record)

    def fail(self, record: Any) -> None:
        raise refusal("InternalError", "PutObject")


def test_everything_is_told_in_order_ten_at_a_time() -> None:
    one = Case(Bus())
    names = [f"n{number}" for number in range(23)]
    assert one.outbox.publish(records(*names)) == {"batchItemFailures": []}
    assert one.bus.told == names
    assert [len(call) for call in one.bus.calls] == [10, 10, 3]
    assert one.waits == []


def test_a_record_without_meaning_costs_no_call() -> None:
    one = Case(Bus())
    silent = Outbox("s", "b", lambda change: (), one.bus, one.park)  # type: ignore[arg-type]
    assert silent.publish(records("a")) == {"batchItemFailures": []}
    assert one.bus.calls == []


def test_what_the_bus_refuses_is_put_again_and_nothing_else_is() -> None:
    one = Case(Bus(lambda call, entries: {1} if call == 1 else set()))
    assert one.outbox.publish(records("a", "b", "c")) == {"batchItemFailures": []}
    assert one.bus.calls == [["a", "b", "c"], ["b"]]
    assert sorted(one.bus.told) == ["a", "b", "c"]
    assert len(one.waits) == 1


@pytest.mark.parametrize(
    "error", [EndpointConnectionError(endpoint_url="https://events"), refusal("ThrottlingException", "PutEvents")]
)
def test_a_call_that_fails_is_made_again(error: Exception) -> None:
    def fail_twice(call: int, entries: list[dict[str, Any]]) -> set[int]:
        if call < 3:
            raise error
        return set()

    one = Case(Bus(fail_twice))
    assert one.outbox.publish(records("a", "b")) == {"batchItemFailures": []}
    assert one.bus.told == ["a", "b"]
    assert one.waits == sorted(one.waits), "each wait is longer than the one before"


def test_what_stays_refused_is_reported_from_its_first_record_on() -> None:
    def refuse_c(call: int, entries: list[dict[str, Any]]) -> set[int]:
        return {index for index, entry in enumerate(entries) if "c" in entry["Detail"].split('"number":')[1]}

    batch = records("a", "b", "c", "d")
    one = Case(Bus(refuse_c))
    assert one.outbox.publish(batch) == {"batchItemFailures": sequence(batch, 2)}
    assert "c" not in one.bus.told
    assert len(one.bus.calls) == publish.ATTEMPTS


def test_of_several_failures_the_earliest_record_is_reported_whatever_failed_first() -> None:
    def refuse_the_second_call_on(call: int, entries: list[dict[str, Any]]) -> set[int]:
        return set(range(len(entries)))

    batch = records("a", "b", "c")
    batch[0]["dynamodb"]["SequenceNumber"] = "9999"
    batch[1]["dynamodb"]["SequenceNumber"] = "10000"  # later, although it sorts before as text
    one = Case(Bus(refuse_the_second_call_on))
    assert one.outbox.publish(batch) == {"batchItemFailures": [{"itemIdentifier": "9999"}]}


def test_half_a_record_refused_is_the_whole_record_again_with_the_same_ids() -> None:
    calls: list[list[str]] = []

    def refuse_its_second(call: int, entries: list[dict[str, Any]]) -> set[int]:
        calls.append([json.loads(entry["Detail"])["event_id"] for entry in entries])
        return {len(entries) - 1} if call <= publish.ATTEMPTS else set()

    batch = records("a", "two")
    one = Case(Bus(refuse_its_second))
    assert one.outbox.publish(batch) == {"batchItemFailures": sequence(batch, 1)}
    assert one.outbox.publish(batch[1:]) == {"batchItemFailures": []}
    assert calls[-1] == calls[0][1:]


def test_a_record_nobody_understands_is_parked_and_holds_up_nobody() -> None:
    batch = records("a", "poison", "b")
    one = Case(Bus())
    assert one.outbox.publish(batch) == {"batchItemFailures": []}
    assert one.bus.told == ["a", "b"]
    assert one.parked == [batch[1]]


def test_a_record_without_what_every_record_has_is_parked_too() -> None:
    batch = records("a", "b")
    del batch[0]["dynamodb"]["ApproximateCreationDateTime"]
    one = Case(Bus())
    assert one.outbox.publish(batch) == {"batchItemFailures": []}
    assert one.parked == [batch[0]]


def test_a_record_that_cannot_even_be_parked_comes_again_and_the_others_are_told() -> None:
    batch = records("a", "poison", "b")
    one = Case(Bus(), parks=False)
    assert one.outbox.publish(batch) == {"batchItemFailures": sequence(batch, 1)}
    assert one.bus.told == ["a", "b"]


def test_an_earlier_refusal_is_reported_rather_than_a_later_record_that_could_not_be_parked() -> None:
    batch = records("a", "poison")
    one = Case(Bus(lambda call, entries: {0}), parks=False)
    assert one.outbox.publish(batch) == {"batchItemFailures": sequence(batch, 0)}


def test_an_event_says_what_when_and_which_on_our_bus() -> None:
    seen: list[dict[str, Any]] = []

    def watched(call: int, entries: list[dict[str, Any]]) -> set[int]:
        seen.extend(entries)
        return set()

    one = Case(Bus(watched))
    one.outbox.publish(records("a"))
    [entry] = seen
    assert (entry["Source"], entry["DetailType"], entry["EventBusName"]) == (
        "microclimate.visits",
        "something.happened",
        "microclimate",
    )
    detail = json.loads(entry["Detail"])
    assert detail.keys() == {"event_id", "occurred_at", "number"}
    assert detail["occurred_at"] == "2026-10-01T09:30:01+00:00"


@pytest.fixture
def aws_account(monkeypatch: pytest.MonkeyPatch) -> Any:
    with tables.in_memory():
        boto3.client("s3").create_bucket(
            Bucket="failures", CreateBucketConfiguration={"LocationConstraint": "eu-west-2"}
        )
        yield


def test_the_function_parks_in_the_failures_bucket_and_tells_the_rest_on_the_real_bus(aws_account: None) -> None:
    from visits import publish as function

    boto3.client("events").create_event_bus(Name="microclimate")
    stream = json.loads(json.dumps(records("visit#x")))
    broken = copy.deepcopy(stream[0])
    broken["dynamodb"]["NewImage"] = {"pk": {"S": "visit#ward"}, "sk": {"S": "place#xx"}, "person": {"S": "p"}}
    ignored = copy.deepcopy(stream[0])
    ignored["dynamodb"]["NewImage"] = {"pk": {"S": "visit#ward"}, "sk": {"S": "visit#details"}}
    assert function.handler({"Records": [broken, ignored]}, None) == {"batchItemFailures": []}
    [kept] = boto3.client("s3").list_objects_v2(Bucket="failures")["Contents"]
    assert kept["Key"] == "not-understood/visits/event-visit#x.json"
    body = boto3.client("s3").get_object(Bucket="failures", Key=kept["Key"])["Body"].read()
    assert json.loads(body) == broken


def test_without_its_bucket_the_function_reports_the_record_as_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    from visits import publish as function

    def down(**_: object) -> None:
        raise ClientError({"Error": {"Code": "ServiceUnavailable", "Message": "x"}}, "PutObject")

    with tables.in_memory():
        monkeypatch.setattr(aws.client("s3"), "put_object", down)
        batch = records("visit#x")
        batch[0]["dynamodb"]["NewImage"] = {"pk": {"S": "visit#ward"}, "sk": {"S": "place#1"}, "status": {"N": "1"}}
        assert function.handler({"Records": batch}, None) == {"batchItemFailures": sequence(batch, 0)}
