"""What becomes of a comment on arrival: the checks that need history, and where it then stands.

A comment by somebody signed in goes through here in the request, so that it may appear at once. A guest's is stored
as pending whatever it is, answered as pending whoever sent it, and goes through here behind the request: neither the
answer nor the time it takes tells anybody whether an address is known, or banned.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from pynamodb.exceptions import DoesNotExist

from comments import rules, screening, standing, stories
from comments.model import Author, Comment, Story, Text, author_pk, comment_pk, text_pk
from comments.move import Move, made
from comments.screening import History, Signal, Submission
from kernel.errors import NotFound, Unavailable

REMEMBERED_FOR = timedelta(days=30)
"""How long a text is known as sent before."""

ATTEMPTS = 8
_MOST_ALIKE = 20
_MOST_RECENT = 10


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a comment stands after every check."""

    status: standing.Status
    signals: list[Signal]


def place(comment: Comment, story: Story, submission: Submission, found: Sequence[Signal], now: datetime) -> Placed:
    """Make the checks that need history, and say where the comment stands by all of them; ``found`` are the others'.

    What is noted on the way, that this comment had this text, is the same however often it is noted.
    """
    going_by = rules.current(now)
    history = History(same_text=_same_text(comment, now), seconds_ago=_seconds_ago(comment))
    signals = [*found, *screening.screen_history(submission, history, going_by)]
    verdict = screening.verdict(signals, going_by)
    return Placed(standing.on_arrival(story.mode, verdict, record_of(comment), now), signals)


def settle(comment_id: str, *, now: datetime) -> str | None:
    """Screen a comment that was stored as pending and let it go where it belongs; return where, None if nowhere new.

    Whatever moderators or the author did meanwhile stands. Repeating it changes nothing.

    Raises:
        Unavailable: others changed the comment again and again meanwhile.
    """
    for _ in range(ATTEMPTS):
        try:
            comment = Comment.get(comment_pk(comment_id), "comment", consistent_read=True)
        except DoesNotExist:
            return None
        if comment.screened_at is not None or comment.status == "deleted":
            return None
        placed = place(comment, _story(comment), _again(comment), stored_signals(comment), now)
        moves = comment.status == "pending" and placed.status != "pending"
        changes: dict[str, Any] = {"screened_at": now, "signals": as_stored(placed.signals)}
        if moves:
            changes |= {"status": placed.status, "before": "pending" if placed.status == "spam" else None}
        happened = {"what": "screened", "note": ", ".join(one.code for one in placed.signals) or None}
        if made(Move(comment, changes, happened, now, versioned=moves)):
            return placed.status if moves else None
    raise Unavailable


def record_of(comment: Comment) -> standing.Record:
    """Return what is known of a comment's author."""
    return record(comment.person, proven=bool(comment.is_member), staff=bool(comment.is_staff))


def record(person: str | None, *, proven: bool, staff: bool) -> standing.Record:
    """Return what is known of somebody, staff or not, proven to be who they say or not."""
    found = None
    if person is not None:
        try:
            found = Author.get(author_pk(person), "author", consistent_read=True)
        except DoesNotExist:
            found = None
    if found is None:
        return standing.Record(proven=proven, staff=staff)
    return standing.Record(
        proven=proven,
        staff=staff,
        approved=int(found.members_approved),
        rejected=int(found.members_rejected),
        rejected_at=found.rejected_at,
        trusted=bool(found.trusted),
        held=bool(found.held),
        banned_until=found.banned_until,
    )


def as_stored(signals: Sequence[Signal]) -> list[dict[str, Any]]:
    """Return signals as a comment keeps them."""
    return [{**asdict(one), "spans": [list(span) for span in one.spans]} for one in signals]


def stored_signals(comment: Comment) -> list[Signal]:
    """Return the signals a comment keeps."""
    return [
        Signal(one["code"], one["message"], float(one["score"]), tuple((int(a), int(b)) for a, b in one["spans"]))
        for one in comment.signals
    ]


def _again(comment: Comment) -> Submission:
    """Return what was sent, as far as the checks that need history read it."""
    return Submission(comment.body, comment.author_name, "", None, False)


def _story(comment: Comment) -> Story:
    try:
        return stories.find(comment.story_id)
    except NotFound:
        raise Unavailable from None


def _same_text(comment: Comment, now: datetime) -> int:
    pk = text_pk(screening.fingerprint(comment.body))
    Text(pk, comment.comment_id, expires_at=int((now + REMEMBERED_FOR).timestamp())).save()
    since = now.timestamp()
    alike = Text.query(pk, Text.sk <= _LAST, Text.expires_at > since, consistent_read=True, limit=_MOST_ALIKE)
    return len(list(alike))


def _seconds_ago(comment: Comment) -> list[float]:
    if comment.person is None:
        return []
    recent = Comment.by_person.query(comment.person, scan_index_forward=False, limit=_MOST_RECENT)
    others = [one for one in islice(recent, _MOST_RECENT) if one.comment_id != comment.comment_id]
    seconds = [(comment.created_at - one.created_at).total_seconds() for one in others]
    return [gap for gap in seconds if gap >= 0]


_LAST = "~"
