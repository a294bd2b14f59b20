"""Moderators' view: a card as JSON, and what its page needs beside it. Nothing is rendered: it was when written."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from comments import personal_data, screening, standing
from comments.model import Author, Comment, Flag, HistoryEntry
from comments.queues import Card

_REASONS = {
    "off_topic": "off topic",
    "offensive": "offensive",
    "personal_data": "personal data",
    "patient_identifiable": "may identify a patient",
    "promotional": "promotional",
    "spam": "spam",
    "duplicate": "said already",
    "other": "another reason",
}
REASONS: Mapping[str, str] = {reason: _REASONS[reason] for reason in standing.REASONS}
"""The contract's reasons, as moderators and authors read them."""

_EXCERPT = 160


def card_json(card: Card, now: datetime) -> dict[str, Any]:
    """Return a card as the contract has it."""
    one = card.comment
    return {
        "comment_id": one.comment_id,
        "version": int(one.version),
        "status": one.status,
        "queue": one.queue,
        "story": {"story_id": one.story_id, "title": card.story.title if card.story else one.story_id},
        "parent": comment_above(card.thread[-1]) if card.thread else None,
        "thread": [comment_above(above) for above in card.thread],
        "body": one.body,
        "html": one.html,
        "original_body": one.original_body,
        "author_name": one.author_name,
        "author_email": one.author_email,
        "is_member": bool(one.is_member),
        "author": author_json(card.author, one.person, now),
        "created_at": moment(one.created_at),
        "edited_at": moment(one.edited_at),
        "pinned": bool(one.pinned),
        "signals": list(one.signals),
        "links": links(one.body),
        "flags": [flag_json(flag) for flag in card.flags],
        "decided_by": one.decided_by_name,
        "decided_at": moment(one.decided_at),
        "reason": one.reason,
        "decisions": [history_json(entry) for entry in card.history if entry.what in DECIDED],
    }


DECIDED = frozenset({*standing.DONE.values()})


def comment_above(one: Comment) -> dict[str, Any]:
    """Return a comment that a card's comment answers."""
    return {
        "comment_id": one.comment_id,
        "author_name": one.author_name,
        "status": one.status,
        "html": one.html if one.status != "deleted" else "",
        "created_at": moment(one.created_at),
    }


def author_json(author: Author | None, person: str | None, now: datetime) -> dict[str, Any] | None:
    """Return an author's record; None where the comment is nobody's any more."""
    if person is None:
        return None
    if author is None:
        author = Author(f"author#{person}", "author")
    until = author.banned_until
    return {
        "person": person,
        "approved": int(author.approved),
        "rejected": int(author.rejected),
        "spam": int(author.spam),
        "trusted": bool(author.trusted),
        "held": bool(author.held),
        "banned_until": moment(until) if until and until > now else None,
        "notes": list(author.notes or []),
    }


def flag_json(flag: Flag) -> dict[str, Any]:
    """Return a reader's report."""
    return {"reason": flag.reason, "note": flag.note, "at": moment(flag.at)}


def history_json(entry: HistoryEntry) -> dict[str, Any]:
    """Return something that happened to a comment."""
    return {
        "at": moment(entry.at),
        "what": entry.what,
        "by": entry.by_name,
        "was": entry.was,
        "became": entry.became,
        "reason": entry.reason,
        "message": entry.message,
        "note": entry.note,
        "body": entry.body,
    }


def own_json(one: Comment) -> dict[str, Any]:
    """Return a comment in the list of what its author wrote."""
    excerpt = one.body if len(one.body) <= _EXCERPT else one.body[:_EXCERPT].rstrip() + "…"
    return {
        "comment_id": one.comment_id,
        "story_id": one.story_id,
        "status": one.status,
        "created_at": moment(one.created_at),
        "excerpt": excerpt,
    }


def whole_author_json(author: Author, written: Sequence[Comment], now: datetime) -> dict[str, Any]:
    """Return an author with what they wrote last; name and address are those of the last comment."""
    newest = written[0] if written else None
    return {
        **(author_json(author, author.person, now) or {}),
        "author_name": newest.author_name if newest else None,
        "author_email": newest.author_email if newest else None,
        "comments": [own_json(one) for one in written],
    }


def submitted_json(one: Comment) -> dict[str, Any]:
    """Return a comment's beginning as its history would have it: nothing is stored for it."""
    nothing = dict.fromkeys(("by", "was", "became", "reason", "message", "note", "body"))
    return {"at": moment(one.created_at), "what": "submitted", **nothing}


def settled_json(one: Comment) -> dict[str, Any]:
    """Return what became of a comment: enough for a card on somebody's screen to settle."""
    return {
        "comment_id": one.comment_id,
        "version": int(one.version),
        "status": one.status,
        "queue": one.queue,
        "decided_by": one.decided_by_name,
        "decided_at": moment(one.decided_at),
        "reason": one.reason,
    }


def links(body: str) -> list[dict[str, str]]:
    """Return the links of a text, spelled out: where each leads, and to whom."""
    spelled = [body[start:end].rstrip(".,;:!?") for start, end in personal_data.links(body)]
    return [{"url": link, "domain": screening.link_domain(link)} for link in dict.fromkeys(spelled)]


def marked(body: str, signals: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return a text in pieces, each with why it is marked, "" where it is not: what signals say, a span each.

    Spans of several signals may overlap; a piece then has the words of all of them.
    """
    spans = [
        (max(0, int(start)), min(len(body), int(end)), str(signal["message"]))
        for signal in signals
        for start, end in signal["spans"]
    ]
    edges = sorted({0, len(body), *(edge for start, end, _ in spans if start < end for edge in (start, end))})
    pieces = []
    for start, end in pairwise(edges):
        why = dict.fromkeys(message for from_, to, message in spans if from_ <= start and end <= to)
        pieces.append((body[start:end], "; ".join(why)))
    return pieces


def moment(at: datetime | None) -> str | None:
    """Return a time as the contract writes it."""
    return at.isoformat(timespec="seconds") if at else None
