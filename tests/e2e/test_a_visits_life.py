"""A visit people have heard of is moved, called off, cloned, shared and written about: as organisers and people see it.

Emails are read by a second parser (`tests.e2e.calendars`), and each arrives once.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from infra.local import tokens
from tests.e2e import calendars
from tests.e2e.service import Answer, Person, Service, a_person, wait_for

pytestmark = pytest.mark.stack


def ask(service: Service, visit_id: str, action: str, body: object = None) -> Answer:
    path = f"{service.api}/organiser/visits/{visit_id}/{action}"
    return service.ask("POST", path, {} if body is None else body, token=tokens.ORGANISER.token)


def times(service: Service, visit_id: str, **later: int) -> dict[str, str]:
    """The visit's times, so much later."""
    visit = service.get(f"{service.api}/visits/{visit_id}").json
    return {
        name: (datetime.fromisoformat(visit[name]) + timedelta(**later)).astimezone(UTC).isoformat()
        for name in ("starts_at", "ends_at")
    }


@pytest.fixture
def visit_id(service: Service) -> str:
    return service.a_visit(capacity=1)


@pytest.fixture
def people(service: Service, visit_id: str) -> list[Person]:
    """One who has the place and one who waits; both have their first email."""
    people = [a_person("Petra Sallow"), a_person("Quentin Marsh")]
    for person in people:
        service.register(visit_id, person)
    for person in people:
        service.email(person.email, "You ")
    return people


def subjects(service: Service, person: Person) -> list[str]:
    return [one.subject.partition(":")[0] for one in service.emails(person.email)]


def test_everybody_hears_once_of_a_move_and_then_of_the_cancellation_with_a_calendar_that_follows(
    service: Service, visit_id: str, people: list[Person]
) -> None:
    holder, waiter = people
    first = calendars.event(service.email(holder.email, "You have a place").calendar or "")
    moved = times(service, visit_id, days=7)
    answer = ask(service, visit_id, "reschedule", {**moved, "message": "The **tide** is wrong that week."})
    assert (answer.status, answer.json["sequence"]) == (200, 1)
    mail = service.email(holder.email, "A new time")
    entry = calendars.event(mail.calendar or "")
    assert (entry.method, entry.uid, entry.status) == ("REQUEST", first.uid, "CONFIRMED")
    assert entry.sequence > first.sequence
    assert entry.starts_at == datetime.fromisoformat(moved["starts_at"])
    assert "The **tide** is wrong that week." in mail.text
    [part] = [one for one in mail.parsed.walk() if one.get_content_type() == "text/calendar"]
    assert part["Content-Type"].params["method"] == "REQUEST"
    told = service.email(waiter.email, "A new time")
    assert told.calendar is None
    place = service.get(f"{service.api}/registrations/{mail.link('places').rpartition('/')[2]}").json
    assert datetime.fromisoformat(place["visit"]["starts_at"]) == entry.starts_at
    assert place["status"] == "confirmed"

    assert ask(service, visit_id, "cancel", {"message": "The mill is closed."}).json["status"] == "cancelled"
    mail = service.email(holder.email, "This visit is cancelled")
    last = calendars.event(mail.calendar or "")
    assert (last.method, last.uid, last.status) == ("CANCEL", first.uid, "CANCELLED")
    assert last.sequence > entry.sequence
    assert service.email(waiter.email, "This visit is cancelled").calendar is None
    assert "The mill is closed." in mail.text
    refused = service.ask(
        "POST", f"{service.api}/visits/{visit_id}/registrations", {"name": "Late", "email": a_person().email}
    )
    assert refused.problem["type"] == "/problems/registration-closed"
    service.nothing_is_under_way(visit_id)
    assert subjects(service, holder) == ["You have a place", "A new time", "This visit is cancelled"]
    assert subjects(service, waiter) == ["You are next in line", "A new time", "This visit is cancelled"]
    public = calendars.event(service.get(f"/visits/{visit_id}/calendar.ics").text)
    assert (public.status, public.sequence) == ("CANCELLED", 2)


def test_a_visit_moved_twice_at_once_ends_with_the_last_time_in_every_calendar(
    service: Service, visit_id: str, people: list[Person]
) -> None:
    for days in (7, 8, 9):
        assert ask(service, visit_id, "reschedule", times(service, visit_id, days=days)).status == 200
    last = times(service, visit_id, days=0)
    wait_for(
        lambda: any(
            one.calendar and calendars.event(one.calendar).starts_at == datetime.fromisoformat(last["starts_at"])
            for one in service.emails(people[0].email)
            if one.subject.startswith("A new time")
        ),
        lambda: str(subjects(service, people[0])),
    )
    service.nothing_is_under_way(visit_id)
    entries = [calendars.event(one.calendar) for one in service.emails(people[0].email) if one.calendar]
    assert max(entries, key=lambda one: one.sequence).starts_at == datetime.fromisoformat(last["starts_at"])
    assert len({one.sequence for one in entries}) == len(entries), "no sequence stands for two times"


def test_a_message_reaches_those_it_is_for_once(service: Service, visit_id: str, people: list[Person]) -> None:
    body = {"subject": "Bring boots", "body_markdown": "It is *wet*.", "to": ["confirmed", "waiting"]}
    path = f"{service.api}/organiser/visits/{visit_id}/messages"
    for _ in range(2):
        headers = {"Idempotency-Key": "boots"}
        answer = service.ask("POST", path, body, token=tokens.ORGANISER.token, headers=headers)
        assert (answer.status, answer.json["people"]) == (201, 2)
    ask(service, visit_id, "messages", {**body, "subject": "Only for you", "to": ["confirmed"]})
    for person in people:
        assert "It is *wet*." in service.email(person.email, "Bring boots").text
    service.email(people[0].email, "Only for you")
    service.nothing_is_under_way(visit_id)
    assert subjects(service, people[0]) == ["You have a place", "Bring boots", "Only for you"]
    assert subjects(service, people[1]) == ["You are next in line", "Bring boots"]


def test_a_visit_is_taken_back_only_while_nobody_registered(service: Service) -> None:
    visit_id = service.a_visit()
    assert ask(service, visit_id, "unpublish").json["status"] == "draft"
    assert service.get(f"{service.api}/visits/{visit_id}").status == 404
    assert ask(service, visit_id, "publish").json["status"] == "published"
    service.register(visit_id, a_person())
    assert ask(service, visit_id, "unpublish").status == 409


def test_a_clone_is_a_draft_without_people_that_can_be_published(
    service: Service, visit_id: str, people: list[Person]
) -> None:
    starts_at = times(service, visit_id, days=30)["starts_at"]
    answer = ask(service, visit_id, "clone", {"visit_id": f"{visit_id}-b", "starts_at": starts_at})
    assert (answer.status, answer.json["status"]) == (201, "draft")
    assert ask(service, f"{visit_id}-b", "publish").status == 200
    shown: Any = service.get(f"{service.api}/visits/{visit_id}-b").json
    assert (shown["seats_left"], shown["waiting"], shown["registration"]) == (1, 0, "open")
    assert ask(service, visit_id, "clone", {"visit_id": visit_id, "starts_at": starts_at}).status == 409


def test_what_is_shared_stands_on_the_page(service: Service, visit_id: str) -> None:
    shared = {
        "recording_url": "https://video.example.org/mill",
        "resources": [{"title": "The letter log", "url": "https://files.example.org/log"}],
    }
    assert ask(service, visit_id, "share", shared).status == 200
    visit = service.get(f"{service.api}/visits/{visit_id}").json
    assert {name: visit[name] for name in shared} == shared


@pytest.mark.parametrize(
    ("action", "body", "field"),
    [
        ("reschedule", {"starts_at": "2020-01-01T09:00:00Z", "ends_at": "2020-01-01T10:00:00Z"}, "starts_at"),
        ("reschedule", {"sessions": [], "starts_at": "2030-01-01T09:00:00Z", "ends_at": "2030-01-01T10:00:00Z"},
         "sessions"),
        ("cancel", {"message": 1}, "message"),
        ("cancel", {"reason": "x"}, "reason"),
        ("share", {"recording_url": "ftp://x"}, "recording_url"),
        ("clone", {}, "starts_at"),
        ("messages", {"subject": "A", "body_markdown": "B", "to": ["cancelled"]}, "to.0"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_names_its_field(
    service: Service, visit_id: str, action: str, body: dict[str, object], field: str
) -> None:
    assert field in ask(service, visit_id, action, body).fields


def test_an_organiser_who_wants_it_gets_one_digest_a_day(service: Service) -> None:
    organiser, emulator = a_person("Olga Weir"), service.stack.emulator
    visit_id = service.a_visit(organisers=[organiser.email])
    first, second = a_person("Rosa Fell"), a_person("Sol Tarn")
    service.register(visit_id, first)
    service.register(visit_id, second)
    now = datetime.now(UTC)
    row = {
        "pk": f"account#{visit_id}", "sk": "account", "person": visit_id, "email": organiser.email,
        "name": organiser.name, "username": organiser.email, "digest": "daily",
        **dict.fromkeys(("created_at", "signed_in_at"), f"{now:%Y-%m-%dT%H:%M:%S.%f}+0000"),
    }  # fmt: skip
    dynamodb = emulator.session.client("dynamodb", **emulator.connection)
    dynamodb.put_item(
        TableName=service.stack.deployment["AccountsTableName"],
        Item={name: {"S": value} for name, value in row.items()},
    )
    # What registered just now is in the digest of the next seven o'clock in London.
    london = now.astimezone(ZoneInfo("Europe/London"))
    day = (london + timedelta(days=london.hour >= 7)).date()
    functions = emulator.session.client("lambda", **emulator.connection)
    for _ in range(2):
        answer = functions.invoke(
            FunctionName=service.stack.deployment["FollowupsDigestFunction"],
            Payload=json.dumps({"day": day.isoformat()}).encode(),
        )
        assert "FunctionError" not in answer, answer["Payload"].read()
    mail = service.email(organiser.email, "2 new registrations for your visit")
    assert "2 new: 2 with a place" in mail.text
    assert f"{first.name}, {second.name}" in mail.text
    assert f"/organise/visits/{visit_id}" in mail.text
    assert len(service.emails(organiser.email)) == 1

    def delivered() -> bool:
        key = {"pk": {"S": f"delivery#{mail.delivery_id}"}, "sk": {"S": "delivery"}}
        table = service.stack.deployment["FollowupsTableName"]
        return dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True)["Item"]["state"]["S"] == "delivered"

    wait_for(delivered, lambda: "SES did not say what became of the digest")
