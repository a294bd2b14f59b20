"""What organisers write to the people of a visit: service mail about it, kept with the visit.

A message by itself is posted here; one that goes with moving or cancelling a visit is made here (`notice`) and written
by `visits.lifecycle`. Sending is the follow-ups' business (`events/visit.message_posted`).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from pynamodb.exceptions import TransactWriteError
from pynamodb.transactions import TransactWrite

from kernel import audit, markdown
from kernel.access import Actor
from kernel.errors import Conflict, FieldError, Invalid, NotFound
from kernel.ids import derived_id, uuid7
from kernel.table import past_conflicts, refused
from visits import query
from visits.model import Details, Message, message_sk, visit_pk
from visits.tally import tally

TO: Final = ("confirmed", "waiting", "offered")
"""The statuses a message can be for. Whoever cancelled has nothing to do with the visit any more."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A message before it is sent: its HTML as the email will have it, and how many people would get it."""

    subject: str
    html: str
    people: int


def count(visit_id: str, to: Collection[str]) -> int:
    """Return how many people a message to these statuses would reach now."""
    people = tally(visit_id)
    return sum({"confirmed": people.confirmed, "waiting": people.waiting}.get(status, 0) for status in set(to))


def preview(visit_id: str, subject: str, body_markdown: str, to: Collection[str]) -> Preview:
    """Return what a message would be, and how many people it would reach now; nothing is stored or sent."""
    return Preview(subject, markdown.render(body_markdown), count(visit_id, to))


def post(
    visit_id: str,
    subject: str,
    body_markdown: str,
    to: Collection[str],
    *,
    actor: Actor,
    now: datetime,
    key: str | None = None,
) -> Message:
    """Post a message to everybody registered who has one of the statuses ``to``.

    ``key`` makes posting twice one message: a form's own number, or a request's Idempotency-Key.

    Raises:
        NotFound: no such visit.
        Conflict: it is a draft: nobody has heard of it.
        Invalid: nobody it could be for.
    """
    details = query.details_of(visit_id)
    if details is None:
        raise NotFound
    if details.status == "draft":
        raise Conflict("Nobody has heard of this draft, so there is nobody to write to. Publish it first.")
    _check(to)
    message_id = str(derived_id(visit_id, actor.person, key)) if key else str(uuid7())
    message = _message(details, message_id, "message", body_markdown, actor=actor, now=now)
    message.subject, message.to = subject, [status for status in TO if status in to]
    made = audit.entries(
        actor, "visit.message_posted", f"visit:{visit_id}", now=now, facts={"message_id": message_id, "to": message.to}
    )

    def both() -> None:
        with TransactWrite(connection=Message.connection()) as transaction:
            transaction.save(message, condition=Message.pk.does_not_exist())
            audit.write(transaction, made)

    try:
        past_conflicts(both)
    except TransactWriteError as error:
        if not refused(error):
            raise
        return Message.get(message.pk, message.sk, consistent_read=True)
    return message


def posted(visit_id: str) -> list[Message]:
    """Return what organisers wrote to a visit's people, newest first, notices of a move or a cancellation too."""
    found = Message.query(visit_pk(visit_id), Message.sk.startswith("message#"), consistent_read=True)
    return sorted(found, key=lambda one: one.posted_at, reverse=True)


def notice(
    details: Details, kind: Literal["cancelled", "rescheduled"], body_markdown: str, *, actor: Actor, now: datetime
) -> Message:
    """Return the message that goes with moving or cancelling a visit, to be written with it; the text may be empty."""
    message = _message(details, str(uuid7()), kind, body_markdown, actor=actor, now=now)
    if kind == "rescheduled":
        message.moved_from = {"starts_at": details.starts_at.isoformat(), "ends_at": details.ends_at.isoformat()}
    return message


def _message(
    details: Details, message_id: str, kind: str, body_markdown: str, *, actor: Actor, now: datetime
) -> Message:
    return Message(
        visit_pk(details.visit_id),
        message_sk(message_id),
        kind=kind,
        markdown=body_markdown,
        html=markdown.render(body_markdown),
        to=list(TO),
        posted_by=actor.person,
        posted_at=now,
    )


def _check(to: Collection[str]) -> None:
    if not to:
        raise Invalid(errors=[FieldError("to", "Choose whom the message is for.")])
    if not set(to) <= set(TO):
        raise Invalid(errors=[FieldError("to", "A message can go to confirmed, waiting and offered registrations.")])
