"""What organisers do beside the line: add somebody by hand, move somebody up. Both make an *extra* place.

An extra place has a number that the line never hands out (`visits.line.FIRST_EXTRA`), so no mark admits or releases
it: it takes no seat from anybody, and cancelling it gives none back. Numbers are counted on the visit's item by an
update of their own; one that is lost with its caller is missed by nobody.

Moving up writes the extra place and makes a tombstone of the waiting one, in one transaction. The tombstone says where
the registration stands now, so that links to the old place go on working; to the line it is a place given up.
"""

from __future__ import annotations

from datetime import datetime

from pynamodb.exceptions import PynamoDBException, TransactWriteError
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from kernel import audit
from kernel.access import Actor
from kernel.errors import AlreadyRegistered, Conflict, Invalid, NotFound, Unavailable
from kernel.ids import derived_id, uuid7
from kernel.table import past_conflicts, refused, refused_at
from visits import line, query, questions
from visits.model import Counters, Guard, Place, person_pk, place_sk, visit_pk
from visits.register import Registrant
from visits.registration_id import with_place

ATTEMPTS = 5
"""How often moving up looks again because the registration changed since it was read."""

_STAYS = frozenset({"pk", "sk", "status", "registration_id", "created_at", "sequence", "moved_to"})
"""What a tombstone keeps; everything else goes with the registration."""

_OWN = frozenset({"pk", "sk", "status", "released", "confirmed_at", "sequence", "moved_to", "moved_from"})
"""What an extra place does not take over from the place its registration had."""


def add(visit_id: str, person: str, registrant: Registrant, *, actor: Actor, now: datetime) -> Place:
    """Register somebody by hand, on an extra place; full or closed visits take them too.

    ``person`` is the registrant's person key. Required questions may stay unanswered: an organiser may not know.

    Raises:
        NotFound: no such visit.
        Conflict: it is a draft, cancelled or over.
        AlreadyRegistered: that person has a live registration.
        Invalid: answers that do not fit the visit's questions.
    """
    details = query.details_of(visit_id)
    if details is None:
        raise NotFound
    answers, wrong = questions.check(details.questions, registrant.answers, every=False)
    if wrong:
        raise Invalid(errors=wrong)
    guard = query.guard_of(person, visit_id)
    if guard is not None and guard.place is not None:
        raise AlreadyRegistered
    number = _number(visit_id, now)
    place = Place(
        visit_pk(visit_id),
        place_sk(number),
        status="confirmed",
        registration_id=str(with_place(uuid7(), number)),
        person=person,
        name=registrant.name,
        email=registrant.email,
        organisation=registrant.organisation or None,
        job_role=registrant.job_role or None,
        access_needs=registrant.access_needs or None,
        answers=dict(answers) or None,
        consents=dict(registrant.consents),
        timezone=registrant.timezone or None,
        created_at=now,
        confirmed_at=now,
    )
    _put(place, actor, now)
    return place


def move_up(place: Place, reason: str, *, actor: Actor, now: datetime) -> Place:
    """Give somebody who waits an extra place, past everybody; return it. Repeating it changes nothing.

    Raises:
        Conflict: they do not wait, or the visit is cancelled or over.
        Unavailable: the registration kept changing; trying again is safe.
    """
    for _ in range(ATTEMPTS):
        if place.status == "confirmed" and place.moved_from is not None:
            return place
        if place.status != "waiting":
            raise Conflict(_NOT_WAITING[place.status])
        extra = _copied(place, _number(place.visit_id, now), now)
        if _moved(place, extra, reason, actor, now):
            return extra
        found = query.registration_of(place.visit_id, place.registration_id)
        if found is None:
            raise NotFound
        place = found
    raise Unavailable


_NOT_WAITING = {
    "confirmed": "This person has a place already.",
    "cancelled": "This registration was cancelled. Add the person by hand instead.",
}


def _number(visit_id: str, now: datetime) -> int:
    """Number an extra place. The SDK may repeat this: a number nobody uses does no harm.

    Raises:
        NotFound, Conflict: why there can be none.
    """
    try:
        answer = past_conflicts(
            lambda: Counters.connection().update_item(
                Counters.Meta.table_name,
                visit_pk(visit_id),
                "visit",
                actions=[Counters.extras.add(1)],
                condition=(Counters.status == "published") & (Counters.ends_at > now),
                return_values="ALL_NEW",
            )
        )
    except PynamoDBException as error:
        if not refused(error):
            raise Unavailable from error
    else:
        return line.FIRST_EXTRA - 1 + int(Counters.from_raw_data(answer["Attributes"]).extras)
    counters = query.counters_of(visit_id)
    if counters is None:
        raise NotFound
    raise Conflict(_NO_EXTRAS.get(counters.status, "This visit is over, so nobody can be given a place any more."))


_NO_EXTRAS = {
    "draft": "This visit is a draft. Publish it first: then people can be given places.",
    "cancelled": "This visit was cancelled, so nobody can be given a place any more.",
}


def _put(place: Place, actor: Actor, now: datetime) -> None:
    made = _entries("registration.added_by_hand", place, actor, now, reason=None)
    token = str(derived_id("by hand", place.registration_id))

    def write() -> None:
        with TransactWrite(connection=Place.connection(), client_request_token=token) as transaction:
            transaction.save(place, condition=Place.pk.does_not_exist())
            audit.write(transaction, made)
            transaction.update(
                Guard(person_pk(place.person or ""), place.pk),
                actions=[Guard.place.set(place.number), Guard.held.add({place.number})],
                condition=Guard.place.does_not_exist(),
            )

    try:
        past_conflicts(write)
    except TransactWriteError as error:
        if refused_at(error, 1 + len(made)):
            raise AlreadyRegistered from error
        raise Unavailable from error


def _copied(place: Place, number: int, now: datetime) -> Place:
    """Return the extra place with everything the registration says, under the same registration id."""
    said = {name: getattr(place, name) for name in Place.get_attributes() if name not in _OWN}
    return Place(
        place.pk,
        place_sk(number),
        **said,
        status="confirmed",
        confirmed_at=now,
        sequence=int(place.sequence) + 1,
        moved_from=place.number,
    )


def _moved(place: Place, extra: Place, reason: str, actor: Actor, now: datetime) -> bool:
    """Move the registration, if it still is as it was read; return whether it was."""
    made = _entries("registration.moved_up", extra, actor, now, reason=reason)
    gone: list[Action] = [
        attribute.remove() for name, attribute in Place.get_attributes().items() if name not in _STAYS
    ]
    same = Place.revision == place.revision if place.revision is not None else Place.revision.does_not_exist()

    def write() -> None:
        with TransactWrite(connection=Place.connection()) as transaction:
            transaction.save(extra, condition=Place.pk.does_not_exist())
            audit.write(transaction, made)
            transaction.update(
                place,
                actions=[Place.status.set("void"), Place.moved_to.set(extra.number), *gone],
                condition=(Place.status == "waiting") & (Place.person == place.person) & same,
            )
            transaction.update(
                Guard(person_pk(place.person or ""), place.pk),
                actions=[Guard.place.set(extra.number), Guard.held.add({extra.number})],
                condition=Guard.place == place.number,
            )

    try:
        past_conflicts(write)
    except TransactWriteError as error:
        if refused(error):
            return False
        raise Unavailable from error
    return True


def _entries(action: str, place: Place, actor: Actor, now: datetime, *, reason: str | None) -> list[audit.AuditEntry]:
    return audit.entries(
        actor,
        action,
        f"visit:{place.visit_id}",
        f"person:{place.person}",
        now=now,
        reason=reason,
        facts={"registration_id": place.registration_id},
    )
