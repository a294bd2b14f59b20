"""Each person gets each email exactly once, whatever repeats itself between the table and SES.

Repeats are made by hand where AWS makes them: the stream's records, the bus's events, the queue's messages.
"""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.e2e.service import Person, Service, a_person, wait_for

pytestmark = pytest.mark.stack


class Repeats:
    """Says things again to the functions behind the service."""

    def __init__(self, service: Service) -> None:
        emulator = service.stack.emulator
        self.service = service
        self.outputs = service.stack.deployment
        self.functions = emulator.session.client("lambda", **emulator.connection)
        self.bus = emulator.session.client("events", **emulator.connection)
        self.queue = emulator.session.client("sqs", **emulator.connection)
        self.table = emulator.session.client("dynamodb", **emulator.connection)

    def item(self, visit_id: str, place: int) -> dict[str, Any]:
        """A place, as DynamoDB and its stream write it."""
        key = {"pk": {"S": f"visit#{visit_id}"}, "sk": {"S": f"place#{place:08}"}}
        return dict(
            self.table.get_item(TableName=self.outputs["VisitsTableName"], Key=key, ConsistentRead=True)["Item"]
        )

    def event(self, name: str, visit_id: str, place: int, event_id: str = "one", **facts: object) -> dict[str, Any]:
        item = self.item(visit_id, place)
        detail = {
            "event_id": f"5c6b1f0e-0000-5000-8000-{event_id.encode().hex():>012}",
            "occurred_at": "2026-01-01T00:00:00+00:00",
            "visit_id": visit_id,
            "registration_id": item["registration_id"]["S"],
            "place": place,
            "person": item["person"]["S"],
            **facts,
        }
        return {"source": "microclimate.visits", "detail-type": name, "detail": detail}

    def call(self, function: str, payload: dict[str, Any]) -> Any:
        """Call a function and wait for it; it must succeed."""
        answer = self.functions.invoke(FunctionName=self.outputs[function], Payload=json.dumps(payload).encode())
        said = json.loads(answer["Payload"].read() or b"null")
        assert "FunctionError" not in answer, said
        return said

    def say_on_the_bus(self, event: dict[str, Any]) -> None:
        entry = {
            "Source": event["source"],
            "DetailType": event["detail-type"],
            "Detail": json.dumps(event["detail"]),
            "EventBusName": self.outputs["BusName"],
        }
        assert self.bus.put_events(Entries=[entry])["FailedEntryCount"] == 0  # type: ignore[list-item]

    def queue_again(self, delivery_id: str) -> None:
        self.queue.send_message(
            QueueUrl=self.outputs["DeliveriesQueueUrl"], MessageBody=json.dumps({"delivery_id": delivery_id})
        )

    def queue_is_empty(self) -> None:
        """Wait until no message of the deliveries' queue waits or is being worked on."""
        names: list[Any] = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

        def left() -> dict[str, str]:
            url = self.outputs["DeliveriesQueueUrl"]
            found = self.queue.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
            return {str(name): value for name, value in found.items()}

        wait_for(lambda: all(left()[name] == "0" for name in names), lambda: str(left()))


@pytest.fixture(scope="module")
def repeats(service: Service) -> Repeats:
    return Repeats(service)


def subjects(service: Service, person: Person) -> list[str]:
    return [one.subject.partition(":")[0] for one in service.emails(person.email)]


def test_an_event_that_the_bus_delivers_again_and_again_is_one_email(service: Service, repeats: Repeats) -> None:
    visit_id, person = service.a_visit(), a_person()
    service.register(visit_id, person)
    service.email(person.email, "You have a place")
    event = repeats.event("registration.confirmed", visit_id, 1)
    for _ in range(3):
        repeats.call("FollowupsPlanFunction", event)
    with ThreadPoolExecutor(4) as at_once:
        list(at_once.map(lambda _: repeats.call("FollowupsPlanFunction", event), range(8)))
    # By another id, as when the record is published a second time from the failures bucket.
    repeats.call("FollowupsPlanFunction", repeats.event("registration.confirmed", visit_id, 1, event_id="two"))
    repeats.queue_is_empty()
    assert subjects(service, person) == ["You have a place"]
    assert [one["step"] for one in service.deliveries(visit_id)] == ["confirmation"]


def test_events_that_come_before_the_stream_tells_of_them_are_one_email(service: Service, repeats: Repeats) -> None:
    visit_id, person = service.a_visit(), a_person()
    service.register(visit_id, person)
    event = repeats.event("registration.confirmed", visit_id, 1)
    with ThreadPoolExecutor(4) as at_once:  # beside the stream's own, which is on its way
        list(at_once.map(lambda _: repeats.call("FollowupsPlanFunction", event), range(4)))
    repeats.say_on_the_bus(event)
    # Said last, on the same way: when this has arrived, what was said before it has been dealt with.
    service.ask("DELETE", f"{service.api}/registrations/{service.place_token(person)}")
    service.email(person.email, "Your place is cancelled")
    repeats.queue_is_empty()
    assert subjects(service, person) == ["You have a place", "Your place is cancelled"]


def test_records_that_the_stream_shows_twice_are_one_email(service: Service, repeats: Repeats) -> None:
    visit_id, person, last = service.a_visit(), a_person(), a_person()
    service.register(visit_id, person)
    service.email(person.email, "You have a place")
    item = repeats.item(visit_id, 1)
    record = {
        "eventID": "again",
        "eventName": "INSERT",
        "eventSource": "aws:dynamodb",
        "dynamodb": {
            "Keys": {name: item[name] for name in ("pk", "sk")},
            "NewImage": item,
            "SequenceNumber": "1",
            "ApproximateCreationDateTime": 1_790_000_000.0,
        },
    }
    for _ in range(2):
        said = repeats.call("VisitsPublishFunction", {"Records": [record, record]})
        assert said == {"batchItemFailures": []}
    service.register(visit_id, last)
    service.email(last.email, "You have a place")
    repeats.queue_is_empty()
    assert subjects(service, person) == ["You have a place"]


def test_messages_that_the_queue_hands_out_again_are_one_email(service: Service, repeats: Repeats) -> None:
    visit_id, person = service.a_visit(), a_person()
    service.register(visit_id, person)
    mail = service.email(person.email, "You have a place")
    for _ in range(5):
        repeats.queue_again(mail.delivery_id)
    batch = [
        {"messageId": str(number), "body": json.dumps({"delivery_id": mail.delivery_id}), "attributes": {}}
        for number in range(3)
    ]
    assert repeats.call("FollowupsSendFunction", {"Records": batch}) == {"batchItemFailures": []}
    repeats.call("FollowupsSettleFunction", {})
    repeats.queue_is_empty()
    assert subjects(service, person) == ["You have a place"]


def test_events_out_of_order_and_out_of_date_send_nothing_that_is_no_longer_true(
    service: Service, repeats: Repeats
) -> None:
    visit_id = service.a_visit(capacity=1)
    first, second = a_person(), a_person()
    service.register(visit_id, first)
    service.register(visit_id, second)
    token = service.place_token(first)
    service.email(second.email, "You are next in line")
    service.ask("DELETE", f"{service.api}/registrations/{token}")
    service.email(second.email, "A place for you")
    service.email(first.email, "Your place is cancelled")
    for name, place in (
        ("registration.admitted", 1),  # never was
        ("registration.waiting", 1),
        ("registration.confirmed", 1),  # was, and is no more
        ("registration.cancelled", 2),  # is not
        ("registration.waiting", 2),
        ("registration.admitted", 2),
        ("registration.cancelled", 1),
    ):
        repeats.call("FollowupsPlanFunction", repeats.event(name, visit_id, place, was="confirmed"))
    repeats.queue_is_empty()
    assert subjects(service, first) == ["You have a place", "Your place is cancelled"]
    assert subjects(service, second) == ["You are next in line", "A place for you"]


def test_two_reconcilers_and_a_sweep_tell_the_next_in_line_once(service: Service, repeats: Repeats) -> None:
    visit_id = service.a_visit(capacity=2)
    people = [a_person() for _ in range(6)]
    for person in people:
        service.register(visit_id, person)
    tokens = [service.place_token(person) for person in people[:2]]
    with ThreadPoolExecutor(4) as at_once:
        calls = [
            at_once.submit(service.ask, "DELETE", f"{service.api}/registrations/{token}")
            for token in (*tokens, *tokens)
        ]
        sweeps = [at_once.submit(repeats.call, "VisitsSweepFunction", {}) for _ in range(2)]
    assert {call.result().status for call in calls} == {204}
    assert all(sweep.done() for sweep in sweeps)
    for person in people[2:4]:
        service.email(person.email, "A place for you")
    service.nothing_is_under_way(visit_id)
    repeats.queue_is_empty()
    sent = Counter(subject for person in people for subject in subjects(service, person))
    assert sent["You have a place"] == sent["Your place is cancelled"] == sent["A place for you"] == 2
    listed = service.organise("GET", f"/visits/{visit_id}/registrations")["items"]
    assert [one["status"] for one in listed] == ["cancelled"] * 2 + ["confirmed"] * 2 + ["waiting"] * 2


def test_asking_again_and_again_for_a_link_sends_it_once(service: Service, repeats: Repeats) -> None:
    visit_id, person = service.a_visit(), a_person()
    for _ in range(4):
        service.register(visit_id, person)
    for _ in range(4):
        service.ask("POST", f"{service.api}/registrations/lookup", {"email": person.email})
    service.email(person.email, "You have a place already")
    service.email(person.email, "Your visits with")
    # Said last, on the same way.
    service.ask("DELETE", f"{service.api}/registrations/{service.place_token(person, 'You have a place:')}")
    service.email(person.email, "Your place is cancelled")
    repeats.queue_is_empty()
    assert sorted(subjects(service, person)) == [
        "You have a place",
        "You have a place already",
        "Your place is cancelled",
        "Your visits with Learning Community",
    ]
