"""What readers send: comments, changes and reports; fields and limits as the HTTP contract has them."""

from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, StringConstraints

from kernel.fields import ANY_LINES, ONE_LINE, VISIBLE, Body, EmailAddress

ABSENT: Any = None
"""The default of a field that may be left out but not be null; it is never read: see ``model_fields_set``."""

MAX_BODY = 5_000
MAX_NAME = 100
MAX_NOTE = 500

Text = Annotated[str, StringConstraints(min_length=1, max_length=MAX_BODY), ANY_LINES, VISIBLE]
Name = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME), ONE_LINE, VISIBLE]
CommentId = Annotated[str, StringConstraints(max_length=36), ONE_LINE]


class CommentSent(Body):
    """Somebody comments. Name and address are needed of guests; of the signed in both are known."""

    author_name: Name = ABSENT
    author_email: EmailAddress = ABSENT
    body: Text
    parent_id: CommentId | None = None
    notify_replies: StrictBool = False
    proof: Annotated[str, Field(max_length=4_000)] | None = None


class CommentChecked(Body):
    """Somebody asks what screening would warn about."""

    body: Text


class CommentChange(Body):
    """An author changes what they wrote: what is absent stays as it is."""

    body: Text = ABSENT
    author_name: Name = ABSENT
    notify_replies: StrictBool = ABSENT


class FlagSent(Body):
    """A reader reports a comment."""

    reason: Literal["offensive", "spam", "personal_data", "off_topic", "other"]
    note: Annotated[str, StringConstraints(max_length=MAX_NOTE), ANY_LINES] = ""
