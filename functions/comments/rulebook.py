"""Moderators' rules: written with what they read, and tried out on the comments of lately before they are."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from pynamodb.exceptions import TransactWriteError
from pynamodb.transactions import TransactWrite

from comments import patterns, queues, screening
from comments.model import Comment, RulesRecord
from comments.screening import EFFECTS, Effect, Rules, Signal, Submission
from kernel import audit
from kernel.access import Actor
from kernel.errors import ChangedMeanwhile
from kernel.table import past_conflicts, refused

LOOKED_AT = 1_000
"""Comments a dry run looks at, the newest."""

LONGEST_SECONDS = 18.0
"""A dry run stops looking after so long, and says how far it came: a request ends after 29 s."""

_MOST_EXAMPLES = 5

type Json = dict[str, Any]  # the contract's documents: shapes are in `comments.moderating`


def rules_json(rules: Rules, version: int) -> Json:
    """Return the rules as the contract has them."""
    document = asdict(rules) | {"effects": {**dict.fromkeys(screening.CODES, "hold"), **rules.effects}}
    lists = {name: list(value) for name, value in document.items() if isinstance(value, tuple)}
    return {**document, **lists, "version": version}


def rules_of(written: Mapping[str, Any]) -> Rules:
    """Return rules from fields of `Rules` as JSON has them."""
    given: Any = {name: tuple(value) if isinstance(value, list) else value for name, value in written.items()}
    return Rules(**given)


def write(written: Mapping[str, Any], version: int, actor: Actor, *, now: datetime) -> None:
    """Store the rules; ``version`` is the one that was read, 0 where there was none.

    Raises:
        ChangedMeanwhile: somebody else has written them since.
    """
    record = RulesRecord("settings", "rules", rules=dict(written), version=version + 1, changed_at=now)
    condition = RulesRecord.version == version if version else RulesRecord.pk.does_not_exist()
    facts = {"version": version + 1, **{name: len(written[name]) for name in ("hold_words", "refuse_words", "domains")}}
    entries = audit.entries(actor, "comment_rules.changed", "settings", now=now, facts=facts)

    def together() -> None:
        with TransactWrite(connection=RulesRecord.connection()) as transaction:
            transaction.save(record, condition=condition)
            audit.write(transaction, entries)

    try:
        past_conflicts(together)
    except TransactWriteError as error:
        if refused(error):
            raise ChangedMeanwhile from error
        raise


@dataclass
class Found:
    """What one rule would have found: how often, how many of these are public now, and the first few."""

    code: str
    message: str
    pattern: str | None
    comment_ids: list[str] = field(default_factory=list)
    approved: int = 0


@dataclass
class Tried:
    """What rules would have done to the comments of lately."""

    looked_at: int = 0
    since: datetime | None = None
    verdicts: dict[Effect, int] = field(default_factory=lambda: dict.fromkeys(EFFECTS, 0))
    found: dict[tuple[str, str | None], Found] = field(default_factory=dict)


def tried(rules: Rules, *, seconds: Callable[[], float] = time.monotonic) -> Tried:
    """Try rules out on the newest comments: what they do to the text, not what only the moment of sending tells."""
    began, tried_ = seconds(), Tried()
    for comment in queues.newest(LOOKED_AT):
        if seconds() - began > LONGEST_SECONDS:
            break
        signals = screening.screen(_sent(comment), rules)
        tried_.looked_at += 1
        tried_.since = comment.created_at
        tried_.verdicts[screening.verdict(signals, rules)] += 1
        for signal in signals:
            for pattern in _patterns(signal, comment, rules):
                _note(tried_, signal, pattern, comment)
    return tried_


def tried_json(tried_: Tried) -> Json:
    """Return what came of a dry run as the contract has it, what was found most first."""
    found = sorted(tried_.found.values(), key=lambda one: -len(one.comment_ids))
    return {
        "looked_at": tried_.looked_at,
        "since": tried_.since.isoformat(timespec="seconds") if tried_.since else None,
        "verdicts": dict(tried_.verdicts),
        "rules": [
            {
                "code": one.code,
                "message": one.message,
                "pattern": one.pattern,
                "found": len(one.comment_ids),
                "of_these_approved": one.approved,
                "examples": one.comment_ids[:_MOST_EXAMPLES],
            }
            for one in found
        ],
    }


def _sent(comment: Comment) -> Submission:
    domain = (comment.author_email or "").rpartition("@")[2].casefold()
    return Submission(comment.body, comment.author_name, domain, None, False)


def _patterns(signal: Signal, comment: Comment, rules: Rules) -> list[str | None]:
    """Return which patterns of a list a signal comes from; of another signal it is no pattern."""
    listed = {"held_words": rules.hold_words, "refused_words": rules.refuse_words}.get(signal.code)
    if listed is None:
        return [None]
    text_words = patterns.words(f"{comment.author_name}\n{comment.body}")
    return list(dict.fromkeys(pattern for pattern, _, _ in patterns.matches(text_words, listed)))


def _note(tried_: Tried, signal: Signal, pattern: str | None, comment: Comment) -> None:
    key = signal.code, pattern
    found = tried_.found.setdefault(key, Found(signal.code, screening.CODES[signal.code], pattern))
    found.comment_ids.append(comment.comment_id)
    found.approved += comment.status == "approved"
