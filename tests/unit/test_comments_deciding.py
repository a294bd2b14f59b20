"""What moderators decide: one transaction each, on the version they saw, and everything that must agree does."""

import json
from datetime import timedelta

import pytest
from pynamodb.exceptions import TransactWriteError

from comments import decide, move, standing
from comments.decide import Decision, Outcome
from comments.model import Author, Comment, HistoryEntry, PublicComment, QueueCounts, Story, author_pk, comment_pk
from comments.standing import Action
from kernel.access import Actor
from kernel.audit import AuditEntry, audit_pk
from kernel.errors import ChangedMeanwhile, Conflict, NotFound
from kernel.ids import uuid7
from tests.service import Clock, Service

IRIS = Actor("iris-key", "iris@example.org", "Iris", frozenset({"moderator"}))
JONAS = Actor("jonas-key", "jonas@example.org", "Jonas", frozenset({"moderator"}))
AUTHOR = "a" * 43


@pytest.fixture
def story(service: Service, clock: Clock) -> Story:
    """A story without comments."""
    made = Story(
        "story#ward",
        version=1,
        title="The ward",
        url="",
        summary="",
        body_markdown="",
        body_html="",
        open=True,
        mode="first",
        created_by="olu",
        created_at=clock.now,
        changed_at=clock.now,
    )
    made.save()
    return made


def sent(clock: Clock, *, parent: Comment | None = None, is_member: bool = False, status: str = "pending") -> Comment:
    """Store a comment that waits."""
    comment_id = str(uuid7())
    comment = Comment(
        comment_pk(comment_id),
        comment_id=comment_id,
        story_id="ward",
        path=standing.path_below(parent.path if parent else None, comment_id),
        person=AUTHOR,
        author_name="Ada",
        author_email="ada@people.example.org",
        is_member=is_member,
        body="**Well** done",
        html="<p><strong>Well</strong> done</p>",
        status=status,
        queue=standing.queue_of(status),
        version=1,
        signals=[],
        created_at=clock.now,
    )
    move.arrived(comment, at=clock.now)
    return comment


def decided(
    comment: Comment, action: Action, actor: Actor = IRIS, *, version: int = 1, at: Clock, **more: str
) -> Outcome:
    return decide.decide(Decision(comment.comment_id, version, action, **more), actor, now=at.now)


def queues() -> dict[str, int]:
    """The counters of all shards."""
    total = dict.fromkeys(standing.QUEUES, 0)
    for shard in QueueCounts.query("counts"):
        for name in total:
            total[name] += int(getattr(shard, name))
    return {name: count for name, count in total.items() if count}


def public() -> list[dict[str, object]]:
    """What the public reads, in order."""
    return [json.loads(one.entry) for one in PublicComment.query("story#ward", PublicComment.sk.startswith("thread#"))]


def record() -> Author:
    return Author.get(author_pk(AUTHOR), "author")


def test_an_approved_comment_is_public_and_everything_counts_it(story: Story, clock: Clock) -> None:
    comment = sent(clock)
    assert (public(), queues()) == ([], {"pending": 1})
    outcome = decided(comment, "approve", at=clock)
    assert (outcome.outcome, outcome.version, outcome.decided_by, outcome.status) == ("done", 2, "Iris", "approved")
    [shown] = public()
    assert shown == {
        "comment_id": comment.comment_id,
        "parent_id": None,
        "author_name": "Ada",
        "is_member": False,
        "html": "<p><strong>Well</strong> done</p>",
        "created_at": clock.now.isoformat(),
        "edited_at": None,
        "pinned": False,
    }
    story.refresh()
    assert (story.comments, queues(), record().approved) == (1, {"approved": 1}, 1)
    assert record().members_approved == 0, "a guest's comment makes nobody known"


def test_the_second_of_two_decisions_is_a_conflict_that_says_who_decided_what(story: Story, clock: Clock) -> None:
    comment = sent(clock)
    decided(comment, "approve", at=clock)
    second = decided(comment, "reject", JONAS, reason="off_topic", at=clock)
    assert second == Outcome(comment.comment_id, "conflict", 2, "Iris", clock.now, "approved")
    assert (queues(), len(public())) == ({"approved": 1}, 1)


def test_a_decision_sent_twice_is_done_once(story: Story, clock: Clock) -> None:
    comment = sent(clock)
    first = decided(comment, "reject", reason="off_topic", at=clock)
    clock.advance(seconds=2)
    assert decided(comment, "reject", reason="off_topic", at=clock) == first
    assert queues() == {"rejected": 1}
    assert record().rejected == 1


@pytest.mark.parametrize("put_away", ["reject", "spam", "remove"])
def test_what_was_put_away_comes_back_as_it_was_for_ever(story: Story, clock: Clock, put_away: Action) -> None:
    comment = sent(clock)
    decided(comment, "approve", at=clock)
    decided(comment, put_away, version=2, at=clock)
    story.refresh()
    assert (public(), story.comments) == ([], 0)
    clock.advance(days=4000)
    restored = decided(comment, "restore", JONAS, version=3, at=clock)
    assert (restored.outcome, restored.status) == ("done", "approved")
    story.refresh()
    assert (len(public()), story.comments, queues()) == (1, 1, {"approved": 1})
    assert (record().approved, record().rejected, record().spam) == (1, 0, 0)


def test_undoing_an_approval_has_the_comment_wait_again(story: Story, clock: Clock) -> None:
    comment = sent(clock)
    decided(comment, "approve", at=clock)
    undone = decided(comment, "restore", version=2, at=clock)
    assert (undone.status, public(), queues()) == ("pending", [], {"pending": 1})


def test_a_thread_stays_together_and_goes_no_deeper_than_three(story: Story, clock: Clock) -> None:
    first = sent(clock)
    second = sent(clock)
    answer = sent(clock, parent=first)
    deeper = sent(clock, parent=answer)
    deepest = sent(clock, parent=deeper)
    for comment in (deepest, second, deeper, answer, first):
        decided(comment, "approve", at=clock)
    shown = [(one["comment_id"], one["parent_id"]) for one in public()]
    assert shown == [
        (first.comment_id, None),
        (answer.comment_id, first.comment_id),
        (deeper.comment_id, answer.comment_id),
        (deepest.comment_id, answer.comment_id),
        (second.comment_id, None),
    ]


def test_what_makes_no_sense_is_invalid_and_changes_nothing(story: Story, clock: Clock) -> None:
    comment = sent(clock)
    assert decided(comment, "restore", at=clock).outcome == "invalid"
    decided(comment, "approve", at=clock)
    assert decided(comment, "approve", version=2, at=clock).outcome == "invalid"
    assert decide.decide(Decision(str(uuid7()), 1, "approve"), IRIS, now=clock.now).outcome == "invalid"
    assert queues() == {"approved": 1}


def test_every_decision_stands_in_the_history_and_the_audit_log(story: Story, clock: Clock) -> None:
    comment = sent(clock)
    decided(comment, "reject", reason="off_topic", message_to_author="Try again", note="Third time", at=clock)
    history = list(HistoryEntry.query(comment_pk(comment.comment_id), HistoryEntry.sk.startswith("history#")))
    assert [one.what for one in history] == ["rejected"]
    told = history[0]
    assert (told.by, told.by_name, told.was, told.became) == ("iris-key", "Iris", "pending", "rejected")
    assert (told.reason, told.message, told.note) == ("off_topic", "Try again", "Third time")
    [entry] = AuditEntry.query(audit_pk(f"comment:{comment.comment_id}"))
    assert (entry.action, entry.actor) == ("comment.rejected", "iris-key")
    assert entry.facts == {"story_id": "ward", "version": 1, "was": "pending", "reason": "off_topic"}
    stored = decide.stored(comment.comment_id)
    assert stored is not None
    assert stored.invited


def test_the_author_changes_it_meanwhile_and_nobody_decides_on_what_they_did_not_see(
    story: Story, clock: Clock
) -> None:
    comment = sent(clock)
    assert move.made(move.Move(comment, {"body": "Else", "html": "<p>Else</p>"}, {"what": "edited"}, clock.now))
    assert decided(comment, "approve", at=clock).outcome == "conflict"
    assert not move.made(move.Move(comment, {"body": "Third"}, {"what": "edited"}, clock.now)), "an outdated move"


def test_a_crash_leaves_either_everything_or_nothing(story: Story, clock: Clock, service: Service) -> None:
    comment = sent(clock)
    before = service.items("comments")

    def strike(index: int, operation: str, when: str) -> None:
        if operation == "TransactWriteItems" and when == "before":
            raise RuntimeError("the machine is gone")

    service.dynamodb.strike = strike
    with pytest.raises(RuntimeError):
        decided(comment, "approve", at=clock)
    service.dynamodb.strike = None
    assert service.items("comments") == before


def test_a_pinned_comment_stands_above_until_it_is_unpinned_or_taken_down(story: Story, clock: Clock) -> None:
    comment = sent(clock)
    with pytest.raises(Conflict):
        decide.pin(comment.comment_id, True, IRIS, now=clock.now)
    decided(comment, "approve", at=clock)
    assert decide.pin(comment.comment_id, True, IRIS, now=clock.now).pinned
    above = PublicComment.sk.startswith("story#pinned#")
    assert [one.sk for one in PublicComment.query("story#ward", above)] == [f"story#pinned#{comment.comment_id}"]
    assert public()[0]["pinned"] is True
    decided(comment, "remove", version=2, at=clock)
    story.refresh()
    assert (list(PublicComment.query("story#ward", above)), story.pinned, public()) == ([], 0, [])


def test_a_story_pins_three_comments_and_no_more(story: Story, clock: Clock) -> None:
    comments = [sent(clock) for _ in range(4)]
    for comment in comments:
        decided(comment, "approve", at=clock)
    for comment in comments[:3]:
        decide.pin(comment.comment_id, True, IRIS, now=clock.now)
    with pytest.raises(Conflict):
        decide.pin(comments[3].comment_id, True, IRIS, now=clock.now)
    decide.pin(comments[0].comment_id, False, IRIS, now=clock.now)
    decide.pin(comments[3].comment_id, True, IRIS, now=clock.now)
    story.refresh()
    assert story.pinned == 3


def test_a_moderators_edit_keeps_the_original_and_shows_at_once(story: Story, clock: Clock) -> None:
    comment = sent(clock)
    decided(comment, "approve", at=clock)
    clock.advance(minutes=1)
    edited = decide.edit(comment.comment_id, 2, "Mild", "<p>Mild</p>", IRIS, signals=[], now=clock.now)
    assert (edited.body, edited.original_body, edited.version) == ("Mild", "**Well** done", 3)
    assert public()[0]["html"] == "<p>Mild</p>"
    assert public()[0]["edited_at"] == clock.now.isoformat()
    with pytest.raises(ChangedMeanwhile):
        decide.edit(comment.comment_id, 2, "Milder", "<p>Milder</p>", JONAS, signals=[], now=clock.now)
    with pytest.raises(NotFound):
        decide.edit(str(uuid7()), 1, "x", "<p>x</p>", JONAS, signals=[], now=clock.now)


def test_approving_a_reported_comment_settles_the_reports(story: Story, clock: Clock) -> None:
    comment = sent(clock)
    decided(comment, "approve", at=clock)
    approved = decide.stored(comment.comment_id)
    assert approved is not None
    assert move.made(move.Move(approved, {"flags": 1}, {"what": "flagged"}, clock.now, versioned=False))
    assert queues() == {"flagged": 1}
    assert decided(comment, "approve", version=2, at=clock).outcome == "done"
    assert queues() == {"approved": 1}


def test_a_decision_is_tried_again_where_only_a_report_came_between(
    story: Story, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    comment = sent(clock)
    decided(comment, "approve", at=clock)
    calls: list[move.Move] = []

    def slow(wanted: move.Move) -> bool:
        if not calls:
            calls.append(wanted)
            seen = decide.stored(comment.comment_id)
            assert seen is not None
            assert move.made(move.Move(seen, {"flags": 1}, {"what": "flagged"}, clock.now, versioned=False))
        return move.made(wanted)

    monkeypatch.setattr("comments.decide.made", slow)
    assert decided(comment, "spam", version=2, at=clock).outcome == "done"
    assert queues() == {"spam": 1}


def test_without_its_story_a_comment_goes_nowhere(story: Story, clock: Clock) -> None:
    comment = sent(clock)
    story.delete()
    fresh = decide.stored(comment.comment_id)
    assert fresh is not None
    # The story's condition refuses: the comment stays what it was, and no public copy is left behind.
    assert not move.made(move.Move(fresh, {"status": "approved"}, {"what": "approved"}, clock.now))
    assert public() == []
    with pytest.raises(TransactWriteError):
        move.arrived(comment, at=clock.now)  # no second comment under an id


def test_known_is_who_was_approved_signed_in_and_not_rejected_lately(clock: Clock) -> None:
    now = clock.now
    known = standing.Record(proven=True, approved=1)
    assert standing.is_known(known, now)
    assert not standing.is_known(standing.Record(proven=False, approved=9), now), "anybody can type an address"
    assert not standing.is_known(standing.Record(proven=True), now)
    recent = standing.Record(proven=True, approved=5, rejected=1, rejected_at=now - timedelta(days=2))
    assert not standing.is_known(recent, now)
    assert standing.is_known(standing.Record(proven=True, approved=5, rejected=0, rejected_at=now), now), "undone"
    assert standing.is_known(standing.Record(proven=True, trusted=True), now)
    assert not standing.is_known(standing.Record(proven=True, approved=5, held=True), now)


@pytest.mark.parametrize(
    ("mode", "verdict", "record", "begins"),
    [
        ("all", "none", standing.Record(proven=True, approved=9), "pending"),
        ("first", "none", standing.Record(proven=True, approved=9), "approved"),
        ("first", "hold", standing.Record(proven=True, approved=9), "pending"),
        ("first", "none", standing.Record(proven=False), "pending"),
        ("none", "none", standing.Record(proven=False), "approved"),
        ("none", "hold", standing.Record(proven=False), "pending"),
        ("none", "spam", standing.Record(proven=False), "spam"),
        ("none", "none", standing.Record(proven=False, held=True), "pending"),
        ("all", "hold", standing.Record(proven=True, staff=True), "approved"),
    ],
)
def test_where_a_comment_begins(
    mode: str, verdict: standing.Verdict, record: standing.Record, begins: str, clock: Clock
) -> None:
    assert standing.on_arrival(mode, verdict, record, clock.now) == begins


def test_a_ban_ends_when_it_says(clock: Clock) -> None:
    banned = standing.Record(proven=False, banned_until=clock.now + timedelta(days=1))
    assert standing.on_arrival("none", "none", banned, clock.now) == "spam"
    assert standing.on_arrival("none", "none", banned, clock.now + timedelta(days=1)) == "approved"
