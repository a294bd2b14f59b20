"""Cancelling: the place becomes a tombstone and the guard is freed, in one transaction; then the line moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pynamodb.exceptions import TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from kernel.errors import Conflict, Unavailable
from kernel.table import past_conflicts, refused_at
from visits import line, query
from visits.model import Guard, Place, person_pk, visit_pk
from visits.reconcile import reconcile_soon

if TYPE_CHECKING:
    from kernel.audit import AuditEntry  # its settings are those of organisers' functions

ATTEMPTS = 5
"""How often a cancellation looks again because the place changed hands since it was read."""


def cancel(
    place: Place, *, ends_at: datetime, now: datetime, audited: Sequence[AuditEntry] = (), by_organiser: bool = False
) -> bool:
    """Cancel a registration; return False where it was cancelled already. ``place`` may show it as it is by now.

    ``audited`` is written with it, and only then; ``by_organiser`` is for the words of the email.

    Raises:
        Conflict: the visit is over.
        Unavailable: nobody knows what became of it; trying again is safe.
    """
    for _ in range(ATTEMPTS):
        if place.status not in line.LIVE:
            return False
        if now >= ends_at:
            raise Conflict("This visit is over, so there is nothing left to cancel.")
        if _Cancelling(now, audited, by_organiser).give_up(place, free_guard=True):
            reconcile_soon(place.visit_id, now=now, also=[place.number])
            return True
        place.refresh(consistent_read=True)
        if place.moved_to is not None:  # moved up since it was read: what is to be cancelled stands there now
            place = query.registration_at(place.visit_id, place.number) or place
    raise Unavailable


@dataclass(frozen=True, slots=True)
class _Cancelling:
    now: datetime
    audited: Sequence[AuditEntry]
    by_organiser: bool

    def give_up(self, place: Place, *, free_guard: bool) -> bool:
        """Give the place up if it still is live and whose it was; return whether it was."""
        at = len(self.audited)  # puts come first in a transaction
        try:
            past_conflicts(lambda: self._write(place, free_guard=free_guard))
        except TransactWriteError as error:
            if refused_at(error, at):
                return False
            if refused_at(error, at + 1):
                # The guard does not point here (somebody repaired it by hand): the place can be given up all the same.
                return self.give_up(place, free_guard=False)
            raise
        return True

    def _write(self, place: Place, *, free_guard: bool) -> None:
        # The person too: a change of address moves the guard, and one that is not freed would never take its person
        # again.
        still_theirs: Condition = Place.status.is_in(*sorted(line.LIVE)) & (Place.person == place.person)
        actions: list[Action] = [
            Place.status.set("cancelled"),
            Place.cancelled_at.set(self.now),
            Place.sequence.add(1),
        ]
        if self.by_organiser:
            actions.append(Place.cancelled_by_organiser.set(True))
        with TransactWrite(connection=Place.connection()) as transaction:
            for entry in self.audited:
                transaction.save(entry)
            transaction.update(place, actions=actions, condition=still_theirs)
            if free_guard:
                transaction.update(
                    Guard(person_pk(place.person or ""), visit_pk(place.visit_id)),
                    actions=[Guard.place.remove()],
                    condition=Guard.place == place.number,
                )
