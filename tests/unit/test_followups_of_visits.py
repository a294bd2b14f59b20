"""From a request to an inbox: the visits service, its stream, its events, and the emails they end in."""

import itertools
import json
import random
import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import boto3
import pytest
import vobject

from followups import on_event, send
from followups.delivery import State
from followups.model import DeliveryRecord
from kernel import aws
from kernel.ids import derived_id
from tests.dynamodb_tap import Tap
from tests.events_seen import events_of
from tests.service import Service
from visits import on_stream


class Post:
    """What stands between the visits and everybody's inbox here: the bus, the queue, SES."""

    def __init__(self, service: Service, url: str) -> None:
        self.service = service
        self.queue_url = url
        self.mails: list[EmailMessage] = []
        self.numbers = itertools.count()

    def send_email(self, **request: Any) -> dict[str, str]:
        mail = message_from_bytes(request["Content"]["Raw"]["Data"], policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return {"MessageId": f"ses-{len(self.mails)}"}

    def deliver(self, *, seed: int | None = None) -> list[EmailMessage]:
        """Let everything follow that follows; return the emails it made. With a seed: twice, and in any order."""
        before = len(self.mails)
        tap: Tap = self.service.dynamodb
        while records := tap.taken():
            on_stream.handler({"Records": records}, None)
            happened = [self._as_the_bus_has_it(event.name, dict(event.detail)) for event in events_of(records)]
            if seed is not None:
                happened *= 2
                random.Random(seed).shuffle(happened)
            for event in happened:
                on_event.handler(event, None)
        self._empty_the_queue()
        return self.mails[before:]

    def _as_the_bus_has_it(self, name: str, detail: dict[str, Any]) -> dict[str, Any]:
        event_id = str(derived_id(name, json.dumps(detail, sort_keys=True)))
        envelope = {"event_id": event_id, "occurred_at": self.service.clock.now.isoformat()}
        return {"id": event_id, "detail-type": name, "source": "microclimate.visits", "detail": {**envelope, **detail}}

    def _empty_the_queue(self) -> None:
        sqs = aws.client("sqs")
        while got := sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10).get("Messages"):
            batch = [{"messageId": message["MessageId"], "body": message["Body"]} for message in got]
            assert send.handler({"Records": batch}, None) == {"batchItemFailures": []}
            for message in got:
                sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])


@pytest.fixture
def post(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[Post]:
    url = boto3.client("sqs").create_queue(QueueName="deliveries")["QueueUrl"]
    monkeypatch.setenv("DELIVERIES_QUEUE_URL", url)
    post = Post(service, url)
    real = aws.client

    def client(name: Any, **options: Any) -> Any:
        return post if name == "sesv2" else real(name, **options)

    monkeypatch.setattr(aws, "client", client)
    caches: list[Any] = [on_event._planner, send._sender]
    for cache in caches:
        cache.cache_clear()
    service.visit(capacity=1, waitlist="automatic")
    service.dynamodb.forget()
    yield post
    for cache in caches:
        cache.cache_clear()


def subjects(mails: list[EmailMessage]) -> list[tuple[str, str]]:
    return sorted((mail["To"].addresses[0].username, str(mail["Subject"]).partition(":")[0]) for mail in mails)


def place_link(mail: EmailMessage) -> str:
    text = mail.get_body(("plain",))
    assert text is not None
    (token,) = re.findall(r"https://visits\.example\.org/places/(\S+)", text.get_content())
    return str(token)


def calendar_of(mail: EmailMessage) -> Any:
    (part,) = [part for part in mail.walk() if part.get_content_type() == "text/calendar"]
    return vobject.readOne(part.get_content())


def test_two_register_for_one_place_then_the_first_cancels_and_the_second_is_told(service: Service, post: Post) -> None:
    service.register(1)
    service.register(2)
    mails = post.deliver()
    assert subjects(mails) == [("ada1", "You have a place"), ("ada2", "You are next in line")]
    first = next(mail for mail in mails if mail["To"].addresses[0].username == "ada1")

    assert service.api("DELETE", f"/registrations/{place_link(first)}").status in {200, 204}
    mails = post.deliver()
    assert subjects(mails) == [("ada1", "Your place is cancelled"), ("ada2", "A place for you")]

    invited, withdrawn = calendar_of(first), calendar_of(next(m for m in mails if "cancelled" in m["Subject"]))
    assert (invited.method.value, withdrawn.method.value) == ("REQUEST", "CANCEL")
    assert invited.vevent.uid.value == withdrawn.vevent.uid.value
    assert int(withdrawn.vevent.sequence.value) > int(invited.vevent.sequence.value)


def test_the_link_in_the_email_opens_the_place(service: Service, post: Post) -> None:
    service.register(1)
    (mail,) = post.deliver()
    place = service.api("GET", f"/registrations/{place_link(mail)}").json
    assert (place["status"], place["email"]) == ("confirmed", "ada1@people.example.org")


@pytest.mark.parametrize("seed", range(5))
def test_events_twice_and_in_any_order_make_the_same_emails(service: Service, post: Post, seed: int) -> None:
    service.register(1)
    service.register(2)
    mails = post.deliver(seed=seed)
    assert subjects(mails) == [("ada1", "You have a place"), ("ada2", "You are next in line")]
    service.api("DELETE", f"/registrations/{service.link(1)}")
    mails = post.deliver(seed=seed)
    assert subjects(mails) == [("ada1", "Your place is cancelled"), ("ada2", "A place for you")]


def test_who_cancels_before_anything_was_sent_hears_of_the_cancellation_alone(service: Service, post: Post) -> None:
    service.register(1)
    service.api("DELETE", f"/registrations/{service.link(1)}")
    assert subjects(post.deliver()) == [("ada1", "Your place is cancelled")]
    states = {item["step"]["S"]: item["state"]["S"] for item in service.items("followups")}
    assert states == {"confirmation": State.SKIPPED, "cancelled": State.SENT}


def test_who_cancels_and_registers_again_is_told_again(service: Service, post: Post) -> None:
    service.register(1)
    post.deliver()
    service.api("DELETE", f"/registrations/{service.link(1)}")
    post.deliver()
    service.register(1)
    assert subjects(post.deliver()) == [("ada1", "You have a place")]


def test_registering_twice_sends_the_link_again(service: Service, post: Post) -> None:
    service.register(1)
    post.deliver()
    service.clock.advance(hours=2)
    service.register(1)
    (mail,) = post.deliver()
    assert str(mail["Subject"]).startswith("You have a place already")
    assert place_link(mail) == service.link(1)


def test_a_lookup_sends_the_links_and_nothing_to_a_stranger(service: Service, post: Post) -> None:
    service.register(1)
    post.deliver()
    service.clock.advance(hours=2)
    for email in ("ada1@people.example.org", "stranger@people.example.org"):
        assert service.api("POST", "/registrations/lookup", {"email": email}).status == 202
    (mail,) = post.deliver()
    assert subjects([mail]) == [("ada1", "Your visits with Community of Practice")]
    assert place_link(mail) == service.link(1)


def test_a_change_of_address_is_confirmed_by_the_new_one_and_told_to_the_old_one(service: Service, post: Post) -> None:
    service.register(1)
    post.deliver()
    token = service.link(1)
    assert service.api("PATCH", f"/registrations/{token}", {"email": "moved@people.example.org"}).status == 202
    (mail,) = post.deliver()
    assert subjects([mail]) == [("moved", "Is this your new email address? How one ward halved its falls")]
    text = mail.get_body(("plain",))
    assert text is not None
    (path,) = re.findall(r"https://visits\.example\.org(/addresses/\S+)", text.get_content())
    assert service.get(path).status == 200
    assert service.post(path, {}).status in {200, 303}
    (mail,) = post.deliver()
    assert subjects([mail]) == [("ada1", "Your email address was changed")]
    text = mail.get_body(("plain",))
    assert text is not None
    (path,) = re.findall(r"https://visits\.example\.org(/addresses/undo/\S+)", text.get_content())
    assert service.post(path, {}).status in {200, 303}
    assert service.places()[0].email == "ada1@people.example.org"


def test_deliveries_are_found_by_their_visit(service: Service, post: Post) -> None:
    service.register(1)
    service.register(2)
    post.deliver()
    assert [record.step for record in DeliveryRecord.by_visit.query("ward")] == ["confirmation", "place_in_line"]
