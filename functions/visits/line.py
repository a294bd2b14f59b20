"""The line: as at a counter that hands out numbers. Pure rules; `visits.register` and `visits.reconcile` apply them.

A visit hands out places 1, 2, 3, … and keeps a mark, ``admitted``: whoever stands at or below it has a seat. A seat
that becomes free moves the mark up by one, so it goes to the line and never to a newcomer. Two numbers suffice
because ``admitted − (distinct released places) = capacity`` at all times (`tests/simulation/test_line.py`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

NO_LIMIT = 1_000_000_000
"""How an unlimited capacity is kept; shown as null."""

FENCE = timedelta(minutes=5)
"""How long a handed-out place may stay unwritten before the sweep voids it. Functions time out within 30 s."""

FIRST_EXTRA = 90_000_001
"""Places from here on stand outside the line: no visit hands out so many, and no mark admits or releases them."""

type Status = Literal["confirmed", "waiting", "offered", "cancelled", "void"]

LIVE = frozenset({"confirmed", "waiting", "offered"})
GONE = frozenset({"cancelled", "void"})


@dataclass(frozen=True, slots=True)
class Line:
    """A visit's numbers.

    Attributes:
        capacity: seats there are.
        line: the last place handed out.
        admitted: the mark: places up to it have a seat. Capacity plus the seats released so far.
        granted: places up to it were promised a seat before the capacity was lowered, and keep it.
    """

    capacity: int
    line: int
    admitted: int
    granted: int

    @property
    def bound(self) -> int:
        """The last place that has a seat, by the mark or by promise."""
        return max(self.admitted, self.granted)

    @property
    def seats_left(self) -> int | None:
        """Seats a newcomer could have now, or None without a limit."""
        return None if self.capacity >= NO_LIMIT else max(0, self.admitted - self.line)

    @property
    def has_room(self) -> bool:
        """Whether the next place handed out is a seat."""
        return self.line < self.admitted


def is_extra(place: int) -> bool:
    """Tell whether a place is an extra one, which an organiser made outside the line.

    An unlimited capacity puts the mark above such numbers: whoever compares a place with it asks this first.
    """
    return place >= FIRST_EXTRA


def published(capacity: int) -> Line:
    """Return the numbers of a visit at its publication."""
    return Line(capacity=capacity, line=0, admitted=capacity, granted=0)


def status_at(place: int, admitted: int) -> Literal["confirmed", "waiting"]:
    """Return what a newcomer at ``place`` is, by the mark that came with it."""
    return "confirmed" if place <= admitted else "waiting"


def position(place: int, bound: int, gone: int) -> int:
    """Return the place in the queue: people waiting ahead, plus one.

    ``gone`` counts the cancelled and void places above ``bound`` and below ``place``. A place handed out a moment ago
    and not yet written counts as somebody ahead: it is.
    """
    return max(1, place - bound - gone)


def waiting(line: Line, gone: int) -> int:
    """Return how many people wait; ``gone`` counts the cancelled and void places above the bound."""
    return max(0, line.line - line.bound - gone)


def resized(line: Line, capacity: int) -> Line:
    """Return the numbers after an organiser set another capacity: what people were promised stays promised."""
    lowered = capacity < line.capacity
    return replace(
        line,
        capacity=capacity,
        admitted=line.admitted + capacity - line.capacity,
        granted=max(line.granted, min(line.admitted, line.line)) if lowered else line.granted,
    )


def to_release(place: int, status: str, *, released: bool, line: Line) -> bool:
    """Tell whether this place's seat is free and not yet given back to the line."""
    return status in GONE and not released and place <= line.bound and not is_extra(place)


def to_admit(place: int, status: str, *, line: Line, starts_at: datetime, now: datetime) -> bool:
    """Tell whether whoever waits here has a seat by now. Nobody is admitted once the visit has begun."""
    return status == "waiting" and place <= line.bound and not is_extra(place) and now < starts_at


def settled_below(start: int, statuses: Mapping[int, tuple[str, bool]], line: Line) -> int:
    """Return the lowest place from ``start`` on that reconciling still has to come back to.

    ``statuses`` has (status, released) of the written places. An unwritten place stops the count: somebody may yet
    write it. A confirmed one does not: should it be cancelled, its own stream record releases it.
    """
    place = start
    while place <= min(line.bound, line.line) and place in statuses:
        status, released = statuses[place]
        if not (status == "confirmed" or (status in GONE and released)):
            break
        place += 1
    return place


def unwritten(first: int, last: int, written: Iterable[int]) -> list[int]:
    """Return the places from ``first`` to ``last`` that nobody wrote."""
    present = set(written)
    return [place for place in range(first, last + 1) if place not in present]


def fence_is_due(fence_at: datetime | None, now: datetime) -> bool:
    """Tell whether the fence has stood long enough to void what is unwritten below it."""
    return fence_at is None or now - fence_at >= FENCE
