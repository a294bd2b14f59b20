"""A delivery's states, and what each happening makes of it. Pure: no I/O, no clock; the time is handed in.

``ready → sending (lease) → sent → delivered | bounced | complained``, or ``skipped``, ``unknown``, ``failed``.

SES has no idempotency key, so the whole of this is about one question: may the message be out already?

- Before `taken`, and after a definite refusal (`not_sent`), it is not: the delivery is `ready` and may be tried.
- After a time-out, a 5xx (`unclear`) or a sender that died (`lease_expired`) nobody here knows: `unknown`. Nothing but
  evidence, `waited` or a person leaves that state.
- SES's own word (`settled`) counts in every state, in any order, twice or late. Evidence has ranks and the highest
  ever heard stands, so the end is the same whatever came first.

Every function returns the delivery as it is now. The same object means that nothing changed. Only `taken` refuses.
`docs/sending.md` tells the same to people.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Literal

LEASE: Final = timedelta(minutes=2)
"""How long a sender may hold a delivery: longer than any function runs, so a live sender never loses its lease."""

QUEUE_PATIENCE: Final = timedelta(minutes=10)
"""How long a queued message may take to reach a sender before it is taken for lost and queued again."""

HOLD_PATIENCE: Final = timedelta(hours=6)
"""How long a delivery that is held back rests before `settle` asks again: seldom, for there may be thousands."""

EVIDENCE_PATIENCE: Final = timedelta(minutes=15)
"""How long a delivery stays `unknown` before the stated rule applies: the design's figure."""

TEMPORARY_ATTEMPTS: Final = 24
"""Refusals that say "not now" are met this often (18 hours of backing off), then the delivery has failed."""

REFUSAL_ATTEMPTS: Final = 6
"""Refusals of this very message are met this often (half an hour), then the delivery has failed."""

FIRST_BACKOFF: Final = timedelta(minutes=1)
LONGEST_BACKOFF: Final = timedelta(hours=1)

HISTORY_LENGTH: Final = 40
"""Transitions kept; the oldest but the first go when there are more."""

MESSAGE_IDS: Final = 8
"""SES message ids kept, the newest."""

ERASED: Final = "erased"
"""Whose a delivery is once its person was erased."""


class State(StrEnum):
    """Where a delivery stands."""

    READY = "ready"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"
    FAILED = "failed"


type Kind = Literal["service", "consented"]

type SuppressionKind = Literal["all_optional", "everything"]
"""What somebody may ask not to be sent: whatever a visit does not need, or any email at all."""


class NotReady(Exception):
    """This delivery cannot be taken for sending now: somebody else has it, it is over, or it is too early."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One line of a delivery's history."""

    at: datetime
    state: State
    reason: str


@dataclass(frozen=True, slots=True)
class Identity:
    """What a delivery is for, fixed when it is made. Ids and the person key, never a name or an address.

    ``message_id`` names what an organiser wrote, where the step is to say that.
    """

    delivery_id: str
    visit_id: str | None
    registration_id: str | None
    place: int | None
    person: str
    step: str
    schedule: int
    kind: Kind
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One step for one person, and where it stands.

    Attributes:
        reason: why it is in this state, for an organiser to read.
        refusals: definite refusals in a row.
        not_before: ``ready`` only: a sender waits until then.
        lease: ``sending`` only: the token of the sender that has it.
        due_at: when `settle` looks at it again; None when nothing but evidence or a person moves it.
        retried: the one repeat after an unknown fate was used.
        message_ids: what SES called the messages it is known to have accepted.
        proof: the rank of the strongest evidence heard; 0 for none.
        version: raised at every change; every write is conditional on it.
    """

    identity: Identity
    state: State
    reason: str
    created_at: datetime
    changed_at: datetime
    due_at: datetime | None
    not_before: datetime | None = None
    lease: str | None = None
    refusals: int = 0
    retried: bool = False
    message_ids: tuple[str, ...] = ()
    proof: int = 0
    version: int = 1
    history: tuple[Transition, ...] = field(default=())


type Change = Callable[[Delivery], Delivery]
"""A happening with its time bound: applied again to what a re-read shows when a write met somebody else's."""


def created(identity: Identity, now: datetime, *, due: datetime | None = None) -> Delivery:
    """Return a new delivery, ready to be sent; not before ``due``, where its moment lies ahead."""
    return Delivery(
        identity=identity,
        state=State.READY,
        reason="planned",
        created_at=now,
        changed_at=now,
        due_at=due or now + QUEUE_PATIENCE,
        not_before=due,
        history=(Transition(now, State.READY, "planned"),),
    )


def taken(delivery: Delivery, lease: str, now: datetime) -> Delivery:
    """A sender takes the delivery: from here until an outcome is written, the message may be out.

    Raises:
        NotReady: it is not this sender's to send.
    """
    if delivery.state is not State.READY or (delivery.not_before is not None and now < delivery.not_before):
        raise NotReady(delivery.state)
    return _moved(delivery, State.SENDING, "a sender has it", now, due_at=now + LEASE, lease=lease)


def skipped(delivery: Delivery, reason: str, now: datetime) -> Delivery:
    """The re-read at the moment of sending said no."""
    if delivery.state is not State.READY:
        return delivery
    return _moved(delivery, State.SKIPPED, _with_doubt(delivery, reason), now)


def suppressed(kind: Kind, asked: Collection[str]) -> str | None:
    """Return why somebody who ``asked`` not to be sent kinds of email is not sent this one; None where they are."""
    if "everything" in asked:
        return "asked not to be sent any email"
    return "asked for no emails but those a visit needs" if kind == "consented" and "all_optional" in asked else None


def erased(delivery: Delivery, now: datetime) -> Delivery:
    """Its person asked to be erased: it is nobody's from here on, and not sent if it was not yet."""
    if delivery.identity.person == ERASED:
        return delivery
    nobodys = replace(delivery, identity=replace(delivery.identity, person=ERASED))
    if delivery.state is State.READY:
        return _moved(nobodys, State.SKIPPED, _with_doubt(delivery, "the person asked to be erased"), now)
    return replace(nobodys, version=delivery.version + 1)


def held(delivery: Delivery, reason: str, now: datetime) -> Delivery:
    """It is not to go out now, and may later: whoever lets it go on queues it, and `settle` asks again at times."""
    if delivery.state is not State.READY:
        return delivery
    until = now + HOLD_PATIENCE
    if delivery.reason == reason:
        return replace(delivery, due_at=until, version=delivery.version + 1)
    return _moved(delivery, State.READY, reason, now, due_at=until)


def accepted(delivery: Delivery, message_id: str, now: datetime) -> Delivery:
    """SES answered that it took the message."""
    return settled(delivery, Evidence("sent", "SES accepted it", message_id), now)


def not_sent(delivery: Delivery, reason: str, now: datetime, *, lease: str | None, temporary: bool) -> Delivery:
    """The message is certainly not out: SES refused it, was never reached, or there was nothing to give it.

    ``lease`` is the token of the attempt that says so, None where it never took one. Word of an attempt that is no
    longer the current one changes nothing.
    """
    of_this_attempt = (
        delivery.state is State.READY
        if lease is None
        else delivery.lease == lease and delivery.state in {State.SENDING, State.UNKNOWN}
    )
    if not of_this_attempt:
        return delivery
    refusals = delivery.refusals + 1
    if refusals >= (TEMPORARY_ATTEMPTS if temporary else REFUSAL_ATTEMPTS):
        why = _with_doubt(delivery, f"given up after {refusals} attempts: {reason}")
        return _moved(delivery, State.FAILED, why, now, refusals=refusals)
    again = now + backoff(refusals)
    return _moved(delivery, State.READY, reason, now, due_at=again, not_before=again, refusals=refusals)


def unclear(delivery: Delivery, reason: str, now: datetime, *, lease: str) -> Delivery:
    """The call ended without an answer that says whether SES took the message."""
    if delivery.state is not State.SENDING or delivery.lease != lease:
        return delivery
    return _unknown(delivery, reason, now)


def lease_expired(delivery: Delivery, now: datetime) -> Delivery:
    """The sender died with the delivery in its hands, before or after SES took the message."""
    if delivery.state is not State.SENDING or not _is_due(delivery, now):
        return delivery
    return _unknown(delivery, "the sender stopped while sending", now)


def waited(delivery: Delivery, now: datetime) -> Delivery:
    """Nothing was heard of a delivery of unknown fate: the stated rule.

    A service message is tried once more, and once only; anything else waits for an organiser.
    """
    if delivery.state is not State.UNKNOWN or not _is_due(delivery, now):
        return delivery
    if delivery.identity.kind == "service" and not delivery.retried:
        return _moved(
            delivery,
            State.READY,
            "tried once more: its fate stayed unknown for 15 minutes",
            now,
            due_at=now + QUEUE_PATIENCE,
            refusals=0,
            retried=True,
        )
    return _moved(delivery, State.UNKNOWN, f"waits for an organiser: {delivery.reason}", now)


def queued_again(delivery: Delivery, now: datetime) -> Delivery:
    """A ready delivery is given to the queue once more, because its moment has come or its message was lost."""
    if delivery.state is not State.READY or not _is_due(delivery, now):
        return delivery
    return replace(delivery, due_at=now + QUEUE_PATIENCE, version=delivery.version + 1)


def tried_again(delivery: Delivery, now: datetime) -> Delivery:
    """A person decided that a delivery whose fate is unknown, or that failed, is to be sent.

    Not one that SES took and then rejected for what it says: it would say the same again.
    """
    if delivery.state not in {State.UNKNOWN, State.FAILED} or delivery.proof:
        return delivery
    return _moved(
        delivery, State.READY, "tried again by hand", now, due_at=now + QUEUE_PATIENCE, refusals=0, retried=True
    )


@dataclass(frozen=True, slots=True)
class Evidence:
    """What SES says became of a message that carried the delivery's id."""

    kind: Literal["sent", "rejected", "delivered", "bounced", "complained"]
    reason: str
    message_id: str | None


# A receiving server may take a message and return it later, and people complain about what was delivered: each of
# these tells more than those before it.
_RANKS: Final = {
    "sent": (1, State.SENT),
    "rejected": (2, State.FAILED),
    "delivered": (3, State.DELIVERED),
    "bounced": (4, State.BOUNCED),
    "complained": (5, State.COMPLAINED),
}


def settled(delivery: Delivery, evidence: Evidence, now: datetime) -> Delivery:
    """Evidence arrived. It beats every belief of ours, and weaker evidence, whenever it comes."""
    rank, state = _RANKS[evidence.kind]
    ids = _with_message_id(delivery.message_ids, evidence.message_id)
    if rank <= delivery.proof:
        if ids == delivery.message_ids:
            return delivery
        return replace(delivery, message_ids=ids, version=delivery.version + 1)
    return _moved(delivery, state, evidence.reason, now, message_ids=ids, proof=rank)


def backoff(refusals: int) -> timedelta:
    """Return how long to wait after so many definite refusals in a row: doubling from a minute, an hour at most."""
    doubled: int = 2 ** min(refusals - 1, 10)
    return min(LONGEST_BACKOFF, FIRST_BACKOFF * doubled)


def _with_doubt(delivery: Delivery, reason: str) -> str:
    """The reason a delivery ends unsent, honest about an attempt before whose fate stayed unknown."""
    return f"{reason}; whether an earlier attempt arrived is not known" if delivery.retried else reason


def _unknown(delivery: Delivery, reason: str, now: datetime) -> Delivery:
    # The lease stays on it: its sender may still come back with an answer, and only that sender's counts.
    return _moved(delivery, State.UNKNOWN, reason, now, due_at=now + EVIDENCE_PATIENCE, lease=delivery.lease)


def _moved(
    delivery: Delivery,
    state: State,
    reason: str,
    now: datetime,
    *,
    due_at: datetime | None = None,
    not_before: datetime | None = None,
    lease: str | None = None,
    refusals: int | None = None,
    retried: bool | None = None,
    message_ids: tuple[str, ...] | None = None,
    proof: int | None = None,
) -> Delivery:
    history = (*delivery.history, Transition(now, state, reason))
    if len(history) > HISTORY_LENGTH:
        history = (history[0], *history[len(history) - HISTORY_LENGTH + 1 :])
    return replace(
        delivery,
        state=state,
        reason=reason,
        changed_at=now,
        due_at=due_at,
        not_before=not_before,
        lease=lease,
        refusals=delivery.refusals if refusals is None else refusals,
        retried=delivery.retried if retried is None else retried,
        message_ids=delivery.message_ids if message_ids is None else message_ids,
        proof=delivery.proof if proof is None else proof,
        version=delivery.version + 1,
        history=history,
    )


def _is_due(delivery: Delivery, now: datetime) -> bool:
    return delivery.due_at is not None and delivery.due_at <= now


def _with_message_id(ids: tuple[str, ...], message_id: str | None) -> tuple[str, ...]:
    if message_id is None or message_id in ids:
        return ids
    return (*ids, message_id)[-MESSAGE_IDS:]
