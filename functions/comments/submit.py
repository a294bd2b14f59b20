"""Sending a comment: checked, rendered and stored, in the request; and saying beforehand what a moderator would see."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pynamodb.exceptions import DoesNotExist, TransactWriteError
from pynamodb.transactions import TransactWrite

from comments import arrival, rules, screening, standing, stories
from comments.model import Comment, Sending, Story, comment_pk
from comments.move import arrived
from comments.screening import Signal, Submission
from kernel import markdown
from kernel.errors import CommentsClosed, FieldError, Invalid
from kernel.ids import uuid7
from kernel.table import refused
from kernel.text import is_blank

SENT_AGAIN_WITHIN = timedelta(minutes=1)
"""How soon the same words from the same form are the same comment. No longer: who gets the first answer's token may
change the comment, and a page's form is the same for everybody whom a cache gave it to."""

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Sent:
    """A comment as somebody sent it.

    Attributes:
        is_member: they are signed in.
        seconds_on_form: None where no form of ours was used.
        form: the number of the form it came with, which makes sending it twice one comment.
    """

    author_name: str
    author_email: str
    person: str
    body: str
    parent_id: str | None
    notify_replies: bool
    is_member: bool
    is_staff: bool
    seconds_on_form: float | None
    honeypot: bool
    form: str | None


@dataclass(frozen=True, slots=True)
class Received:
    """What came of sending a comment: its id, where it stands as its author may know, and what they are told."""

    comment_id: str
    status: str
    warnings: list[Signal]


def submit(story_id: str, sent: Sent, *, now: datetime) -> Received:
    """Take a comment. What a guest is answered never depends on who they are.

    Raises:
        NotFound: there is no such story.
        CommentsClosed: the story takes none.
        Invalid: an answer to a comment that is not there, nothing to see in the text, or words the rules refuse.
        Unavailable: the database did not take it in time.
    """
    story = stories.find(story_id)
    if not stories.accepts(story, now):
        raise CommentsClosed
    html = rendered(sent.body)
    path = _path(story_id, sent.parent_id)
    submission = _submission(sent)
    going_by = rules.current(now)
    signals = screening.screen(submission, going_by)
    told = screening.warnings(signals)
    if not sent.is_staff and screening.verdict(signals, going_by) == "refuse":
        raise refusal(told)
    comment = _comment(story, sent, html, path, now)
    if sent.is_member:
        placed = arrival.place(comment, story, submission, signals, now)
        comment.status, signals, comment.screened_at = placed.status, placed.signals, now
        comment.before = "pending" if placed.status == "spam" else None
    comment.signals = arrival.as_stored(signals)
    comment.queue = standing.queue_of(comment.status)
    return Received(_stored(comment, sent.form, now), shown(comment.status), told)


def check(body: str, now: datetime) -> list[Signal]:
    """Return what an author would be warned about, before they send it."""
    return screening.warnings(screening.screen(Submission(body, "", "", None, False), rules.current(now)))


def rendered(body: str) -> str:
    """Return a comment's text as HTML.

    Raises:
        Invalid: there would be nothing to see.
    """
    html = markdown.render(body)
    if is_blank(re.sub(r"<[^>]*>|&nbsp;", "", html)):
        raise Invalid(errors=[FieldError("body", "Write something that can be seen.")])
    return html


def refusal(told: Sequence[Signal]) -> Invalid:
    """Return what says why the rules refuse a text."""
    messages = [one.message for one in told] or ["The rules of this community do not allow this text."]
    return Invalid(errors=[FieldError("body", message) for message in messages])


def shown(status: str) -> str:
    """Return the status as an author may know it: public, or as good as waiting."""
    return "approved" if status == "approved" else "pending"


def _submission(sent: Sent) -> Submission:
    domain = sent.author_email.rpartition("@")[2].casefold()
    return Submission(sent.body, sent.author_name, domain, sent.seconds_on_form, sent.honeypot)


def _path(story_id: str, parent_id: str | None) -> list[str]:
    """Return the ids of the comments above a new one.

    Raises:
        Invalid: what it answers is not to be read under this story.
    """
    if not parent_id:
        return []
    gone = Invalid(
        errors=[FieldError("parent_id", "The comment you answer is no longer there. Send yours without it.")]
    )
    if not _ID.fullmatch(parent_id):
        raise gone
    try:
        parent = Comment.get(comment_pk(parent_id), "comment", consistent_read=True)
    except DoesNotExist:
        raise gone from None
    if parent.story_id != story_id or parent.status != "approved":
        raise gone
    return str(parent.path).split("/")


def _comment(story: Story, sent: Sent, html: str, above: list[str], now: datetime) -> Comment:
    comment_id = str(uuid7())
    return Comment(
        comment_pk(comment_id),
        comment_id=comment_id,
        story_id=story.story_id,
        path=standing.path_below("/".join(above) or None, comment_id),
        person=sent.person,
        author_name=sent.author_name,
        author_email=sent.author_email,
        is_member=sent.is_member,
        is_staff=sent.is_staff,
        body=sent.body,
        html=html,
        status="pending",
        version=1,
        signals=[],
        notify_replies=sent.notify_replies,
        created_at=now,
    )


def _stored(comment: Comment, form: str | None, now: datetime) -> str:
    """Store a comment; return its id, or that of the comment the same form has made before."""
    if form is None:
        arrived(comment, at=now)
        return str(comment.comment_id)
    said = json.dumps([form, comment.person, comment.author_name, comment.body, comment.path.split("/")[:-1]])
    until = int((now + SENT_AGAIN_WITHIN).timestamp())
    pk = f"form#{hashlib.sha256(said.encode()).hexdigest()}"
    sending = Sending(pk, comment_id=comment.comment_id, expires_at=until)
    # DynamoDB deletes what has expired late.
    free = Sending.pk.does_not_exist() | (Sending.expires_at <= int(now.timestamp()))

    def once(transaction: TransactWrite) -> None:
        transaction.save(sending, condition=free)

    try:
        arrived(comment, at=now, also=(once,))
    except TransactWriteError as error:
        if not refused(error):
            raise
        return str(Sending.get(sending.pk, "form", consistent_read=True).comment_id)
    return str(comment.comment_id)
