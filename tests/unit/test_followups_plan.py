"""Which event makes which step, and whether it is still right when its moment comes."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from followups import plan
from followups.plan import (
    ABOUT_VISITS,
    DETAIL_TYPES,
    Step,
    digest_day,
    digest_of,
    digest_span,
    for_everybody,
    planned,
    reason_to_skip,
)
from kernel.events import Fact
from tests.unit.followups_samples import CANCELLED, CONFIRMED, NOW, VISIT, WAITING
from visits.query import RegistrationView, VisitView

DETAIL: dict[str, Fact] = {
    "event_id": "e1",
    "occurred_at": "2026-10-01T09:00:00+00:00",
    "visit_id": "virtual-ward",
    "registration_id": "r1",
    "place": 3,
    "person": "person-key",
    "asked_at": "2026-10-01T09:00:00+00:00",
}


@pytest.mark.parametrize("name", DETAIL_TYPES)
def test_every_event_let_through_makes_a_delivery_and_its_repeat_the_same_one(name: str) -> None:
    once, again = planned(name, DETAIL), planned(name, dict(reversed(DETAIL.items())))
    assert once is not None
    assert once == again
    assert once.kind == "service"


def test_each_step_is_a_delivery_of_its_own() -> None:
    ids = {identity.delivery_id for name in DETAIL_TYPES if (identity := planned(name, DETAIL))}
    assert len(ids) == len(DETAIL_TYPES)


def test_an_event_about_something_else_makes_none() -> None:
    assert planned("visit.changed", DETAIL) is None


def test_an_event_without_what_its_schema_promises_is_refused() -> None:
    with pytest.raises(KeyError):
        planned("registration.confirmed", {"event_id": "e1"})


def test_another_registration_of_the_same_person_is_told_again() -> None:
    first, second = planned("registration.cancelled", DETAIL), planned("registration.cancelled", {**DETAIL, "place": 9})
    assert first is not None
    assert second is not None
    assert first.delivery_id != second.delivery_id


def test_a_confirmation_is_one_delivery_whichever_of_its_events_is_heard() -> None:
    first = planned("registration.confirmed", DETAIL)
    replayed = planned("registration.confirmed", {**DETAIL, "event_id": "e2", "occurred_at": "later"})
    assert first == replayed


@pytest.mark.parametrize("name", ["registration.link_requested", "person.lookup_requested"])
def test_asking_again_is_answered_again(name: str) -> None:
    first, second = planned(name, DETAIL), planned(name, {**DETAIL, "asked_at": "2026-10-02T09:00:00+00:00"})
    assert first is not None
    assert second is not None
    assert first.delivery_id != second.delivery_id


def test_a_lookup_is_about_a_person_and_no_visit() -> None:
    identity = planned("person.lookup_requested", {"person": "person-key", "asked_at": "now", "event_id": "e"})
    assert identity is not None
    assert (identity.visit_id, identity.place, identity.person) == (None, None, "person-key")


def test_a_schedule_in_the_event_is_part_of_the_delivery() -> None:
    ids = {planned("registration.confirmed", {**DETAIL, "schedule": n}) for n in (0, 1)}
    assert len(ids) == 2


OVER = VISIT.ends_at
CALLED_OFF = replace(VISIT, status="cancelled")


@pytest.mark.parametrize(
    ("step", "registration", "visit", "now", "reason"),
    [
        (Step.CONFIRMATION, CONFIRMED, VISIT, NOW, None),
        (Step.CONFIRMATION, CANCELLED, VISIT, NOW, "cancelled since"),
        (Step.CONFIRMATION, CONFIRMED, VISIT, OVER, "the visit is over"),
        (Step.CONFIRMATION, CONFIRMED, CALLED_OFF, NOW, "the visit is cancelled"),
        (Step.CONFIRMATION, CONFIRMED, replace(VISIT, status="draft"), NOW, "the visit is not published"),
        (Step.CONFIRMATION, None, VISIT, NOW, "nobody is registered there any more"),
        (Step.CONFIRMATION, CONFIRMED, None, NOW, "nobody is registered there any more"),
        (Step.CONFIRMATION, replace(CONFIRMED, status="void"), VISIT, NOW, "nobody is registered there any more"),
        (Step.PLACE_IN_LINE, WAITING, VISIT, NOW, None),
        (Step.PLACE_IN_LINE, CONFIRMED, VISIT, NOW, "admitted since"),
        (Step.PLACE_IN_LINE, CANCELLED, VISIT, NOW, "cancelled since"),
        (Step.PLACE_IN_LINE, WAITING, VISIT, VISIT.starts_at, "the visit has begun"),
        (Step.ADMITTED, CONFIRMED, VISIT, NOW, None),
        (Step.ADMITTED, CANCELLED, VISIT, NOW, "cancelled since"),
        (Step.ADMITTED, WAITING, VISIT, NOW, "not confirmed"),
        (Step.CANCELLED, CANCELLED, VISIT, NOW, None),
        (Step.CANCELLED, CANCELLED, CALLED_OFF, NOW, None),
        (Step.CANCELLED, CONFIRMED, VISIT, NOW, "not cancelled"),
        (Step.CANCELLED, CANCELLED, VISIT, OVER + timedelta(days=1), "the visit is over"),
        (Step.LINK, CONFIRMED, VISIT, NOW, None),
        (Step.LINK, WAITING, VISIT, NOW, None),
        (Step.LINK, CANCELLED, VISIT, NOW, "cancelled since"),
        (Step.CONFIRM_ADDRESS, CONFIRMED, VISIT, NOW, "the change of address is settled already"),
        (Step.CONFIRM_ADDRESS, replace(CONFIRMED, pending_email="new@example.org"), VISIT, NOW, None),
        (Step.ADDRESS_CHANGED, CONFIRMED, VISIT, NOW, "the change of address was taken back"),
        (Step.ADDRESS_CHANGED, replace(CONFIRMED, previous_email="old@example.org"), VISIT, NOW, None),
        ("reminder", CONFIRMED, VISIT, NOW, "no such step: reminder"),
    ],
)
def test_a_step_goes_out_only_while_it_is_right(step, registration, visit, now, reason) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    assert reason_to_skip(step, visit=visit, registration=registration, now=now) == reason


# --- about a whole visit

OF_A_VISIT: dict[str, Fact] = {"visit_id": "virtual-ward", "sequence": 2, "line": 7, "message_id": "m1"}


@pytest.mark.parametrize("name", ABOUT_VISITS)
def test_an_event_about_a_visit_makes_one_delivery_a_registration_wherever_it_stands(name: str) -> None:
    asked = for_everybody(name, OF_A_VISIT)
    assert asked is not None
    first, again = asked.identity(CONFIRMED), asked.identity(replace(CONFIRMED, place=plan.FIRST_EXTRA))
    other = asked.identity(replace(CONFIRMED, registration_id="another"))
    assert first is not None
    assert again is not None
    assert other is not None
    assert first.delivery_id == again.delivery_id != other.delivery_id


def test_each_move_and_each_message_is_told_of_anew() -> None:
    ids = set()
    for name in ABOUT_VISITS:
        for detail in (OF_A_VISIT, {**OF_A_VISIT, "sequence": 3, "message_id": "m2"}):
            asked = for_everybody(name, detail)
            assert asked is not None
            made = asked.identity(CONFIRMED)
            assert made is not None
            ids.add(made.delivery_id)
    assert len(ids) == 2 * len(ABOUT_VISITS)


def test_who_came_after_it_is_not_told_of_a_move_and_is_of_a_message() -> None:
    late = replace(CONFIRMED, place=8)
    told = {name: (asked := for_everybody(name, OF_A_VISIT)) and asked.identity(late) for name in ABOUT_VISITS}
    assert {name for name, made in told.items() if made} == {"visit.message_posted"}


def test_extra_places_begin_where_the_line_says() -> None:
    from visits.line import FIRST_EXTRA

    assert plan.FIRST_EXTRA == FIRST_EXTRA


def test_an_event_about_a_visit_that_nobody_is_written_to_about_asks_for_nothing() -> None:
    assert for_everybody("visit.changed", OF_A_VISIT) is None
    with pytest.raises(KeyError):
        for_everybody("visit.cancelled", {"visit_id": "virtual-ward"})


MOVED = replace(VISIT, sequence=2)
OFF = replace(VISIT, sequence=2, status="cancelled")


@pytest.mark.parametrize(
    ("step", "visit", "registration", "reason"),
    [
        (Step.RESCHEDULED, MOVED, CONFIRMED, None),
        (Step.RESCHEDULED, MOVED, WAITING, None),
        (Step.RESCHEDULED, replace(VISIT, sequence=3), CONFIRMED, "moved again since"),
        (Step.RESCHEDULED, OFF, CONFIRMED, "the visit is cancelled"),
        (Step.RESCHEDULED, MOVED, CANCELLED, "cancelled since"),
        (Step.RESCHEDULED, replace(MOVED, ends_at=NOW), CONFIRMED, "the visit is over"),
        (Step.VISIT_CANCELLED, OFF, WAITING, None),
        (Step.VISIT_CANCELLED, MOVED, CONFIRMED, "the visit is not cancelled"),
        (Step.VISIT_CANCELLED, OFF, CANCELLED, "cancelled since"),
        (Step.VISIT_CANCELLED, replace(OFF, ends_at=NOW), CONFIRMED, "the visit is over"),
        (Step.MESSAGE, VISIT, CONFIRMED, None),
        (Step.MESSAGE, OFF, CONFIRMED, None),
        (Step.MESSAGE, replace(VISIT, ends_at=NOW), CONFIRMED, None),
        (Step.MESSAGE, VISIT, WAITING, "no longer among those it is for"),
        (Step.MESSAGE, VISIT, CANCELLED, "cancelled since"),
        (Step.MESSAGE, None, CONFIRMED, "nobody is registered there any more"),
    ],
)
def test_what_is_told_to_everybody_is_looked_at_once_more_for_each(
    step: Step, visit: VisitView | None, registration: RegistrationView, reason: str | None
) -> None:
    found = reason_to_skip(
        step, visit=visit, registration=registration, now=NOW, schedule=2, to=frozenset({"confirmed"})
    )
    assert found == reason


# --- the digest


@pytest.mark.parametrize(
    ("now", "day"),
    [
        (datetime(2026, 7, 1, 5, 59, tzinfo=UTC), date(2026, 6, 30)),
        (datetime(2026, 7, 1, 6, 0, tzinfo=UTC), date(2026, 7, 1)),
        (datetime(2026, 12, 1, 6, 59, tzinfo=UTC), date(2026, 11, 30)),
        (datetime(2026, 12, 1, 7, 0, tzinfo=UTC), date(2026, 12, 1)),
    ],
)
def test_a_digest_is_due_at_seven_in_london(now: datetime, day: date) -> None:
    assert digest_day(now) == day


def test_digests_follow_one_another_without_a_gap_also_when_clocks_change() -> None:
    days = [date(2026, 10, 22) + timedelta(days=number) for number in range(8)]
    spans = [digest_span(digest_of("person-key", day).schedule) for day in days]
    assert all(before[1] == after[0] for before, after in pairwise(spans))
    assert {(until - since) // timedelta(hours=1) for since, until in spans} == {24, 25}


def test_a_persons_digest_of_a_day_is_one_delivery() -> None:
    day = date(2026, 11, 24)
    assert digest_of("a", day) == digest_of("a", day)
    others = {digest_of("a", day), digest_of("b", day), digest_of("a", date(2026, 11, 25))}
    assert len({one.delivery_id for one in others}) == 3
