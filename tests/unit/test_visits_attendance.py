"""Attendance by hand, and settling it."""

import json
from typing import Any

import pytest

from kernel.audit import AuditEntry, audit_pk
from tests.dynamodb_tap import When, refusal
from tests.service import Answer, Service
from tests.unit.conftest import give_token
from visits import attendance
from visits.attendance import attend


def people(service: Service, count: int = 3, capacity: int = 2) -> list[str]:
    service.visit(capacity=capacity)
    for number in range(1, count + 1):
        service.register(number)
    return [place.registration_id for place in service.places()]


def mark(service: Service, *marks: tuple[str, str]) -> Answer:
    document = [{"registration_id": one, "attendance": said} for one, said in marks]
    return service.organise("POST", "/visits/ward/attendance", document)


def settle(service: Service) -> Answer:
    return service.organise("POST", "/visits/ward/attendance/settle")


def stands(service: Service) -> list[str | None]:
    return [place.attendance for place in service.places()]


def audited() -> list[AuditEntry]:
    return list(AuditEntry.query(audit_pk("visit:ward")))


def test_people_are_marked_and_marks_put_right(service: Service) -> None:
    first, second, _ = people(service)
    done = mark(service, (first, "attended"), (second, "missed"))
    assert (done.status, done.json["items"][1]) == (200, {"registration_id": second, "attendance": "missed"})
    assert stands(service) == ["attended", "missed", None]
    assert mark(service, (first, "unknown"), (second, "attended")).status == 200
    assert stands(service) == [None, "attended", None]
    assert [entry.facts for entry in audited()] == [
        {"attended": 1, "missed": 1, "unknown": 0},
        {"attended": 1, "missed": 0, "unknown": 1},
    ]


def test_marking_what_is_so_already_writes_nothing(service: Service) -> None:
    first, *_ = people(service)
    mark(service, (first, "attended"))
    service.dynamodb.forget()
    assert mark(service, (first, "attended")).status == 200
    assert not [one for one in service.dynamodb.operations if "Write" in one or "Update" in one]
    assert len(audited()) == 1
    assert len(list(AuditEntry.query(audit_pk(f"person:{service.places()[0].person}")))) == 1


def test_a_row_that_cannot_be_marked_is_named_and_nothing_is_written(service: Service) -> None:
    first, second, third = people(service)
    service.visit("other")
    service.register(1, "other")
    stranger = service.places("other")[0].registration_id
    service.organise("DELETE", f"/visits/ward/registrations/{second}")
    for _ in range(2):
        service.register(9)
    refused = mark(
        service,
        (first, "attended"), (second, "missed"), (stranger, "missed"), ("nonsense", "missed"), (first, "missed"),
    )  # fmt: skip
    assert refused.errors == {
        "1.registration_id": "This person has no confirmed place, so there is nothing to mark.",
        "2.registration_id": "There is no such registration on this visit.",
        "3.registration_id": "There is no such registration on this visit.",
        "4.registration_id": "This registration stands in the list twice.",
    }
    assert set(stands(service)) == {None}
    assert third


@pytest.mark.parametrize(
    ("document", "fields"),
    [
        ([], {"body"}),
        ([{"registration_id": "x", "attendance": "late"}], {"0.attendance"}),
        ([{"attendance": "missed"}], {"0.registration_id"}),
        ([{"registration_id": "x", "attendance": "missed", "name": "A"}], {"0.name"}),
        ([{"registration_id": "x", "attendance": "missed"}] * 501, {"body"}),
        (["x"], {"0"}),
    ],
)
def test_marks_that_cannot_be_read_say_where(service: Service, document: Any, fields: set[str]) -> None:
    service.visit()
    assert service.organise("POST", "/visits/ward/attendance", document).errors.keys() == fields


def test_five_hundred_marks_fit_into_one_request() -> None:
    marks = [{"registration_id": "01998e2a-3c40-7c11-9a3e-5d2b8f0c7e42", "attendance": "attended"}] * 500
    assert len(json.dumps(marks)) < 64 * 1024


def test_a_participant_report_is_refused_kindly(service: Service) -> None:
    service.visit()
    answer = service.send(
        "POST", "/api/v1/organiser/visits/ward/attendance", "Name,Minutes\n",
        content_type="text/csv", headers={"authorization": "Bearer organiser-token"},
    )  # fmt: skip
    assert answer.status == 415
    assert "JSON list" in answer.problem["detail"]
    assert service.organise("POST", "/visits/ward/attendance", {"a": 1}).status == 400


def test_settling_marks_whoever_has_a_place_and_was_not_marked(service: Service) -> None:
    ids = people(service, count=5, capacity=3)
    mark(service, (ids[0], "attended"))
    service.organise("DELETE", f"/visits/ward/registrations/{ids[1]}")
    settled = settle(service)
    assert (settled.status, settled.json) == (200, {"marked": 2, "complete": True})
    assert stands(service) == ["attended", None, "missed", "missed", None]
    assert service.details().attendance_settled_at == service.clock.now
    assert settle(service).json == {"marked": 0, "complete": True}
    assert [entry.action for entry in audited()].count("attendance.settled") == 1


def test_extra_places_are_settled_too(service: Service) -> None:
    people(service, count=2, capacity=1)
    waiting = service.places()[1].registration_id
    service.organise("POST", f"/visits/ward/registrations/{waiting}/move-up", {"reason": "She speaks."})
    assert mark(service, (waiting, "attended")).status == 200
    assert settle(service).json["marked"] == 1
    assert stands(service) == ["missed", None, "attended"]


def test_a_join_and_a_mark_after_settling_put_it_right(service: Service) -> None:
    first, second, _ = people(service)
    settle(service)
    assert attend(service.places()[0], now=service.clock.now)
    mark(service, (second, "attended"))
    assert stands(service)[:2] == ["attended", "attended"]
    assert first
    assert settle(service).json["marked"] == 0


def test_settling_goes_on_where_it_stopped(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    people(service, count=7, capacity=9)
    monkeypatch.setattr(attendance, "AT_ONCE", 3)
    monkeypatch.setattr(attendance, "_IN_A_TRANSACTION", 2)
    answers = [settle(service) for _ in range(4)]
    assert [(one.status, one.json["marked"]) for one in answers] == [(202, 3), (202, 3), (200, 1), (200, 0)]
    assert set(stands(service)) == {"missed"}


def test_who_joins_while_it_is_settled_attended(service: Service) -> None:
    people(service, count=4, capacity=9)
    joined: list[int] = []

    def strike(index: int, operation: str, when: When) -> None:
        if operation == "TransactWriteItems" and when == "before" and len(service.dynamodb.calls) > index - 1:
            some = str(service.dynamodb.calls[index][1])
            if "place#00000002" in some and not joined:
                joined.append(index)
                attend(service.places()[1], now=service.clock.now)

    service.dynamodb.strike = strike
    assert settle(service).json == {"marked": 3, "complete": True}
    assert joined
    assert stands(service) == ["missed", "attended", "missed", "missed"]


def test_a_failure_in_the_middle_is_mended_by_settling_again(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    people(service, count=4, capacity=9)
    monkeypatch.setattr(attendance, "_IN_A_TRANSACTION", 2)

    def strike(index: int, operation: str, when: When) -> None:
        if operation == "TransactWriteItems" and "place#00000003" in str(service.dynamodb.calls[index][1]):
            raise refusal("InternalServerError", operation)

    service.dynamodb.strike = strike
    assert settle(service).status == 503
    assert stands(service) == ["missed", "missed", None, None]
    service.dynamodb.strike = None
    assert settle(service).json == {"marked": 2, "complete": True}


def test_drafts_and_unknown_visits_have_no_attendance(service: Service) -> None:
    service.visit("ward", publish=False)
    assert mark(service, ("x", "missed")).status == 409
    assert settle(service).status == 409
    for path in ("attendance", "attendance/settle"):
        body = [{"registration_id": "x", "attendance": "missed"}]
        assert service.organise("POST", f"/visits/nowhere/{path}", body).status == 404


def test_only_organisers_mark_and_settle(service: Service) -> None:
    give_token("moderator", service.clock, roles=("moderator",), scopes=("moderator",))
    people(service)
    for path in ("attendance", "attendance/settle"):
        assert service.organise("POST", f"/visits/ward/{path}", [], authorization="Bearer moderator").status == 403
        assert service.organise("POST", f"/visits/ward/{path}", [], authorization="Bearer nobody").status == 401
