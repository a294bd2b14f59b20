"""Many at once, on a DynamoDB that is right under concurrency: MiniStack's.

The controls switch a protection off and must see the harm: else the tests above them would prove nothing.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from infra.local.emulator import Emulator
from kernel.access import Actor
from kernel.errors import AlreadyRegistered, Problem
from kernel.person_key import person_key
from visits import by_hand, edit, query, register
from visits.cancel import cancel
from visits.line import LIVE
from visits.model import Counters, Place, place_sk, visit_pk
from visits.reconcile import reconcile
from visits.register import Registered, Registrant

pytestmark = pytest.mark.usefixtures("dynamodb")

NOW = datetime(2026, 10, 1, 9, tzinfo=UTC)
PEOPLE, SEATS = 64, 20
ORGANISER = Actor("person-of-organiser", "organiser@example.org", "Olive Organiser", frozenset({"organiser"}))


@pytest.fixture
def visit_id(dynamodb: Emulator) -> str:
    """A visit for twenty, published."""
    visit_id = f"visit-{uuid4().hex[:12]}"
    plan = edit.Plan(
        title="A visit to a crowd",
        host="Riverside Hospital",
        summary="",
        description_markdown="Everybody wants to come.",
        starts_at=NOW + timedelta(days=30),
        ends_at=NOW + timedelta(days=30, hours=2),
        timezone="Europe/London",
        format="online",
        venue="",
        room_url="",
        capacity=SEATS,
        waitlist="automatic",
        offer_hours=48,
        registration_opens_at=None,
        registration_closes_at=None,
        audience="public",
        questions=[],
        organisers=[],
    )
    edit.create(visit_id, plan, actor=ORGANISER, now=NOW)
    edit.publish(visit_id, actor=ORGANISER, now=NOW)
    return visit_id


def at_once[T](calls: Sequence[Callable[[], T]]) -> list[T]:
    """Make all calls at the same moment, each in a thread of its own; return what they return, in their order."""
    barrier = threading.Barrier(len(calls))

    def wait_then(call: Callable[[], T]) -> T:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(wait_then, calls))


def registering(visit_id: str, number: int) -> Callable[[], Registered | Problem]:
    """Return one person's call, which people make again when the service is too busy."""
    email = f"ada{number}@people.example.org"
    who = Registrant(f"Ada {number}", email, "", "", "", {}, {"follow_ups": False, "introductions": False}, "")
    person = person_key(email, "a pepper for tests alone")

    def call() -> Registered | Problem:
        try:
            return register.register(visit_id, person, who, key=None, now=NOW)
        except Problem as problem:
            return problem

    return call


def places(visit_id: str) -> list[Place]:
    found = Place.query(visit_pk(visit_id), Place.sk.startswith("place#"), consistent_read=True)
    return list(found)


def statuses(visit_id: str) -> list[str]:
    return [place.status for place in places(visit_id)]


def counters(visit_id: str) -> Counters:
    found = query.counters_of(visit_id)
    assert found is not None
    return found


def positions(visit_id: str) -> list[int | None]:
    return [query.position_of(place) for place in places(visit_id) if place.status == "waiting"]


def test_sixty_four_people_at_once_fill_twenty_seats_and_a_line_of_forty_four(visit_id: str) -> None:
    told = at_once([registering(visit_id, number) for number in range(PEOPLE)])
    statuses_told = [one.status for one in told if isinstance(one, Registered)]
    assert (statuses_told.count("confirmed"), statuses_told.count("waiting")) == (SEATS, PEOPLE - SEATS), told
    assert statuses(visit_id) == ["confirmed"] * SEATS + ["waiting"] * (PEOPLE - SEATS)
    assert positions(visit_id) == list(range(1, PEOPLE - SEATS + 1))
    assert len({place.person for place in places(visit_id)}) == PEOPLE
    positions_told = sorted(one.position or 0 for one in told if isinstance(one, Registered) and one.position)
    assert positions_told == list(range(1, PEOPLE - SEATS + 1)), "with nobody cancelling, each is told their own"

    def cancelling(place: Place) -> Callable[[], bool]:
        return lambda: cancel(place, ends_at=NOW + timedelta(days=31), now=NOW)

    given_up = [place for place in places(visit_id) if place.status == "confirmed"][:10]
    assert at_once([cancelling(place) for place in given_up]) == [True] * 10
    reconcile(visit_id, now=NOW)
    after = statuses(visit_id)
    assert after == ["cancelled"] * 10 + ["confirmed"] * 10 + ["confirmed"] * 10 + ["waiting"] * 34
    assert positions(visit_id) == list(range(1, 35))
    assert int(counters(visit_id).admitted) == SEATS + 10


def test_without_its_protections_registering_oversells(visit_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A control: places counted in memory and written over whatever stands there, as a naive service would."""
    everybody_read = threading.Barrier(PEOPLE)

    def read_then_write(attempt: Any, version: int) -> Counters:
        found = counters(attempt.visit_id)
        everybody_read.wait()
        found.line = int(found.line) + 1
        Counters(found.pk, "visit").update(actions=[Counters.line.set(int(found.line))])
        return found

    def overwrite(attempt: Any, place: Place, told: Registered) -> None:
        place.save()

    monkeypatch.setattr(register, "_hand_out", read_then_write)
    monkeypatch.setattr(register, "_take", overwrite)
    told = at_once([registering(visit_id, number) for number in range(PEOPLE)])
    confirmed = [one for one in told if isinstance(one, Registered) and one.status == "confirmed"]
    assert len(confirmed) > SEATS
    assert len(places(visit_id)) < PEOPLE


def test_one_person_sixteen_times_at_once_is_registered_once(visit_id: str) -> None:
    told = at_once([registering(visit_id, 1) for _ in range(16)])
    assert all(isinstance(one, Registered) for one in told), told
    live = [place for place in places(visit_id) if place.status in LIVE]
    assert len(live) == 1
    reconcile(visit_id, now=NOW)
    found = counters(visit_id)
    released = [place for place in places(visit_id) if place.released]
    assert len(released) == int(found.line) - 1, "every other place they were handed goes back to the line"
    assert int(found.admitted) - len(released) == SEATS


def test_without_the_guard_one_person_is_registered_many_times(visit_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A control: the place alone is written, as if nobody kept one person to one registration."""

    def take_the_place_alone(attempt: Any, place: Place, told: Registered) -> None:
        place.save(condition=Place.pk.does_not_exist())

    monkeypatch.setattr(register, "_take", take_the_place_alone)
    at_once([registering(visit_id, 1) for _ in range(16)])
    assert len([place for place in places(visit_id) if place.status in LIVE]) > 1


def test_people_coming_while_others_cancel_and_the_capacity_moves_never_oversell(visit_id: str) -> None:
    at_once([registering(visit_id, number) for number in range(30)])
    leaving = places(visit_id)[:15]

    def cancelling(place: Place) -> Callable[[], object]:
        return lambda: cancel(place, ends_at=NOW + timedelta(days=31), now=NOW)

    def resizing(capacity: int) -> Callable[[], object]:
        def call() -> object:
            for _ in range(20):
                found = query.details_of(visit_id)
                assert found is not None
                try:
                    return edit.change(visit_id, int(found.version), {"capacity": capacity}, actor=ORGANISER, now=NOW)
                except Problem:
                    continue
            return None

        return call

    calls: list[Callable[[], object]] = [registering(visit_id, number) for number in range(100, 120)]
    at_once([*calls, *(cancelling(place) for place in leaving), resizing(18), resizing(25)])
    for _ in range(3):
        reconcile(visit_id, now=NOW, from_the_start=True)
    found, written = counters(visit_id), places(visit_id)
    released = sum(bool(place.released) for place in written)
    assert int(found.admitted) - released == int(found.capacity)
    confirmed = [place for place in written if place.status == "confirmed"]
    waiting = [place for place in written if place.status == "waiting"]
    promised = max(0, int(found.granted) - int(found.admitted))
    assert len(confirmed) <= int(found.capacity) + promised
    assert not waiting or len(confirmed) >= int(found.capacity), "nobody waits beside an empty seat"
    if waiting:
        assert max(place.number for place in confirmed) < min(place.number for place in waiting), "no queue jumping"
    assert {place.sk for place in written} == {place_sk(number) for number in range(1, int(found.line) + 1)}


def person_of(number: int) -> str:
    return person_key(f"ada{number}@people.example.org", "a pepper for tests alone")


def moving_up(place: Place) -> Callable[[], Place | Problem]:
    def call() -> Place | Problem:
        try:
            return by_hand.move_up(place, "She speaks.", actor=ORGANISER, now=NOW)
        except Problem as problem:
            return problem

    return call


def test_organisers_who_move_up_and_add_at_once_make_one_extra_place_a_person(visit_id: str) -> None:
    at_once([registering(visit_id, number) for number in range(SEATS + 8)])
    before = counters(visit_id).numbers
    waiting = [place for place in places(visit_id) if place.status == "waiting"]
    assert len(waiting) == 8
    newcomer = Registrant("Ada 99", "ada99@people.example.org", "", "", "", {}, {}, "")

    def adding() -> Place | Problem:
        try:
            return by_hand.add(visit_id, person_of(99), newcomer, actor=ORGANISER, now=NOW)
        except Problem as problem:
            return problem

    # Each of four people is moved up by two organisers at once, and a newcomer is added by four.
    told = at_once([*(moving_up(place) for place in waiting[:4] for _ in range(2)), *[adding] * 4])

    moved, added = told[:8], told[8:]
    assert all(isinstance(one, Place) for one in moved), moved
    assert sum(isinstance(one, Place) for one in added) == 1
    assert all(isinstance(one, Place | AlreadyRegistered) for one in added), added
    extras = [place for place in places(visit_id) if place.is_extra]
    assert [place.status for place in extras] == ["confirmed"] * 5
    assert len({place.person for place in extras}) == 5
    tombstones = [place for place in places(visit_id) if place.moved_to is not None]
    assert sorted(place.number for place in tombstones) == sorted(place.number for place in waiting[:4])
    assert counters(visit_id).numbers == before, "the line has neither won nor lost a seat"
    assert positions(visit_id) == [1, 2, 3, 4]


def test_moving_up_while_the_same_seat_comes_free_gives_nobody_two_places(visit_id: str) -> None:
    at_once([registering(visit_id, number) for number in range(SEATS + 4)])
    held = [place for place in places(visit_id) if place.status == "confirmed"]
    waiting = [place for place in places(visit_id) if place.status == "waiting"]

    def cancelling(place: Place) -> Callable[[], object]:
        return lambda: cancel(place, ends_at=NOW + timedelta(days=31), now=NOW)

    at_once([*(cancelling(place) for place in held[:4]), *(moving_up(place) for place in waiting)])
    reconcile(visit_id, now=NOW, from_the_start=True)
    live = [place for place in places(visit_id) if place.status in LIVE]
    assert len({place.person for place in live}) == len(live)
    in_line = [place for place in live if not place.is_extra]
    assert len(in_line) <= SEATS
    assert all(place.status == "confirmed" for place in live)
    assert int(counters(visit_id).admitted) - sum(bool(one.released) for one in places(visit_id)) == SEATS
