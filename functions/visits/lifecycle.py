"""What organisers do to a visit that people have heard of: take it back, move it, call it off.

Each changes both of a visit's items and the audit log in one transaction (`visits.edit.write`). Whoever is registered
is told by what follows from the stream: `events/visit.rescheduled`, `events/visit.cancelled`.
"""

from datetime import datetime
from typing import Final

from kernel import audit
from kernel.access import Actor
from kernel.errors import Conflict, FieldError, Invalid, Unavailable
from visits import messages
from visits.edit import ATTEMPTS, MAX_LENGTH, read, write
from visits.model import Counters, Details
from visits.reconcile import reconcile_soon

SOMEBODY_CAME: Final = (
    "Somebody has registered for this visit, so it can no longer be taken back. Cancel it instead: everybody is told."
)
OVER: Final = "This visit is over."


def unpublish(visit_id: str, *, actor: Actor, now: datetime) -> tuple[Counters, Details]:
    """Make a draft of a published visit that nobody has registered for. A draft stays as it is.

    Nobody: no place was ever handed out, not even one that was cancelled since. Places are never used twice, and
    people were told (`docs/decisions/0014`).

    Raises:
        NotFound: no such visit.
        Conflict: somebody registered, or it was cancelled.
    """
    for _ in range(ATTEMPTS):
        counters, details = read(visit_id)
        if details.status == "draft":
            return counters, details
        if details.status == "cancelled":
            raise Conflict("This visit was cancelled. Clone it to hold it again.")
        if int(counters.line) or int(counters.extras):
            raise Conflict(SOMEBODY_CAME)
        done = write(
            counters,
            details,
            of_details=[Details.status.set("draft"), Details.listed.remove()],
            of_counters=[Counters.status.set("draft")],
            now=now,
            made=audit.entries(actor, "visit.unpublished", f"visit:{visit_id}", now=now),
            only_if=(Counters.status == "published") & (Counters.line == 0) & (Counters.extras == 0),
        )
        if done:
            return read(visit_id)
    raise Unavailable


def cancel(visit_id: str, message: str, *, actor: Actor, now: datetime) -> tuple[Counters, Details]:
    """Call a published visit off; everybody registered is told, with the organiser's ``message`` (Markdown).

    From then on nobody registers and nobody is admitted. Places stay as they are. A cancelled visit stays as it is.

    Raises:
        NotFound: no such visit.
        Conflict: it is a draft, or over.
    """
    for _ in range(ATTEMPTS):
        counters, details = read(visit_id)
        if details.status == "cancelled":
            return counters, details
        if details.status == "draft":
            raise Conflict("Nobody has heard of this draft, so there is nothing to cancel.")
        if now >= details.ends_at:
            raise Conflict(f"{OVER} There is nothing left to cancel.")
        sequence = int(details.sequence) + 1
        notice = messages.notice(details, "cancelled", message, actor=actor, now=now)
        done = write(
            counters,
            details,
            of_details=[
                Details.status.set("cancelled"),
                Details.sequence.set(sequence),
                Details.notice.set(notice.message_id),
            ],
            of_counters=[Counters.status.set("cancelled"), Counters.sequence.set(sequence)],
            now=now,
            made=audit.entries(
                actor, "visit.cancelled", f"visit:{visit_id}", now=now, facts={"message_id": notice.message_id}
            ),
            message=notice,
        )
        if done:
            return read(visit_id)
    raise Unavailable


def reschedule(
    visit_id: str, starts_at: datetime, ends_at: datetime, message: str, *, actor: Actor, now: datetime
) -> tuple[Counters, Details]:
    """Move a published visit; everybody registered is told, with the organiser's ``message`` (Markdown).

    Places stay. Registration that would close after the new start closes at it. The times it has already move nothing.

    Raises:
        NotFound: no such visit.
        Conflict: it is a draft, cancelled or over.
        Invalid: times that lie behind us, or do not fit together.
    """
    for _ in range(ATTEMPTS):
        counters, details = read(visit_id)
        _must_be_movable(details, now)
        if (starts_at, ends_at) == (details.starts_at, details.ends_at):
            return counters, details
        closes_at = _closes_at(details, starts_at)
        check_move(details, starts_at, ends_at, now=now)
        sequence = int(details.sequence) + 1
        notice = messages.notice(details, "rescheduled", message, actor=actor, now=now)
        done = write(
            counters,
            details,
            of_details=[
                Details.starts_at.set(starts_at),
                Details.ends_at.set(ends_at),
                Details.closes_at.remove() if closes_at is None else Details.closes_at.set(closes_at),
                Details.sequence.set(sequence),
                Details.notice.set(notice.message_id),
            ],
            of_counters=[
                Counters.starts_at.set(starts_at),
                Counters.ends_at.set(ends_at),
                Counters.closes_at.set(closes_at or starts_at),
                Counters.sequence.set(sequence),
            ],
            now=now,
            made=audit.entries(
                actor,
                "visit.rescheduled",
                f"visit:{visit_id}",
                now=now,
                facts={
                    "message_id": notice.message_id,
                    "from": details.starts_at.isoformat(),
                    "to": starts_at.isoformat(),
                },
            ),
            message=notice,
        )
        if done:
            reconcile_soon(visit_id, now=now)  # a visit that had begun may admit again
            return read(visit_id)
    raise Unavailable


def _must_be_movable(details: Details, now: datetime) -> None:
    if details.status == "draft":
        raise Conflict("Nobody has heard of this draft: change its times instead, and nobody is written to.")
    if details.status == "cancelled":
        raise Conflict("This visit was cancelled. Clone it to hold it at another time.")
    if now >= details.ends_at:
        raise Conflict(f"{OVER} Clone it to hold it again.")


def check_move(details: Details, starts_at: datetime, ends_at: datetime, *, now: datetime) -> None:
    """Refuse a new time that cannot be.

    Raises:
        Invalid: it lies behind us, or does not fit together.
    """
    wrong = []
    if starts_at <= now:
        wrong.append(FieldError("starts_at", "The new start must lie ahead."))
    if ends_at <= starts_at:
        wrong.append(FieldError("ends_at", "The end must come after the start."))
    elif ends_at - starts_at > MAX_LENGTH:
        wrong.append(FieldError("ends_at", f"A visit lasts {MAX_LENGTH.days} days at most."))
    if details.opens_at is not None and details.opens_at >= (_closes_at(details, starts_at) or starts_at):
        wrong.append(
            FieldError("starts_at", "Registration opens only after that. Choose a later start, or open it earlier.")
        )
    if wrong:
        raise Invalid(errors=wrong)


def _closes_at(details: Details, starts_at: datetime) -> datetime | None:
    """Return when registration closes once the visit starts then; None where that is at the start."""
    return None if details.closes_at is None or details.closes_at > starts_at else details.closes_at
