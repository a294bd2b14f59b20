"""Emails around moderating: kind words to authors, which a decision taken back stops, and reminders once a day."""

import json
import subprocess
import sys
from typing import Any

import pytest

from comments import moderators, query, rules, watch
from comments.happened import happened
from comments.model import AuthorMessage, Reminder
from followups import moderation
from followups.letters import Skip
from followups.message import Letter
from followups.moderation_letters import Comments, ModerationLetters
from kernel.site import Site
from tests.events_seen import change_of
from tests.service import Context, Service
from tests.unit.comments_samples import screened, sent_id, write_story
from tests.unit.test_moderating import ROBIN, Moderator

KEYS = ("a key for tests",)


@pytest.fixture
def mona(service: Service, monkeypatch: pytest.MonkeyPatch) -> Moderator:
    monkeypatch.setattr(rules, "_read", {})
    monkeypatch.setattr(moderators, "_noted", {})
    write_story(service)
    return Moderator(service, "Mona")


def letters() -> ModerationLetters:
    comments = Comments(
        message=query.message,
        edit_link=lambda comment_id, now: query.edit_link(
            comment_id, now=now, base_url="https://visits.example.org", keys=KEYS
        ),
        moderators=query.moderators_lately,
        waiting=query.waiting,
    )
    sender = "Open Doors <hello@visits.example.org>"
    return ModerationLetters(comments, "https://visits.example.org", sender, Site("Open Doors"))


def said(service: Service, name: str) -> list[dict[str, Any]]:
    """The events of that name in what the stream has recorded since it was last looked at."""
    events = [event for record in service.dynamodb.taken() for event in happened(change_of(record))]
    return [dict(event.detail) for event in events if event.name == name]


def written(service: Service, name: str) -> list[Letter | Skip]:
    """What the events of that name come to, as they are sent now."""
    now = service.clock.now
    identities = [
        identity
        for detail in said(service, name)
        for identity in moderation.planned(name, detail, query.moderators_lately(now))
    ]
    assert len({one.delivery_id for one in identities}) == len(identities)
    return [letters().letter(identity, now) for identity in identities]


def test_a_rejection_with_a_message_tells_the_author_why_and_how_to_try_again(
    service: Service, mona: Moderator
) -> None:
    comment_id = sent_id(service, 1, body="The <b>best</b> ward & more")
    screened(service)
    mona.act(comment_id, "reject", message_to_author="Could you say it\nwithout the name?", reason="personal_data")
    [letter] = written(service, "author.messaged")
    assert isinstance(letter, Letter)
    assert (letter.to_email, letter.to_name) == ("robin1@people.example.org", "Robin 1")
    assert letter.subject == "About your comment on “The ward that went home”"
    assert "Could you say it\nwithout the name?" in letter.text
    assert "The <b>best</b> ward & more" in letter.text
    assert "https://visits.example.org/comments/" in letter.text
    assert "<b>best</b>" not in letter.html
    assert "&lt;b&gt;best&lt;/b&gt; ward &amp; more" in letter.html


def test_rejecting_without_a_message_writes_to_nobody(service: Service, mona: Moderator) -> None:
    comment_id = sent_id(service, 1)
    screened(service)
    mona.act(comment_id, "reject")
    assert said(service, "author.messaged") == []


def test_a_decision_taken_back_stops_its_message(service: Service, mona: Moderator) -> None:
    comment_id = sent_id(service, 1)
    screened(service)
    mona.act(comment_id, "reject", message_to_author="Try again?")
    mona.act(comment_id, "restore", version=2)
    assert written(service, "author.messaged") == [Skip("the decision was taken back, or the comment changed since")]


def test_the_message_is_there_exactly_if_the_rejection_is(service: Service, mona: Moderator) -> None:
    comment_id = sent_id(service, 1)
    screened(service)
    mona.act(comment_id, "approve")
    late = mona.act(comment_id, "reject", message_to_author="Try again?")
    assert late["outcome"] == "conflict"
    assert said(service, "author.messaged") == []


def test_moderators_can_write_to_an_author_and_the_words_are_in_no_log_or_event(
    service: Service, mona: Moderator
) -> None:
    sent_id(service, 1)
    service.dynamodb.taken()
    answer = mona.ask("POST", f"/authors/{ROBIN}", {"message": "Thank you for all of it."})
    assert answer.status == 200
    audited = [item for item in service.items("accounts") if item["pk"]["S"] == f"audit#person:{ROBIN}"]
    assert [item["action"]["S"] for item in audited] == ["author.written_to"]
    assert "Thank you" not in json.dumps(audited)
    [letter] = written(service, "author.messaged")
    assert isinstance(letter, Letter)
    assert (letter.subject, "Thank you for all of it." in letter.text) == ("A word from the moderators", True)


def test_a_message_that_is_gone_is_not_sent(service: Service, mona: Moderator) -> None:
    sent_id(service, 1)
    service.dynamodb.taken()
    mona.ask("POST", f"/authors/{ROBIN}", {"message": "Thank you."})
    [detail] = said(service, "author.messaged")
    [identity] = moderation.planned("author.messaged", detail, ())
    AuthorMessage.get(f"author#{ROBIN}", f"message#{detail['message_id']}").delete()
    assert letters().letter(identity, service.clock.now) == Skip("the message is gone")


# --- reminders


def test_moderators_are_reminded_once_a_day_of_what_waits_for_too_long(service: Service, mona: Moderator) -> None:
    mona.act(sent_id(service, 1), "approve")
    sent_id(service, 2)
    service.clock.advance(hours=23)
    watch.handler({}, Context())
    assert said(service, "comments.waiting") == []
    service.clock.advance(hours=2)
    for _ in range(3):
        watch.handler({}, Context())
    [letter] = written(service, "comments.waiting")
    assert isinstance(letter, Letter)
    assert (letter.to_email, letter.subject) == ("mona@members.example.org", "A comment waits for a moderator")
    assert "the oldest for 25 hours" in letter.text
    service.clock.advance(days=1)
    watch.handler({}, Context())
    assert len(said(service, "comments.waiting")) == 1
    assert len(list(Reminder.query("reminders"))) == 2


def test_a_reminder_is_not_sent_once_nothing_waits_for_too_long(service: Service, mona: Moderator) -> None:
    mona.act(sent_id(service, 1), "approve")
    late = sent_id(service, 2)
    service.clock.advance(hours=25)
    watch.handler({}, Context())
    mona.act(late, "approve")
    assert written(service, "comments.waiting") == [Skip("nothing waits for too long any more")]


def test_whoever_has_not_moderated_for_long_is_not_reminded(
    service: Service, mona: Moderator, monkeypatch: pytest.MonkeyPatch
) -> None:
    mona.act(sent_id(service, 1), "approve")
    assert [one.email for one in query.moderators_lately(service.clock.now)] == ["mona@members.example.org"]
    service.clock.advance(days=91)
    assert query.moderators_lately(service.clock.now) == []


def test_how_long_the_oldest_waits_is_measured(
    service: Service, mona: Moderator, capsys: pytest.CaptureFixture[str]
) -> None:
    sent_id(service, 1)
    service.clock.advance(hours=1)
    capsys.readouterr()
    watch.handler({}, Context())
    figures = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert [one["OldestCommentWaits"] for one in figures if "OldestCommentWaits" in one] == [[3600.0]]


def test_what_followups_read_of_comments_needs_nothing_but_the_comments_table() -> None:
    # Imported late, so that no other test of what is deployed would notice.
    code = "import comments.query"
    env = {"PYTHONPATH": "functions", "COMMENTS_TABLE": "comments"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr
