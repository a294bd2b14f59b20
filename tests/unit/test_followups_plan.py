"""Which event makes which step, and whether it is still right when its moment comes."""

from dataclasses import replace
from datetime import timedelta

import pytest

from followups.plan import DETAIL_TYPES, Step, planned, reason_to_skip
from kernel.events import Fact
from tests.unit.followups_samples import CANCELLED, CONFIRMED, NOW, VISIT, WAITING

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
