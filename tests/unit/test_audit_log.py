"""The audit log, read: newest first, a page at a time, about one thing, and as sentences."""

from datetime import timedelta

import pytest

from accounts import audit_log, told
from kernel import audit
from kernel.access import Actor
from kernel.audit import AuditEntry
from tests.service import ORGANISER, Answer, Service
from tests.unit.test_who_is_asking import sign_in

OLU = Actor("person-of-olu", "olu@example.org", "Olu", frozenset({"organiser"}))


def log(service: Service, action: str, *subjects: str, reason: str | None = None, **facts: object) -> None:
    for entry in audit.entries(OLU, action, *subjects, now=service.clock.now, reason=reason, facts=facts):
        entry.save()


def read(service: Service, **query: str) -> Answer:
    return service.send("GET", "/api/v1/organiser/audit", query=query, headers={"authorization": f"Bearer {ORGANISER}"})


def test_an_action_about_several_stands_once_in_the_list_of_all_and_once_under_each(service: Service) -> None:
    log(service, "registration.moved_up", "visit:ward", "person:ada", reason="She leads the tour", place=3)
    [entry] = read(service).json["items"]
    assert entry == {
        "entry_id": entry["entry_id"],
        "at": service.clock.now.isoformat(),
        "actor": "person-of-olu",
        "actor_name": "Olu",
        "action": "registration.moved_up",
        "subjects": ["visit:ward", "person:ada"],
        "facts": {"place": 3},
        "reason": "She leads the tour",
    }
    for subject in ("visit:ward", "person:ada"):
        assert read(service, subject=subject).json["items"] == [entry]
    assert read(service, subject="visit:other").json == {"items": [], "next": None}


def test_entries_come_newest_first_a_page_at_a_time_and_none_twice(service: Service) -> None:
    for number in range(5):
        log(service, "visit.changed", "visit:ward", number=number)
    for subject in ({}, {"subject": "visit:ward"}):
        seen: list[int] = []
        cursor: dict[str, str] = {}
        while True:
            page = read(service, limit="2", **subject, **cursor).json
            seen += [entry["facts"]["number"] for entry in page["items"]]
            if page["next"] is None:
                break
            cursor = {"cursor": page["next"]}
        assert seen == [4, 3, 2, 1, 0]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"limit": "²"}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"subject": "Visit:ward"}, "subject"),
        ({"subject": "visit:" + "x" * 300}, "subject"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(service: Service, query: dict[str, str], field: str) -> None:
    assert list(read(service, **query).errors) == [field]


def test_the_page_says_it_in_sentences(service: Service) -> None:
    service.visit("ward", title="The ward that went home")
    for row in list(AuditEntry.audit_by_time.query("yes")):
        row.delete()
    log(service, "visit.published", "visit:ward")
    service.clock.advance(minutes=3)
    page = service.send("GET", "/organise/audit", headers=sign_in(service, "organiser")).body
    link = '<a href="/organise/visits/ward">“The ward that went home”</a>'
    assert f"<strong>Olu</strong> published {link}, 3 minutes ago." in page


def test_a_page_about_one_thing_shows_nothing_else(service: Service) -> None:
    log(service, "visit.published", "visit:ward")
    log(service, "visit.shared", "visit:other")
    mine = sign_in(service, "organiser")
    page = service.send("GET", "/organise/audit", query={"subject": "visit:ward"}, headers=mine).body
    assert "published" in page
    assert "shared" not in page


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (7199, "1 hour ago"),
        (7200, "2 hours ago"),
        (86400, "1 day ago"),
        (-5, "just now"),
    ],
)
def test_how_long_ago_is_said_in_the_largest_unit(service: Service, seconds: int, said: str) -> None:
    now = service.clock.now
    assert told.ago(now - timedelta(seconds=seconds), now) == said


def test_an_action_nobody_has_words_for_is_said_all_the_same() -> None:
    assert audit_log.sentence("visit.painted_green") == ("painted green (visit) ", "")
