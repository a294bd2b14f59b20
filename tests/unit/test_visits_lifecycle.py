"""What organisers do to a visit people have heard of: take it back, move it, call it off, clone, share, write."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from kernel.audit import AuditEntry, audit_pk
from tests.service import Answer, Service
from tests.unit.conftest import give_token
from visits import clone, edit, questions
from visits.model import Counters, Message

MOVED = {"starts_at": "2026-11-10T14:00:00Z", "ends_at": "2026-11-10T16:00:00Z"}


def act(service: Service, action: str, document: object = None, visit_id: str = "ward") -> Answer:
    return service.organise("POST", f"/visits/{visit_id}/{action}", {} if document is None else document)


def audited(subject: str = "visit:ward") -> list[tuple[str, dict[str, Any]]]:
    """What the audit log has about a visit, oldest first."""
    return [(one.action, one.facts) for one in AuditEntry.query(audit_pk(subject))]


def changed(before: Any, after: Any) -> set[str]:
    return {key for key in after if after[key] != before[key]}


# --- taking back


def test_a_published_visit_nobody_registered_for_becomes_a_draft_again(service: Service) -> None:
    service.visit()
    taken = act(service, "unpublish")
    assert (taken.status, taken.json["status"], taken.headers["ETag"]) == (200, "draft", '"3"')
    assert service.api("GET", "/visits").json["items"] == []
    assert service.api("GET", "/visits/ward").status == 404
    assert service.register(1).status == 404
    assert act(service, "unpublish").headers["ETag"] == '"3"', "once more changes nothing"
    assert act(service, "publish").json["status"] == "published"
    assert service.register(1).json["status"] == "confirmed"


@pytest.mark.parametrize("leaves", [False, True])
def test_it_cannot_be_taken_back_once_anybody_registered_even_if_they_left(service: Service, leaves: bool) -> None:
    service.visit()
    service.register(1)
    if leaves:
        service.api("DELETE", f"/registrations/{service.link(1)}")
    before = service.items()
    refused = act(service, "unpublish")
    assert refused.status == 409
    assert "Cancel it instead" in refused.problem["detail"]
    assert service.items() == before


def test_somebody_who_registers_in_the_very_moment_stops_it(service: Service) -> None:
    service.visit()
    came: list[int] = []

    def strike(index: int, operation: str, when: str) -> None:
        if operation == "TransactWriteItems" and when == "before" and not came:
            came.append(index)
            service.register(1)

    service.dynamodb.strike = strike
    assert act(service, "unpublish").status == 409
    service.dynamodb.strike = None
    assert came
    assert (service.statuses(), service.details().status) == (["confirmed"], "published")


# --- calling off


def test_a_cancelled_visit_says_so_everywhere_and_takes_nobody_more(service: Service) -> None:
    service.visit(capacity=1)
    service.register(1)
    service.register(2)
    answer = act(service, "cancel", {"message": "The ward is closed."})
    assert (answer.status, answer.json["status"], answer.json["sequence"]) == (200, "cancelled", 1)
    shown = service.api("GET", "/visits/ward").json
    assert (shown["status"], shown["registration"]) == ("cancelled", "cancelled")
    assert [one["status"] for one in service.api("GET", "/visits").json["items"]] == ["cancelled"]
    assert "STATUS:CANCELLED" in service.get("/visits/ward/calendar.ics").body
    assert "STATUS:CANCELLED" in service.get("/calendar.ics").body
    assert "cancelled" in service.get("/visits.atom").body.lower()
    refused = service.register(3)
    assert (refused.status, refused.problem["type"]) == (409, "/problems/registration-closed")
    service.api("DELETE", f"/registrations/{service.link(1)}")
    service.run_line()
    service.sweep(times=2)
    assert service.statuses() == ["cancelled", "waiting"], "places stay as they are, and nobody is admitted"


def test_calling_off_twice_is_calling_off_once(service: Service) -> None:
    service.visit()
    first = act(service, "cancel", {"message": "Sorry."})
    before = service.items()
    again = act(service, "cancel", {"message": "Sorry again."})
    assert (again.status, again.headers["ETag"]) == (200, first.headers["ETag"])
    assert service.items() == before
    assert [action for action, _ in audited()].count("visit.cancelled") == 1


def test_a_draft_and_a_visit_that_is_over_cannot_be_called_off_or_moved(service: Service) -> None:
    service.visit("draft", publish=False)
    service.visit()
    service.clock.advance(days=31)
    for visit_id in ("draft", "ward"):
        assert act(service, "cancel", {"message": ""}, visit_id).status == 409
        later = {"starts_at": "2027-01-10T14:00:00Z", "ends_at": "2027-01-10T16:00:00Z"}
        assert act(service, "reschedule", later, visit_id).status == 409


@pytest.mark.parametrize("action", ["unpublish", "cancel", "share", "messages", "reschedule", "clone"])
def test_what_is_done_to_an_unknown_visit_is_not_found(service: Service, action: str) -> None:
    bodies: dict[str, dict[str, object]] = {
        "reschedule": {**MOVED},
        "clone": {"starts_at": MOVED["starts_at"]},
        "share": {"recording_url": "https://video.example.org/1"},
        "messages": {"subject": "Hello", "body_markdown": "Hello", "to": ["confirmed"]},
    }
    assert act(service, action, bodies.get(action)).status == 404


# --- moving


def test_a_moved_visit_keeps_its_places_and_says_its_new_time_and_sequence(service: Service) -> None:
    service.visit(capacity=1)
    service.register(1)
    service.register(2)
    before = service.api("GET", "/visits/ward").json
    answer = act(service, "reschedule", {**MOVED, "message": "The team is away that week."})
    assert answer.status == 200
    after = service.api("GET", "/visits/ward").json
    assert changed(before, after) == {"starts_at", "ends_at", "sessions", "sequence", "registration_closes_at"}
    assert (after["starts_at"], after["sequence"]) == ("2026-11-10T14:00:00+00:00", 1)
    assert after["registration_closes_at"] == after["starts_at"]
    assert service.statuses() == ["confirmed", "waiting"]
    assert "SEQUENCE:1" in service.get("/visits/ward/calendar.ics").body
    act(service, "reschedule", {"starts_at": "2026-11-11T14:00:00Z", "ends_at": "2026-11-11T16:00:00Z"})
    assert service.api("GET", "/visits/ward").json["sequence"] == 2
    [notice] = [one for one in _messages() if one.message_id == service.details().notice]
    assert notice.moved_from["starts_at"].startswith("2026-11-10T14:00")


def _messages() -> list[Message]:
    return list(Message.query("visit#ward", Message.sk.startswith("message#")))


def test_moving_to_the_same_times_moves_nothing(service: Service) -> None:
    service.visit()
    act(service, "reschedule", MOVED)
    before = service.items()
    assert act(service, "reschedule", MOVED).headers["ETag"] == '"3"'
    assert service.items() == before


@pytest.mark.parametrize(
    ("closes", "expected"),
    [("2026-09-20T09:00:00Z", "2026-09-20T10:00:00+01:00"), ("2026-09-30T09:00:00Z", "2026-09-25T10:00:00+01:00")],
)
def test_registration_never_closes_after_the_new_start(service: Service, closes: str, expected: str) -> None:
    service.visit(registration_closes_at=closes)
    earlier = {"starts_at": "2026-09-25T09:00:00Z", "ends_at": "2026-09-25T11:00:00Z"}
    assert act(service, "reschedule", earlier).json["registration_closes_at"] == expected


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"starts_at": "2026-08-01T09:00:00Z", "ends_at": "2026-12-01T10:00:00Z"}, "starts_at"),
        ({"starts_at": "2026-12-01T09:00:00Z", "ends_at": "2026-12-01T09:00:00Z"}, "ends_at"),
        ({"starts_at": "2026-12-01T09:00:00Z", "ends_at": "2027-12-01T09:00:00Z"}, "ends_at"),
        ({"starts_at": "2026-12-01T09:00:00Z"}, "ends_at"),
        ({"starts_at": "soon", "ends_at": "2026-12-01T09:00:00Z"}, "starts_at"),
        ({**MOVED, "sessions": []}, "sessions"),
        ({**MOVED, "timezone": "Europe/Paris"}, "timezone"),
        ({**MOVED, "message": "x" * 5001}, "message"),
        ({"starts_at": "2026-09-10T09:00:00Z", "ends_at": "2026-09-10T10:00:00Z"}, "starts_at"),
    ],
)
def test_times_that_cannot_be_name_their_field_and_move_nothing(
    service: Service, document: dict[str, object], field: str
) -> None:
    service.visit(registration_opens_at="2026-09-15T09:00:00Z")
    before = service.items()
    assert field in act(service, "reschedule", document).errors
    assert service.items() == before


def test_who_waits_at_a_visit_that_has_begun_is_admitted_once_it_is_moved(service: Service) -> None:
    service.visit(capacity=1)
    service.register(1)
    service.register(2)
    service.clock.advance(days=30, minutes=5)
    service.api("DELETE", f"/registrations/{service.link(1)}")
    service.run_line()
    assert service.statuses() == ["cancelled", "waiting"]
    assert act(service, "reschedule", MOVED).status == 200
    assert service.statuses() == ["cancelled", "confirmed"]


def test_a_move_is_not_lost_to_a_change_at_the_same_time(service: Service) -> None:
    service.visit()
    struck: list[int] = []

    def strike(index: int, operation: str, when: str) -> None:
        if operation == "TransactWriteItems" and when == "before" and not struck:
            struck.append(index)
            service.organise("PATCH", "/visits/ward", {"venue": "Room 4"}, if_match='"2"')

    service.dynamodb.strike = strike
    assert act(service, "reschedule", MOVED).status == 200
    service.dynamodb.strike = None
    shown = service.organise("GET", "/visits/ward").json
    assert (shown["venue"], shown["starts_at"], shown["version"]) == ("Room 4", "2026-11-10T14:00:00+00:00", 4)


# --- cloning


def test_a_clone_has_everything_but_people_and_belongs_to_its_cloner(service: Service) -> None:
    give_token("colleague", service.clock, email="colleague@example.org")
    question = {"question_id": "why", "label": "Why?", "kind": "text"}
    service.visit(questions=[question], venue="Room 4", room_url="https://room.example.org/1", summary="All of it.")
    service.register(1, answers={"why": "To learn"})
    act(service, "share", {"recording_url": "https://video.example.org/1"})
    source = service.organise("GET", "/visits/ward").json
    body = {"visit_id": "again", "starts_at": "2026-12-01T14:00:00Z"}
    answer = service.organise("POST", "/visits/ward/clone", body, authorization="Bearer colleague")
    assert (answer.status, answer.headers["Location"]) == (201, "/api/v1/organiser/visits/again")
    made = answer.json
    assert (made["status"], made["version"], made["sequence"]) == ("draft", 1, 0)
    assert made["organisers"] == ["colleague@example.org", "organiser@example.org"]
    assert (made["starts_at"], made["ends_at"]) == ("2026-12-01T14:00:00+00:00", "2026-12-01T16:00:00+00:00")
    assert changed(source, made) == {
        "visit_id", "starts_at", "ends_at", "sessions", "registration_closes_at", "seats_left", "recording_url",
        "registration", "status", "version", "organisers",
    }  # fmt: skip
    assert service.organise("GET", "/visits/again/registrations").json["items"] == []
    assert service.organise("GET", "/visits/ward").json == source
    assert audited("visit:again") == [("visit.cloned", {"from": "ward"})]


def test_a_clone_gets_an_id_from_its_title_and_never_anothers(service: Service) -> None:
    service.visit()
    made = act(service, "clone", {"starts_at": "2026-12-01T14:00:00Z"}).json
    assert made["visit_id"].startswith("how-one-ward-halved-its-falls-")
    taken = act(service, "clone", {"starts_at": "2026-12-01T14:00:00Z", "visit_id": "ward"})
    assert (taken.status, taken.problem["type"]) == (409, "/problems/visit-id-taken")


def test_a_clones_window_keeps_its_time_of_day_across_a_change_of_clocks(service: Service) -> None:
    service.visit(
        starts_at="2026-10-20T13:00:00Z",  # 14:00 in London, BST
        ends_at="2026-10-20T15:30:00Z",
        registration_opens_at="2026-09-20T08:00:00Z",  # 09:00
        registration_closes_at="2026-10-19T11:00:00Z",  # noon the day before
    )
    made = act(service, "clone", {"starts_at": "2026-11-24T14:00:00Z"}).json
    assert (made["starts_at"], made["ends_at"]) == ("2026-11-24T14:00:00+00:00", "2026-11-24T16:30:00+00:00")
    assert made["registration_closes_at"] == "2026-11-23T12:00:00+00:00"
    details = service.details(made["visit_id"])
    assert details.opens_at == datetime(2026, 10, 25, 9, tzinfo=UTC), "nine o'clock, on the day the clocks go back"


def test_the_same_time_on_another_day_is_what_clocks_show_there(service: Service) -> None:
    service.visit(starts_at="2026-10-20T13:00:00Z", ends_at="2026-10-20T15:30:00Z")
    plan = edit.plan_of(service.details())
    assert clone.same_time_on(date(2026, 11, 24), plan) == datetime(2026, 11, 24, 14, tzinfo=UTC)
    assert clone.same_time_on(date(2027, 6, 1), plan) == datetime(2027, 6, 1, 13, tzinfo=UTC)


# --- sharing


def test_what_is_shared_is_seen_and_can_be_changed(service: Service) -> None:
    service.visit()
    tools = [{"title": "The checklist", "url": "https://files.example.org/list"}]
    assert act(service, "share", {"recording_url": "https://video.example.org/1"}).status == 200
    first = service.counters().shared_at
    service.clock.advance(hours=1)
    assert act(service, "share", {"resources": tools}).status == 200
    shown = service.api("GET", "/visits/ward").json
    assert (shown["recording_url"], shown["resources"]) == ("https://video.example.org/1", tools)
    assert service.counters().shared_at != first
    before = service.items()
    act(service, "share", {"resources": tools})
    assert service.items() == before, "the same once more tells nobody anything"
    act(service, "share", {"recording_url": None, "resources": []})
    shown = service.api("GET", "/visits/ward").json
    assert (shown["recording_url"], shown["resources"]) == (None, [])


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({}, "recording_url"),
        ({"recording_url": "", "resources": []}, "recording_url"),
        ({"recording_url": "javascript:alert(1)"}, "recording_url"),
        ({"resources": [{"title": "", "url": "https://x.example.org"}]}, "resources.0.title"),
        ({"resources": [{"title": "A", "url": ""}]}, "resources.0.url"),
        ({"resources": [{"title": "A", "url": "ftp://x"}]}, "resources.0.url"),
        ({"resources": [{"title": "A", "url": "https://x.example.org"}] * 51}, "resources"),
    ],
)
def test_what_cannot_be_shared_names_its_field(service: Service, document: dict[str, object], field: str) -> None:
    service.visit()
    assert field in act(service, "share", document).errors


def test_nothing_is_shared_of_a_draft_or_a_cancelled_visit(service: Service) -> None:
    service.visit("draft", publish=False)
    service.visit()
    act(service, "cancel")
    for visit_id in ("draft", "ward"):
        assert act(service, "share", {"recording_url": "https://video.example.org/1"}, visit_id).status == 409


# --- writing


HELLO: dict[str, object] = {
    "subject": "Parking",
    "body_markdown": "Use **gate 3**. <script>x</script>",
    "to": ["confirmed"],
}


def test_a_message_is_kept_with_its_safe_html_and_says_how_many_it_is_for(service: Service) -> None:
    service.visit(capacity=2)
    for number in (1, 2, 3):
        service.register(number)
    service.api("DELETE", f"/registrations/{service.link(1)}")
    service.run_line()
    answer = act(service, "messages", {**HELLO, "to": ["waiting", "confirmed"]})
    assert answer.status == 201
    assert (answer.json["people"], answer.json["to"]) == (2, ["confirmed", "waiting"])
    assert "<strong>gate 3</strong>" in answer.json["html"]
    assert "<script" not in answer.json["html"]
    assert act(service, "messages", {**HELLO, "to": ["waiting"]}).json["people"] == 0


def test_posting_twice_under_one_key_is_one_message(service: Service) -> None:
    service.visit()
    first = service.organise("POST", "/visits/ward/messages", HELLO, idempotency_key="a")
    again = service.organise("POST", "/visits/ward/messages", HELLO, idempotency_key="a")
    assert first.json == again.json
    assert len(_messages()) == 1
    service.organise("POST", "/visits/ward/messages", HELLO, idempotency_key="b")
    service.organise("POST", "/visits/ward/messages", HELLO)
    service.organise("POST", "/visits/ward/messages", HELLO)
    assert len(_messages()) == 4
    assert [action for action, _ in audited()].count("visit.message_posted") == 4


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"subject": ""}, "subject"),
        ({"subject": "a\nb"}, "subject"),
        ({"subject": "x" * 201}, "subject"),
        ({"body_markdown": " "}, "body_markdown"),
        ({"body_markdown": "x" * 5001}, "body_markdown"),
        ({"to": []}, "to"),
        ({"to": ["cancelled"]}, "to.0"),
        ({"to": ["everybody"]}, "to.0"),
    ],
)
def test_a_message_that_cannot_be_sent_names_its_field(
    service: Service, changes: dict[str, object], field: str
) -> None:
    service.visit()
    assert field in act(service, "messages", {**HELLO, **changes}).errors
    assert _messages() == []


def test_nobody_is_written_to_about_a_draft(service: Service) -> None:
    service.visit(publish=False)
    assert act(service, "messages", HELLO).status == 409


# --- questions


QUESTIONS: list[dict[str, object]] = [
    {"question_id": "why", "label": "Why?", "kind": "text"},
    {"question_id": "diet", "label": "Diet?", "kind": "choice", "choices": ["Any", "Vegan"]},
]


def retired(service: Service) -> list[dict[str, Any]]:
    return [dict(one) for one in questions.retired(service.details().questions)]


def ids(questions: list[dict[str, Any]]) -> list[str]:
    return [one["question_id"] for one in questions]


def test_a_question_taken_off_a_published_form_is_retired_and_can_come_back(service: Service) -> None:
    service.visit(questions=QUESTIONS)
    service.register(1, answers={"why": "To learn", "diet": "Vegan"})
    gone = service.organise("PATCH", "/visits/ward", {"questions": [QUESTIONS[1]]}, if_match='"2"').json
    assert (ids(gone["questions"]), ids(retired(service))) == (["diet"], ["why"])
    assert retired(service)[0]["label"] == "Why?"
    assert ids(service.api("GET", "/visits/ward").json["questions"]) == ["diet"]
    [person] = service.organise("GET", "/visits/ward/registrations").json["items"]
    assert person["answers"] == {"why": "To learn", "diet": "Vegan"}
    assert service.register(2, answers={"why": "Too late"}).errors.keys() == {"answers.why"}
    service.organise("PATCH", "/visits/ward", {"summary": "Other."}, if_match='"3"')
    assert ids(retired(service)) == ["why"]
    back = service.organise("PATCH", "/visits/ward", {"questions": QUESTIONS}, if_match='"4"').json
    assert (ids(back["questions"]), retired(service)) == (["why", "diet"], [])
    order = service.organise("PATCH", "/visits/ward", {"questions": QUESTIONS[::-1]}, if_match='"5"').json
    assert ids(order["questions"]) == ["diet", "why"]


def test_a_question_people_may_have_answered_keeps_its_kind(service: Service) -> None:
    service.visit(questions=QUESTIONS)
    other = [{**QUESTIONS[0], "kind": "yes_no"}, QUESTIONS[1]]
    errors = service.organise("PATCH", "/visits/ward", {"questions": other}, if_match='"2"').errors
    assert errors.keys() == {"questions.0.kind"}


def test_a_drafts_questions_are_simply_replaced(service: Service) -> None:
    service.visit(publish=False, questions=QUESTIONS)
    changed = service.organise("PATCH", "/visits/ward", {"questions": []}, if_match='"1"').json
    assert (changed["questions"], retired(service)) == ([], [])


def test_a_form_keeps_a_bounded_number_of_questions(service: Service) -> None:
    service.visit(questions=[])
    version = 2
    for batch in range(3):
        asked = [{"question_id": f"q{batch}-{n}", "label": "L", "kind": "text"} for n in range(15)]
        answer = service.organise("PATCH", "/visits/ward", {"questions": asked}, if_match=f'"{version}"')
        version += 1
    assert answer.errors.keys() == {"questions"}


# --- the audit log


def test_every_action_is_in_the_audit_log_with_facts_and_without_words(service: Service) -> None:
    service.make_visit(written={"capacity": 2})
    service.organise("PATCH", "/visits/ward", {"capacity": 5, "summary": "Secret words."}, if_match='"2"')
    act(service, "unpublish")
    act(service, "publish")
    act(service, "reschedule", {**MOVED, "message": "Secret words."})
    act(service, "share", {"recording_url": "https://video.example.org/1"})
    act(service, "messages", {**HELLO, "subject": "Secret words."})
    act(service, "cancel", {"message": "Secret words."})
    entries = audited()
    assert [action for action, _ in entries] == [
        "visit.created", "visit.published", "visit.changed", "visit.unpublished", "visit.published",
        "visit.rescheduled", "visit.shared", "visit.message_posted", "visit.cancelled",
    ]  # fmt: skip
    assert entries[2][1] == {"fields": ["summary", "capacity"], "capacity_before": 2, "capacity_after": 5}
    assert "Secret" not in str(service.items("accounts"))


def test_what_changes_nothing_makes_no_version_and_no_entry(service: Service) -> None:
    service.visit(summary="Same.")
    before = (service.items(), service.items("accounts"))
    answer = service.organise("PATCH", "/visits/ward", {"summary": "Same."}, if_match='"2"')
    assert (answer.status, answer.headers["ETag"]) == (200, '"2"')
    assert (service.items(), service.items("accounts")) == before


def test_a_refused_change_leaves_no_entry(service: Service) -> None:
    service.visit()
    service.register(1)
    before = service.items("accounts")
    assert act(service, "unpublish").status == 409
    assert service.organise("PATCH", "/visits/ward", {"summary": "x"}, if_match='"1"').status == 412
    assert service.items("accounts") == before


def test_the_lines_item_stays_within_one_write_unit(service: Service) -> None:
    service.visit(visit_id := "v" * 64)
    service.register(1, visit_id)
    act(service, "reschedule", MOVED, visit_id)
    act(service, "share", {"recording_url": "https://video.example.org/1"}, visit_id)
    service.sweep(times=2)
    [row] = [one for one in service.items() if one["sk"]["S"] == "visit"]
    size = sum(len(name) + len(str(next(iter(value.values())))) for name, value in row.items())
    assert size < 1024, size
    assert Counters.from_raw_data(row).visit_id == visit_id
