"""Cancelling: the place becomes a tombstone and the guard is freed, in one transaction; then the line moves."""

from datetime import datetime

from pynamodb.exceptions import TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.transactions import TransactWrite

from kernel.errors import Conflict
from kernel.table import past_conflicts, refused, refused_at
from visits import line
from visits.model import Guard, Place, person_pk, visit_pk
from visits.reconcile import reconcile_soon


def cancel(place: Place, *, ends_at: datetime, now: datetime) -> bool:
    """Cancel a registration; return False where it was cancelled already.

    Raises:
        Conflict: the visit is over.
        Unavailable: nobody knows what became of it; trying again is safe.
    """
    if place.status not in line.LIVE:
        return False
    if now >= ends_at:
        raise Conflict("This visit is over, so there is nothing left to cancel.")
    try:
        past_conflicts(lambda: _give_up(place, now, free_guard=True))
    except TransactWriteError as error:
        if not refused(error):
            raise
        if refused_at(error, 0):
            return False
        # The guard does not point here (somebody repaired it by hand): the place is theirs to give up all the same.
        past_conflicts(lambda: _give_up(place, now, free_guard=False))
    reconcile_soon(place.visit_id, now=now, also=[place.number])
    return True


def _give_up(place: Place, now: datetime, *, free_guard: bool) -> None:
    live: Condition = Place.status.is_in(*sorted(line.LIVE))
    with TransactWrite(connection=Place.connection()) as transaction:
        transaction.update(
            place,
            actions=[Place.status.set("cancelled"), Place.cancelled_at.set(now), Place.sequence.add(1)],
            condition=live,
        )
        if free_guard:
            transaction.update(
                Guard(person_pk(place.person or ""), visit_pk(place.visit_id)),
                actions=[Guard.place.remove()],
                condition=Guard.place == place.number,
            )
