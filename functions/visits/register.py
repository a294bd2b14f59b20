"""Registering: a place is handed out, then written. The design's three steps, and why each is safe to lose.

1. Read the person's guard. A live one means they are registered; they are answered as a newcomer would be.
2. One update adds 1 to ``line`` where a newcomer may come in. It is never retried: a repeat would burn a place. Should
   we die after it, the place stays unwritten and the sweep's fence voids it.
3. One transaction, with a token fixed for this attempt, writes the place if nobody did and takes the guard if it is
   free. Repeating it changes nothing; losing its answer leaves the person registered, and their retry finds the guard.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Literal, TypedDict

from pynamodb.exceptions import PynamoDBException, TransactWriteError
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from kernel.errors import FieldError, IdempotencyKeyReused, Invalid, NotFound, Unavailable
from kernel.ids import derived_id, uuid7
from kernel.table import past_conflicts, refused, refused_at
from visits import line, query, questions
from visits.model import Counters, Details, Guard, Place, person_pk, place_sk, visit_pk
from visits.opening import REGISTERS, Opening, refusal
from visits.registration_id import with_place

ATTEMPTS = 5
"""How often a registration starts again because the sweep was faster or the visit changed meanwhile."""

ANSWER_GOOD_FOR = timedelta(hours=24)
"""How long an Idempotency-Key gives the same answer: the contract's figure."""

ANSWERS_KEPT = 5

LINK_EVERY = timedelta(minutes=10)
"""How often, at most, registering again sends the link again: what keeps a stranger from flooding a mailbox."""


@dataclass(frozen=True, slots=True)
class Registrant:
    """Who registers, as they said it: fields checked and normalised, ``answers`` not yet held against the questions."""

    name: str
    email: str
    organisation: str
    job_role: str
    access_needs: str
    answers: Mapping[str, object]
    consents: Mapping[str, bool]
    timezone: str

    def fingerprint(self) -> str:
        """Return what tells one request body from another."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Registered:
    """What a newcomer is told. ``position`` is None unless waiting."""

    status: Literal["confirmed", "waiting"]
    position: int | None


class _Kept(TypedDict):
    key: str
    body: str
    status: Literal["confirmed", "waiting"]
    position: int | None
    until: str


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One request to register, and all it needs."""

    visit_id: str
    person: str
    registrant: Registrant
    key: str | None
    now: datetime
    outlives: bool


def register(
    visit_id: str,
    person: str,
    registrant: Registrant,
    *,
    key: str | None,
    now: datetime,
    key_outlives_cancelling: bool = True,
) -> Registered:
    """Register a person for a visit; a person who is registered already changes nothing and learns nothing.

    ``person`` is the registrant's person key, ``key`` the request's Idempotency-Key. A program's key gives its answer
    for a day, come what may; that of a page in a browser only as long as the registration lives: whoever cancelled,
    goes back to the form and sends it again wants to register again.

    Raises:
        NotFound: no such published visit.
        Invalid: answers that do not fit the visit's questions.
        IdempotencyKeyReused: the key came with another body within 24 hours.
        RegistrationClosed, VisitFull: a newcomer cannot come in now.
        Unavailable: nobody knows what became of it; trying again is safe.
    """
    digest = key and hashlib.sha256(key.encode()).hexdigest()[:32]
    attempt = _Attempt(visit_id, person, registrant, digest, now, key_outlives_cancelling)
    guard = query.guard_of(person, visit_id)
    if (kept := _kept_answer(attempt, guard)) is not None:
        return kept
    details = _details(visit_id)
    answers = _checked_answers(details, registrant)
    if guard is not None and guard.place is not None:
        return _again(attempt, guard)
    for _ in range(ATTEMPTS):
        handed = _hand_out(attempt, int(details.version))
        if handed is None:
            details = _details(visit_id, fresh=True)
            answers = _checked_answers(details, registrant)
            continue
        outcome = _write(attempt, handed, answers)
        if outcome is not None:
            return outcome
    raise Unavailable


# --- step 2: handing out -------------------------------------------------------------------------------------------


def _hand_out(attempt: _Attempt, version: int) -> Counters | None:
    """Add one to the line; return the numbers after it, or None where ``version`` is no longer the visit's.

    Raises:
        Problem: why a newcomer cannot come in.
    """
    condition = (
        (Counters.version == version)
        & (Counters.status == "published")
        & (Counters.opens_at <= attempt.now)
        & (Counters.closes_at > attempt.now)
        & ((Counters.waitlist != "off") | (Counters.line < Counters.admitted))
    )

    def add_one() -> Counters:
        answer = Counters.unretried().update_item(
            Counters.Meta.table_name,
            visit_pk(attempt.visit_id),
            "visit",
            actions=[Counters.line.add(1)],
            condition=condition,
            return_values="ALL_NEW",
        )
        return Counters.from_raw_data(answer["Attributes"])

    try:
        return past_conflicts(add_one)
    except PynamoDBException as error:
        if not refused(error):
            raise Unavailable from error
    counters = _numbers(attempt.visit_id)
    if counters.status == "draft":
        raise NotFound
    state = query.opening_of(counters, attempt.now)
    if state in REGISTERS:
        return None  # what refused us has changed: start again with the visit as it is now
    raise refusal(state)


# --- step 3: writing -----------------------------------------------------------------------------------------------


def _write(attempt: _Attempt, handed: Counters, answers: Mapping[str, questions.Answer]) -> Registered | None:
    """Write the place that was handed out and take the guard; None where the sweep voided the place before us."""
    number = int(handed.line)
    status = line.status_at(number, int(handed.admitted))
    told = Registered(status, query.position_at(handed, number) if status == "waiting" else None)
    place = _place(attempt, number, status, answers)
    try:
        past_conflicts(lambda: _take(attempt, place, told))
    except TransactWriteError as error:
        if refused_at(error, 1):
            # A request of the same person was faster. The place goes back to the line, as a tombstone.
            void(attempt.visit_id, number, attempt.now)
            guard = query.guard_of(attempt.person, attempt.visit_id)
            if guard is None:
                raise Unavailable from error
            return _kept_answer(attempt, guard) or _again(attempt, guard)
        if refused_at(error, 0):
            return None
        raise Unavailable from error
    return told


def _take(attempt: _Attempt, place: Place, told: Registered) -> None:
    guard = Guard(person_pk(attempt.person), visit_pk(attempt.visit_id))
    actions: list[Action] = [Guard.place.set(place.number), Guard.held.add({place.number})]
    if attempt.key:
        actions.append(Guard.answered.set([_to_keep(attempt, told)]))
    token = str(derived_id("take", place.registration_id))
    with TransactWrite(connection=Place.connection(), client_request_token=token) as transaction:
        transaction.save(place, condition=Place.pk.does_not_exist())
        transaction.update(guard, actions=actions, condition=Guard.place.does_not_exist())


def _place(
    attempt: _Attempt, number: int, status: Literal["confirmed", "waiting"], answers: Mapping[str, questions.Answer]
) -> Place:
    who = attempt.registrant
    return Place(
        visit_pk(attempt.visit_id),
        place_sk(number),
        status=status,
        registration_id=str(with_place(uuid7(), number)),
        person=attempt.person,
        name=who.name,
        email=who.email,
        organisation=who.organisation or None,
        job_role=who.job_role or None,
        access_needs=who.access_needs or None,
        answers=dict(answers) or None,
        consents=dict(who.consents),
        timezone=who.timezone or None,
        created_at=attempt.now,
        confirmed_at=attempt.now if status == "confirmed" else None,
    )


def void(visit_id: str, place: int, now: datetime) -> bool:
    """Write a tombstone where nobody wrote a place; return whether it was us who did."""
    tombstone = Place(visit_pk(visit_id), place_sk(place), status="void", registration_id=str(uuid7()), created_at=now)
    try:
        past_conflicts(lambda: tombstone.save(condition=Place.pk.does_not_exist()))
    except PynamoDBException as error:
        if refused(error):
            return False
        raise
    return True


# --- somebody who is registered already ----------------------------------------------------------------------------


def _again(attempt: _Attempt, guard: Guard) -> Registered:
    """Answer as a newcomer would be answered at this moment, and have the link sent again, at a limited rate.

    The same calls as for a newcomer, one for one: neither timing nor load tells anything.
    """
    counters = _numbers(attempt.visit_id)
    state = query.opening_of(counters, attempt.now)
    told = _as_a_newcomer(counters, state)
    _ask_for_link(attempt, guard, told)
    if told is None:
        raise refusal(state)
    return told


def _numbers(visit_id: str) -> Counters:
    """Read the line's numbers by an update that adds nothing, so that it takes as long as handing out a place.

    An update that changes nothing leaves no record in the stream.

    Raises:
        NotFound: no such visit.
    """
    try:
        answer = past_conflicts(
            lambda: Counters.connection().update_item(
                Counters.Meta.table_name,
                visit_pk(visit_id),
                "visit",
                actions=[Counters.line.add(0)],
                condition=Counters.status.exists(),
                return_values="ALL_NEW",
            )
        )
    except PynamoDBException as error:
        if refused(error):
            raise NotFound from error
        raise
    return Counters.from_raw_data(answer["Attributes"])


def _as_a_newcomer(counters: Counters, state: Opening) -> Registered | None:
    if state not in REGISTERS:
        return None
    if state == "open":
        return Registered("confirmed", None)
    return Registered("waiting", query.position_at(counters, int(counters.line) + 1))


def _ask_for_link(attempt: _Attempt, guard: Guard, told: Registered | None) -> None:
    """Note that the link is to be sent again, and the answer given; where neither is due, write what stands there."""
    asked = guard.link_requested_at
    due = asked is None or attempt.now - asked >= LINK_EVERY
    actions: list[Action] = [Guard.link_requested_at.set(attempt.now if due else asked)]
    if attempt.key and told is not None:
        actions.append(Guard.answered.set([*(guard.answered or [])[1 - ANSWERS_KEPT :], _to_keep(attempt, told)]))
    unchanged = Guard.link_requested_at == asked if asked else Guard.link_requested_at.does_not_exist()

    def write() -> None:
        if told is None:  # whoever is refused gets by without a transaction
            guard.update(actions=actions, condition=unchanged)
            return
        with TransactWrite(connection=Guard.connection()) as transaction:
            transaction.update(guard, actions=actions, condition=unchanged)

    try:
        past_conflicts(write)
    except PynamoDBException as error:
        if not refused(error):  # refused: another request of theirs asked a moment ago
            raise


# --- answers under an Idempotency-Key ------------------------------------------------------------------------------


def _kept_answer(attempt: _Attempt, guard: Guard | None) -> Registered | None:
    if guard is None or (guard.place is None and not attempt.outlives):
        return None
    kept: list[_Kept] = guard.answered or []
    for one in kept:
        if one["key"] == attempt.key and datetime.fromisoformat(one["until"]) > attempt.now:
            if one["body"] != attempt.registrant.fingerprint():
                raise IdempotencyKeyReused
            return Registered(one["status"], one["position"])
    return None


def _to_keep(attempt: _Attempt, told: Registered) -> _Kept:
    return {
        "key": attempt.key or "",
        "body": attempt.registrant.fingerprint(),
        "status": told.status,
        "position": told.position,
        "until": (attempt.now + ANSWER_GOOD_FOR).isoformat(),
    }


# --- the visit's details, kept between requests ----------------------------------------------------------------------

_DETAILS_KEPT = 50
_known_details: dict[str, Details] = {}


def _details(visit_id: str, *, fresh: bool = False) -> Details:
    """Return the visit's details, from memory if this container has them.

    A stale copy does no harm: the update of step 2 holds its ``version`` against the visit's.
    """
    details = None if fresh else _known_details.get(visit_id)
    if details is None:
        details = query.details_of(visit_id)
        if details is None or details.status == "draft":
            raise NotFound
        if len(_known_details) >= _DETAILS_KEPT:
            _known_details.pop(next(iter(_known_details)))
        _known_details[visit_id] = details
    return details


def wrong_answers(visit_id: str, answers: Mapping[str, object]) -> list[FieldError]:
    """Return what is wrong with answers to a visit's questions.

    Raises:
        NotFound: no such published visit.
    """
    return questions.check(_details(visit_id).questions, answers)[1]


def _checked_answers(details: Details, registrant: Registrant) -> dict[str, questions.Answer]:
    answers, wrong = questions.check(details.questions, registrant.answers)
    if wrong:
        raise Invalid(errors=wrong)
    return answers
