"""The four functions as Lambda calls them: twice, late and out of order, on tables and a queue in memory."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from followups import feedback, on_event, send, settle
from followups.delivery import EVIDENCE_PATIENCE, LEASE, QUEUE_PATIENCE, Delivery, State
from followups.model import Deliveries, DeliveryRecord
from followups.plan import Step, planned
from kernel import aws, clock, secrets
from tests import tables
from tests.unit.followups_samples import CANCELLED, CONFIRMED, NOW, VISIT
from visits import query

SAMPLES = Path(__file__).parents[2] / "events" / "aws"

EVENT: dict[str, Any] = {
    "version": "0",
    "id": "0b6d2f5e-0000-4000-8000-000000000001",
    "source": "microclimate.visits",
    "detail-type": "registration.confirmed",
    "detail": {
        "event_id": "0b6d2f5e-0000-5000-8000-000000000001",
        "occurred_at": NOW.isoformat(),
        "visit_id": "virtual-ward",
        "registration_id": CONFIRMED.registration_id,
        "place": 3,
        "person": "person-key",
    },
}


class World:
    """The clock, the visits context and SES, as a test sets them."""

    def __init__(self) -> None:
        self.now = NOW
        self.registration: Any = CONFIRMED
        self.visit: Any = VISIT
        self.ses: list[Exception] = []
        self.sent: list[dict[str, Any]] = []
        self.queue_url = ""
        self.deliveries = Deliveries()

    def send_email(self, **request: Any) -> dict[str, str]:
        if self.ses:
            raise self.ses.pop()
        self.sent.append(request)
        return {"MessageId": f"ses-{len(self.sent)}"}

    def delivery(self) -> Delivery:
        identity = planned(EVENT["detail-type"], EVENT["detail"])
        assert identity is not None
        found = self.deliveries.read(identity.delivery_id)
        assert found is not None
        return found

    def queued(self) -> list[dict[str, Any]]:
        """Take every message off the queue, as a batch for the sender."""
        got = aws.client("sqs").receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10).get("Messages", [])
        for message in got:
            aws.client("sqs").delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
        return [{"messageId": message["MessageId"], "body": message["Body"]} for message in got]

    def run_sender(self) -> dict[str, Any]:
        return send.handler({"Records": self.queued()}, None)


CLIENT = aws.client


def forget() -> None:
    """Start a new container: nothing is kept from the last invocation."""
    kept: list[Any] = [CLIENT, aws.session, secrets.load]
    kept += [on_event._planner, send._sender, settle._settler, feedback._listener]
    for one in kept:
        one.cache_clear()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with tables.in_memory():
        forget()
        world = World()
        world.queue_url = boto3.client("sqs").create_queue(QueueName="deliveries")["QueueUrl"]
        boto3.client("secretsmanager").create_secret(
            Name="microclimate", SecretString=json.dumps({"signing_keys": [], "pepper": "p" * 64})
        )
        monkeypatch.setenv("DELIVERIES_QUEUE_URL", world.queue_url)
        monkeypatch.setattr(clock, "now", lambda: world.now)
        monkeypatch.setattr(query, "visit", lambda _visit_id: world.visit)
        monkeypatch.setattr(query, "registration", lambda _visit_id, _place: world.registration)

        def client(service: Any, **options: Any) -> Any:
            if service == "sesv2":
                assert options == {"attempts": 1}, "SES has no idempotency key: the SDK must not repeat a call"
                return world
            return CLIENT(service, **options)

        monkeypatch.setattr(aws, "client", client)
        yield world
    forget()


def ses_event(name: str, delivery: Delivery) -> dict[str, Any]:
    text = (SAMPLES / f"ses-{name}.json").read_text()
    event: dict[str, Any] = json.loads(text)
    event["detail"]["mail"]["tags"]["delivery_id"] = [delivery.identity.delivery_id]
    return event


def test_an_event_becomes_an_email_with_a_calendar_entry(world: World) -> None:
    on_event.handler(EVENT, None)
    assert world.run_sender() == {"batchItemFailures": []}
    (request,) = world.sent
    mail = message_from_bytes(request["Content"]["Raw"]["Data"], policy=policy.default)
    assert mail["To"] == "Zoë Okafor <zoe@example.org>"
    assert mail["X-Delivery-Id"] == world.delivery().identity.delivery_id
    assert "/places/" in str(mail.get_payload(0))
    assert world.delivery().state is State.SENT
    assert world.delivery().message_ids == ("ses-1",)


def test_an_event_heard_twice_makes_one_delivery_and_one_email(world: World) -> None:
    on_event.handler(EVENT, None)
    on_event.handler(EVENT, None)
    batch = world.queued()
    assert len(batch) == 2
    send.handler({"Records": batch}, None)
    send.handler({"Records": batch}, None)
    on_event.handler(EVENT, None)
    world.run_sender()
    assert len(world.sent) == 1


def test_nothing_personal_is_stored_in_a_delivery(world: World) -> None:
    on_event.handler(EVENT, None)
    world.run_sender()
    items = boto3.client("dynamodb").scan(TableName="followups")["Items"]
    assert len(items) == 1
    assert "zoe" not in json.dumps(items, default=str).lower()
    assert "okafor" not in json.dumps(items, default=str).lower()


def test_a_delivery_at_rest_is_in_no_list_of_what_is_due_but_is_found_by_its_visit(world: World) -> None:
    on_event.handler(EVENT, None)
    assert list(world.deliveries.due(NOW + QUEUE_PATIENCE, 10)) == [world.delivery().identity.delivery_id]
    world.run_sender()
    assert list(world.deliveries.due(NOW + timedelta(days=99), 10)) == []
    assert [record.step for record in DeliveryRecord.by_visit.query("virtual-ward")] == ["confirmation"]
    record = next(iter(DeliveryRecord.by_visit.query("virtual-ward")))
    assert record.expires_at == NOW + timedelta(days=365)


def test_what_is_stored_is_what_is_read(world: World) -> None:
    on_event.handler(EVENT, None)
    world.ses = [ReadTimeoutError(endpoint_url="x")]
    world.run_sender()
    delivery = world.delivery()
    assert delivery.state is State.UNKNOWN
    assert world.deliveries.write(replace(delivery, version=delivery.version + 1))
    assert world.delivery() == replace(delivery, version=delivery.version + 1)
    assert not world.deliveries.write(replace(delivery, version=delivery.version + 1)), "an old copy may not win"


def test_who_cancelled_meanwhile_gets_no_confirmation(world: World) -> None:
    on_event.handler(EVENT, None)
    world.registration = CANCELLED
    world.run_sender()
    assert world.sent == []
    assert (world.delivery().state, world.delivery().reason) == (State.SKIPPED, "cancelled since")


def test_a_queue_that_does_not_answer_costs_minutes_and_no_email(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(_self: object, _delivery_id: str) -> None:
        raise ClientError({"Error": {"Code": "ServiceUnavailable"}}, "SendMessage")

    with monkeypatch.context() as broken:
        broken.setattr(on_event.Queue, "put", down)
        on_event.handler(EVENT, None)
    assert settle.handler({}, None) == {"queued": 0}, "not yet"
    world.now += QUEUE_PATIENCE
    assert settle.handler({}, None) == {"queued": 1}
    assert settle.handler({}, None) == {"queued": 0}, "once is enough"
    world.run_sender()
    assert len(world.sent) == 1


def test_a_throttle_is_tried_again_later(world: World) -> None:
    error: Any = {"Error": {"Code": "TooManyRequestsException"}, "ResponseMetadata": {"HTTPStatusCode": 429}}
    world.ses = [ClientError(error, "SendEmail")]
    on_event.handler(EVENT, None)
    world.run_sender()
    assert world.delivery().state is State.READY
    on_event.handler(EVENT, None)
    world.run_sender()
    assert world.sent == [], "its waiting time is not over"
    world.now += timedelta(minutes=5)
    settle.handler({}, None)
    world.run_sender()
    assert len(world.sent) == 1


def test_a_time_out_waits_for_evidence_then_is_tried_once_more(world: World) -> None:
    world.ses = [ReadTimeoutError(endpoint_url="x"), ReadTimeoutError(endpoint_url="x")]
    on_event.handler(EVENT, None)
    world.run_sender()
    on_event.handler(EVENT, None)
    world.run_sender()
    assert world.delivery().state is State.UNKNOWN
    assert len(world.ses) == 1, "nobody tried again meanwhile"
    world.now += EVIDENCE_PATIENCE
    assert settle.handler({}, None) == {"queued": 1}
    world.run_sender()
    world.now += EVIDENCE_PATIENCE
    assert settle.handler({}, None) == {"queued": 0}
    assert world.delivery().state is State.UNKNOWN
    assert "organiser" in world.delivery().reason
    assert settle.handler({"try_again": [world.delivery().identity.delivery_id]}, None) == {"queued": 1}
    world.run_sender()
    assert (len(world.sent), world.delivery().state) == (1, State.SENT)


def test_evidence_settles_what_a_time_out_left_open(world: World) -> None:
    world.ses = [ReadTimeoutError(endpoint_url="x")]
    on_event.handler(EVENT, None)
    world.run_sender()
    for name in ("delivery", "send", "delivery"):
        feedback.handler(ses_event(name, world.delivery()), None)
    assert world.delivery().state is State.DELIVERED
    world.now += timedelta(days=1)
    assert settle.handler({}, None) == {"queued": 0}
    assert world.sent == []


def test_a_sender_that_died_is_noticed_when_its_lease_is_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    class Died(BaseException):
        pass

    def die(**_request: Any) -> dict[str, str]:
        raise Died

    on_event.handler(EVENT, None)
    with monkeypatch.context() as dying:
        dying.setattr(world, "send_email", die)
        with pytest.raises(Died):
            world.run_sender()
    assert world.delivery().state is State.SENDING
    on_event.handler(EVENT, None)
    world.run_sender()
    assert world.sent == []
    world.now += LEASE
    settle.handler({}, None)
    assert world.delivery().state is State.UNKNOWN


@pytest.mark.parametrize("order", [("bounce", "delivery", "send"), ("send", "delivery", "bounce")])
def test_a_bounce_stands_whatever_else_is_heard_and_when(world: World, order: tuple[str, ...]) -> None:
    on_event.handler(EVENT, None)
    world.run_sender()
    for name in (*order, *order):
        feedback.handler(ses_event(name, world.delivery()), None)
    assert (world.delivery().state, world.delivery().reason) == (State.BOUNCED, "returned: Permanent, NoEmail 5.1.1")


def test_ses_events_about_others_are_harmless(world: World) -> None:
    stranger = json.loads((SAMPLES / "ses-send.json").read_text())
    feedback.handler(stranger, None)
    feedback.handler({"detail": {"eventType": "Open", "mail": {}}}, None)
    assert boto3.client("dynamodb").scan(TableName="followups")["Count"] == 0


def test_a_broken_template_is_tried_again_and_in_the_end_failed_with_its_reason(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.visit = replace(VISIT, format="a kind nobody knows")
    on_event.handler(EVENT, None)
    world.run_sender()
    assert world.delivery().state is State.READY
    assert world.delivery().reason == "could not be composed: KeyError"
    while world.delivery().state is State.READY:
        world.now += timedelta(hours=1)
        world.visit = replace(world.visit, starts_at=world.now, ends_at=world.now + timedelta(days=2))
        settle.handler({}, None)
        world.run_sender()
    assert world.delivery().state is State.FAILED
    assert "KeyError" in world.delivery().reason


def test_a_table_that_does_not_answer_sends_the_message_back_and_only_that_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_event.handler(EVENT, None)
    good = world.queued()
    real = Deliveries.read

    def flaky(self: Deliveries, delivery_id: str) -> Delivery | None:
        if delivery_id == "bad":
            raise ClientError({"Error": {"Code": "InternalServerError"}}, "GetItem")
        return real(self, delivery_id)

    monkeypatch.setattr(Deliveries, "read", flaky)
    answer = send.handler({"Records": [{"messageId": "m-bad", "body": '{"delivery_id": "bad"}'}, *good]}, None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-bad"}]}
    assert len(world.sent) == 1


def test_a_queued_delivery_that_is_gone_is_let_go(world: World) -> None:
    record = {"messageId": "m1", "body": '{"delivery_id": "5f0c2f2e-46f6-5d0e-8d3a-000000000000"}'}
    assert send.handler({"Records": [record]}, None) == {"batchItemFailures": []}


def test_one_bad_delivery_does_not_hold_up_the_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    on_event.handler(EVENT, None)
    world.queued()
    world.now += QUEUE_PATIENCE
    good = world.delivery().identity.delivery_id
    monkeypatch.setattr(Deliveries, "due", lambda _self, _now, _limit: iter(["bad", good]))
    real = Deliveries.read

    def flaky(self: Deliveries, delivery_id: str) -> Delivery | None:
        if delivery_id == "bad":
            raise ClientError({"Error": {"Code": "InternalServerError"}}, "GetItem")
        return real(self, delivery_id)

    monkeypatch.setattr(Deliveries, "read", flaky)
    with pytest.raises(settle.Unsettled):
        settle.handler({}, None)
    assert len(world.queued()) == 1


def test_logs_hold_neither_names_nor_addresses(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    on_event.handler(EVENT, None)
    world.run_sender()
    for name in ("send", "bounce"):
        feedback.handler(ses_event(name, world.delivery()), None)
    logged = capsys.readouterr()
    assert "@" not in logged.out + logged.err
    assert "Okafor" not in logged.out + logged.err


def test_a_lookup_finds_a_persons_places_when_it_is_sent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query, "registrations_of", lambda _person: [CONFIRMED])
    lookup = {
        **EVENT,
        "detail-type": "person.lookup_requested",
        "detail": {"event_id": "e2", "person": "person-key", "asked_at": NOW.isoformat()},
    }
    on_event.handler(lookup, None)
    on_event.handler(lookup, None)
    world.run_sender()
    world.run_sender()
    (request,) = world.sent
    assert {"Name": "step", "Value": Step.LINKS.value} in request["EmailTags"]


def test_a_moment_before_and_after_the_lease_of_another_sender(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two senders have read the delivery as ready; the one that writes second does not send."""
    on_event.handler(EVENT, None)
    batch = world.queued()
    real = Deliveries.write
    raced: list[bool] = []

    def other_first(self: Deliveries, changed: Delivery) -> bool:
        if changed.state is State.SENDING and not raced:
            raced.append(True)
            send.handler({"Records": batch}, None)
        return real(self, changed)

    monkeypatch.setattr(Deliveries, "write", other_first)
    send.handler({"Records": batch}, None)
    assert len(world.sent) == 1


def test_a_lease_whose_answer_was_lost_is_still_a_lease(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    on_event.handler(EVENT, None)
    real = Deliveries.write

    def answer_lost(self: Deliveries, changed: Delivery) -> bool:
        real(self, changed)
        return changed.state is not State.SENDING  # the SDK asked again, and its own write refused it

    monkeypatch.setattr(Deliveries, "write", answer_lost)
    world.run_sender()
    assert len(world.sent) == 1
