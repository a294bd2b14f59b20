"""What a new capacity will do, and what two people's changes come to: pure rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visits import capacity
from visits.capacity import Consequence, consequence, holders, said
from visits.line import NO_LIMIT, Line, resized
from visits.merge import Conflict, fingerprints, merge


@pytest.mark.parametrize(
    ("line", "waiting", "to", "expected", "words"),
    [
        (Line(2, 5, 2, 0), 3, 4, Consequence(2, 1, 0, 0),
         "2 people who wait get a place at once. 1 person still waits."),
        (Line(2, 5, 2, 0), 3, 5, Consequence(3, 0, 0, 0),
         "3 people who wait get a place at once. Every place is taken then."),
        (Line(2, 3, 2, 0), 1, 9, Consequence(1, 0, 0, 6),
         "1 person who waits gets a place at once. 6 places are free then."),
        (Line(2, 3, 2, 0), 1, None, Consequence(1, 0, 0, None),
         "1 person who waits gets a place at once. Everybody who registers gets a place."),
        (Line(10, 10, 10, 0), 0, 7, Consequence(0, 0, 3, 0),
         "Nobody is put out: 3 people more than that have a place and keep it. "
         "Somebody new gets one once 4 have left."),
        (Line(10, 10, 10, 0), 0, 9, Consequence(0, 0, 1, 0),
         "Nobody is put out: 1 person more than that has a place and keeps it. "
         "Somebody new gets one once 2 have left."),
        (Line(10, 4, 12, 0), 0, 8, Consequence(0, 0, 0, 6), "6 places are free then."),
        (Line(10, 4, 12, 0), 0, 3, Consequence(0, 0, 0, 1), "1 place is free then."),
    ],
)  # fmt: skip
def test_a_capacity_says_what_it_will_do(
    line: Line, waiting: int, to: int | None, expected: Consequence, words: str
) -> None:
    assert consequence(line, to, waiting=waiting) == expected
    assert said(line, to, waiting=waiting) == words


def at_rest(capacity_: int, live: list[bool]) -> tuple[Line, int, int]:
    """A line at rest with these places, some given up: its numbers, who holds and who waits."""
    admitted = capacity_
    for place, lives in enumerate(live, 1):
        if place > admitted:
            break
        admitted += not lives
    held = sum(live[:admitted])
    return Line(capacity_, len(live), admitted, 0), held, sum(live[admitted:])


@given(st.integers(1, 8), st.lists(st.booleans(), max_size=14), st.integers(1, 16))
def test_what_is_foretold_is_what_the_line_does(before: int, live: list[bool], after: int) -> None:
    line, held, waiting = at_rest(before, live)
    assert holders(line) == held
    numbers = resized(line, after)
    bound, released = numbers.bound, line.admitted - line.capacity
    # Admit and release as reconciling does, until nothing moves.
    while True:
        gone = sum(not lives for lives in live[: max(bound, 0)])
        if gone <= released:
            break
        numbers = Line(numbers.capacity, numbers.line, numbers.admitted + gone - released, numbers.granted)
        bound, released = numbers.bound, gone
    foretold = consequence(line, after, waiting=waiting)
    assert held + foretold.admitted == sum(live[:bound])
    assert foretold.waiting == sum(live[bound:])
    if not foretold.waiting:
        assert foretold.seats_left == max(0, numbers.admitted - numbers.line)


def test_no_limit_counts_as_none() -> None:
    assert capacity.consequence(Line(NO_LIMIT, 3, NO_LIMIT + 1, 0), None, waiting=0) == Consequence(0, 0, 0, None)
    assert holders(Line(NO_LIMIT, 3, NO_LIMIT + 1, 0)) == 2


BASE: dict[str, object] = {"title": "A", "summary": "B", "capacity": 3, "questions": [{"id": "q", "label": "Q"}]}


def test_what_only_one_of_them_changed_is_taken_from_that_one() -> None:
    result = merge(fingerprints(BASE), {**BASE, "title": "Mine"}, {**BASE, "summary": "Theirs"})
    assert result.merged == {**BASE, "title": "Mine", "summary": "Theirs"}
    assert (result.conflicts, result.theirs, result.yours) == ((), ("summary",), ("title",))


def test_what_both_changed_differently_is_a_conflict_and_what_was_typed_is_kept() -> None:
    result = merge(fingerprints(BASE), {**BASE, "capacity": 4}, {**BASE, "capacity": 5})
    assert result.conflicts == (Conflict("capacity", 4, 5),)
    assert result.merged["capacity"] == 4
    assert (result.theirs, result.yours) == (("capacity",), ("capacity",))


def test_what_both_changed_to_the_same_is_no_conflict() -> None:
    both = {**BASE, "title": "Same"}
    result = merge(fingerprints(BASE), both, both)
    assert (result.merged, result.conflicts) == (both, ())


def test_what_is_new_since_or_was_not_typed_stays_as_it_is_now() -> None:
    result = merge({"title": fingerprints(BASE)["title"]}, {"title": "A"}, {**BASE, "title": "Theirs"})
    assert result.merged == {**BASE, "title": "Theirs"}
    assert result.theirs == ("title",)


values = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 2), min_size=4, max_size=4)


@given(values, values, values)
def test_nothing_that_anybody_typed_is_lost(
    base: dict[str, int], typed: dict[str, int], current: dict[str, int]
) -> None:
    result = merge(fingerprints(base), typed, current)
    conflicted = {one.field for one in result.conflicts}
    for name, before in base.items():
        if typed[name] != before:
            assert result.merged[name] == typed[name]
        else:
            assert result.merged[name] == current[name]
        assert (name in conflicted) == (len({before, typed[name], current[name]}) == 3)
