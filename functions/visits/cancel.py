"""Cancelling: the place becomes a tombstone and the guard is freed, in one transaction; then the line moves."""

from datetime import datetime

from pynamodb.exceptions import TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.transactions import TransactWrite

from kernel.errors import Conflict, Unavailable
from kernel.table import past_conflicts, refused_at
from visits import line
from visits.model import Guard, Place, person_pk, visit_pk
from visits.reconcile import reconcile_soon

ATTEMPTS = 5
"""How often a cancellation looks again because the place changed hands since it was read."""


def cancel(place: Place, *, ends_at: datetime, now: datetime) -> bool:
    """Cancel a registration; return False where it was cancelled already. ``place`` may show it as it is by now.

    Raises:
        Conflict: the visit is over.
        Unavailable: nobody knows what became of it; trying again is safe.
    """
    for _ in range(ATTEMPTS):
        if place.status not in line.LIVE:
            return False
        if now >= ends_at:
            raise Conflict("This visit is over, so there is nothing left to cancel.")
        if _given_up(place, now, free_guard=True):
            reconcile_soon(place.visit_id, now=now, also=[place.number])
            return True
        place.refresh(consistent_read=True)
    raise Unavailable


def _given_up(place: Place, now: datetime, *, free_guard: bool) -> bool:
    """Give the place up if it still is live and whose it was; return whether it was."""
    try:
        past_conflicts(lambda: _give_up(place, now, free_guard=free_guard))
    except TransactWriteError as error:
        if refused_at(error, 0):
            return False
        if refused_at(error, 1):
            # The guard does not point here (somebody repaired it by hand): the place can be given up all the same.
            return _given_up(place, now, free_guard=False)
        raise
    return True


def _give_up(place: Place, now: datetime, *, free_guard: bool) -> None:
    # The person too: a change of address moves the guard, and one that is not freed would never take its person again.
    still_theirs: Condition = Place.status.is_in(*sorted(line.LIVE)) & (Place.person == place.person)
    with TransactWrite(connection=Place.connection()) as transaction:
        transaction.update(
            place,
            actions=[Place.status.set("cancelled"), Place.cancelled_at.set(now), Place.sequence.add(1)],
            condition=still_theirs,
        )
        if free_guard:
            transaction.update(
                Guard(person_pk(place.person or ""), visit_pk(place.visit_id)),
                actions=[Guard.place.remove()],
                condition=Guard.place == place.number,
            )
