"""From a request to an inbox: the visits service, its stream, its events, and the emails they end in."""

import contextlib
import itertools
import json
import random
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import boto3
import pytest
import vobject

from accounts.model import Account, account_pk
from followups import digest, fan_out, on_event, send
from followups.delivery import State
from followups.model import DeliveryRecord
from followups.plan import ABOUT_VISITS
from kernel import aws
from kernel.ids import derived_id
from tests.dynamodb_tap import Tap
from tests.events_seen import events_of
from tests.service import Service
from visits import on_stream, query


class Post:
    """What stands between the visits and everybody's inbox here: the bus, the queue, SES."""

    def __init__(self, service: Service, url: str, fan_out_url: str) -> None:
        self.service = service
        self.queue_url = url
        self.fan_out_url = fan_out_url
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
                if event["detail-type"] in ABOUT_VISITS:  # as the rules have it (`tests/infra`)
                    self._queue(self.fan_out_url, event)
                else:
                    on_event.handler(event, None)
        self._empty(self.fan_out_url, fan_out.handler, again=seed is not None)
        self._empty(self.queue_url, send.handler)
        return self.mails[before:]

    def _queue(self, url: str, body: object) -> None:
        aws.client("sqs").send_message(QueueUrl=url, MessageBody=json.dumps(body))

    def _as_the_bus_has_it(self, name: str, detail: dict[str, Any]) -> dict[str, Any]:
        event_id = str(derived_id(name, json.dumps(detail, sort_keys=True)))
        envelope = {"event_id": event_id, "occurred_at": self.service.clock.now.isoformat()}
        return {"id": event_id, "detail-type": name, "source": "microclimate.visits", "detail": {**envelope, **detail}}

    def _empty(self, url: str, handler: Callable[[dict[str, Any], object], Any], *, again: bool = False) -> None:
        sqs = aws.client("sqs")
        while got := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            batch = [{"messageId": message["MessageId"], "body": message["Body"]} for message in got]
            for records in (batch, batch) if again else (batch,):
                assert handler({"Records": records}, None) == {"batchItemFailures": []}
            for message in got:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


@pytest.fixture
def post(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[Post]:
    url = boto3.client("sqs").create_queue(QueueName="deliveries")["QueueUrl"]
    monkeypatch.setenv("DELIVERIES_QUEUE_URL", url)
    fan_out_url = boto3.client("sqs").create_queue(QueueName="fan-out")["QueueUrl"]
    monkeypatch.setenv("FAN_OUT_QUEUE_URL", fan_out_url)
    post = Post(service, url, fan_out_url)
    real = aws.client

    def client(name: Any, **options: Any) -> Any:
        return post if name == "sesv2" else real(name, **options)

    monkeypatch.setattr(aws, "client", client)
    caches: list[Any] = [on_event._planner, on_event._joiner, send._sender, fan_out._fan_out, digest._digests]
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


# --- about a whole visit


LATER = {"starts_at": "2026-11-10T14:00:00Z", "ends_at": "2026-11-10T16:00:00Z", "message": "The team is **away**."}
EVEN_LATER = {"starts_at": "2026-11-12T14:00:00Z", "ends_at": "2026-11-12T16:00:00Z"}


def everybody(service: Service, post: Post) -> None:
    """One who has the place, one who waits and one who left; their own emails are out."""
    for number in (1, 2, 3):
        service.register(number)
    service.api("DELETE", f"/registrations/{service.link(3)}")
    post.deliver()


def act(service: Service, action: str, document: object) -> None:
    assert service.organise("POST", f"/visits/ward/{action}", document).status in {200, 201}


def states(service: Service, step: str) -> list[tuple[str, str]]:
    """What became of each delivery of a step, and why."""
    items = [item for item in service.items("followups") if item["step"]["S"] == step]
    return sorted((item["state"]["S"], item["reason"]["S"]) for item in items)


def clock_of(calendar: Any) -> str:
    """The start as the entry writes it, on its zone's clock: vobject keeps the first zone of a name it ever met."""
    return f"{calendar.vevent.dtstart.value:%Y-%m-%d %H:%M}"


def to(mails: list[EmailMessage], name: str) -> EmailMessage:
    (mail,) = [mail for mail in mails if mail["To"].addresses[0].username == name]
    return mail


@pytest.mark.parametrize("seed", [None, 1, 2])
def test_everybody_registered_hears_once_that_a_visit_moved(service: Service, post: Post, seed: int | None) -> None:
    everybody(service, post)
    act(service, "reschedule", LATER)
    mails = post.deliver(seed=seed)
    assert subjects(mails) == [("ada1", "A new time"), ("ada2", "A new time")]
    entry = calendar_of(to(mails, "ada1"))
    assert (entry.method.value, int(entry.vevent.sequence.value)) == ("REQUEST", 1)
    assert clock_of(entry) == "2026-11-10 14:00"
    waiting = to(mails, "ada2")
    assert "text/calendar" not in [part.get_content_type() for part in waiting.walk()]
    text = waiting.get_body(("plain",))
    assert text is not None
    assert "The team is **away**." in text.get_content()
    assert place_link(waiting)


def test_a_visit_that_moves_again_before_the_first_email_went_is_told_of_once(service: Service, post: Post) -> None:
    everybody(service, post)
    act(service, "reschedule", LATER)
    act(service, "reschedule", EVEN_LATER)
    mails = post.deliver()
    assert subjects(mails) == [("ada1", "A new time"), ("ada2", "A new time")]
    assert clock_of(calendar_of(to(mails, "ada1"))) == "2026-11-12 14:00"
    assert states(service, "rescheduled") == [("sent", "SES accepted it")] * 2 + [("skipped", "moved again since")] * 2


def test_a_visit_that_moved_and_was_called_off_is_told_of_as_called_off(service: Service, post: Post) -> None:
    everybody(service, post)
    act(service, "reschedule", LATER)
    act(service, "cancel", {"message": "It cannot be."})
    mails = post.deliver()
    assert subjects(mails) == [("ada1", "This visit is cancelled"), ("ada2", "This visit is cancelled")]
    entry = calendar_of(to(mails, "ada1"))
    assert (entry.method.value, entry.vevent.status.value) == ("CANCEL", "CANCELLED")
    assert int(entry.vevent.sequence.value) == 2
    assert {reason for _, reason in states(service, "rescheduled")} == {"the visit is cancelled"}


def test_who_registers_after_the_move_knew_and_is_not_told(service: Service, post: Post) -> None:
    everybody(service, post)
    act(service, "reschedule", LATER)
    service.register(4)
    assert subjects(post.deliver()) == [
        ("ada1", "A new time"),
        ("ada2", "A new time"),
        ("ada4", "You are number 2 in line"),
    ]


def test_who_was_added_by_hand_is_told_too(service: Service, post: Post) -> None:
    everybody(service, post)
    body = {"name": "Ada Quillfeather 7", "email": "ada7@people.example.org"}
    assert service.organise("POST", "/visits/ward/registrations", body).status == 201
    post.deliver()
    act(service, "cancel", {})
    assert ("ada7", "This visit is cancelled") in subjects(post.deliver())


def test_who_cancels_before_the_email_goes_is_not_told_of_a_move(service: Service, post: Post) -> None:
    everybody(service, post)
    act(service, "reschedule", LATER)
    service.api("DELETE", f"/registrations/{service.link(1)}")
    mails = post.deliver()
    assert subjects(mails) == [("ada1", "Your place is cancelled"), ("ada2", "A new time"), ("ada2", "A place for you")]
    assert calendar_of(next(one for one in mails if "A place" in one["Subject"])).vevent.sequence.value == "2"


def test_a_message_goes_to_those_it_is_for_alone(service: Service, post: Post) -> None:
    everybody(service, post)
    act(service, "messages", {"subject": "Parking", "body_markdown": "Gate 3.", "to": ["waiting"]})
    (mail,) = post.deliver()
    assert (mail["To"].addresses[0].username, str(mail["Subject"])) == (
        "ada2",
        "Parking: How one ward halved its falls",
    )
    act(service, "messages", {"subject": "Lunch", "body_markdown": "Soup.", "to": ["confirmed", "waiting"]})
    act(service, "messages", {"subject": "Lunch", "body_markdown": "No soup.", "to": ["confirmed"]})
    assert subjects(post.deliver(seed=3)) == [("ada1", "Lunch"), ("ada1", "Lunch"), ("ada2", "Lunch")]


def test_a_message_for_those_who_wait_does_not_reach_who_was_admitted_meanwhile(service: Service, post: Post) -> None:
    everybody(service, post)
    act(service, "messages", {"subject": "Waiting", "body_markdown": "Soon.", "to": ["waiting"]})
    tap = service.dynamodb
    records = tap.taken()
    (event,) = [one for one in events_of(records) if one.name == "visit.message_posted"]
    page = {"detail-type": event.name, "detail": dict(event.detail)}
    fan_out.handler({"Records": [{"messageId": "m", "body": json.dumps(page)}]}, None)
    service.api("DELETE", f"/registrations/{service.link(1)}")
    assert ("ada2", "Waiting") not in subjects(post.deliver())
    assert states(service, "message") == [("skipped", "no longer among those it is for")]


# --- pages of people, and dying between any two steps


class Struck(BaseException):
    """The function is gone: no `except Exception` sees this."""


def page_of(service: Service) -> dict[str, Any]:
    """The message the bus puts into the queue once the visit is called off."""
    act(service, "cancel", {})
    (event,) = [one for one in events_of(service.dynamodb.taken()) if one.name == "visit.cancelled"]
    return {"detail-type": event.name, "detail": dict(event.detail)}


def test_a_page_is_followed_by_the_next_until_everybody_is_planned(
    service: Service, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fan_out, "PAGE", 2)
    for number in range(1, 8):
        service.register(number)
    service.api("DELETE", f"/registrations/{service.link(2)}")
    post.deliver()
    before = len(service.items("followups"))
    post._queue(post.fan_out_url, page_of(service))
    mails = post.deliver()
    assert [name for name, _ in subjects(mails)] == ["ada1", "ada3", "ada4", "ada5", "ada6", "ada7"]
    assert len(service.items("followups")) == before + 6


@pytest.mark.parametrize("calls", range(1, 14))
def test_dying_between_any_two_calls_leaves_nobody_out_and_writes_to_nobody_twice(
    service: Service, post: Post, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    monkeypatch.setattr(fan_out, "PAGE", 3)
    for number in range(1, 5):
        service.register(number)
    post.deliver()
    page = page_of(service)
    left = [calls]

    def dying(call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **more: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                raise Struck
            return call(*args, **more)

        return called

    fan = fan_out._fan_out()
    for owner, name in ((fan.deliveries, "create"), (fan.queue, "put_all"), (fan.pages, "put")):
        monkeypatch.setattr(owner, name, dying(getattr(owner, name)))
    record = {"Records": [{"messageId": "m", "body": json.dumps(page)}]}
    with contextlib.suppress(Struck):
        fan_out.handler(record, None)
    left[0] = 0
    fan_out.handler(record, None)  # the queue hands the message out again
    mails = post.deliver()
    assert subjects(mails) == [(f"ada{number}", "This visit is cancelled") for number in range(1, 5)]


def test_a_queue_that_does_not_take_them_leaves_deliveries_for_settle(
    service: Service, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.register(1)
    post.deliver()
    page = page_of(service)

    class Down:
        def send_message_batch(self, **_: Any) -> dict[str, Any]:
            return {"Failed": [{"Id": "0"}], "Successful": []}

    monkeypatch.setattr(fan_out._fan_out().queue, "_client", Down())
    record = {"Records": [{"messageId": "m", "body": json.dumps(page)}]}
    assert fan_out.handler(record, None) == {"batchItemFailures": []}
    (item,) = [item for item in service.items("followups") if item["step"]["S"] == "visit_cancelled"]
    assert (item["state"]["S"], item["due"]["S"]) == ("ready", "yes")


def test_a_message_that_cannot_be_read_comes_again_and_holds_up_no_other(service: Service, post: Post) -> None:
    service.register(1)
    post.deliver()
    good = {"messageId": "good", "body": json.dumps(page_of(service))}
    bad = [{"messageId": "bad", "body": "{"}, {"messageId": "worse", "body": '{"detail-type": "visit.cancelled"}'}]
    answer = fan_out.handler({"Records": [*bad, good]}, None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "bad"}, {"itemIdentifier": "worse"}]}
    assert subjects(post.deliver()) == [("ada1", "This visit is cancelled")]


def test_an_event_that_nobody_is_written_to_about_makes_nothing(service: Service, post: Post) -> None:
    body = json.dumps({"detail-type": "visit.changed", "detail": {"visit_id": "ward", "version": 3}})
    assert fan_out.handler({"Records": [{"messageId": "m", "body": body}]}, None) == {"batchItemFailures": []}
    assert service.items("followups") == []


# --- the daily digest


def reader(service: Service, email: str, digest: str | None = "daily") -> None:
    """Give somebody an account."""
    person = f"person-of-{email.partition('@')[0]}"
    account = Account(account_pk(person), person=person, email=email, name="Olive Organiser", username=person)
    account.created_at = account.signed_in_at = service.clock.now
    account.digest = digest
    account.save()


def test_organisers_who_want_it_hear_each_morning_who_registered_for_their_visits(service: Service, post: Post) -> None:
    reader(service, "organiser@example.org")
    reader(service, "other@example.org")
    reader(service, "without@example.org", digest=None)
    service.clock.now = datetime(2026, 9, 1, 12, tzinfo=UTC)
    for number in (1, 2, 3):
        service.register(number)
    service.api("DELETE", f"/registrations/{service.link(3)}")
    post.deliver()
    service.clock.now = datetime(2026, 9, 2, 6, tzinfo=UTC)
    for _ in range(2):
        assert digest.handler({}, None) == {"digests": 2}
    (mail,) = post.deliver()
    assert subjects([mail]) == [("organiser", "3 new registrations for your visit")]
    text = mail.get_body(("plain",))
    assert text is not None
    assert "3 new: 1 with a place, 1 waiting, 1 cancelled since" in text.get_content()
    assert "Ada Quillfeather 1, Ada Quillfeather 2" in text.get_content()
    assert "Quillfeather 3" not in text.get_content()
    assert states(service, "digest") == [("sent", "SES accepted it"), ("skipped", "nobody registered")]
    service.clock.now = datetime(2026, 9, 3, 6, tzinfo=UTC)
    digest.handler({}, None)
    assert post.deliver() == [], "nothing is new since"
    service.register(4)
    service.clock.now = datetime(2026, 9, 4, 6, tzinfo=UTC)
    digest.handler({"day": "2026-09-04"}, None)
    assert subjects(post.deliver())[-1] == ("organiser", "1 new registration for your visit")


def test_a_digest_reads_only_the_end_of_a_long_line(service: Service, post: Post) -> None:
    for number in range(1, 6):
        service.register(number)
    service.clock.advance(days=3)
    service.register(6)
    since = service.clock.now - timedelta(hours=1)
    (found,) = query.newcomers("organiser@example.org", since, service.clock.now + timedelta(hours=1))
    assert (found.people, found.names) == (1, ("Ada Quillfeather 6",))
    assert [place.number for place in query._latest("ward", since)] == [6]
