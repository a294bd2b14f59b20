"""What organisers do to a registration on its person's behalf: put it right, cancel it, send its link again."""

from __future__ import annotations

from datetime import datetime, timedelta

from pynamodb.exceptions import TransactWriteError
from pynamodb.transactions import TransactWrite

from kernel import audit
from kernel.access import Actor
from kernel.errors import Conflict, FieldError, Forbidden, Invalid, Unavailable
from kernel.table import past_conflicts, refused
from visits import cancel, line, query, questions
from visits.change import ADDRESS_TAKEN, Change, change
from visits.model import Counters, Details, Guard, Place, person_pk, visit_pk

LINK_EVERY = timedelta(minutes=1)
"""How often an organiser may have the same link sent: a second press of the button is not a second email."""


def correct(
    place: Place, details: Details, wanted: Change, *, new_person: str | None, actor: Actor, now: datetime
) -> bool:
    """Put a registration right; return whether a new address has to confirm itself first.

    ``new_person`` is the person key of ``wanted.email``, where there is one. ``place`` then shows what is stored.

    Raises:
        Forbidden: access needs, by somebody who is no organiser of this very visit.
        Invalid: answers that do not fit, or an address that has a registration of its own.
        Conflict: the registration was cancelled.
    """
    if "access_needs" in wanted.fields and actor.email not in details.organisers:
        raise Forbidden("Only the organisers of this visit see and change access needs.")
    if wanted.email is not None and wanted.email != place.email and new_person is not None:
        guard = query.guard_of(new_person, place.visit_id)
        if guard is not None and guard.place is not None and guard.place != place.number:
            raise Invalid(errors=[FieldError("email", ADDRESS_TAKEN)])
    named = [*wanted.fields, *(["answers"] if wanted.answers is not None else []), *(["email"] if wanted.email else [])]
    made = _entries("registration.corrected", place, actor, now, fields=sorted(named))
    return change(place, wanted, asked=questions.asked(details.questions), ends_at=None, now=now, audited=made)


def cancel_for(place: Place, counters: Counters, *, actor: Actor, now: datetime) -> bool:
    """Cancel a registration; return False where it was cancelled already. Its person is told, and the line moves.

    Raises:
        Conflict: the visit is over.
    """
    made = _entries("registration.cancelled", place, actor, now)
    return cancel.cancel(place, ends_at=counters.ends_at, now=now, audited=made, by_organiser=True)


def send_link(place: Place, counters: Counters, *, actor: Actor, now: datetime) -> bool:
    """Have the link to "my place" sent again; return False where that was asked for within the last minute.

    Raises:
        Conflict: the registration was cancelled, or the visit was, or it is over.
    """
    if place.status not in line.LIVE:
        raise Conflict("This registration was cancelled, so there is no place to send a link to.")
    if counters.status != "published" or now >= counters.ends_at:
        raise Conflict("This visit was cancelled or is over, so no link is sent any more.")
    made = _entries("registration.link_sent", place, actor, now)
    guard = Guard(person_pk(place.person or ""), visit_pk(place.visit_id))
    due = Guard.link_requested_at.does_not_exist() | (Guard.link_requested_at <= now - LINK_EVERY)

    def write() -> None:
        with TransactWrite(connection=Guard.connection()) as transaction:
            audit.write(transaction, made)
            transaction.update(
                guard,
                actions=[Guard.link_requested_at.set(now)],
                condition=(Guard.place == place.number) & due,
            )

    try:
        past_conflicts(write)
    except TransactWriteError as error:
        if not refused(error):
            raise Unavailable from error
        return False
    return True


def _entries(action: str, place: Place, actor: Actor, now: datetime, **facts: object) -> list[audit.AuditEntry]:
    return audit.entries(
        actor,
        action,
        f"visit:{place.visit_id}",
        f"person:{place.person}",
        now=now,
        facts={"registration_id": place.registration_id, **facts},
    )
