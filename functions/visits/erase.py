"""Erasing a person: what they told the visits goes; places stay as tombstones, so that lines and figures stay right.

A person is erased as they were at the moment somebody asked: a registration made later is a new one and stays. So it
does not matter how often, how late or in which order this runs. Somebody may be registering at that very moment, and
their place be written only after we looked: each erasure is noted, and the sweep repeats it once such a request must
be over.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from pynamodb.exceptions import PynamoDBException
from pynamodb.expressions.update import Action

from kernel.errors import Conflict
from kernel.table import past_conflicts, refused
from visits import line
from visits.cancel import cancel
from visits.forget import NAMING
from visits.model import Details, Erasure, Guard, Place, person_pk, place_sk, visit_pk

SETTLED = timedelta(minutes=2)
"""Whoever was registering when the erasure was asked for is done by then: a function has 30 seconds."""

KEPT = timedelta(days=1)
"""How long a note is repeated by the sweep before it is let go."""


@dataclass(frozen=True, slots=True)
class Erasing:
    """Who is to be erased, as they were when it was asked for.

    Attributes:
        now: when this runs.
        key_of: returns the person key of an address.
    """

    person: str
    requested_at: datetime
    now: datetime
    key_of: Callable[[str], str]


def erase(erasing: Erasing) -> int:
    """Erase what a person had told the visits; return how many registrations were erased.

    Live registrations of visits that are not over are cancelled first, as anybody cancels: the line moves.

    Raises:
        Unavailable: others kept changing a place; trying again is safe.
    """
    _note(erasing)
    erased = 0
    for guard in list(Guard.query(person_pk(erasing.person), Guard.sk.startswith("visit#"), consistent_read=True)):
        numbers = {int(number) for number in guard.held or ()} | ({int(guard.place)} if guard.place else set())
        gone = {number for number in sorted(numbers) if _erased(guard.visit_id, number, erasing)}
        erased += len(gone)
        _let_go(guard, gone)
    _leave_the_organisers(erasing)
    return erased


def erase_again(*, now: datetime, key_of: Callable[[str], str]) -> int:
    """Repeat the erasures that somebody may have been registering beside; return how many people those were."""
    notes = list(
        Erasure.query("erasures", filter_condition=Erasure.requested_at <= now - SETTLED, consistent_read=True)
    )
    due = [note for note in notes if note.settled_at is None]
    for note in due:
        erase(Erasing(note.sk, note.requested_at, now, key_of))
        _settle(note, now)
    return len(due)


def _settle(note: Erasure, now: datetime) -> None:
    # One asked for meanwhile is younger: it is not settled yet.
    still = Erasure.requested_at == note.requested_at
    _unless_refused(lambda: note.update(actions=[Erasure.settled_at.set(now)], condition=still))


def _note(erasing: Erasing) -> None:
    """Note the latest erasure of a person, for the sweep."""
    newer = Erasure.requested_at.does_not_exist() | (Erasure.requested_at < erasing.requested_at)
    actions: list[Action] = [
        Erasure.requested_at.set(erasing.requested_at),
        Erasure.settled_at.remove(),
        Erasure.expires_at.set(int((erasing.now + KEPT).timestamp())),
    ]
    _unless_refused(lambda: Erasure("erasures", erasing.person).update(actions=actions, condition=newer))


def _erased(visit_id: str, number: int, erasing: Erasing) -> bool:
    """Erase a place, if it was this person's when they asked; tell whether it is theirs no more."""
    try:
        place = Place.get(visit_pk(visit_id), place_sk(number), consistent_read=True)
    except Place.DoesNotExist:
        return False
    if place.created_at > erasing.requested_at:
        return False
    if place.person != erasing.person:
        # It moved to another address, whose owner it belongs to now: all it has of theirs is the address before.
        _forget_address(place, erasing)
        return True
    if place.status in line.LIVE:
        details = Details.get(visit_pk(visit_id), "visit#details", consistent_read=True)
        # Over is over: nobody gains by cancelling, and that somebody was there stays as a figure.
        with suppress(Conflict):
            cancel(place, ends_at=details.ends_at, now=erasing.now)
    actions: list[Action] = [attribute.remove() for attribute in NAMING]
    return _unless_refused(lambda: place.update(actions=actions, condition=Place.person == erasing.person))


def _forget_address(place: Place, erasing: Erasing) -> None:
    if place.previous_email and erasing.key_of(place.previous_email) == erasing.person:
        still = Place.previous_email == place.previous_email
        _unless_refused(lambda: place.update(actions=[Place.previous_email.remove()], condition=still))


def _let_go(guard: Guard, gone: set[int]) -> None:
    """Let a guard forget the places that are nobody's now."""
    if not gone:
        return
    if guard.place is not None and int(guard.place) in gone:
        free = Guard.place == guard.place
        _unless_refused(lambda: guard.update(actions=[Guard.place.remove()], condition=free))
    told = [Guard.answered.remove(), Guard.link_requested_at.remove()]
    if not _unless_refused(
        lambda: guard.update(actions=[Guard.held.delete(gone), *told], condition=Guard.place.does_not_exist())
    ):
        # They have registered again since: what belongs to the new place stays.
        guard.update(actions=[Guard.held.delete(gone)])


def _leave_the_organisers(erasing: Erasing) -> None:
    """Take a person off every visit's list of organisers."""
    for details in Details.all_by_start.query("yes"):
        others = [email for email in details.organisers if erasing.key_of(email) != erasing.person]
        if len(others) < len(details.organisers):
            _set_organisers(details, others)


def _set_organisers(details: Details, others: list[str]) -> None:
    """Set them, unless somebody changed them meanwhile: then the repetition finds what is left."""
    still = Details.organisers == details.organisers
    _unless_refused(lambda: details.update(actions=[Details.organisers.set(others)], condition=still))


def _unless_refused(write: Callable[[], object]) -> bool:
    """Make a conditional write; tell whether its condition held."""
    try:
        past_conflicts(write)
    except PynamoDBException as error:
        if refused(error):
            return False
        raise
    return True
