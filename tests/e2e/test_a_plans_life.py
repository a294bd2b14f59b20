"""A visit's plan from publishing to the recording, played on a clock of its own, read in the mailbox."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from infra.local import clock, schedules
from tests import local_stacks
from tests.e2e.service import Person, Service, a_person, wait_for


@pytest.fixture(scope="module")
def played() -> Iterator[Service]:
    """The service on a stack whose clock this module alone moves."""
    with local_stacks.own_stack() as stack:
        yield Service(stack)


def advance(service: Service, **by: float) -> int:
    """What ``make advance`` does: stop at each step's moment, and let it do its work."""
    return schedules.play(service.stack.folder, service.stack.emulator, timedelta(**by))


def subjects(service: Service, person: Person) -> list[str]:
    return [one.subject.partition(":")[0] for one in service.emails(person.email)]


def a_visit(service: Service, days: float, **fields: object) -> str:
    starts_at = clock.now(service.stack.folder).replace(microsecond=0) + timedelta(days=days)
    times = {"starts_at": starts_at.isoformat(), "ends_at": (starts_at + timedelta(hours=2)).isoformat()}
    visit_id = service.a_visit(**{**times, "room_url": "https://rooms.example.org/mill", **fields})
    schedules_of(service, visit_id, at_least=1)
    return visit_id


def schedules_of(service: Service, visit_id: str, *, at_least: int) -> dict[str, datetime]:
    """Wait until a visit's schedules are there, and return their moments by step."""

    def found() -> dict[str, datetime]:
        there = schedules.one_offs(service.stack.emulator)
        return {one.name.partition(".")[2]: one.at for one in there if f'"{visit_id}"' in one.message}

    return wait_for(
        lambda: found() if len(found()) >= at_least else None, lambda: f"{at_least} schedules, there: {found()}"
    )


def test_a_visit_reminds_thanks_and_shares_each_at_its_moment(played: Service) -> None:
    visit_id = a_visit(played, days=10, capacity=1)
    comes, waits = a_person("Ines Halloran"), a_person("Tom Okonjo")
    played.register(visit_id, comes)
    played.register(visit_id, waits)
    played.email(comes.email, "You have a place")
    assert sorted(schedules_of(played, visit_id, at_least=4)) == [
        "reminder_day",
        "reminder_hour",
        "reminder_week",
        "thank_you",
    ]
    advance(played, days=9, hours=23, minutes=30)
    assert subjects(played, comes) == ["You have a place", "Next week", "Tomorrow", "In an hour"]
    assert subjects(played, waits) == ["You are next in line"], "who waits is reminded of nothing"
    in_an_hour = played.email(comes.email, "In an hour")
    [way_in] = re.findall(r"<(http\S+/join/[^\s>]+)>", in_an_hour.text)
    page = played.get(way_in)
    assert (page.status, "rooms.example.org" in page.text) == (200, False)
    assert "rooms.example.org" not in in_an_hour.text
    advance(played, days=1)
    assert subjects(played, comes)[-1] == "After the visit"
    assert "Thank you for your interest" in played.email(comes.email, "After the visit").text, "neutral: nobody knows"
    played.organise("POST", f"/visits/{visit_id}/share", {"recording_url": "https://video.example.org/mill"})
    for person in (comes, waits):
        assert "https://video.example.org/mill" in played.email(person.email, "To take home").text
    counts = played.organise("GET", f"/visits/{visit_id}/plan/timeline")["items"]
    went = {one["step"]: sum(one["counts"].values()) for one in counts if sum(one["counts"].values())}
    assert went == {
        "confirmation": 1,
        "place_in_line": 1,
        "reminder_week": 1,
        "reminder_day": 1,
        "reminder_hour": 1,
        "thank_you": 1,
        "recording": 2,
    }


def test_who_missed_it_hears_so_the_morning_after_attendance_was_settled(played: Service) -> None:
    visit_id = a_visit(played, days=1)
    person = a_person("Mara Lindqvist")
    played.register(visit_id, person)
    played.email(person.email, "You have a place")
    advance(played, days=1, hours=2, minutes=30)
    played.organise("POST", f"/visits/{visit_id}/attendance/settle", {})
    [due] = [at for step, at in schedules_of(played, visit_id, at_least=2).items() if step == "sorry_we_missed_you"]
    assert due.hour in {8, 9}, "nine in London"
    advance(played, days=2)
    assert subjects(played, person)[-1] == "We missed you"
    assert "After the visit" not in subjects(played, person), "no thanks for coming to who did not"


def test_a_visit_that_moves_takes_its_reminders_along_and_a_cancelled_one_reminds_nobody(played: Service) -> None:
    visit_id = a_visit(played, days=3)
    person = a_person("Jo Feldman")
    played.register(visit_id, person)
    played.email(person.email, "You have a place")
    before = schedules_of(played, visit_id, at_least=3)
    starts_at = clock.now(played.stack.folder).replace(microsecond=0) + timedelta(days=5)
    times = {"starts_at": starts_at.isoformat(), "ends_at": (starts_at + timedelta(hours=2)).isoformat()}
    played.organise("POST", f"/visits/{visit_id}/reschedule", {**times, "message": ""})
    moved = starts_at - timedelta(days=1)
    wait_for(
        lambda: schedules_of(played, visit_id, at_least=3)["reminder_day"] == moved,
        lambda: f"{moved}, there: {before}",
    )
    advance(played, days=3)
    assert "Tomorrow" not in subjects(played, person)
    advance(played, days=1, hours=1)
    assert subjects(played, person).count("Tomorrow") == 1
    played.organise("POST", f"/visits/{visit_id}/cancel", {"message": "The roof leaks."})
    played.email(person.email, "cancelled")
    advance(played, days=3)
    assert "In an hour" not in subjects(played, person)
    assert "After the visit" not in subjects(played, person)
