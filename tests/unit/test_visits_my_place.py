"""My place: what a link from an email opens, changes and cancels, and what no other link does."""

from datetime import timedelta

import pytest

from kernel import tokens
from tests.events_seen import events_of
from tests.html_form import form_to
from tests.service import Answer, Service, person
from tests.unit.conftest import SECRET
from visits import links, web

KEYS = SECRET.signing_keys
DIET = {"question_id": "diet", "label": "Diet", "kind": "choice", "choices": ["vegan", "any"], "required": True}
TOWN = {"question_id": "town", "label": "Town", "kind": "text"}


@pytest.fixture
def mine(service: Service) -> str:
    """The link of somebody who is confirmed on a visit for one; another person waits."""
    service.visit(capacity=1, questions=[DIET, TOWN])
    service.register(1, answers={"diet": "any", "town": "Leeds"}, consents={"follow_ups": True}, job_role="Nurse")
    service.register(2, answers={"diet": "any"})
    service.dynamodb.forget()
    return f"/registrations/{service.link(1)}"


def is_lost(answer: Answer, problem_type: str) -> bool:
    return answer.status == 404 and answer.problem["type"] == problem_type


# --- looking


def test_my_place_is_shown_as_the_contract_says(service: Service, mine: str) -> None:
    shown = service.api("GET", mine).json
    assert shown.keys() == {
        "visit", "registration_id", "name", "email", "organisation", "job_role", "access_needs", "answers",
        "consents", "status", "position", "offer_expires_at", "join_url", "cancelled_at",
    }  # fmt: skip
    assert shown["visit"]["visit_id"] == "ward"
    assert (shown["status"], shown["position"], shown["cancelled_at"]) == ("confirmed", None, None)
    assert (shown["email"], shown["job_role"], shown["organisation"]) == (person(1)["email"], "Nurse", "")
    assert shown["answers"] == {"diet": "any", "town": "Leeds"}
    assert shown["consents"] == {"follow_ups": True, "introductions": False}
    waiting = service.api("GET", f"/registrations/{service.link(2)}").json
    assert (waiting["status"], waiting["position"]) == ("waiting", 1)


BROKEN = ["cut off", "one letter more", "one letter else", "of another key", "of another purpose", "a receipt",
          "no token", "too long", "for no place", "for no visit", "text for a place"]  # fmt: skip


def broken(kind: str, token: str) -> str:
    return {
        "cut off": token[:-4],
        "one letter more": token + "A",
        "one letter else": ("B" if token[0] == "A" else "A") + token[1:],
        "of another key": tokens.sign("place", ["ward", 1], expires_at=None, keys=["somebody else's"]),
        "of another purpose": tokens.sign("address", ["ward", 1], expires_at=None, keys=KEYS),
        "a receipt": tokens.sign("receipt", ["ward", "confirmed", 0], expires_at=None, keys=KEYS),
        "no token": "lookup",
        "too long": token * 20,
        "for no place": tokens.sign("place", ["ward", 99], expires_at=None, keys=KEYS),
        "for no visit": tokens.sign("place", ["nowhere", 1], expires_at=None, keys=KEYS),
        "text for a place": tokens.sign("place", ["ward", "1"], expires_at=None, keys=KEYS),
    }[kind]


@pytest.mark.parametrize("kind", BROKEN)
def test_no_other_token_opens_changes_or_cancels_a_place(service: Service, mine: str, kind: str) -> None:
    token = broken(kind, service.link(1))
    before = service.items()
    for method, document in (("GET", None), ("PATCH", {"name": "Eve"}), ("DELETE", None)):
        answer = service.api(method, f"/registrations/{token}", document)
        assert answer.status == 404
        assert answer.problem["type"] in {"/problems/link-invalid", "/problems/link-expired"}
    for page in (
        service.get(f"/places/{token}"),
        service.post(f"/places/{token}", person(3)),
        service.post(f"/places/{token}/cancel", {}),
        service.get(f"/places/{token}/calendar.ics"),
    ):
        assert page.status == 404
        assert 'action="/places"' in page.body, "the page offers to send the links again"
    assert service.items() == before


def test_a_link_lives_until_a_year_after_the_visit(service: Service, mine: str) -> None:
    ends = service.details().ends_at
    service.clock.now = ends + timedelta(days=365) - timedelta(seconds=1)
    assert service.api("GET", mine).status == 200
    service.clock.now = ends + timedelta(days=365)
    assert is_lost(service.api("GET", mine), "/problems/link-expired")


def test_a_link_signed_before_the_keys_rotated_still_opens(
    service: Service, mine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kernel import secrets

    rotated = secrets.parse('{"signing_keys": ["newest"], "pepper": "a pepper for tests alone"}')
    monkeypatch.setattr(secrets, "load", lambda secret_id: rotated)
    assert service.api("GET", mine).status == 200
    monkeypatch.undo()


# --- changing my details


def test_only_what_is_sent_changes(service: Service, mine: str) -> None:
    answer = service.api("PATCH", mine, {"organisation": "Elm House", "answers": {"town": "York"}})
    assert answer.status == 200
    assert answer.json["organisation"] == "Elm House"
    assert answer.json["answers"] == {"diet": "any", "town": "York"}
    assert (answer.json["job_role"], answer.json["consents"]["follow_ups"]) == ("Nurse", True)
    assert service.api("GET", mine).json == answer.json


def test_null_and_emptiness_take_away_what_need_not_be_there(service: Service, mine: str) -> None:
    answer = service.api("PATCH", mine, {"job_role": None, "access_needs": "", "answers": {"town": None}})
    assert (answer.json["job_role"], answer.json["access_needs"], answer.json["answers"]) == ("", "", {"diet": "any"})


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"name": None}, "name"),
        ({"name": ""}, "name"),
        ({"email": None}, "email"),
        ({"email": "x"}, "email"),
        ({"consents": None}, "consents"),
        ({"answers": {"diet": None}}, "answers.diet"),
        ({"answers": {"else": "x"}}, "answers.else"),
        ({"status": "confirmed"}, "status"),
        ({"registration_id": "x"}, "registration_id"),
        ({"access_needs": "x" * 1001}, "access_needs"),
        ({"timezone": "x"}, "timezone"),
    ],
)
def test_a_change_that_cannot_be_is_refused_whole(
    service: Service, mine: str, sent: dict[str, object], field: str
) -> None:
    before = service.items()
    assert service.api("PATCH", mine, {"organisation": "Elm House", **sent}).errors.keys() == {field}
    assert service.items() == before


def test_changing_nothing_writes_nothing(service: Service, mine: str) -> None:
    assert service.api("PATCH", mine, {}).status == 200
    assert not {"UpdateItem", "PutItem", "TransactWriteItems"} & set(service.dynamodb.operations)


def test_the_form_of_my_place_changes_what_the_api_does(service: Service, mine: str) -> None:
    path = f"/places/{service.link(1)}"
    sent = form_to(service.get(path).body, path)
    assert sent.fields["consents.follow_ups"] == ["true"]
    sent.fields.pop("consents.follow_ups")
    answer = service.post(path, {**sent.fields, "organisation": ["Elm House"], "answers.town": [""]})
    assert (answer.status, answer.headers["Location"]) == (303, f"{path}?said=saved")
    shown = service.api("GET", mine).json
    assert (shown["organisation"], shown["job_role"], shown["answers"]) == ("Elm House", "Nurse", {"diet": "any"})
    assert shown["consents"] == {"follow_ups": False, "introductions": False}
    assert "saved" in service.get(f"{path}", said="saved").body
    wrong = service.post(path, {**sent.fields, "name": [""], "organisation": ["Kept"]})
    assert wrong.status == 422
    assert form_to(wrong.body, path).fields["organisation"] == ["Kept"]


def test_after_cancelling_nothing_can_be_changed(service: Service, mine: str) -> None:
    service.api("DELETE", mine)
    refused = service.api("PATCH", mine, {"organisation": "Elm House"})
    assert refused.status == 409
    assert "cancelled" in refused.problem["detail"]
    assert service.get(f"/places/{service.link(1)}").status == 200


def test_when_the_visit_is_over_my_place_is_only_there_to_be_read(service: Service, mine: str) -> None:
    service.clock.now = service.details().ends_at
    assert service.api("GET", mine).json["visit"]["status"] == "ended"
    for refused in (service.api("PATCH", mine, {"organisation": "x"}), service.api("DELETE", mine)):
        assert refused.status == 409
        assert "over" in refused.problem["detail"]
    assert service.post(f"/places/{service.link(1)}/cancel", {}).status == 409
    assert service.statuses() == ["confirmed", "waiting"]


# --- cancelling


def test_cancelling_gives_the_seat_to_the_next_in_line_at_once(service: Service, mine: str) -> None:
    assert service.api("DELETE", mine).status == 204
    assert service.statuses() == ["cancelled", "confirmed"]
    shown = service.api("GET", mine).json
    assert shown["status"] == "cancelled"
    assert shown["cancelled_at"]
    names = [event.name for event in events_of(service.dynamodb.taken())]
    assert names == ["registration.cancelled", "registration.admitted"]


def test_cancelling_twice_is_cancelling_once(service: Service, mine: str) -> None:
    service.api("DELETE", mine)
    service.dynamodb.forget()
    assert service.api("DELETE", mine).status == 204
    assert service.post(f"/places/{service.link(1)}/cancel", {}).status == 303
    assert events_of(service.dynamodb.taken()) == []
    assert service.counters().admitted == 2


def test_leaving_the_line_moves_up_those_behind(service: Service, mine: str) -> None:
    service.register(3, answers={"diet": "any"})
    assert service.api("GET", f"/registrations/{service.link(3)}").json["position"] == 2
    service.api("DELETE", f"/registrations/{service.link(2)}")
    assert service.api("GET", f"/registrations/{service.link(3)}").json["position"] == 1
    assert service.statuses() == ["confirmed", "cancelled", "waiting"]


def test_the_page_cancels_only_by_its_button(service: Service, mine: str) -> None:
    path = f"/places/{service.link(1)}"
    assert service.get(f"{path}/cancel").status == 405
    button = form_to(service.get(path).body, "/cancel")
    assert button.method == "post"
    answer = service.post(button.action, button.fields)
    assert (answer.status, answer.headers["Location"]) == (303, f"{path}?said=cancelled")
    assert service.statuses() == ["cancelled", "confirmed"]


def test_a_calendar_entry_is_there_for_whoever_had_a_seat_and_withdrawn_after_cancelling(
    service: Service, mine: str
) -> None:
    waiting = service.api("GET", f"/registrations/{service.link(2)}/calendar.ics")
    assert waiting.status == 409
    assert "METHOD:REQUEST" in service.api("GET", f"{mine}/calendar.ics").body
    service.api("DELETE", mine)
    assert "METHOD:CANCEL" in service.api("GET", f"{mine}/calendar.ics").body
    assert "METHOD:REQUEST" in service.api("GET", f"/registrations/{service.link(2)}/calendar.ics").body


# --- a new address

NEW = "new1@people.example.org"
OLD = person(1)["email"]


def asked_to_move(service: Service, mine: str, email: str = NEW) -> str:
    """Ask for a change of address; return the path of the link that goes to the new one."""
    assert service.api("PATCH", mine, {"email": email}).status == 202
    ref = links.PlaceRef("ward", 1)
    expires = service.clock.now + links.ADDRESS_GOOD_FOR
    return f"/addresses/{links.address_token(links.ADDRESS, ref, email, expires_at=expires, keys=web._keys())}"


def undo_path(service: Service, email: str = OLD) -> str:
    expires = service.clock.now + links.UNDO_GOOD_FOR
    token = links.address_token(links.ADDRESS_UNDO, links.PlaceRef("ward", 1), email, expires_at=expires, keys=KEYS)
    return f"/addresses/undo/{token}"


def emails(service: Service) -> list[str | None]:
    return [place.email for place in service.places()]


def test_a_new_address_counts_once_its_owner_pressed_the_button(service: Service, mine: str) -> None:
    path = asked_to_move(service, mine)
    assert [event.name for event in events_of(service.dynamodb.taken())] == ["registration.address_requested"]
    assert service.api("GET", mine).json["email"] == OLD
    page = service.get(path)
    assert NEW in page.body
    assert service.link(1) not in page.body, "looking proves nothing: the way to the place is not shown yet"
    assert emails(service)[0] == OLD
    done = service.post(form_to(page.body, path).action, {})
    assert done.status == 200
    assert emails(service)[0] == NEW
    assert [event.name for event in events_of(service.dynamodb.taken())] == ["registration.address_changed"]
    assert [guard.place for guard in service.guards() if guard.place == 1] == [1]
    again = service.register(1, email=NEW, answers={"diet": "any"})
    assert again.status == 201
    assert len(service.places()) == 2, "the new address is the registration's now"


def test_confirming_twice_is_confirming_once(service: Service, mine: str) -> None:
    path = asked_to_move(service, mine)
    service.post(path, {})
    before = service.items()
    assert service.post(path, {}).status == 200
    assert service.items() == before


def test_only_the_last_address_asked_for_can_confirm(service: Service, mine: str) -> None:
    first = asked_to_move(service, mine, "first1@people.example.org")
    second = asked_to_move(service, mine, "second1@people.example.org")
    assert service.post(first, {}).status == 404
    assert service.get(first).status == 404
    assert service.post(second, {}).status == 200
    assert emails(service)[0] == "second1@people.example.org"


def test_a_new_address_must_confirm_within_a_week(service: Service, mine: str) -> None:
    path = asked_to_move(service, mine)
    service.clock.advance(days=7)
    assert service.post(path, {}).status == 404
    assert emails(service)[0] == OLD


def test_a_new_address_is_not_taken_by_a_cancelled_registration(service: Service, mine: str) -> None:
    path = asked_to_move(service, mine)
    service.api("DELETE", mine)
    assert service.post(path, {}).status == 404
    assert emails(service)[0] == OLD


def test_an_address_with_a_place_of_its_own_cannot_take_this_one_too(service: Service, mine: str) -> None:
    path = asked_to_move(service, mine, person(2)["email"])
    before = service.items()
    refused = service.post(path, {})
    assert refused.status == 409
    assert "already" in refused.body
    assert service.items() == before


def test_asking_for_somebody_elses_address_tells_nothing(service: Service, mine: str) -> None:
    registered = service.api("PATCH", mine, {"email": person(2)["email"]})
    stranger = service.api("PATCH", mine, {"email": "stranger@people.example.org"})
    assert (registered.status, registered.json) == (stranger.status, stranger.json)


def test_an_address_that_differs_in_case_alone_is_the_same_person(service: Service, mine: str) -> None:
    path = asked_to_move(service, mine, "ADA1@people.example.org")
    assert service.post(path, {}).status == 200
    assert emails(service)[0] == "ADA1@people.example.org"
    assert sorted(int(guard.place) for guard in service.guards() if guard.place is not None) == [1, 2]


def test_the_old_address_can_take_the_change_back(service: Service, mine: str) -> None:
    confirm = asked_to_move(service, mine)
    service.post(confirm, {})
    undo = undo_path(service)
    page = service.get(undo)
    assert page.status == 200
    assert emails(service)[0] == NEW, "looking changes nothing"
    assert service.post(form_to(page.body, undo).action, {}).status == 200
    assert emails(service)[0] == OLD
    assert service.post(undo, {}).status == 200, "undoing twice is undoing once"
    assert service.post(confirm, {}).status == 404, "the new address cannot take it again by the old link"
    assert is_lost(service.api("GET", mine), "/problems/link-expired"), "whoever had the link has it no more"
    assert sorted(int(guard.place) for guard in service.guards() if guard.place is not None) == [1, 2]


def test_nobody_undoes_a_change_with_the_confirming_link_or_the_other_way_round(service: Service, mine: str) -> None:
    confirm = asked_to_move(service, mine)
    undo = undo_path(service)
    token, undo_token = confirm.rpartition("/")[2], undo.rpartition("/")[2]
    assert service.post(f"/addresses/undo/{token}", {}).status == 404
    assert service.post(f"/addresses/{undo_token}", {}).status == 404
    assert service.post(undo, {}).status == 404 or emails(service)[0] == OLD
    assert emails(service)[0] == OLD


def test_an_undo_expires_and_names_one_address_only(service: Service, mine: str) -> None:
    service.post(asked_to_move(service, mine), {})
    undo, stranger = undo_path(service), undo_path(service, "stranger@people.example.org")
    assert service.post(stranger, {}).status == 404
    service.clock.advance(days=14)
    assert service.post(undo, {}).status == 404
    assert emails(service)[0] == NEW


# --- asking for the links


def test_asking_for_links_is_answered_alike_with_one_write_whoever_asks(service: Service, mine: str) -> None:
    answers, writes = [], []
    for email in (OLD, "stranger@people.example.org", OLD):
        service.dynamodb.forget()
        answers.append(service.api("POST", "/registrations/lookup", {"email": email}))
        writes.append(service.dynamodb.operations)
    assert {answer.status for answer in answers} == {202}
    assert len({answer.body for answer in answers}) == 1
    assert writes == [["UpdateItem"]] * 3


def test_an_address_is_written_to_at_most_every_ten_minutes(service: Service, mine: str) -> None:
    asked = []
    for minutes in (0, 0, 9, 1, 0):
        service.clock.advance(minutes=minutes)
        service.api("POST", "/registrations/lookup", {"email": OLD.upper()})
        asked.append([event.name for event in events_of(service.dynamodb.taken())])
    assert asked == [["person.lookup_requested"], [], [], ["person.lookup_requested"], []]


def test_what_was_asked_is_forgotten_after_a_day(service: Service, mine: str) -> None:
    service.api("POST", "/registrations/lookup", {"email": OLD})
    [row] = [item for item in service.items() if item["sk"]["S"] == "lookup"]
    assert int(row["expires_at"]["N"]) == int((service.clock.now + timedelta(days=1)).timestamp())
    assert row.keys() == {"pk", "sk", "asked_at", "expires_at"}


@pytest.mark.parametrize("document", [{}, {"email": ""}, {"email": "x"}, {"email": OLD, "name": "x"}, {"email": [OLD]}])
def test_a_lookup_that_cannot_be_read_says_why(service: Service, document: dict[str, object]) -> None:
    assert service.api("POST", "/registrations/lookup", document).status == 422


def test_the_page_that_asks_for_links_does_what_the_api_does(service: Service, mine: str) -> None:
    sent = form_to(service.get("/places").body, "/places")
    known = service.post("/places", {**sent.fields, "email": [OLD]})
    unknown = service.post("/places", {**sent.fields, "email": ["stranger@people.example.org"]})
    assert known.status == unknown.status == 202
    assert known.body == unknown.body
    wrong = service.post("/places", {**sent.fields, "email": ["stran ger"]})
    assert wrong.status == 422
    assert form_to(wrong.body, "/places").fields["email"] == ["stran ger"]
