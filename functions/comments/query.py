"""What others may read of comments: what somebody wrote, and what moderators and those they write to are told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from comments import links, moderators, queues
from comments.model import AuthorMessage, Comment, Story, author_pk, story_pk


@dataclass(frozen=True, slots=True)
class MessageView:
    """What moderators wrote to an author, as an email says it.

    Attributes:
        body: the author's own words, where the message is about a comment.
        still_rejected: whether that comment is as it was when they wrote: nobody decided or changed anything since.
    """

    to_name: str
    to_email: str
    text: str
    reason: str | None
    comment_id: str | None
    story: str
    body: str
    still_rejected: bool


@dataclass(frozen=True, slots=True)
class ModeratorView:
    """Somebody who moderates."""

    person: str
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class WaitingView:
    """What waits at this moment: how many comments, and whether the oldest waits for longer than it should."""

    number: int
    oldest: datetime | None
    too_long: bool


def written_by(person: str) -> list[Mapping[str, object]]:
    """Return what a person wrote, the oldest first: what an export shows of each."""
    return [
        {
            "comment_id": one.comment_id,
            "story_id": one.story_id,
            "parent_id": one.parent_id,
            "author_name": one.author_name,
            "author_email": one.author_email,
            "body": one.body,
            "original_body": one.original_body,
            "is_public": one.status == "approved",
            "signed_in": bool(one.is_member),
            "created_at": one.created_at.isoformat(),
            "edited_at": one.edited_at.isoformat() if one.edited_at else None,
        }
        for one in Comment.by_person.query(person)
    ]


def message(person: str, message_id: str) -> MessageView | None:
    """Return what moderators wrote to an author, with its comment as that is now; None where it is gone."""
    try:
        found = AuthorMessage.get(author_pk(person), f"message#{message_id}", consistent_read=True)
    except AuthorMessage.DoesNotExist:
        return None
    comment = queues.comment(found.comment_id) if found.comment_id else None
    same = comment is not None and comment.status == "rejected" and int(comment.version) == int(found.version or 0)
    return MessageView(
        to_name=found.to_name,
        to_email=found.to_email,
        text=found.body,
        reason=found.reason,
        comment_id=found.comment_id,
        story=_title(comment.story_id) if comment else "",
        body=comment.body if comment else "",
        still_rejected=same,
    )


def edit_link(comment_id: str, *, now: datetime, base_url: str, keys: Sequence[str]) -> str:
    """Return the link by which an author changes their comment."""
    return f"{base_url}/comments/{links.edit_token(comment_id, now=now, keys=keys)}"


def moderators_lately(now: datetime) -> list[ModeratorView]:
    """Return who has decided something lately."""
    return [ModeratorView(one.sk, one.name, one.email) for one in moderators.lately(now)]


def waiting(now: datetime) -> WaitingView:
    """Return what waits for moderators."""
    counts = queues.counts()
    oldest = counts.oldest_waiting_at
    return WaitingView(counts.queues["pending"], oldest, oldest is not None and now - oldest > queues.TARGET)


def _title(story_id: str) -> str:
    try:
        return Story.get(story_pk(story_id), "story").title
    except Story.DoesNotExist:
        return ""
