"""Attendance: recorded by the join link, marked by organisers, and settled once they are done.

An organiser's mark overrules the link, and a later join overrules a mark: somebody in the room is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import batched, islice
from typing import TYPE_CHECKING, Literal

from pynamodb.exceptions import PynamoDBException, TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from kernel.errors import Conflict, FieldError, Invalid, NotFound
from kernel.table import past_conflicts, refused
from visits import query
from visits.model import Details, Place, place_sk, visit_pk
from visits.registration_id import place_in

if TYPE_CHECKING:
    from kernel.access import Actor
    from kernel.audit import AuditEntry  # its settings are those of organisers' functions

AT_ONCE = 5_000
"""How many people one call settles at most: a function has 30 seconds. The next call goes on."""

_IN_A_TRANSACTION = 95
"""DynamoDB takes 100 writes in one; the audit entries come on top."""

type Attendance = Literal["attended", "missed", "unknown"]


@dataclass(frozen=True, slots=True)
class Mark:
    """What an organiser says of one registration."""

    registration_id: str
    attendance: Attendance


@dataclass(frozen=True, slots=True)
class Settled:
    """How many people were marked as missed just now, and whether that was everybody."""

    marked: int
    complete: bool


def attend(place: Place, *, now: datetime) -> bool:
    """Record that somebody joined; return False where that was recorded already.

    Raises:
        Conflict: the registration was cancelled meanwhile.
    """
    if place.attendance == "attended" and place.attended_at is not None:
        return False
    actions: list[Action] = [Place.attendance.set("attended")]
    if place.attended_at is None:
        actions.append(Place.attended_at.set(now))
    theirs = (Place.status == "confirmed") & (Place.person == place.person)
    try:
        past_conflicts(lambda: place.update(actions=actions, condition=theirs))
    except PynamoDBException as error:
        if refused(error):
            raise Conflict("This registration was cancelled, so there is no place to join with.") from error
        raise
    return True


def mark(visit_id: str, marks: Sequence[Mark], *, actor: Actor, now: datetime) -> None:
    """Mark people as attended, missed or unknown, each with a reason to refuse named by its row, or all of them.

    Marking what is so already changes nothing. Some hundred at a time are written together; after a failure the same
    marks can be sent again.

    Raises:
        NotFound: no such visit.
        Conflict: it is a draft or was cancelled; or a registration was cancelled while this was written.
        Invalid: naming the rows that are no confirmed registrations of this visit. Nothing was written.
    """
    from kernel import audit

    _must_take_place(query.details_of(visit_id))
    places = _named(visit_id, marks)
    wanted = [
        (place, one.attendance)
        for place, one in zip(places, marks, strict=True)
        if (place.attendance or "unknown") != one.attendance
    ]
    for some in batched(wanted, _IN_A_TRANSACTION, strict=False):
        alone = [f"person:{place.person}" for place, _ in some] if len(some) == 1 else []
        counts = {word: sum(said == word for _, said in some) for word in ("attended", "missed", "unknown")}
        made = audit.entries(actor, "attendance.marked", f"visit:{visit_id}", *alone, now=now, facts=counts)
        if not _written(some, Place.status == "confirmed", made):
            raise Conflict("Somebody's registration changed while this was saved. Look again, then send it once more.")


def settle(visit_id: str, *, actor: Actor, now: datetime) -> Settled:
    """Mark everybody who has a place and is not marked as missed. May be called again, and goes on where it stopped.

    That it was settled is stored first, with its audit entry; what a crash leaves undone the next call does. Later
    joins and marks still put right what is wrong.

    Raises:
        NotFound: no such visit.
        Conflict: it is a draft or was cancelled.
    """
    details = query.details_of(visit_id)
    _must_take_place(details)
    unmarked = _unmarked(visit_id)
    first = next(unmarked, None)
    if details is None or (first is None and details.attendance_settled_at is not None):
        return Settled(0, complete=True)
    _decide(details, actor, now)
    if first is None:
        return Settled(0, complete=True)
    due = list(islice(unmarked, AT_ONCE))
    marked = sum(_missed(some) for some in batched([first, *due[: AT_ONCE - 1]], _IN_A_TRANSACTION, strict=False))
    return Settled(marked, complete=len(due) < AT_ONCE)


def _must_take_place(details: Details | None) -> None:
    if details is None:
        raise NotFound
    if details.status == "draft":
        raise Conflict("This visit is a draft, so nobody can have come to it yet.")
    if details.status == "cancelled":
        raise Conflict("This visit was cancelled, so nobody came to it.")


def _named(visit_id: str, marks: Sequence[Mark]) -> list[Place]:
    """Return the registrations the marks name, one each."""
    numbers = [place_in(one.registration_id) for one in marks]
    found = _places(visit_id, {number for number in numbers if number is not None})
    moved = {int(place.moved_to) for place in found.values() if place.moved_to is not None}
    found |= _places(visit_id, moved)
    places: list[Place] = []
    wrong: list[FieldError] = []
    seen: set[str] = set()
    for row, (one, number) in enumerate(zip(marks, numbers, strict=True)):
        place = found.get(number or 0)
        if place is not None and place.moved_to is not None:
            place = found.get(int(place.moved_to))
        said = _why_not(place, one)
        if said is None and one.registration_id in seen:
            said = "This registration stands in the list twice."
        seen.add(one.registration_id)
        if said is not None:
            wrong.append(FieldError(f"{row}.registration_id", said))
        elif place is not None:
            places.append(place)
    if wrong:
        raise Invalid(errors=wrong)
    return places


def _why_not(place: Place | None, one: Mark) -> str | None:
    if place is None or place.person is None or place.registration_id != one.registration_id:
        return "There is no such registration on this visit."
    if place.status != "confirmed":
        return "This person has no confirmed place, so there is nothing to mark."
    return None


def _places(visit_id: str, numbers: Iterable[int]) -> dict[int, Place]:
    keys = [(visit_pk(visit_id), place_sk(number)) for number in sorted(numbers)]
    return {place.number: place for place in Place.batch_get(keys, consistent_read=True)} if keys else {}


def _unmarked(visit_id: str) -> Iterator[Place]:
    return iter(
        Place.query(
            visit_pk(visit_id),
            Place.sk.startswith("place#"),
            filter_condition=_UNMARKED & Place.person.exists(),
            attributes_to_get=["pk", "sk", "status", "attendance"],
            consistent_read=True,
        )
    )


_UNMARKED: Condition = (Place.status == "confirmed") & Place.attendance.does_not_exist()


def _decide(details: Details, actor: Actor, now: datetime) -> None:
    from kernel import audit

    made = audit.entries(actor, "attendance.settled", f"visit:{details.visit_id}", now=now)

    def write() -> None:
        with TransactWrite(connection=Details.connection()) as transaction:
            audit.write(transaction, made)
            transaction.update(details, actions=[Details.attendance_settled_at.set(now)])

    past_conflicts(write)


def _missed(some: Sequence[Place]) -> int:
    """Mark some people as missed; one by one where somebody joined, or cancelled, this moment."""
    if _written([(place, "missed") for place in some], _UNMARKED):
        return len(some)
    return sum(_written([(place, "missed")], _UNMARKED) for place in some)


def _written(some: Sequence[tuple[Place, Attendance]], condition: Condition, made: Sequence[AuditEntry] = ()) -> bool:
    """Write some marks together, or none of them; return whether they were."""

    def write() -> None:
        with TransactWrite(connection=Place.connection()) as transaction:
            for entry in made:
                transaction.save(entry)
            for place, said in some:
                action = Place.attendance.remove() if said == "unknown" else Place.attendance.set(said)
                transaction.update(Place(place.pk, place.sk), actions=[action], condition=condition)

    try:
        past_conflicts(write)
    except TransactWriteError as error:
        if refused(error):
            return False
        raise
    return True
