"""Somebody is erased: what they wrote goes, what others answered stays, and what they write later is theirs anew."""

import json
from datetime import timedelta

import pytest

from comments import decide, on_erasure, query, rules
from comments.decide import Decision
from comments.model import Author, Comment, author_pk, comment_pk
from kernel.access import Actor
from kernel.person_key import person_key
from tests.service import Context, Service
from tests.unit.comments_samples import screened, sent_id, shown, write_story
from tests.unit.conftest import SECRET

IRIS = Actor("iris-key", "iris@example.org", "Iris", frozenset({"moderator"}))
ROBIN = person_key("robin1@people.example.org", SECRET.pepper)


@pytest.fixture(autouse=True)
def fresh_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "_read", {})


def approved(service: Service, number: int, **more: object) -> str:
    comment_id = sent_id(service, number, story_id="ward", **more)
    screened(service)
    version = int(Comment.get(comment_pk(comment_id), "comment").version)
    decide.decide(Decision(comment_id, version, "approve"), IRIS, now=service.clock.now)
    return comment_id


def erased(service: Service) -> None:
    detail = {"person": ROBIN, "requested_at": service.clock.now.isoformat(), "event_id": "x"}
    on_erasure.handler({"detail": detail}, Context())


def test_what_somebody_wrote_goes_and_what_others_answered_stays(service: Service) -> None:
    write_story(service)
    theirs = approved(service, 1)
    answer = approved(service, 2, parent_id=theirs)
    sent_id(service, 1, body="One that still waits.")
    Author(author_pk(ROBIN), banned_until=service.clock.now + timedelta(days=9), notes=[{"text": "Robin rang."}]).save()
    service.clock.advance(minutes=1)
    erased(service)
    assert [one["comment_id"] for one in shown(service)] == [answer]
    everything = json.dumps(service.items("comments"))
    for personal in ("robin1@", "Robin 1", "ward 1", "still waits", "Robin rang"):
        assert personal not in everything
    assert Author.get(author_pk(ROBIN), "author").banned_until, "being erased lifts no ban"
    assert query.written_by(ROBIN) == []
    before = service.items("comments")
    erased(service)
    assert service.items("comments") == before, "twice is once"


def test_what_somebody_writes_after_they_asked_is_theirs_anew(service: Service) -> None:
    write_story(service)
    asked = service.clock.now
    service.clock.advance(minutes=1)
    later = approved(service, 1)
    detail = {"person": ROBIN, "requested_at": asked.isoformat()}
    on_erasure.handler({"detail": detail}, Context())
    assert [one["comment_id"] for one in shown(service)] == [later]


def test_erasing_somebody_who_never_wrote_does_nothing(service: Service) -> None:
    before = service.items("comments")
    erased(service)
    assert service.items("comments") == before


def test_an_export_has_what_somebody_wrote_and_nothing_of_what_moderators_think(service: Service) -> None:
    write_story(service)
    comment_id = approved(service, 1)
    [one] = query.written_by(ROBIN)
    assert (one["comment_id"], one["author_email"], one["is_public"]) == (comment_id, "robin1@people.example.org", True)
    assert not {"signals", "reason", "note", "decided_by"} & one.keys()
