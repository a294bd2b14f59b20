"""What moderators do: decide, pin, edit. Each is one transaction on the version they saw."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pynamodb.transactions import TransactWrite

from comments import authors, standing
from comments.model import Comment, comment_pk
from comments.move import Move, made
from comments.standing import Action
from kernel import audit
from kernel.access import Actor
from kernel.errors import ChangedMeanwhile, Conflict, NotFound, Unavailable

ATTEMPTS = 8
"""How often a decision is tried again because flags or pins, which do not concern it, came between."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a moderator decided about a comment as they saw it."""

    comment_id: str
    version: int
    action: Action
    reason: str | None = None
    message_to_author: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a decision: ``done``; ``conflict``, and then who had decided what; or ``invalid``."""

    comment_id: str
    outcome: Literal["done", "conflict", "invalid"]
    version: int | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    status: str | None = None


def decide(decision: Decision, actor: Actor, *, now: datetime) -> Outcome:
    """Carry out a decision, if the comment is still what the moderator saw. Repeating it changes nothing.

    Raises:
        Unavailable: others changed the comment again and again meanwhile.
    """
    for _ in range(ATTEMPTS):
        comment = stored(decision.comment_id)
        if comment is None:
            return Outcome(decision.comment_id, "invalid")
        if int(comment.version) != decision.version:
            return _repeated(decision, comment, actor) or _outcome("conflict", comment)
        becomes = standing.after(decision.action, comment.status, comment.before, flags=int(comment.flags))
        if becomes is None:
            return _outcome("invalid", comment)
        if made(_move(decision, comment, becomes, actor, now)):
            return Outcome(comment.comment_id, "done", int(comment.version) + 1, actor.name, now, becomes)
    raise Unavailable


def stored(comment_id: str) -> Comment | None:
    """Return a comment as it is at this moment, None where there is none or its author deleted it."""
    try:
        found = Comment.get(comment_pk(comment_id), "comment", consistent_read=True)
    except Comment.DoesNotExist:
        return None
    return None if found.status == "deleted" else found


def edit(
    comment_id: str,
    version: int,
    body: str,
    html: str,
    actor: Actor,
    *,
    signals: Sequence[Mapping[str, Any]],
    now: datetime,
) -> Comment:
    """Put another text in place of a comment's, with what screening finds in it; the original is kept.

    Raises:
        NotFound: there is no such comment.
        ChangedMeanwhile: it is another version by now.
    """
    return _changed(
        comment_id,
        version,
        lambda comment: {
            "body": body,
            "html": html,
            "signals": list(signals),
            "original_body": comment.original_body or comment.body,
            "edited_at": now,
        },
        "edited",
        actor,
        now=now,
    )


def note(comment_id: str, text: str, actor: Actor, *, now: datetime) -> Comment:
    """Add a note to a comment's history, for moderators alone.

    Raises:
        NotFound: there is no such comment.
        Unavailable: others changed the comment again and again meanwhile.
    """
    for _ in range(ATTEMPTS):
        comment = stored(comment_id)
        if comment is None:
            raise NotFound
        happened = {"what": "noted", "by": actor.person, "by_name": actor.name, "note": text}
        also = (_audited(actor, "comment.noted", comment, now=now),)
        if made(Move(comment, {}, happened, now, versioned=False, also=also)):
            return _now(comment_id)
    raise Unavailable


def pin(comment_id: str, pinned: bool, actor: Actor, *, now: datetime) -> Comment:
    """Pin an approved comment above its story's conversation, or unpin it.

    Raises:
        NotFound: there is no such comment.
        Conflict: it is not approved, or enough are pinned already.
    """
    comment = stored(comment_id)
    if comment is None:
        raise NotFound
    if bool(comment.pinned) == pinned:
        return comment
    if comment.status != "approved":
        raise Conflict("Only an approved comment can be pinned.")
    what = "pinned" if pinned else "unpinned"
    move = Move(
        comment,
        {"pinned": pinned},
        {"what": what, "by": actor.person, "by_name": actor.name},
        now,
        versioned=False,
        also=(_audited(actor, f"comment.{what}", comment, now=now),),
    )
    if not made(move):
        raise Conflict(f"A story has room for {standing.MOST_PINNED} pinned comments, or somebody changed this one.")
    return _now(comment_id)


def _changed(
    comment_id: str,
    version: int,
    changes: Callable[[Comment], Mapping[str, Any]],
    what: str,
    actor: Actor,
    *,
    now: datetime,
) -> Comment:
    for _ in range(ATTEMPTS):
        comment = stored(comment_id)
        if comment is None:
            raise NotFound
        if int(comment.version) != version:
            raise ChangedMeanwhile
        happened = {"what": what, "by": actor.person, "by_name": actor.name, "body": comment.body}
        also = (_audited(actor, f"comment.{what}", comment, now=now),)
        if made(Move(comment, changes(comment), happened, now, also=also)):
            return _now(comment_id)
    raise Unavailable


def _now(comment_id: str) -> Comment:
    found = stored(comment_id)
    if found is None:
        raise NotFound
    return found


def _move(decision: Decision, comment: Comment, becomes: str, actor: Actor, now: datetime) -> Move:
    action = decision.action
    changes: dict[str, Any] = {
        "status": becomes,
        "before": None if action == "restore" else comment.status if becomes != comment.status else comment.before,
        "decided_at": now,
        "decided_by": actor.person,
        "decided_by_name": actor.name,
        "reason": None if action in {"approve", "restore"} else decision.reason,
        "invited": True if becomes == "rejected" and decision.message_to_author else None,
    }
    if action == "approve":
        changes["flags"] = 0
    done = standing.DONE[action]
    happened = {
        "what": done,
        "by": actor.person,
        "by_name": actor.name,
        "reason": decision.reason,
        "message": decision.message_to_author,
        "note": decision.note,
    }
    also = [_audited(actor, f"comment.{done}", comment, now=now, reason=decision.reason)]
    if changes["invited"] and comment.person and comment.author_email:
        also.append(_told(decision, comment, actor, now))
    return Move(comment, changes, happened, now, also=also)


def _told(decision: Decision, comment: Comment, actor: Actor, now: datetime) -> Callable[[TransactWrite], None]:
    """Write to the author with the decision itself, so that neither is there without the other."""
    message = authors.message(
        comment.person or "",
        comment.author_name,
        comment.author_email or "",
        decision.message_to_author or "",
        actor,
        now=now,
    )
    message.comment_id, message.version, message.reason = comment.comment_id, int(comment.version) + 1, decision.reason
    return lambda transaction: transaction.save(message)


def _audited(
    actor: Actor, action: str, comment: Comment, *, now: datetime, reason: str | None = None
) -> Callable[[TransactWrite], None]:
    facts = {"story_id": comment.story_id, "version": int(comment.version), "was": comment.status}
    if reason:
        facts["reason"] = reason
    entries = audit.entries(actor, action, f"comment:{comment.comment_id}", now=now, facts=facts)
    return lambda transaction: audit.write(transaction, entries)


def _repeated(decision: Decision, comment: Comment, actor: Actor) -> Outcome | None:
    """Return what a decision came to whose answer was lost: it is the last thing that happened, and theirs."""
    was = comment.before or "pending"
    same = (
        int(comment.version) == decision.version + 1
        and comment.decided_by == actor.person
        and decision.action != "restore"
        and standing.after(decision.action, was, None, flags=1) == comment.status
    )
    return _outcome("done", comment) if same else None


def _outcome(outcome: Literal["done", "conflict", "invalid"], comment: Comment) -> Outcome:
    return Outcome(
        comment.comment_id,
        outcome,
        int(comment.version),
        comment.decided_by_name,
        comment.decided_at,
        comment.status,
    )
