"""The rules of the line, on their own: numbers in, numbers out."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visits import line
from visits.line import FENCE, GONE, LIVE, NO_LIMIT, Line

STARTS = datetime(2026, 10, 15, 13, tzinfo=UTC)
BEFORE = STARTS - timedelta(days=1)

capacities = st.integers(1, 40)
statuses = st.sampled_from(sorted(LIVE | GONE))


@st.composite
def lines(draw: st.DrawFn) -> Line:
    """A line as a visit can have it: published, some places handed out, seats given back, the capacity changed."""
    numbers = line.published(draw(capacities))
    for _ in range(draw(st.integers(0, 4))):
        numbers = Line(
            numbers.capacity,
            numbers.line + draw(st.integers(0, 20)),
            numbers.admitted + draw(st.integers(0, 3)),
            numbers.granted,
        )
        numbers = line.resized(numbers, draw(capacities))
    return numbers


# --- the numbers -----------------------------------------------------------------------------------------------------


def test_a_visit_begins_with_all_its_seats_and_nobody_in_line() -> None:
    begun = line.published(20)

    assert begun == Line(capacity=20, line=0, admitted=20, granted=0)
    assert (begun.seats_left, begun.has_room, begun.bound) == (20, True, 20)


def test_a_visit_without_a_limit_counts_no_seats_and_always_has_room() -> None:
    unlimited = Line(capacity=NO_LIMIT, line=5000, admitted=NO_LIMIT, granted=0)

    assert unlimited.seats_left is None
    assert unlimited.has_room


@given(lines())
def test_seats_are_left_exactly_where_the_next_place_is_a_seat(numbers: Line) -> None:
    assert numbers.has_room == bool(numbers.seats_left)
    assert numbers.has_room == (line.status_at(numbers.line + 1, numbers.admitted) == "confirmed")


@pytest.mark.parametrize(("place", "status"), [(1, "confirmed"), (20, "confirmed"), (21, "waiting")])
def test_whoever_stands_at_or_below_the_mark_is_confirmed(place: int, status: str) -> None:
    assert line.status_at(place, 20) == status


# --- how many wait ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "gone", "position"),
    [
        (21, 0, 1),
        (30, 0, 10),
        (30, 3, 7),  # three of those ahead have left
        (21, 1, 1),  # never less than the first
        (20, 0, 1),  # a seat is theirs already, and nobody has told them yet
    ],
)
def test_a_position_is_the_people_waiting_ahead_plus_one(place: int, gone: int, position: int) -> None:
    assert line.position(place, bound=20, gone=gone) == position


@given(lines(), st.data())
def test_positions_of_those_who_wait_run_from_one_without_a_gap(numbers: Line, data: st.DataObject) -> None:
    above = range(numbers.bound + 1, numbers.line + 1)
    gone = data.draw(st.sets(st.sampled_from(above)) if above else st.just(set[int]()))
    waiting = [place for place in above if place not in gone]

    positions = [line.position(place, numbers.bound, sum(left < place for left in gone)) for place in waiting]

    assert positions == list(range(1, len(waiting) + 1))
    assert line.waiting(numbers, len(gone)) == len(waiting)


def test_nobody_waits_while_there_are_seats() -> None:
    assert line.waiting(Line(capacity=20, line=7, admitted=20, granted=0), gone=0) == 0


# --- another capacity ------------------------------------------------------------------------------------------------


def test_raising_the_capacity_moves_the_mark_up_by_as_much() -> None:
    assert line.resized(Line(20, 30, 25, 0), 22) == Line(22, 30, 27, 0)


def test_lowering_the_capacity_moves_the_mark_down_and_grants_what_was_promised() -> None:
    assert line.resized(Line(20, 30, 25, 0), 15) == Line(15, 30, 20, 25)


def test_lowering_grants_nothing_to_places_nobody_has() -> None:
    assert line.resized(Line(20, 7, 20, 0), 15) == Line(15, 7, 15, 7)


def test_lowering_twice_keeps_the_first_promise() -> None:
    assert line.resized(line.resized(Line(20, 30, 25, 0), 15), 10) == Line(10, 30, 15, 25)


def test_lowering_and_raising_again_leaves_the_mark_where_it_was() -> None:
    there_and_back = line.resized(line.resized(Line(20, 30, 25, 0), 15), 20)

    assert (there_and_back.capacity, there_and_back.admitted) == (20, 25)
    assert there_and_back.granted == 25


def test_a_limit_can_be_taken_off_and_put_back() -> None:
    numbers = Line(20, 30, 25, 0)

    assert line.resized(line.resized(numbers, NO_LIMIT), 20) == Line(20, 30, 25, 30)


@given(lines(), capacities)
def test_the_same_capacity_changes_nothing(numbers: Line, capacity: int) -> None:
    resized = line.resized(numbers, capacity)

    assert line.resized(resized, capacity) == resized


@given(lines(), capacities)
def test_another_capacity_leaves_the_seats_given_back_as_they_were(numbers: Line, capacity: int) -> None:
    resized = line.resized(numbers, capacity)

    assert resized.admitted - resized.capacity == numbers.admitted - numbers.capacity


@given(lines(), capacities)
def test_no_capacity_takes_a_seat_from_a_place_that_was_handed_out(numbers: Line, capacity: int) -> None:
    promised = min(numbers.bound, numbers.line)

    assert line.resized(numbers, capacity).bound >= promised


@given(lines())
def test_what_is_granted_was_handed_out(numbers: Line) -> None:
    assert numbers.granted <= numbers.line


# --- giving back and admitting ---------------------------------------------------------------------------------------


@given(lines(), st.integers(1, 100), statuses, st.booleans())
def test_a_seat_is_given_back_once_and_only_by_who_had_one_and_left(
    numbers: Line, place: int, status: str, released: bool
) -> None:
    given_back = line.to_release(place, status, released=released, line=numbers)

    assert given_back == (status in {"cancelled", "void"} and not released and place <= numbers.bound)


@pytest.mark.parametrize("place", [25, 28])
def test_a_place_below_the_mark_or_the_promise_gives_its_seat_back(place: int) -> None:
    assert line.to_release(place, "cancelled", released=False, line=Line(15, 30, 25, 28))


def test_whoever_left_the_waiting_line_had_no_seat_to_give_back() -> None:
    assert not line.to_release(29, "cancelled", released=False, line=Line(15, 30, 25, 28))


@pytest.mark.parametrize("status", ["waiting", "cancelled", "void"])
def test_no_mark_however_high_admits_or_releases_an_extra_place(status: str) -> None:
    unlimited, place = line.published(line.NO_LIMIT), line.FIRST_EXTRA
    assert place <= unlimited.bound
    assert not line.to_release(place, status, released=False, line=unlimited)
    assert not line.to_admit(place, status, line=unlimited, starts_at=STARTS, now=STARTS - timedelta(days=1))


@given(lines(), st.integers(1, 100), statuses)
def test_only_who_waits_at_or_below_the_bound_is_admitted(numbers: Line, place: int, status: str) -> None:
    admitted = line.to_admit(place, status, line=numbers, starts_at=STARTS, now=BEFORE)

    assert admitted == (status == "waiting" and place <= numbers.bound)


def test_nobody_is_admitted_once_the_visit_has_begun() -> None:
    numbers = Line(20, 30, 25, 0)

    assert line.to_admit(25, "waiting", line=numbers, starts_at=STARTS, now=STARTS - timedelta(microseconds=1))
    assert not line.to_admit(25, "waiting", line=numbers, starts_at=STARTS, now=STARTS)


# --- what is settled -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "settled"),
    [
        (("confirmed", False), 3),
        (("cancelled", True), 3),
        (("void", True), 3),
        (("cancelled", False), 1),  # its seat is still to be given back
        (("void", False), 1),
        (("waiting", False), 1),  # still to be admitted
        (("offered", False), 1),
    ],
)
def test_the_lower_bound_passes_only_places_that_need_no_other_look(first: tuple[str, bool], settled: int) -> None:
    assert line.settled_below(1, {1: first, 2: ("confirmed", False)}, Line(20, 2, 20, 0)) == settled


def test_the_lower_bound_stops_at_a_place_nobody_wrote_yet() -> None:
    written = {1: ("confirmed", False), 3: ("confirmed", False)}

    assert line.settled_below(1, written, Line(20, 3, 20, 0)) == 2


def test_the_lower_bound_stays_at_or_below_the_mark() -> None:
    """A place above it has no seat to give back yet; the day it has one, somebody has to look."""
    places = {1: ("confirmed", False), 2: ("cancelled", True), 3: ("cancelled", True)}

    assert line.settled_below(1, places, Line(1, 3, 2, 0)) == 3


@given(lines(), st.dictionaries(st.integers(1, 40), st.tuples(statuses, st.booleans())), st.integers(1, 40))
def test_nothing_below_the_lower_bound_is_left_to_do(
    numbers: Line, places: dict[int, tuple[str, bool]], start: int
) -> None:
    settled = line.settled_below(start, places, numbers)

    assert settled >= start
    for place in range(start, settled):
        status, released = places[place]
        assert not line.to_release(place, status, released=released, line=numbers)
        assert not line.to_admit(place, status, line=numbers, starts_at=STARTS, now=BEFORE)


# --- places nobody wrote ---------------------------------------------------------------------------------------------


def test_what_was_handed_out_and_not_written_is_found() -> None:
    assert line.unwritten(3, 8, [1, 2, 4, 7, 9]) == [3, 5, 6, 8]


def test_between_nothing_and_nothing_nothing_is_unwritten() -> None:
    assert line.unwritten(4, 3, []) == []


@given(st.integers(1, 30), st.integers(0, 30), st.sets(st.integers(1, 40)))
def test_a_place_in_the_span_is_either_written_or_found(first: int, last: int, written: set[int]) -> None:
    span = set(range(first, last + 1))

    assert set(line.unwritten(first, last, written)) == span - written


@pytest.mark.parametrize(
    ("stood", "due"), [(FENCE - timedelta(seconds=1), False), (FENCE, True), (FENCE + timedelta(days=1), True)]
)
def test_the_fence_is_due_after_five_minutes(stood: timedelta, due: bool) -> None:
    assert line.fence_is_due(BEFORE - stood, BEFORE) is due


def test_a_fence_that_never_stood_is_due() -> None:
    assert line.fence_is_due(None, BEFORE)


def test_the_fence_outlasts_every_function() -> None:
    """Whoever was handed a place before the fence stood has written it, or never will."""
    assert timedelta(seconds=30) * 2 < FENCE
