"""How a comment moves: everything that must change with it, in one transaction.

With the comment go its public copies, the story's count, the queues' counters, its author's record and its history.
Whoever moves one says what it becomes; what follows from that is here and nowhere else, so that all of it agrees
whatever crashes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pynamodb.exceptions import TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from comments import entry
from comments.model import (
    COUNTS,
    PINNED,
    STORY,
    THREAD,
    Author,
    Comment,
    HistoryEntry,
    PublicComment,
    QueueCounts,
    Story,
    author_pk,
    comment_pk,
    shard_sk,
    story_pk,
)
from comments.standing import MOST_PINNED, queue_of
from kernel.ids import uuid7
from kernel.table import past_conflicts, refused

_COUNTED = ("approved", "rejected", "spam")


@dataclass(frozen=True, slots=True)
class Move:
    """What a comment becomes.

    Attributes:
        comment: as it was read; the move holds for its version only.
        changes: fields of `Comment` and what they become; None removes a field.
        happened: what stands in the history, fields of `HistoryEntry`.
        versioned: whether moderators must look again: what they saw is no longer what is there.
    """

    comment: Comment
    changes: Mapping[str, Any]  # the fields are of many types
    happened: Mapping[str, Any]
    at: datetime
    versioned: bool = True
    condition: Condition | None = None
    also: Sequence[Callable[[TransactWrite], None]] = ()
    """What else belongs into the transaction, such as audit entries."""


def made(move: Move) -> bool:
    """Make a move; False where the comment has changed since it was read, and then nothing is.

    Raises:
        Unavailable: somebody else's transactions stood in the way for too long.
    """

    def together() -> None:
        with TransactWrite(connection=Comment.connection()) as transaction:
            _write(transaction, move)

    try:
        past_conflicts(together)
    except TransactWriteError as error:
        if refused(error):
            return False
        raise
    return True


def arrived(comment: Comment, *, at: datetime, also: Sequence[Callable[[TransactWrite], None]] = ()) -> None:
    """Store a comment that was just sent, where its ``status`` says.

    Raises:
        Unavailable: somebody else's transactions stood in the way for too long.
    """

    def together() -> None:
        with TransactWrite(connection=Comment.connection()) as transaction:
            transaction.save(comment, condition=Comment.pk.does_not_exist())
            if comment.status == "approved":
                transaction.save(_public(comment))
            _count(transaction, comment, was=None, becomes=comment.status, flags=(0, 0), at=at)
            for write in also:
                write(transaction)

    past_conflicts(together)


def public_of(comment: Comment) -> str:
    """Return a comment as the public reads it."""
    return entry.public(
        comment_id=comment.comment_id,
        parent_id=comment.parent_id,
        author_name=comment.author_name,
        is_member=bool(comment.is_member),
        html=comment.html,
        created_at=comment.created_at,
        edited_at=comment.edited_at,
        pinned=bool(comment.pinned),
    )


def _write(transaction: TransactWrite, move: Move) -> None:
    comment, changes = move.comment, dict(move.changes)
    was, flags_before = comment.status, int(comment.flags)
    becomes, flags = changes.get("status", was), int(changes.get("flags", flags_before))
    if becomes != "approved" and comment.pinned:
        changes["pinned"] = False
    changes["queue"] = queue_of(becomes, flags)
    if move.versioned:
        changes["version"] = int(comment.version) + 1
    condition = (Comment.version == int(comment.version)) & (Comment.status == was)
    # Flags and pins raise no version, and still must not be lost.
    condition &= (Comment.flags == flags_before) & (Comment.pinned == bool(comment.pinned))
    if move.condition is not None:
        condition &= move.condition
    transaction.update(comment_key(comment.comment_id), actions=_actions(changes), condition=condition)
    happened = {"was": was, "became": becomes, "version": changes.get("version", int(comment.version)), **move.happened}
    transaction.save(_history(comment.comment_id, happened, move.at))
    _show(transaction, comment, changes, becomes)
    pins = int(changes.get("pinned", comment.pinned)) - int(comment.pinned)
    _count(transaction, comment, was=was, becomes=becomes, flags=(flags_before, flags), pins=pins, at=move.at)
    for write in move.also:
        write(transaction)


def comment_key(comment_id: str) -> Comment:
    """Return a comment's key, to update what is stored under it."""
    return Comment(comment_pk(comment_id), "comment")


def _actions(changes: Mapping[str, Any]) -> list[Action]:
    attributes = Comment.get_attributes()
    return [
        attributes[name].remove() if value is None else attributes[name].set(value) for name, value in changes.items()
    ]


def _show(transaction: TransactWrite, comment: Comment, changes: Mapping[str, Any], becomes: str) -> None:
    """Put, rewrite or delete what the public reads."""
    pinned, stays_pinned = bool(comment.pinned), bool(changes.get("pinned", comment.pinned))
    if becomes == "approved":
        shown = Comment.from_raw_data(comment.to_dynamodb_dict())
        for name, value in changes.items():
            setattr(shown, name, value)
        if comment.status != "approved" or public_of(shown) != public_of(comment):
            transaction.save(_public(shown))
        if stays_pinned:
            transaction.save(_pinned(shown))
    elif comment.status == "approved":
        transaction.delete(_public(comment))
    if pinned and not stays_pinned:
        transaction.delete(_pinned(comment))


def _count(
    transaction: TransactWrite,
    comment: Comment,
    *,
    was: str | None,
    becomes: str,
    flags: tuple[int, int],
    at: datetime,
    pins: int = 0,
) -> None:
    """Move what is counted: the story's comments, the queues, and the author's record."""
    from_, to = queue_of(was, flags[0]) if was else None, queue_of(becomes, flags[1])
    if from_ != to:
        counts = QueueCounts.get_attributes()
        counting: list[Action] = [counts[name].add(by) for name, by in ((from_, -1), (to, 1)) if name]
        transaction.update(QueueCounts(COUNTS, shard_sk(comment.comment_id)), actions=counting)
    shown = (becomes == "approved") - (was == "approved")
    if shown or pins:
        shifts: list[Action] = [
            counted.add(by) for counted, by in ((Story.comments, shown), (Story.pinned, pins)) if by
        ]
        room = Story.pinned < MOST_PINNED if pins > 0 else Story.pk.exists()
        transaction.update(Story(story_pk(comment.story_id), STORY), actions=shifts, condition=room)
    if comment.person and was != becomes:
        actions = _in_the_record(comment, was, becomes, at)
        if actions:
            transaction.update(Author(author_pk(comment.person), "author"), actions=actions)


def _in_the_record(comment: Comment, was: str | None, becomes: str, at: datetime) -> list[Action]:
    record = Author.get_attributes()
    actions: list[Action] = []
    for status, by in ((was, -1), (becomes, 1)):
        if status in _COUNTED:
            actions.append(record[status].add(by))
            if comment.is_member and f"members_{status}" in record:
                actions.append(record[f"members_{status}"].add(by))
    if becomes == "rejected" and comment.is_member:
        actions.append(Author.rejected_at.set(at))
    return actions


def _public(comment: Comment) -> PublicComment:
    return PublicComment(story_pk(comment.story_id), f"{THREAD}{comment.path}", entry=public_of(comment))


def _pinned(comment: Comment) -> PublicComment:
    return PublicComment(story_pk(comment.story_id), f"{PINNED}{comment.comment_id}", entry=public_of(comment))


def _history(comment_id: str, happened: Mapping[str, Any], at: datetime) -> HistoryEntry:
    return HistoryEntry(comment_pk(comment_id), f"history#{uuid7()}", at=at, **happened)
