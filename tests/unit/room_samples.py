"""Samples of the moderators' pages, in each state they can be in."""

from typing import Any

from comments.card import REASONS, marked
from comments.room import BANS, KIND_WORDS, ZONE
from comments.screening import CODES, DEFAULT_RULES
from kernel.access import Actor
from tests.unit.visit_samples import SOMEBODYS

MONA = Actor("person-of-mona", "mona@example.org", "Mona Moderator", frozenset({"moderator"}))
EVERY: dict[str, Any] = {**SOMEBODYS, "actor": MONA, "zone": ZONE}
PERSON = "p" * 43

AUTHOR: dict[str, Any] = {
    "person": PERSON,
    "approved": 3,
    "rejected": 1,
    "spam": 2,
    "trusted": True,
    "held": True,
    "banned_until": "2026-12-24T09:00:00+00:00",
    "notes": [{"at": "2026-11-20T09:00:00+00:00", "by": "x", "by_name": "Noor", "text": "Kind on the\nphone"}],
}


def a_card(number: int, **changes: Any) -> dict[str, Any]:
    """A card as the contract has it, changed, with its text in pieces."""
    card: dict[str, Any] = {
        "comment_id": f"01932c07-0000-7000-8000-00000000000{number}",
        "version": 1,
        "status": "pending",
        "queue": "pending",
        "story": {"story_id": "ward", "title": "The ward that went home"},
        "parent": None,
        "thread": [],
        "body": "Well done, **all** of you.",
        "html": "<p>Well done, <strong>all</strong> of you.</p>",
        "original_body": None,
        "author_name": "Ada O’Neill",
        "author_email": "ada@example.org",
        "is_member": False,
        "author": {**AUTHOR, "trusted": False, "held": False, "banned_until": None, "spam": 0},
        "created_at": "2026-11-23T08:00:00+00:00",
        "edited_at": None,
        "pinned": False,
        "signals": [],
        "links": [],
        "flags": [],
        "decided_by": None,
        "decided_at": None,
        "reason": None,
        "decisions": [],
        **changes,
    }
    return card | {"marked": marked(card["body"], card["signals"])}


def happened(what: str, **more: Any) -> dict[str, Any]:
    """Something that happened to a comment."""
    nothing = dict.fromkeys(("by", "was", "became", "reason", "message", "note", "body"))
    return {**nothing, "at": "2026-11-23T08:30:00+00:00", "what": what, **more}


ABOVE = {
    "comment_id": "01932c07-0000-7000-8000-000000000099",
    "author_name": "Priya Raman",
    "status": "approved",
    "html": "<p>How did it <em>begin</em>?</p>",
    "created_at": "2026-11-22T08:00:00+00:00",
}
HELD = a_card(
    1,
    body="Ring me on 07700 900123, or see https://a.example/page",
    html='<p>Ring me on 07700 900123, or see <a href="https://a.example/page">it</a></p>',
    thread=[ABOVE, {**ABOVE, "status": "removed"}],
    parent=ABOVE,
    signals=[{"code": "phone_number", "message": "A phone number", "score": 1.0, "spans": [[11, 23]]}],
    links=[{"url": "https://a.example/page", "domain": "a.example"}],
    is_member=True,
    author=AUTHOR,
    edited_at="2026-11-23T08:10:00+00:00",
    original_body="Ring me",
)
REPORTED = a_card(
    2,
    status="approved",
    queue="flagged",
    flags=[{"reason": "personal_data", "note": "Names my mother", "at": "2026-11-23T08:20:00+00:00"}] * 2,
    decisions=[happened("approved", by="Noor", reason=None, note="Looked twice")],
)
GONE = a_card(3, status="rejected", queue="rejected", author=None, author_email=None)
NOBODYS: dict[str, Any] = {"values": {}, "errors": [], "token": ""}


def _room(**context: object) -> tuple[str, dict[str, Any]]:
    return "comments/room.html", {
        **EVERY,
        "counts": {"pending": 2, "flagged": 1, "spam": 0, "approved": 12, "rejected": 3},
        "waits": "3 hours",
        "late": False,
        "queue": "pending",
        "cards": [HELD, a_card(4)],
        "newest": "01932c07-0000-7000-8000-000000000004",
        "next_url": "/moderate?cursor=abc",
        "back": "/moderate?status=pending",
        "filters": {"q": "", "signal": "", "story": "", "order": ""},
        "signals": CODES,
        "reasons": REASONS,
        "kind_words": KIND_WORDS,
        "other_order": "newest",
        "one": False,
        "done": None,
        **context,
    }


def _comment(card: dict[str, Any], **context: object) -> tuple[str, dict[str, Any]]:
    return "comments/room_comment.html", {
        **EVERY,
        "card": card,
        "history": [
            happened("noted", by="Noor", note="Asked a colleague"),
            happened("rejected", by="Noor", reason="promotional", message="Please try again"),
            happened("edited", body="The text before"),
            happened("flagged", reason="off_topic"),
            happened("submitted"),
        ],
        "reasons": REASONS,
        "kind_words": KIND_WORDS,
        "form": {"values": {"body": card["body"]}, "errors": [], "token": ""},
        "notice": None,
        "back": "/moderate?status=pending",
        **context,
    }


def _author(author: dict[str, Any], **context: object) -> tuple[str, dict[str, Any]]:
    written = {
        "comment_id": HELD["comment_id"],
        "story_id": "ward",
        "status": "approved",
        "created_at": "2026-11-23T08:00:00+00:00",
        "excerpt": "Well done",
    }
    whole = {**author, "author_name": "Ada O’Neill", "author_email": "ada@example.org", "comments": [written]}
    return "comments/room_author.html", {
        **EVERY,
        "author": {**whole, **context},
        "form": NOBODYS,
        "notice": "That is settled.",
        "spans": BANS,
    }


_RULES: dict[str, Any] = {
    "link_limit": "2",
    "spam_from": "1.5",
    "version": "3",
    "hold_words": "casino*\ncheck out my channel",
    "refuse_words": "",
    "domains": "bad.example",
}
_TRIED: dict[str, Any] = {
    "looked_at": 1000,
    "since": "2026-10-01T08:00:00+00:00",
    "verdicts": {"none": 900, "hold": 80, "spam": 15, "refuse": 5},
    "rules": [
        {
            "code": "held_words",
            "message": "Words on the list to hold",
            "pattern": "casino*",
            "found": 12,
            "of_these_approved": 1,
            "examples": [HELD["comment_id"], REPORTED["comment_id"]],
        },
        {"code": "links", "message": "Many links", "pattern": None, "found": 1, "of_these_approved": 0, "examples": []},
    ],
}


def _rules(**context: Any) -> tuple[str, dict[str, Any]]:
    return "comments/room_rules.html", {
        **EVERY,
        "form": {"values": _RULES, "errors": [], "token": ""},
        "signals": CODES,
        "effects": DEFAULT_RULES.effects,
        "tried": None,
        "notice": None,
        **context,
    }


PAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "moderate": _room(),
    "moderate, one at a time, late": _room(one=True, waits="2 days", late=True),
    "moderate, just decided": _room(
        done={
            "words": "Approved: 2 comments.",
            "undo": [f"{HELD['comment_id']}:2"],
            "missed": ["Noor rejected the comment by Ada 2 minutes ago, so yours was not needed."],
        }
    ),
    "moderate, reported": _room(queue="flagged", cards=[REPORTED], next_url=None),
    "moderate, rejected": _room(queue="rejected", cards=[GONE], next_url=None),
    "moderate, nothing waits": _room(cards=[], newest="", waits=None, next_url=None),
    "moderate, narrowed": _room(
        cards=[], newest="", next_url=None, filters={"q": "<b>", "signal": "links", "story": "ward", "order": ""}
    ),
    "moderate, a comment": _comment(HELD, notice="The note is saved."),
    "moderate, a pinned comment": _comment(a_card(5, status="approved", queue="approved", pinned=True)),
    "moderate, a comment, with errors": _comment(
        GONE,
        form={"values": {"body": ""}, "errors": [{"field": "body", "message": "This is needed."}], "token": ""},
    ),
    "moderate, an author": _author(AUTHOR),
    "moderate, an author nobody knows": _author(
        {**AUTHOR, "trusted": False, "held": False, "banned_until": None, "notes": []},
        author_name=None,
        author_email=None,
        comments=[],
    ),
    "moderate, rules": _rules(),
    "moderate, rules, tried": _rules(tried=_TRIED, notice="The rules are saved."),
    "moderate, rules, nothing to try": _rules(tried={**_TRIED, "looked_at": 0, "rules": []}),
    "moderate, rules, with errors": _rules(
        form={
            "values": {**_RULES, "link_limit": "many"},
            "errors": [{"field": "link_limit", "message": "This must be a whole number."}],
            "token": "",
        }
    ),
}
