"""What moves the line behind requests: the stream's function and the sweep, called twice, late and out of order."""

import random
from datetime import timedelta
from typing import Any

import pytest

from tests.dynamodb_tap import When, refusal
from tests.service import Context, Service
from visits import cancel, on_stream, sweep
from visits.model import Counters


@pytest.fixture
def unmoved(service: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A visit for two with three waiting, where both confirmed have cancelled and nobody has moved the line yet."""
    service.visit(capacity=2)
    for number in range(1, 6):
        service.register(number)
    service.dynamodb.forget()
    monkeypatch.setattr(cancel, "reconcile_soon", lambda *_, **__: None)
    for number in (1, 2):
        service.api("DELETE", f"/registrations/{service.link(number)}")
    assert service.statuses() == ["cancelled", "cancelled", "waiting", "waiting", "waiting"]
    return service


MOVED = ["cancelled", "cancelled", "confirmed", "confirmed", "waiting"]


def deliver(records: list[dict[str, Any]]) -> list[dict[str, str]]:
    return on_stream.handler({"Records": records}, Context())["batchItemFailures"]


def test_a_cancellation_in_the_stream_moves_the_line(unmoved: Service) -> None:
    assert deliver(unmoved.dynamodb.taken()) == []
    assert unmoved.statuses() == MOVED


def test_records_that_come_twice_and_in_any_order_move_it_once(unmoved: Service) -> None:
    records = unmoved.dynamodb.taken() * 2
    random.Random(7).shuffle(records)
    for record in records:
        assert deliver([record]) == []
    assert unmoved.statuses() == MOVED
    assert unmoved.counters().admitted == 4


def test_a_cancellation_below_what_was_settled_is_released_from_its_own_record(unmoved: Service) -> None:
    counters = unmoved.counters()
    counters.update(actions=[Counters.settled_below.set(3)])
    for record in unmoved.dynamodb.taken():
        deliver([record])
    assert unmoved.statuses() == MOVED


def test_without_any_record_the_sweep_moves_it(unmoved: Service) -> None:
    unmoved.dynamodb.taken()
    unmoved.sweep()
    assert unmoved.statuses() == MOVED
    unmoved.sweep(times=2)
    assert unmoved.statuses() == MOVED


def test_what_the_lower_bound_hides_is_found_by_the_days_first_sweep(unmoved: Service) -> None:
    counters = unmoved.counters()
    counters.update(actions=[Counters.settled_below.set(3)])
    unmoved.sweep()
    assert unmoved.statuses() != MOVED
    unmoved.clock.now = unmoved.clock.now.replace(hour=0, minute=0) + timedelta(days=1) - timedelta(minutes=5)
    unmoved.sweep()
    assert unmoved.statuses() == MOVED


def test_records_of_others_things_move_nothing(service: Service) -> None:
    service.visit()
    service.register(1)
    guards = [r for r in service.dynamodb.taken() if r["dynamodb"]["Keys"]["pk"]["S"].startswith("person#")]
    service.dynamodb.forget()
    assert guards
    assert deliver(guards) == []
    assert service.dynamodb.calls == []


def test_a_visit_that_cannot_be_reconciled_is_reported_from_its_first_record_and_stops_no_other(
    service: Service,
) -> None:
    for visit_id in ("first", "second"):
        service.visit(visit_id, capacity=1)
        for number in (1, 2):
            service.register(number, visit_id)
    service.dynamodb.forget()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cancel, "reconcile_soon", lambda *_, **__: None)
        for visit_id in ("first", "second"):
            service.api("DELETE", f"/registrations/{service.link(1, visit_id)}")
    records = service.dynamodb.taken()

    def strike(index: int, operation: str, when: When) -> None:
        calls = service.dynamodb.calls
        if "visit#first" in str(calls[index][1]):
            raise refusal("InternalServerError", operation)

    service.dynamodb.strike = strike
    failed = deliver(records)
    service.dynamodb.strike = None
    first = next(r for r in records if r["dynamodb"]["Keys"]["pk"]["S"] == "visit#first")
    assert failed == [{"itemIdentifier": first["dynamodb"]["SequenceNumber"]}]
    assert service.statuses("second") == ["cancelled", "confirmed"]
    assert service.statuses("first") == ["cancelled", "waiting"]
    assert deliver(records) == []
    assert service.statuses("first") == ["cancelled", "confirmed"]


def test_sequence_numbers_are_compared_as_numbers(service: Service) -> None:
    def record(visit_id: str, number: str) -> dict[str, Any]:
        keys = {"pk": {"S": f"visit#{visit_id}"}, "sk": {"S": "visit"}}
        return {"dynamodb": {"Keys": keys, "NewImage": keys, "SequenceNumber": number}}

    def strike(index: int, operation: str, when: When) -> None:
        raise refusal("InternalServerError", operation)

    service.dynamodb.strike = strike
    assert deliver([record("a", "9"), record("b", "10")]) == [{"itemIdentifier": "9"}]


def test_the_sweep_goes_on_past_a_visit_that_fails_and_then_says_so(service: Service) -> None:
    for visit_id in ("first", "second"):
        service.visit(visit_id)
        Counters(f"visit#{visit_id}", "visit").update(actions=[Counters.line.add(1)])

    def strike(index: int, operation: str, when: When) -> None:
        if "visit#first" in str(service.dynamodb.calls[index][1]) and operation != "Query":
            raise refusal("InternalServerError", operation)

    service.dynamodb.strike = strike
    for _ in range(2):
        service.clock.advance(minutes=5)
        with pytest.raises(sweep.SweepIncomplete):
            sweep.handler({}, Context())
    service.dynamodb.strike = None
    assert service.statuses("second") == ["void"]
    assert service.statuses("first") == []
    service.sweep(times=2)
    assert service.statuses("first") == ["void"]


def test_a_place_is_left_to_its_slow_writer_for_five_minutes(service: Service) -> None:
    service.visit()
    Counters("visit#ward", "visit").update(actions=[Counters.line.add(1)])
    sweep.handler({}, Context())  # the fence stands below the place from now on
    service.clock.advance(minutes=4, seconds=59)
    sweep.handler({}, Context())
    assert service.statuses() == []
    service.clock.advance(seconds=1)
    sweep.handler({}, Context())
    assert service.statuses() == ["void"]


def test_nobody_is_admitted_once_the_visit_has_begun(unmoved: Service) -> None:
    unmoved.clock.now = unmoved.details().starts_at
    unmoved.run_line()
    unmoved.sweep(times=2)
    assert unmoved.statuses() == ["cancelled", "cancelled", "waiting", "waiting", "waiting"]
    assert unmoved.counters().admitted == 4, "the seats are given back all the same"


def test_the_sweep_leaves_visits_that_are_over_alone(service: Service) -> None:
    service.visit()
    service.clock.advance(days=31, minutes=7)
    service.dynamodb.forget()
    assert sweep.handler({}, Context())["visits"] == 0
    # One for the visits that can still need it, one for the erasures that may have to be repeated.
    assert service.dynamodb.operations == ["Query", "Query"]
