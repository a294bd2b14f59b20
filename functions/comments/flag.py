"""Readers report a comment: once each, and moderators see it in a queue of its own."""

from datetime import datetime

from pynamodb.exceptions import DoesNotExist
from pynamodb.transactions import TransactWrite

from comments.model import Comment, Flag, comment_pk
from comments.move import Move, made
from kernel.errors import NotFound, Unavailable

ATTEMPTS = 8

THANKS = "Thank you. A moderator will look at it."


def report(comment_id: str, reporter: str, reason: str, note: str, *, now: datetime) -> None:
    """Note a reader's report of a public comment; ``reporter`` is a keyed hash, and reports once.

    Raises:
        NotFound: there is no such comment to be read.
        Unavailable: others changed the comment again and again meanwhile.
    """
    flag = Flag(comment_pk(comment_id), f"flag#{reporter}", reason=reason, note=note, at=now)

    def noted(transaction: TransactWrite) -> None:
        transaction.save(flag, condition=Flag.pk.does_not_exist())

    for _ in range(ATTEMPTS):
        comment = _public(comment_id)
        move = Move(
            comment,
            {"flags": int(comment.flags) + 1},
            {"what": "flagged", "reason": reason, "note": note or None},
            now,
            versioned=False,
            also=(noted,),
        )
        if made(move) or _is_noted(flag):
            return
    raise Unavailable


def _public(comment_id: str) -> Comment:
    try:
        found = Comment.get(comment_pk(comment_id), "comment", consistent_read=True)
    except DoesNotExist:
        raise NotFound from None
    if found.status != "approved":
        raise NotFound
    return found


def _is_noted(flag: Flag) -> bool:
    try:
        Flag.get(flag.pk, flag.sk, consistent_read=True)
    except DoesNotExist:
        return False
    return True
