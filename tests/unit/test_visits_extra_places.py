"""Adding by hand and moving up: extra places stand outside the line, and neither take from it nor give to it."""

from typing import Any

import pytest

from kernel.audit import AuditEntry, audit_pk
from kernel.publish import Change
from tests.log_check import Lines
from tests.service import Answer, Service, person
from tests.unit.conftest import give_token
from visits import query
from visits.happened import happened
from visits.line import FIRST_EXTRA

REASON = {"reason": "She speaks at the visit."}


def add(service: Service, number: int = 9, **more: object) -> Answer:
    return service.organise("POST", "/visits/ward/registrations", {**person(number), **more})


def listed(service: Service) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = service.organise("GET", "/visits/ward/registrations").json["items"]
    return items


def ids(service: Service) -> list[str]:
    return [one["registration_id"] for one in listed(service)]


def move_up(service: Service, registration_id: str, document: object = REASON) -> Answer:
    return service.organise("POST", f"/visits/ward/registrations/{registration_id}/move-up", document)


def audited(subject: str = "visit:ward") -> list[AuditEntry]:
    return list(AuditEntry.query(audit_pk(subject)))


def events(service: Service) -> list[str]:
    changes = [
        Change(one["dynamodb"].get("OldImage"), one["dynamodb"].get("NewImage"), service.clock.now)
        for one in service.dynamodb.taken()
    ]
    return [event.name for change in changes for event in happened(change)]


def test_somebody_added_by_hand_has_a_place_beside_a_full_line(service: Service) -> None:
    service.visit(capacity=1, waitlist="off")
    service.register(1)
    before = service.counters().numbers
    service.dynamodb.forget()

    added = add(service, organisation="Elm House")

    assert added.status == 201
    assert added.json | {"registration_id": "", "registered_at": ""} == {
        "registration_id": "", "name": "Ada Quillfeather 9", "email": "ada9@people.example.org",
        "organisation": "Elm House", "job_role": "", "access_needs": "", "answers": {},
        "consents": {"follow_ups": False, "introductions": False}, "status": "confirmed", "place": None,
        "position": None, "attendance": "unknown", "extra": True, "registered_at": "", "cancelled_at": None,
    }  # fmt: skip
    assert service.counters().numbers == before
    assert [(one["place"], one["extra"]) for one in listed(service)] == [(1, False), (None, True)]
    assert events(service) == ["registration.confirmed"]
    [entry] = audited()
    assert (entry.action, entry.facts) == (
        "registration.added_by_hand", {"registration_id": added.json["registration_id"]}
    )  # fmt: skip
    assert service.places()[1].number == FIRST_EXTRA


def test_somebody_registered_already_is_not_added_again(service: Service) -> None:
    service.visit(capacity=1)
    service.register(1)
    service.register(2)
    for number in (1, 2):
        refused = add(service, number)
        assert (refused.status, refused.problem["type"]) == (409, "/problems/already-registered")
    assert add(service, 3).status == 201
    assert add(service, 3).status == 409
    assert len(service.places()) == 3
    assert [entry.action for entry in audited()] == ["registration.added_by_hand"]


def test_who_was_added_by_hand_registers_again_as_anybody_who_is_registered(service: Service) -> None:
    service.visit()
    add(service, 9)
    assert service.register(9).status == 201
    assert len(service.places()) == 1


def test_a_draft_a_cancelled_visit_and_one_that_is_over_take_nobody(service: Service) -> None:
    service.visit("draft", publish=False)
    refused = service.organise("POST", "/visits/draft/registrations", person(1))
    assert refused.status == 409
    assert "Publish it first" in refused.problem["detail"]
    assert service.organise("POST", "/visits/nowhere/registrations", person(1)).status == 404
    service.visit()
    service.clock.advance(days=31)
    refused = add(service)
    assert refused.status == 409
    assert "over" in refused.problem["detail"]
    assert not service.places()


def test_registration_may_be_closed_and_required_questions_unanswered(service: Service) -> None:
    service.visit(
        questions=[{"question_id": "hope", "label": "Hope?", "kind": "text", "required": True}],
        registration_closes_at=(service.clock.now).isoformat(),
        registration_opens_at="2026-01-01T00:00:00+00:00",
    )
    service.clock.advance(minutes=1)
    assert service.register(1, answers={"hope": "x"}).status == 409
    assert add(service, 9).status == 201
    assert add(service, 10, answers={"hope": "x" * 501}).errors.keys() == {"answers.hope"}
    assert add(service, 10, answers={"other": "x"}).errors.keys() == {"answers.other"}


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"name": "A"}, "email"),
        ({"email": "a@example.org"}, "name"),
        ({"name": "A", "email": "nowhere"}, "email"),
        ({"name": "A", "email": "a@example.org", "status": "confirmed"}, "status"),
        ({"name": "A" * 201, "email": "a@example.org"}, "name"),
    ],
)
def test_what_cannot_be_added_names_its_field(service: Service, document: object, field: str) -> None:
    service.visit()
    assert service.organise("POST", "/visits/ward/registrations", document).errors.keys() == {field}


def test_moving_up_takes_an_extra_place_and_leaves_a_tombstone(service: Service) -> None:
    service.visit(capacity=1)
    for number in (1, 2, 3):
        service.register(number)
    second, third = ids(service)[1:]
    old_link = service.link(3)
    before = service.counters().numbers
    service.dynamodb.forget()

    moved = move_up(service, third)

    assert moved.status == 200
    assert (moved.json["registration_id"], moved.json["status"], moved.json["extra"]) == (third, "confirmed", True)
    assert moved.json["name"] == "Ada Quillfeather 3"
    assert service.counters().numbers == before
    assert [one.status for one in service.places()] == ["confirmed", "waiting", "void", "confirmed"]
    tombstone, extra = service.places()[2:]
    assert not {"person", "email", "name", "answers", "consents"} & tombstone.attribute_values.keys()
    assert tombstone.moved_to == extra.number == FIRST_EXTRA
    assert extra.created_at == tombstone.created_at
    assert events(service) == ["registration.admitted"]
    assert [one["position"] for one in listed(service)] == [None, 1, None]
    [entry] = audited()
    assert (entry.action, entry.reason) == ("registration.moved_up", REASON["reason"])
    # The link in the email they have opens where they stand now.
    mine = service.api("GET", f"/registrations/{old_link}")
    assert (mine.status, mine.json["status"], mine.json["registration_id"]) == (200, "confirmed", third)
    # The next seat is the next one's in line.
    service.api("DELETE", f"/registrations/{service.link(1)}")
    assert query.registration_of("ward", second).status == "confirmed"  # type: ignore[union-attr]
    assert service.counters().admitted == 2


def test_moving_up_twice_is_moving_up_once(service: Service) -> None:
    service.visit(capacity=1)
    service.register(1)
    service.register(2)
    second = ids(service)[1]
    first = move_up(service, second)
    assert move_up(service, second).json == first.json
    assert len(service.places()) == 3
    assert len(audited()) == 1


def test_who_does_not_wait_is_not_moved_up(service: Service) -> None:
    service.visit(capacity=1)
    service.register(1)
    service.register(2)
    first, second = ids(service)
    assert move_up(service, first).status == 409
    service.organise("DELETE", f"/visits/ward/registrations/{second}")
    assert move_up(service, second).status == 409
    assert [one.number for one in service.places()] == [1, 2]


def test_moving_up_needs_a_reason(service: Service) -> None:
    service.visit(capacity=1)
    service.register(1)
    service.register(2)
    second = ids(service)[1]
    for document in ({}, {"reason": ""}, {"reason": " \n"}, {"reason": "x" * 501}, {"reason": 3}):
        assert move_up(service, second, document).errors.keys() == {"reason"}
    assert not audited()


def test_cancelling_an_extra_place_gives_nothing_to_the_line(service: Service) -> None:
    """Nor with an unlimited capacity, whose mark stands above every number there is."""
    for visit_id, capacity in (("ward", 1), ("all", None)):
        service.visit(visit_id, capacity=capacity)
        service.register(1, visit_id)
        service.register(2, visit_id)
        added = service.organise("POST", f"/visits/{visit_id}/registrations", person(9))
        before = service.counters(visit_id).numbers
        gone = service.organise("DELETE", f"/visits/{visit_id}/registrations/{added.json['registration_id']}")
        assert gone.status == 204
        service.run_line()
        service.clock.now = service.clock.now.replace(hour=23, minute=56)
        service.sweep()  # the day's first, from place 1
        assert service.counters(visit_id).numbers == before
        assert service.statuses(visit_id)[-1] == "cancelled"
        assert service.places(visit_id)[-1].released is None


def test_everything_said_moves_with_the_registration(service: Service) -> None:
    service.visit(
        capacity=1, questions=[{"question_id": "diet", "label": "Diet?", "kind": "choice", "choices": ["a", "b"]}]
    )
    service.register(1)
    said: dict[str, Any] = {
        "organisation": "Elm House",
        "job_role": "Nurse",
        "access_needs": "A ramp",
        "answers": {"diet": "a"},
        "consents": {"follow_ups": True, "introductions": False},
    }
    service.register(2, timezone="Europe/Paris", **said)
    before = listed(service)[1]
    after = move_up(service, before["registration_id"]).json
    changed = {"status": "confirmed", "position": None, "place": None, "extra": True}
    assert after == before | changed
    assert service.places()[-1].timezone == "Europe/Paris"


def test_a_new_address_asked_for_in_line_is_confirmed_on_the_extra_place(service: Service) -> None:
    from visits import links, web

    service.visit(capacity=1)
    service.register(1)
    service.register(2)
    service.api("PATCH", f"/registrations/{service.link(2)}", {"email": "new@people.example.org"})
    token = links.address_token(
        links.ADDRESS, links.PlaceRef("ward", 2), "new@people.example.org",
        expires_at=service.details().ends_at, keys=web._keys(),
    )  # fmt: skip
    move_up(service, ids(service)[1])
    assert service.post(f"/addresses/{token}", {}).status == 200
    extra = service.places()[-1]
    assert extra.email == "new@people.example.org"
    live = {int(guard.place): guard.pk for guard in service.guards() if guard.place is not None}
    assert live[extra.number] == f"person#{extra.person}"
    assert live.keys() == {1, extra.number}


def test_a_change_between_reading_and_moving_is_not_lost(service: Service) -> None:
    service.visit(capacity=1)
    service.register(1)
    service.register(2)
    second, link = ids(service)[1], service.link(2)
    done: list[int] = []

    def strike(index: int, operation: str, when: str) -> None:
        if operation == "UpdateItem" and when == "after" and not done:  # it has its number, and has read the place
            done.append(index)
            service.api("PATCH", f"/registrations/{link}", {"name": "Grace"})

    service.dynamodb.strike = strike
    moved = move_up(service, second)
    assert done
    assert (moved.status, moved.json["name"]) == (200, "Grace")


def test_a_cancellation_by_a_stale_copy_cancels_the_extra_place(service: Service) -> None:
    from visits.cancel import cancel

    service.visit(capacity=1)
    service.register(1)
    service.register(2)
    stale = service.places()[1]
    move_up(service, stale.registration_id)
    assert cancel(stale, ends_at=service.details().ends_at, now=service.clock.now)
    assert service.statuses() == ["confirmed", "void", "cancelled"]


# --- on somebody's behalf ---------------------------------------------------------------------------------------------


def test_an_organiser_puts_a_registration_right(service: Service) -> None:
    service.visit(
        questions=[
            {"question_id": "diet", "label": "Diet?", "kind": "choice", "choices": ["a", "b"]},
            {"question_id": "hope", "label": "Hope?", "kind": "text"},
        ]
    )
    service.register(1, answers={"diet": "a", "hope": "much"}, access_needs="A ramp")
    [one] = ids(service)
    path = f"/visits/ward/registrations/{one}"
    corrected = service.organise(
        "PATCH", path,
        {"name": "Grace", "organisation": "Elm House", "answers": {"diet": "b"}, "access_needs": None},
    )  # fmt: skip
    assert corrected.status == 200
    assert (corrected.json["name"], corrected.json["answers"]) == ("Grace", {"diet": "b", "hope": "much"})
    assert corrected.json["access_needs"] == ""
    assert corrected.json == listed(service)[0]
    [entry] = audited()
    assert entry.action == "registration.corrected"
    assert entry.facts["fields"] == ["access_needs", "answers", "name", "organisation"]
    assert service.organise("PATCH", path, {"consents": {"follow_ups": True}}).errors.keys() == {"consents"}
    assert service.organise("PATCH", path, {"name": None}).errors.keys() == {"name"}
    assert len(audited()) == 1
    service.clock.advance(days=40)  # what is kept can be put right after the visit too
    assert service.organise("PATCH", path, {"name": "Grace Hopper"}).status == 200


def test_access_needs_are_changed_by_the_visits_own_organisers_alone(service: Service) -> None:
    give_token("colleague", service.clock, email="colleague@example.org")
    service.visit()
    service.register(1, access_needs="A ramp")
    [one] = ids(service)
    path = f"/visits/ward/registrations/{one}"
    refused = service.organise("PATCH", path, {"access_needs": "None"}, authorization="Bearer colleague")
    assert refused.status == 403
    allowed = service.organise("PATCH", path, {"name": "Grace"}, authorization="Bearer colleague")
    assert (allowed.status, allowed.json["access_needs"]) == (200, None)
    assert service.places()[0].access_needs == "A ramp"


def test_a_new_address_takes_effect_when_it_confirms(service: Service) -> None:
    service.visit()
    service.register(1)
    service.register(2)
    first, _ = ids(service)
    path = f"/visits/ward/registrations/{first}"
    service.dynamodb.forget()
    moves = service.organise("PATCH", path, {"email": "New@People.example.org"})
    assert (moves.status, moves.json["email"]) == (202, "ada1@people.example.org")
    assert events(service) == ["registration.address_requested"]
    assert service.places()[0].pending_email == "New@people.example.org"
    taken = service.organise("PATCH", path, {"email": person(2)["email"]})
    assert taken.errors.keys() == {"email"}


def test_cancelling_for_somebody_tells_them_and_gives_the_place_to_the_line(service: Service) -> None:
    service.visit(capacity=1)
    service.register(1)
    service.register(2)
    first, second = ids(service)
    service.dynamodb.forget()
    for _ in range(2):
        assert service.organise("DELETE", f"/visits/ward/registrations/{first}").status == 204
    assert service.statuses() == ["cancelled", "confirmed"]
    assert sorted(events(service)) == ["registration.admitted", "registration.cancelled"]
    assert query.registration("ward", 1).cancelled_by_organiser  # type: ignore[union-attr]
    assert [entry.action for entry in audited()] == ["registration.cancelled"]
    assert query.registration_of("ward", second).status == "confirmed"  # type: ignore[union-attr]
    service.clock.advance(days=31)
    assert service.organise("DELETE", f"/visits/ward/registrations/{second}").status == 409


def test_the_link_is_sent_again_once_a_minute_at_most(service: Service) -> None:
    service.visit()
    service.register(1)
    [one] = ids(service)
    path = f"/visits/ward/registrations/{one}/resend"
    service.dynamodb.forget()
    assert service.organise("POST", path).status == 202
    assert service.organise("POST", path).status == 202
    assert events(service) == ["registration.link_requested"]
    service.clock.advance(seconds=61)
    assert service.organise("POST", path).status == 202
    assert events(service) == ["registration.link_requested"]
    assert [entry.action for entry in audited()] == ["registration.link_sent"] * 2
    service.organise("DELETE", f"/visits/ward/registrations/{one}")
    assert service.organise("POST", path).status == 409


@pytest.mark.parametrize(
    ("method", "action"), [("PATCH", ""), ("DELETE", ""), ("POST", "/move-up"), ("POST", "/resend")]
)
def test_an_id_of_another_visit_or_of_nobody_is_not_found(service: Service, method: str, action: str) -> None:
    service.visit("other")
    service.register(1, "other")
    service.visit()
    service.register(2)
    stranger = service.places("other")[0].registration_id
    never = "01998e2a-3c40-7c11-9a3e-5d2b88000063"
    body = REASON if action == "/move-up" else {} if method == "PATCH" else None
    for wanted in (stranger, never, "nonsense", "7", stranger.upper()):
        answer = service.organise(method, f"/visits/ward/registrations/{wanted}{action}", body)
        assert answer.status == 404, wanted
    assert service.statuses() == ["confirmed"]
    assert not audited()


def test_what_organisers_do_is_logged_without_a_name(service: Service, log_lines: Lines) -> None:
    service.visit(capacity=1)
    service.register(1)
    service.register(2)
    move_up(service, ids(service)[1])
    add(service)
    for entry in audited():
        assert "Quillfeather" not in str(entry.facts)
        assert "@" not in str(entry.facts)


def test_access_needs_go_thirty_days_after_the_visit_from_extra_places_too(service: Service) -> None:
    from visits.forget import forget

    service.visit(capacity=1)
    service.register(1)
    service.register(2, access_needs="A ramp")
    add(service, 9, access_needs="A hearing loop")
    move_up(service, service.places()[1].registration_id)
    assert [one.access_needs for one in service.places()] == [None, None, "A hearing loop", "A ramp"]
    service.clock.advance(days=61)
    forget(now=service.clock.now)
    assert {one.access_needs for one in service.places()} == {None}
    service.clock.advance(days=365)
    forget(now=service.clock.now)
    assert not [one for one in service.places() if one.attribute_values.keys() & {"person", "email", "name"}]
