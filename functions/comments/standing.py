"""Where a comment stands and what may move it: the rules, pure.

``pending`` waits for a moderator; ``approved`` is public; ``rejected``, ``spam`` and ``removed`` are what moderators
put away, and can be brought back for ever; ``deleted`` is what its author took away, which nobody brings back.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

type Status = Literal["pending", "approved", "rejected", "spam", "removed", "deleted"]
type Action = Literal["approve", "reject", "spam", "remove", "restore"]
type Queue = Literal["pending", "flagged", "spam", "approved", "rejected"]
type Verdict = Literal["none", "hold", "spam", "refuse"]

QUEUES: tuple[Queue, ...] = ("pending", "flagged", "spam", "approved", "rejected")
ACTIONS: tuple[Action, ...] = ("approve", "reject", "spam", "remove", "restore")
MODES = ("all", "first", "none")
REASONS = (
    "off_topic",
    "offensive",
    "personal_data",
    "patient_identifiable",
    "promotional",
    "spam",
    "duplicate",
    "other",
)

DEEPEST = 3
"""How many levels a thread has."""

EDITABLE_FOR = timedelta(minutes=15)
"""How long an author may edit or delete what is public; what is pending, for as long as it waits."""

KNOWN_AFTER = 1
"""So many approved comments, sent signed in, make a known author."""

REJECTED_LATELY = timedelta(days=90)
"""A rejection that recent, and an author is not known."""

MOST_PINNED = 3
"""A story pins no more comments than fit above the conversation."""

_AFTER: dict[Action, tuple[frozenset[str], Status]] = {
    "approve": (frozenset({"pending", "rejected", "spam", "removed"}), "approved"),
    "reject": (frozenset({"pending", "approved", "spam", "removed"}), "rejected"),
    "spam": (frozenset({"pending", "approved", "rejected", "removed"}), "spam"),
    "remove": (frozenset({"pending", "approved", "rejected", "spam"}), "removed"),
}
_RESTORABLE = frozenset({"approved", "rejected", "spam", "removed"})

DONE = {
    "approve": "approved",
    "reject": "rejected",
    "spam": "marked_spam",
    "remove": "removed",
    "restore": "restored",
}
"""What an action is called once it is done."""


def after(action: Action, status: str, before: str | None, *, flags: int = 0) -> str | None:
    """Return the status after an action, None where the action makes no sense.

    Approving what is approved settles the reports of it. Restoring goes back to what was before the last decision.
    """
    if action == "restore":
        return (before or "pending") if status in _RESTORABLE else None
    from_, to = _AFTER[action]
    if action == "approve" and status == "approved" and flags:
        return "approved"
    return to if status in from_ else None


def queue_of(status: str, flags: int = 0) -> Queue | None:
    """Return the moderators' queue a comment stands in; what its author deleted stands in none."""
    match status:
        case "approved":
            return "flagged" if flags else "approved"
        case "pending":
            return "pending"
        case "spam":
            return "spam"
        case "rejected" | "removed":
            return "rejected"
        case _:
            return None


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of an author.

    Attributes:
        proven: they are signed in, so the record is theirs. Of a guest nothing good is known.
        approved, rejected: how many of theirs, sent signed in, stand so now.
        rejected_at: when something of theirs, sent signed in, was rejected last.
    """

    proven: bool
    staff: bool = False
    approved: int = 0
    rejected: int = 0
    rejected_at: datetime | None = None
    trusted: bool = False
    held: bool = False
    banned_until: datetime | None = None


def is_banned(author: Record, now: datetime) -> bool:
    """Tell whether somebody is banned at this moment."""
    return author.banned_until is not None and now < author.banned_until


def is_known(author: Record, now: datetime) -> bool:
    """Tell whether an author appears at once where the story's mode is ``first``."""
    if not author.proven or author.held:
        return False
    # A rejection that was undone is none.
    lately = author.rejected > 0 and author.rejected_at is not None and now - author.rejected_at < REJECTED_LATELY
    return author.trusted or (author.approved >= KNOWN_AFTER and not lately)


def on_arrival(mode: str, verdict: Verdict, author: Record, now: datetime) -> Status:
    """Return where a comment begins, once every check of it was made. Staff are never held."""
    if author.staff:
        return "approved"
    if is_banned(author, now) or verdict == "spam":
        return "spam"
    if verdict != "none" or author.held:
        return "pending"
    at_once = mode == "none" or (mode == "first" and is_known(author, now))
    return "approved" if at_once else "pending"


def is_open(open_: bool, created_at: datetime, close_after_days: int | None, now: datetime) -> bool:
    """Tell whether a story takes comments."""
    return open_ and (close_after_days is None or now < created_at + timedelta(days=close_after_days))


def may_change(status: str, created_at: datetime, now: datetime, *, invited: bool = False) -> bool:
    """Tell whether its author may edit or delete a comment.

    What a moderator put away looks to its author as if it still waited, so it can be changed like that, and learns
    nobody whether it was.
    """
    if status == "deleted":
        return False
    return status != "approved" or invited or now - created_at < EDITABLE_FOR


def path_below(parent_path: str | None, comment_id: str) -> str:
    """Return the path of a comment that answers another. Below the third level talk goes on at the third."""
    if parent_path is None:
        return comment_id
    above = parent_path.split("/")[: DEEPEST - 1]
    return "/".join([*above, comment_id])
