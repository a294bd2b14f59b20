"""Erasing a person: what they wrote goes, as if they had deleted it; what others answered stays.

A person is erased as they were at the moment somebody asked: what they write later is theirs anew. So it does not
matter how often, how late or in which order this runs. A ban stays, under a key that names nobody: else being erased
would lift it.
"""

from datetime import datetime

from pynamodb.exceptions import PynamoDBException

from comments.model import Author, Comment, author_pk, comment_pk
from comments.move import Move, made
from comments.own import GONE, forget_wording
from kernel.errors import Unavailable
from kernel.table import refused

ATTEMPTS = 8


def erase(person: str, requested_at: datetime, *, now: datetime) -> int:
    """Erase what a person had written when it was asked for; return how many comments that was.

    Raises:
        Unavailable: others kept changing a comment; trying again is safe.
    """
    theirs = [one.comment_id for one in Comment.by_person.query(person) if one.created_at <= requested_at]
    for comment_id in theirs:
        _erase(comment_id, now)
    _forget_notes(person)
    return len(theirs)


def _erase(comment_id: str, now: datetime) -> None:
    for _ in range(ATTEMPTS):
        comment = Comment.get(comment_pk(comment_id), "comment", consistent_read=True)
        if comment.status == "deleted" or made(Move(comment, {**GONE, "status": "deleted"}, {"what": "erased"}, now)):
            forget_wording(comment_id)
            return
    raise Unavailable


def _forget_notes(person: str) -> None:
    try:
        Author(author_pk(person), "author").update([Author.notes.remove()], condition=Author.pk.exists())
    except PynamoDBException as error:
        if not refused(error):
            raise
