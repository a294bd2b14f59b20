"""A crash, a lost answer or somebody else's transaction at any call of registering and cancelling, one by one."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from tests.dynamodb_tap import Crash, When, refusal
from tests.service import Service
from visits.line import LIVE
from visits.model import Counters

CALLS_AT_MOST = 12


class Strike:
    """Raises at one call, once; `hit` tells whether that call was ever made."""

    def __init__(self, index: int, when: When, error: BaseException) -> None:
        self.at = (index, when)
        self.error = error
        self.hit = False

    def __call__(self, index: int, operation: str, when: When) -> None:
        if (index, when) == self.at and not self.hit:
            self.hit = True
            raise self.error


def lost_answer() -> ReadTimeoutError:
    return ReadTimeoutError(endpoint_url="https://dynamodb.eu-west-2.amazonaws.com")


MOMENTS: list[When] = ["before", "after"]
TROUBLES: dict[str, Callable[[], BaseException]] = {"crash": Crash, "lost answer": lost_answer}


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("when", MOMENTS)
@pytest.mark.parametrize("others", [0, 2], ids=["with a seat", "waiting"])
def test_a_registration_struck_anywhere_loses_nobody_once_they_try_again(
    service: Service, others: int, when: When, trouble: str
) -> None:
    struck = 0
    for index in range(CALLS_AT_MOST):
        service.empty()
        visit_id = service.visit(capacity=2)
        for number in range(others):
            service.register(10 + number, visit_id)
        strike = _register_struck(service, visit_id, index, when, TROUBLES[trouble]())
        again = service.register(1, visit_id, key="the same")
        assert again.status == 201
        assert again.json["status"] == ("waiting" if others else "confirmed")
        _come_to_rest(service, visit_id)
        people = {f"ada{number}@people.example.org" for number in (1, *range(10, 10 + others))}
        _assert_at_rest(service, visit_id, 2, people)
        if not strike.hit:
            break
        struck += 1
    assert 3 <= struck < CALLS_AT_MOST


@pytest.mark.parametrize("when", MOMENTS)
def test_a_place_lost_in_a_crash_goes_to_whoever_waits(service: Service, when: When) -> None:
    """The person never comes back; what they were handed goes to the line within two sweeps."""
    for index in range(CALLS_AT_MOST):
        service.empty()
        visit_id = service.visit(capacity=1)
        strike = _register_struck(service, visit_id, index, when, Crash())
        service.register(2, visit_id)
        _come_to_rest(service, visit_id)
        live = {place.email or "" for place in service.places(visit_id) if place.status in LIVE}
        assert live - {"ada1@people.example.org"} == {"ada2@people.example.org"}
        _assert_at_rest(service, visit_id, 1, live)
        if not strike.hit:
            return
    pytest.fail("registering makes more calls than this test strikes")


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("when", MOMENTS)
def test_a_cancellation_struck_anywhere_frees_its_seat_once(service: Service, when: When, trouble: str) -> None:
    struck = 0
    for index in range(2 * CALLS_AT_MOST):
        service.empty()
        visit_id = service.visit(capacity=1)
        for number in (1, 2, 3):
            service.register(number, visit_id)
        service.dynamodb.forget()
        strike = service.dynamodb.strike = Strike(index, when, TROUBLES[trouble]())
        try:
            answer = service.api("DELETE", f"/registrations/{service.link(1, visit_id)}")
            assert answer.status in {204, 503}
        except Crash:
            pass
        service.dynamodb.strike = None
        assert service.api("DELETE", f"/registrations/{service.link(1, visit_id)}").status == 204
        _come_to_rest(service, visit_id)
        _assert_at_rest(service, visit_id, 1, {f"ada{number}@people.example.org" for number in (2, 3)})
        assert service.statuses(visit_id) == ["cancelled", "confirmed", "waiting"]
        if not strike.hit:
            break
        struck += 1
    assert 6 <= struck < 2 * CALLS_AT_MOST


def test_the_crashes_above_do_harm_where_nothing_sweeps_up(service: Service) -> None:
    """A control: without the sweep a place handed out and never written stays lost."""
    service.visit(capacity=1)
    _register_struck(service, "ward", 3, "before", Crash())
    service.register(2)
    with pytest.raises(AssertionError, match="an unwritten place"):
        _assert_at_rest(service, "ward", 1, {"ada2@people.example.org"})


@pytest.mark.parametrize("code", ["TransactionConflictException"])
def test_a_register_that_meets_a_transaction_is_tried_again(service: Service, code: str) -> None:
    service.visit(capacity=5)
    service.register(9)
    strikes = iter([refusal(code), refusal(code), None])

    def conflict(index: int, operation: str, when: When) -> None:
        if (operation, when) == ("UpdateItem", "before") and (error := next(strikes, None)):
            raise error

    service.dynamodb.forget()
    service.dynamodb.strike = conflict
    assert service.register(1).json["status"] == "confirmed"
    assert service.dynamodb.operations == ["GetItem", *["UpdateItem"] * 3, "TransactWriteItems"]
    assert service.statuses() == ["confirmed", "confirmed"]
    assert service.counters().line == 2


def test_a_transaction_that_meets_another_is_tried_again_wherever_it_stands(service: Service) -> None:
    service.visit(capacity=1)
    for number in (1, 2):
        service.register(number)
    met: set[int] = set()

    def conflict_once_each(index: int, operation: str, when: When) -> None:
        if operation == "TransactWriteItems" and when == "before" and len(met) < 6 and index % 2 == 0:
            met.add(index)
            raise refusal("TransactionCanceledException", operation, reasons=("TransactionConflict", "None"))

    service.dynamodb.strike = conflict_once_each
    service.register(3)
    assert service.api("DELETE", f"/registrations/{service.link(1)}").status == 204
    etag = service.organise("GET", "/visits/ward").headers["ETag"]
    assert service.organise("PATCH", "/visits/ward", {"capacity": 2}, if_match=etag).status == 200
    service.dynamodb.strike = None
    assert met
    _come_to_rest(service, "ward")
    _assert_at_rest(service, "ward", 2, {f"ada{number}@people.example.org" for number in (2, 3)})


def test_a_conflict_that_does_not_end_is_a_busy_service_and_loses_nothing(service: Service) -> None:
    service.visit(capacity=5)

    def conflict(index: int, operation: str, when: When) -> None:
        if operation == "UpdateItem":
            raise refusal("TransactionConflictException")

    service.dynamodb.strike = conflict
    answer = service.register(1)
    assert answer.status == 503
    assert "try again" in answer.problem["detail"]
    service.dynamodb.strike = None
    assert service.counters().line == 0
    assert service.register(1).json["status"] == "confirmed"


def test_handing_out_a_place_is_never_repeated_by_the_sdk(service: Service) -> None:
    """A repeated add burns a place: after a lost answer the caller is told to try again, and the sweep cleans up."""
    service.visit(capacity=5)
    service.dynamodb.forget()
    service.dynamodb.strike = Strike(2, "after", lost_answer())
    assert service.register(1).status == 503
    assert service.dynamodb.operations.count("UpdateItem") == 1
    assert service.counters().line == 1
    config: Any = Counters.unretried().client.meta.config
    assert config.retries["total_max_attempts"] == 1


def _register_struck(service: Service, visit_id: str, index: int, when: When, error: BaseException) -> Strike:
    service.dynamodb.forget()
    strike = service.dynamodb.strike = Strike(index, when, error)
    try:
        answer = service.register(1, visit_id, key="the same")
        assert answer.status in {201, 503}
    except Crash:
        pass
    service.dynamodb.strike = None
    return strike


def _come_to_rest(service: Service, visit_id: str) -> None:
    service.run_line()
    service.sweep(times=3)


def _assert_at_rest(service: Service, visit_id: str, capacity: int, people: set[str]) -> None:
    """Hold the stored line to the design's guarantees, and to who should stand in it."""
    counters, places = service.counters(visit_id), service.places(visit_id)
    assert [place.number for place in places] == list(range(1, int(counters.line) + 1)), "an unwritten place"
    released = sum(bool(place.released) for place in places)
    assert int(counters.admitted) - released == capacity, "a seat was made or lost"
    live = [place for place in places if place.status in LIVE]
    confirmed = [place for place in live if place.status == "confirmed"]
    assert len(confirmed) == min(capacity, len(live)), "oversold, or a seat wasted while somebody waits"
    assert sorted(place.email or "" for place in live) == sorted(people), "somebody is lost, or stands there twice"
    guards = {int(guard.place): guard.pk for guard in service.guards(visit_id) if guard.place is not None}
    assert guards == {place.number: f"person#{place.person}" for place in live}, "a guard that points astray"
