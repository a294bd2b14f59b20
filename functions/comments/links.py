"""The capability an author gets for their own comment: to change it, or to take it away."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from kernel import tokens
from kernel.errors import LinkInvalid

EDIT = "comment-edit"
GOOD_FOR = timedelta(days=90)
"""A comment may wait for long, and a rejected one comes with an invitation to try again."""


def edit_token(comment_id: str, *, now: datetime, keys: Sequence[str]) -> str:
    """Return what proves whoever has it to be a comment's author. Nothing of it is stored."""
    return tokens.sign(EDIT, [comment_id], expires_at=now + GOOD_FOR, keys=keys)


def read_edit_token(token: str, *, now: datetime, keys: Sequence[str]) -> str:
    """Return the id of the comment that a token is for.

    Raises:
        LinkInvalid: it is none of ours.
        LinkExpired: it was good once.
    """
    match tokens.read(EDIT, token, now=now, keys=keys):
        case [str(comment_id)]:
            return comment_id
        case _:
            raise LinkInvalid
