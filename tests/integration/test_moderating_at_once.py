"""Eight moderators decide the same hundred comments at once, on a DynamoDB that is right under concurrency.

The control takes the version out of the decision and must see two moderators win: else the test above it would prove
nothing.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from comments import decide, move, queues, standing
from comments.decide import Decision, Outcome
from comments.model import Author, Comment, PublicComment, Story, author_pk, comment_pk, story_pk
from comments.standing import Action
from infra.local.emulator import Emulator
from kernel.access import Actor
from kernel.audit import AuditEntry, audit_pk
from kernel.ids import uuid7
from tests import local_stacks, tables

NOW = datetime(2026, 10, 1, 9, tzinfo=UTC)
COMMENTS, MODERATORS = 100, 8
ACTIONS: tuple[Action, ...] = ("approve", "reject", "spam")


@pytest.fixture
def story_id(ministack: Emulator) -> Iterator[str]:
    """A story on MiniStack's tables."""
    story_id = f"story-{uuid4().hex[:8]}"
    with local_stacks.tables_on(ministack, tables.accounts()):
        if not Comment.exists():
            tables.make_comments()
        Story(
            story_pk(story_id),
            version=1,
            title="The ward",
            url="",
            summary="",
            body_markdown="",
            body_html="",
            open=True,
            mode="all",
            created_by="olu",
            created_at=NOW,
            changed_at=NOW,
        ).save()
        yield story_id


def arrived(story_id: str, number: int, person: str) -> str:
    """Store a comment that waits; return its id."""
    comment_id = str(uuid7())
    comment = Comment(
        comment_pk(comment_id),
        comment_id=comment_id,
        story_id=story_id,
        path=comment_id,
        person=person,
        author_name=f"Ada {number}",
        author_email="ada@people.example.org",
        is_member=False,
        body="Well done",
        html="<p>Well done</p>",
        status="pending",
        queue="pending",
        version=1,
        signals=[],
        created_at=NOW,
    )
    move.arrived(comment, at=NOW)
    return comment_id


def moderator(number: int) -> Actor:
    return Actor(f"moderator-{number}", f"m{number}@example.org", f"Moderator {number}", frozenset({"moderator"}))


def all_at_once(ids: list[str]) -> list[list[Outcome]]:
    """Have every moderator decide every comment, each in an order and to an end of their own; outcomes by moderator."""
    barrier = threading.Barrier(MODERATORS)

    def decide_all(number: int) -> list[Outcome]:
        barrier.wait()
        action = ACTIONS[number % len(ACTIONS)]
        begin = 0 if number < MODERATORS // 2 else number * len(ids) // MODERATORS
        return [
            decide.decide(Decision(uid, 1, action, reason="off_topic"), moderator(number), now=NOW)
            for uid in [*ids[begin:], *ids[:begin]]
        ]

    with ThreadPoolExecutor(MODERATORS) as pool:
        return list(pool.map(decide_all, range(MODERATORS)))


def test_each_comment_gets_one_decision_everybody_else_learns_whose_and_counters_agree(story_id: str) -> None:
    person = uuid4().hex
    before = queues.counts().queues
    ids = [arrived(story_id, number, person) for number in range(COMMENTS)]
    outcomes = all_at_once(ids)

    done = Counter(one.comment_id for mine in outcomes for one in mine if one.outcome == "done")
    assert done == dict.fromkeys(ids, 1), "each comment is decided once"
    assert sum(one.outcome == "conflict" for mine in outcomes for one in mine) == COMMENTS * (MODERATORS - 1)
    stored = {one.comment_id: one for one in Comment.batch_get([(comment_pk(uid), "comment") for uid in ids], True)}
    for one in (one for mine in outcomes for one in mine):
        is_now = stored[one.comment_id]
        assert (one.decided_by, one.status, one.version) == (is_now.decided_by_name, is_now.status, 2)

    statuses = Counter(one.status for one in stored.values())
    after = queues.counts().queues
    moved = {name: after[name] - before[name] for name in after}
    assert moved == {
        "pending": 0,
        "flagged": 0,
        **{standing.queue_of(status): statuses[status] for status in ("approved", "rejected", "spam")},
    }
    public = list(PublicComment.query(story_pk(story_id), PublicComment.sk.startswith("thread#"), consistent_read=True))
    assert len(public) == statuses["approved"]
    assert Story.get(story_pk(story_id), "story", consistent_read=True).comments == statuses["approved"]
    author = Author.get(author_pk(person), "author", consistent_read=True)
    assert {name: int(getattr(author, name)) for name in ("approved", "rejected", "spam")} == {
        name: statuses[name] for name in ("approved", "rejected", "spam")
    }
    for uid in ids[:10]:
        assert len(list(AuditEntry.query(audit_pk(f"comment:{uid}"), consistent_read=True))) == 1
    assert sum(bool([one for one in mine if one.outcome == "done"]) for mine in outcomes) > 1, "several took part"


def test_without_its_version_a_decision_would_be_made_twice(story_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    comment_id = arrived(story_id, 1, uuid4().hex)

    def heedless(decision: Decision, actor: Actor, *, now: datetime) -> Outcome:
        seen = decide.stored(decision.comment_id)
        assert seen is not None
        version = int(seen.version)
        return decide.decide(Decision(decision.comment_id, version, decision.action), actor, now=now)

    outcomes = [heedless(Decision(comment_id, 1, action), moderator(n), now=NOW) for n, action in enumerate(ACTIONS)]
    assert [one.outcome for one in outcomes] == ["done", "done", "done"]
