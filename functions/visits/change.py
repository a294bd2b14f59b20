"""Changing my details, and my address: the second only once its new owner has said so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn

from pynamodb.attributes import Attribute
from pynamodb.exceptions import PynamoDBException, TransactWriteError
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from kernel.errors import Conflict, Invalid, LinkExpired, Unavailable
from kernel.table import past_conflicts, refused
from visits import line, questions
from visits.links import fingerprint
from visits.model import Guard, Place, person_pk, visit_pk

if TYPE_CHECKING:
    from kernel.audit import AuditEntry  # its settings are those of organisers' functions


@dataclass(frozen=True, slots=True)
class Change:
    """What somebody changes about their registration: only fields that are sent; ``email`` apart from the rest."""

    fields: Mapping[str, object]
    answers: Mapping[str, object] | None
    email: str | None


NOT_CHANGEABLE = "This registration was cancelled, so its details can no longer be changed."
OVER = "This visit is over, so the details can no longer be changed."

ADDRESS_TAKEN = "That address is registered for this visit already, so it cannot take this place too."

_FIELDS: Mapping[str, Attribute[Any]] = {
    "name": Place.name,
    "organisation": Place.organisation,
    "job_role": Place.job_role,
    "access_needs": Place.access_needs,
    "consents": Place.consents,
    "timezone": Place.timezone,
}


def change(
    place: Place,
    wanted: Change,
    *,
    asked: list[questions.Question],
    ends_at: datetime | None,
    now: datetime,
    audited: Sequence[AuditEntry] = (),
) -> bool:
    """Change a registration's details, and ask the new address, if there is one, to confirm itself.

    Returns whether a new address has to confirm. ``place`` then shows what is stored. ``ends_at`` is None for
    organisers, who may put right what is kept also after the visit; what they do is ``audited`` with it.

    Raises:
        Conflict: it was cancelled, or the visit is over.
        Invalid: answers that do not fit the questions.
        Unavailable: an organiser moved the registration up this moment.
    """
    if place.status not in line.LIVE:
        raise Conflict(NOT_CHANGEABLE)
    if ends_at is not None and now >= ends_at:
        raise Conflict(OVER)
    actions = [_set(_FIELDS[name], value) for name, value in wanted.fields.items()]
    if wanted.answers is not None:
        actions.append(_set(Place.answers, _answers(place, wanted.answers, asked)))
    moves = wanted.email is not None and wanted.email != place.email
    if moves:
        actions += [Place.pending_email.set(wanted.email or ""), Place.pending_since.set(now)]
    if actions:
        _update(place, actions, audited)
    return moves


def confirm_address(place: Place, address: str, person: str, *, now: datetime) -> None:
    """Make the address that confirmed itself the registration's; ``person`` is its person key.

    ``address`` is the fingerprint the link was made for. Doing it twice changes nothing.

    Raises:
        LinkExpired: another address was asked for since, or none.
        Conflict: that address has a registration of its own for this visit.
    """
    if place.email is not None and fingerprint(place.email) == address:
        return
    if place.pending_email is None or fingerprint(place.pending_email) != address or place.status not in line.LIVE:
        raise LinkExpired
    _swap(place, place.pending_email, person, previous=place.email, now=now)


def undo_address(place: Place, address: str, person: str, *, now: datetime) -> None:
    """Give the registration back to the address it had before: asked for by that address's owner.

    Raises:
        LinkExpired: the address has changed again since, or the registration was cancelled.
        Conflict: that address has a registration of its own for this visit by now.
    """
    if place.email is not None and fingerprint(place.email) == address:
        return
    if place.previous_email is None or fingerprint(place.previous_email) != address or place.status not in line.LIVE:
        raise LinkExpired
    # The other address may be that of somebody who had no right to the place: they are offered no way back, and the
    # links they have open it no more.
    _swap(place, place.previous_email, person, previous=None, now=now)


def _swap(place: Place, email: str, person: str, *, previous: str | None, now: datetime) -> None:
    old_person, old_email, number = place.person or "", place.email or "", place.number
    actions: list[Action] = [
        Place.email.set(email),
        Place.person.set(person),
        _set(Place.previous_email, previous),
        Place.email_changed_at.set(now),
        Place.pending_email.remove(),
        Place.pending_since.remove(),
        Place.sequence.add(1),
        Place.revision.add(1),
    ]
    if previous is None:
        actions.append(Place.links_recalled.set(int(place.links_recalled or 0) + 1))

    def all_of_it() -> None:
        with TransactWrite(connection=Place.connection()) as transaction:
            still = (Place.email == old_email) & Place.status.is_in(*sorted(line.LIVE))
            transaction.update(place, actions=actions, condition=still)
            if person != old_person:
                transaction.update(
                    Guard(person_pk(old_person), visit_pk(place.visit_id)),
                    actions=[Guard.place.remove()],
                    condition=Guard.place == number,
                )
                transaction.update(
                    Guard(person_pk(person), visit_pk(place.visit_id)),
                    actions=[Guard.place.set(number), Guard.held.add({number})],
                    condition=Guard.place.does_not_exist(),
                )

    try:
        past_conflicts(all_of_it)
    except TransactWriteError as error:
        if refused(error):
            _raise_why(place, ADDRESS_TAKEN, error)
        raise
    place.refresh(consistent_read=True)


def _answers(place: Place, given: Mapping[str, object], asked: list[questions.Question]) -> dict[str, object]:
    good, wrong = questions.check(asked, given, every=False)
    if wrong:
        raise Invalid(errors=wrong)
    kept = {name: answer for name, answer in (place.answers or {}).items() if name not in given}
    return kept | good


def _set(attribute: Attribute[Any], value: object) -> Action:
    action: Action = attribute.remove() if value in (None, "", {}) else attribute.set(value)
    return action


def _update(place: Place, actions: list[Action], audited: Sequence[AuditEntry]) -> None:
    actions = [*actions, Place.revision.add(1)]
    live = Place.status.is_in(*sorted(line.LIVE))

    def write() -> None:
        if not audited:
            place.update(actions=actions, condition=live)
            return
        with TransactWrite(connection=Place.connection()) as transaction:
            for entry in audited:
                transaction.save(entry)
            transaction.update(place, actions=actions, condition=live)

    try:
        past_conflicts(write)
    except PynamoDBException as error:
        if refused(error):
            _raise_why(place, NOT_CHANGEABLE, error)
        raise
    if audited:  # a transaction answers nothing
        place.refresh(consistent_read=True)


def _raise_why(place: Place, otherwise: str, error: PynamoDBException) -> NoReturn:
    place.refresh(consistent_read=True)
    if place.moved_to is not None:  # it stands elsewhere by now: whoever tries again finds it there
        raise Unavailable from error
    raise Conflict(otherwise) from error
