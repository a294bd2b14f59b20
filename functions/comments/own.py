"""What authors do to their own comments: edit and delete, with the token they got when they sent it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pynamodb.exceptions import DoesNotExist

from comments import arrival, rules, screening, standing, stories
from comments.model import Comment, HistoryEntry, comment_pk
from comments.move import Move, made
from comments.screening import Signal, Submission
from comments.submit import refusal, rendered
from kernel.errors import NotFound, TooLateToChange, Unavailable

ATTEMPTS = 8


def mine(comment_id: str) -> Comment:
    """Return somebody's own comment.

    Raises:
        NotFound: there is none, or they deleted it.
    """
    try:
        found = Comment.get(comment_pk(comment_id), "comment", consistent_read=True)
    except DoesNotExist:
        raise NotFound from None
    if found.status == "deleted":
        raise NotFound
    return found


def may_change(comment: Comment, now: datetime) -> bool:
    """Tell whether its author may still edit or delete a comment."""
    return standing.may_change(comment.status, comment.created_at, now)


def change(comment_id: str, changes: Mapping[str, Any], *, now: datetime) -> tuple[Comment, list[Signal]]:
    """Change a comment; return it, and what its author is told. A text that changes is screened anew.

    What is public stays so only where it would have appeared at once; else it waits again. What was rejected with an
    invitation to try again waits again; what else a moderator put away stays there, and nobody learns of it.

    Raises:
        NotFound: there is no such comment.
        TooLateToChange: it is public, and a quarter of an hour old.
        Invalid: nothing to see in the text, or words the rules refuse.
        Unavailable: others changed it again and again meanwhile.
    """
    for _ in range(ATTEMPTS):
        comment = mine(comment_id)
        if not may_change(comment, now):
            raise TooLateToChange
        wanted = {name: value for name, value in changes.items() if getattr(comment, name) != value}
        if not wanted:
            return comment, screening.warnings(arrival.stored_signals(comment))
        told: list[Signal] = screening.warnings(arrival.stored_signals(comment))
        if wanted.keys() & {"body", "author_name"}:
            more, told = _screened(comment, wanted, now)
            wanted |= more
        happened = {"what": "edited", "body": comment.body}
        if made(Move(comment, wanted, happened, now)):
            return mine(comment_id), told
    raise Unavailable


def _screened(comment: Comment, wanted: Mapping[str, Any], now: datetime) -> tuple[dict[str, Any], list[Signal]]:
    body, name = wanted.get("body", comment.body), wanted.get("author_name", comment.author_name)
    going_by = rules.current(now)
    domain = (comment.author_email or "").rpartition("@")[2].casefold()
    # The checks of history hold for the comment, not for its wording: what they found before still holds.
    history = [one for one in arrival.stored_signals(comment) if one.code in {"duplicate", "flood"}]
    signals = [*screening.screen(Submission(body, name, domain, None, False), going_by), *history]
    told = screening.warnings(signals)
    verdict = screening.verdict(signals, going_by)
    if verdict == "refuse" and not comment.is_staff:
        raise refusal(told)
    more: dict[str, Any] = {"signals": arrival.as_stored(signals), "edited_at": now}
    if "body" in wanted:
        more |= {"html": rendered(body), "original_body": None}
    if comment.status == "approved":
        story = stories.find(comment.story_id)
        more["status"] = standing.on_arrival(story.mode, verdict, arrival.record_of(comment), now)
        more["before"] = None
    elif comment.status == "rejected" and comment.invited:
        more |= {"status": "pending", "before": None, "invited": None}
    return more, told


def delete(comment_id: str, *, now: datetime) -> None:
    """Delete a comment, for good: of what was written, and by whom, nothing is kept. Doing it twice is doing it once.

    Raises:
        NotFound: there is no such comment.
        TooLateToChange: it is public, and a quarter of an hour old.
        Unavailable: others changed it again and again meanwhile.
    """
    for _ in range(ATTEMPTS):
        comment = mine(comment_id)
        if not may_change(comment, now):
            raise TooLateToChange
        if made(Move(comment, {**GONE, "status": "deleted"}, {"what": "deleted"}, now)):
            forget_wording(comment_id)
            return
    raise Unavailable


def forget_wording(comment_id: str) -> None:
    """Take out of a comment's history what was written at the time, and what was said about it."""
    kept = HistoryEntry.query(comment_pk(comment_id), HistoryEntry.sk.startswith("history#"), consistent_read=True)
    for one in kept:
        if one.body or one.message or one.note:
            one.update([HistoryEntry.body.remove(), HistoryEntry.message.remove(), HistoryEntry.note.remove()])


GONE: Mapping[str, Any] = {
    "body": "",
    "html": "",
    "original_body": None,
    "author_name": "",
    "author_email": None,
    "person": None,
    "signals": [],
    "flags": 0,
}
"""What of a comment goes when it is deleted."""
