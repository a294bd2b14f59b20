"""Reconciling: the only one who gives seats back to the line, and admits from it.

It may run at any time, any number of times, also twice at once. Every write has a condition that makes the second one
a no-op, so a crash between any two of them leaves nothing but work for the next run.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from pynamodb.exceptions import PynamoDBException, TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from kernel.errors import Problem
from kernel.log import logger
from kernel.table import past_conflicts, refused
from visits import line, query
from visits.model import Counters, Place, place_sk, visit_pk
from visits.register import void


def reconcile(visit_id: str, *, now: datetime, also: Iterable[int] = (), from_the_start: bool = False) -> int:
    """Release what is free and admit who has a seat by now; return how many people were admitted.

    It looks from the visit's lower bound up to the mark, and at the places ``also`` names, wherever they stand (a
    cancellation below the lower bound is released from its own record). ``from_the_start`` looks at every place.
    """
    counters = query.counters_of(visit_id)
    if counters is None or counters.status != "published":
        return 0
    start = 1 if from_the_start else int(counters.settled_below)
    below = [place for number in also if number < start and (place := query.place_at(visit_id, number))]
    span = _places(visit_id, start, _last(counters))
    admitted = 0
    seen: list[Place] = list(span)
    while True:
        freed = _release(counters, [*below, *span])
        admitted += _admit(counters, span, now)
        if not freed:
            break
        # The mark moved up: look at the places it passed, and only at them.
        end = _last(counters)
        counters = query.counters_of(visit_id) or counters
        span, below = _places(visit_id, end + 1, _last(counters)), []
        seen += span
    _raise_lower_bound(counters, start, seen)
    return admitted


def reconcile_soon(visit_id: str, *, now: datetime, also: Iterable[int] = ()) -> None:
    """Reconcile at once where we can, so that what a request changed shows; else the stream and the sweep do it."""
    try:
        reconcile(visit_id, now=now, also=also)
    except (PynamoDBException, Problem) as error:
        logger.warning("reconcile left to the stream", visit_id=visit_id, error=type(error).__name__)


def move_fence(visit_id: str, *, now: datetime) -> int:
    """Void places that were handed out and never written, once they are surely nobody's; return how many.

    The fence remembers where the line was; what is unwritten below it five minutes later was lost to a crash.
    A slow writer who comes after us finds the place taken and starts again.
    """
    counters = query.counters_of(visit_id)
    if counters is None or not line.fence_is_due(counters.fence_at, now):
        return 0
    first, last = int(counters.written_to) + 1, int(counters.fence_line)
    if last == int(counters.line) and first > last:
        return 0  # nobody came since, and everything is written
    lost = line.unwritten(first, last, (place.number for place in _places(visit_id, first, last)))
    voided = sum(void(visit_id, number, now) for number in lost)
    before = counters.fence_at
    unmoved = Counters.fence_at == before if before else Counters.fence_at.does_not_exist()
    _update(
        counters,
        [
            Counters.written_to.set(last),
            Counters.fence_line.set(int(counters.line)),
            Counters.fence_at.set(now),
        ],
        unmoved,
    )
    return voided


def _release(counters: Counters, places: Sequence[Place]) -> int:
    numbers = counters.numbers
    return sum(
        _release_one(counters, place)
        for place in places
        if line.to_release(place.number, place.status, released=bool(place.released), line=numbers)
    )


def _release_one(counters: Counters, place: Place) -> bool:
    """Mark the place released and move the mark up by one, both or neither."""

    def both() -> None:
        with TransactWrite(connection=Place.connection()) as transaction:
            transaction.update(
                place,
                actions=[Place.released.set(True)],
                condition=Place.released.does_not_exist() & Place.status.is_in(*sorted(line.GONE)),
            )
            transaction.update(
                Counters(counters.pk, "visit"),
                actions=[Counters.admitted.add(1)],
                condition=(Counters.admitted >= place.number) | (Counters.granted >= place.number),
            )

    try:
        past_conflicts(both)
    except TransactWriteError as error:
        if refused(error):  # somebody else released it, or the mark went down meanwhile
            return False
        raise
    place.released = True
    return True


def _admit(counters: Counters, places: Sequence[Place], now: datetime) -> int:
    numbers = counters.numbers
    return sum(
        _admit_one(place, now)
        for place in places
        if line.to_admit(place.number, place.status, line=numbers, starts_at=counters.starts_at, now=now)
    )


def _admit_one(place: Place, now: datetime) -> bool:
    actions: list[Action] = [Place.status.set("confirmed"), Place.confirmed_at.set(now), Place.sequence.add(1)]
    return _update(place, actions, Place.status == "waiting")


def _raise_lower_bound(counters: Counters, start: int, seen: Sequence[Place]) -> None:
    statuses = {place.number: (place.status, bool(place.released)) for place in seen}
    settled = line.settled_below(start, statuses, counters.numbers)
    if settled > int(counters.settled_below):
        _update(counters, [Counters.settled_below.set(settled)], Counters.settled_below < settled)


def _update(item: Counters | Place, actions: list[Action], condition: Condition) -> bool:
    try:
        past_conflicts(lambda: item.update(actions=actions, condition=condition))
    except PynamoDBException as error:
        if refused(error):
            return False
        raise
    return True


def _last(counters: Counters) -> int:
    """The last place that can need us: handed out, and at or below the bound."""
    return min(counters.numbers.bound, int(counters.line))


def _places(visit_id: str, first: int, last: int) -> list[Place]:
    if first > last:
        return []
    keys = Place.sk.between(place_sk(first), place_sk(last))
    return list(Place.query(visit_pk(visit_id), keys, consistent_read=True))
