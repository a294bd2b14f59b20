"""Registering over the API: what people are told, what is stored, and what is refused."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from tests.service import Answer, Service, person

DIET = {"question_id": "diet", "label": "Diet", "kind": "choice", "choices": ["vegan", "any"], "required": True}
QUESTIONS: list[dict[str, object]] = [
    DIET,
    {"question_id": "town", "label": "Town", "kind": "text"},
    {"question_id": "hope", "label": "Hope", "kind": "long_text", "required": True},
    {"question_id": "days", "label": "Days", "kind": "choices", "choices": ["mon", "tue", "wed"]},
    {"question_id": "first", "label": "First visit?", "kind": "yes_no", "required": True},
]
ANSWERS = {"diet": "vegan", "town": "Leeds", "hope": "To\nlearn", "days": ["wed", "mon"], "first": False}


def closed(answer_status: int, problem: Mapping[str, object]) -> bool:
    return answer_status == 409 and problem["type"] == "/problems/registration-closed"


# --- a place in the line


def test_whoever_comes_while_there_are_seats_is_confirmed(service: Service) -> None:
    service.visit(capacity=2)
    answer = service.register(1)
    assert answer.status == 201
    assert answer.json.keys() == {"status", "position", "message"}
    assert (answer.json["status"], answer.json["position"]) == ("confirmed", None)
    assert service.statuses() == ["confirmed"]


def test_whoever_comes_later_waits_and_is_told_their_position(service: Service) -> None:
    service.visit(capacity=1)
    service.register(1)
    told = [service.register(number).json for number in (2, 3)]
    assert [(one["status"], one["position"]) for one in told] == [("waiting", 1), ("waiting", 2)]
    assert "number 2 in line" in told[1]["message"]
    assert service.statuses() == ["confirmed", "waiting", "waiting"]


def test_a_full_visit_without_a_waiting_list_refuses_and_hands_out_no_place(service: Service) -> None:
    service.visit(capacity=1, waitlist="off")
    service.register(1)
    refused = service.register(2)
    assert refused.status == 409
    assert refused.problem["type"] == "/problems/visit-full"
    assert service.counters().line == 1
    assert service.statuses() == ["confirmed"]


def test_a_visit_without_a_limit_is_never_full(service: Service) -> None:
    service.visit(capacity=None)
    assert service.register(1).json["status"] == "confirmed"
    shown = service.api("GET", "/visits/ward").json
    assert (shown["capacity"], shown["seats_left"], shown["waiting"]) == (None, None, 0)


def test_nobody_registers_before_the_opening_or_after_the_closing(service: Service) -> None:
    opens, closes = service.clock.now + timedelta(days=1), service.clock.now + timedelta(days=2)
    service.visit(registration_opens_at=opens.isoformat(), registration_closes_at=closes.isoformat())
    early = service.register(1)
    assert closed(early.status, early.problem)
    assert "not opened yet" in early.problem["detail"]
    service.clock.now = opens
    assert service.register(1).status == 201
    service.clock.now = closes - timedelta(seconds=1)
    assert service.register(2).status == 201
    service.clock.now = closes
    late = service.register(3)
    assert closed(late.status, late.problem)
    assert "has closed" in late.problem["detail"]


def test_registration_closes_when_the_visit_begins_unless_said_otherwise(service: Service) -> None:
    service.visit()
    service.clock.advance(days=30)
    late = service.register(1)
    assert closed(late.status, late.problem)


def test_nobody_registers_for_a_visit_that_is_over(service: Service) -> None:
    service.visit()
    service.clock.advance(days=31)
    late = service.register(1)
    assert closed(late.status, late.problem)
    assert "over" in late.problem["detail"]


def test_nobody_registers_for_a_cancelled_visit(service: Service) -> None:
    service.visit()
    counters = service.counters()
    counters.status = "cancelled"
    counters.save()
    refused = service.register(1)
    assert closed(refused.status, refused.problem)
    assert "cancelled" in refused.problem["detail"]


@pytest.mark.parametrize("visit_id", ["nowhere", "draft", "NOWHERE", "a" * 200, "ä", "..", "a%20b"])
def test_an_unknown_or_unpublished_visit_is_not_found(service: Service, visit_id: str) -> None:
    service.visit("draft", publish=False)
    answer = service.register(1, visit_id)
    assert answer.status == 404
    assert answer.problem["type"] == "about:blank"


# --- fields and their limits

TOO_LONG = {
    "name": 200,
    "organisation": 200,
    "job_role": 200,
    "access_needs": 1000,
    "invite_code": 200,
}


@pytest.mark.parametrize(("field", "limit"), TOO_LONG.items())
def test_a_field_takes_its_limit_and_not_one_character_more(service: Service, field: str, limit: int) -> None:
    service.visit()
    errors = service.register(1, **{field: "x" * (limit + 1)}).errors
    assert errors == {field: f"Shorten this to {limit:,} characters."}
    assert service.register(1, **{field: "x" * limit}).status == 201


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", None, "This must be text."),
        ("name", "", "This is needed."),
        ("name", " \t ", "This is needed."),
        ("name", 7, "This must be text."),
        ("name", "Ada\nBcc: x", "Use a single line of plain characters."),
        ("name", "Ada\x00", "Use a single line of plain characters."),
        ("name", "Ada\u202e", "Use a single line of plain characters."),
        ("name", "\u200b", "This is needed."),
        ("organisation", "\x1b[2J", "Use a single line of plain characters."),
        ("access_needs", "A ramp\x08", "Remove the characters that cannot be shown."),
        ("email", None, "This must be text."),
        ("email", "", "Enter your email address, like name@example.org."),
        ("email", "x" * 250 + "@example.org", "An email address has at most 254 characters."),
        ("consents", {"follow_ups": "yes"}, None),
        ("consents", [], "This must be an object."),
        ("answers", [], "This must be an object."),
        ("timezone", "Mars/Olympus", "Write the IANA name of a time zone, like Europe/London."),
        ("timezone", "../../etc/passwd", "Write the IANA name of a time zone, like Europe/London."),
        ("timezone", "Europe", "Write the IANA name of a time zone, like Europe/London."),
        ("timezone", "x" * 65, "Shorten this to 64 characters."),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(service: Service, field: str, value: Any, message: str | None) -> None:
    service.visit()
    errors = service.register(1, **{field: value}).errors
    if message is None:
        assert errors == {"consents.follow_ups": "This must be true or false."}
    else:
        assert errors == {field: message}
    assert service.statuses() == []


@pytest.mark.parametrize(
    "email", ["ada", "ada@", "@example.org", "ada@example", "a b@example.org", "ada@exa mple.org", "ada@-x.org",
              "ada@example.org, eve@example.org", "ada@[127.0.0.1]", "Ada <ada@example.org>", "ada..b@example.org",
              "ada@example.org\nBcc: eve@example.org", "\u202eada@example.org", "ada@localhost"],
)  # fmt: skip
def test_an_address_mail_could_not_reach_is_refused(service: Service, email: str) -> None:
    service.visit()
    assert service.register(1, email=email).errors.keys() == {"email"}


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  ada@EXAMPLE.org ", "ada@example.org"),
        ("Ada.Love+visits@example.org", "Ada.Love+visits@example.org"),
        ("jürgen@müller.example.org", "jürgen@müller.example.org"),
        ("jürgen@xn--mller-kva.example.org", "jürgen@müller.example.org"),
        ("用户@例え.jp", "用户@例え.jp"),
        ("δοκιμή@παράδειγμα.gr", "δοκιμή@παράδειγμα.gr"),
    ],
)
def test_internationalised_addresses_are_normalised_and_kept(service: Service, typed: str, kept: str) -> None:
    service.visit()
    assert service.register(1, email=typed).status == 201
    assert service.places()[0].email == kept


def test_one_person_is_one_person_however_they_write_their_address(service: Service) -> None:
    service.visit(capacity=5)
    for typed in ("ada@example.org", "ADA@Example.ORG", " ada@example.org"):
        assert service.register(1, email=typed).status == 201
    assert service.statuses() == ["confirmed"]


@pytest.mark.parametrize(
    "name",
    ["Zoë Okafor", "山田　太郎", "محمد علی", "می\u200cخواهم", "עברית", "Ada 👩\u200d⚕️", "O’Brien-Łuczak", "Ada\u00a0B",
     "🏳️\u200d🌈 Sam", "\u200fمحمد", "ᜀᜎ", "Nguyễn Thị", "J\u00adM", "\U0001fae9 new", "<b>Ada</b>", '"; DROP TABLE',
     "{{ 7*7 }}", "=1+1"],
)  # fmt: skip
def test_names_of_all_the_world_are_taken_as_they_are(service: Service, name: str) -> None:
    service.visit()
    answer = service.register(1, name=name, organisation=name, access_needs=name)
    assert answer.status == 201, answer.body
    place = service.places()[0]
    assert (place.name, place.organisation, place.access_needs) == (name, name, name)


def test_text_of_many_lines_keeps_its_lines(service: Service) -> None:
    service.visit()
    service.register(1, access_needs="A ramp.\r\nA loop.\tThanks 👍🏽")
    assert service.places()[0].access_needs == "A ramp.\nA loop.\tThanks 👍🏽"


def test_an_unknown_field_is_refused_also_inside_another(service: Service) -> None:
    service.visit()
    assert service.register(1, status="confirmed").errors == {"status": "There is no such field."}
    assert service.register(1, registration_id="x").errors.keys() == {"registration_id"}
    assert service.register(1, consents={"newsletter": True}).errors.keys() == {"consents.newsletter"}


def test_more_answers_than_a_form_can_have_questions_are_refused(service: Service) -> None:
    service.visit()
    errors = service.register(1, answers={str(number): "" for number in range(21)}).errors
    assert errors["answers"] == "20 at most."


def test_every_wrong_field_is_named_at_once(service: Service) -> None:
    service.visit()
    answer = service.api("POST", "/visits/ward/registrations", {"email": "x", "job_role": 1, "z": 1})
    assert answer.errors.keys() == {"name", "email", "job_role", "z"}


def test_consents_are_given_only_where_somebody_gave_them(service: Service) -> None:
    service.visit()
    service.register(1)
    service.register(2, consents={"follow_ups": True})
    assert [place.consents for place in service.places()] == [
        {"follow_ups": False, "introductions": False},
        {"follow_ups": True, "introductions": False},
    ]


# --- custom questions


def test_answers_of_all_five_kinds_are_kept(service: Service) -> None:
    service.visit(questions=QUESTIONS)
    assert service.register(1, answers=ANSWERS).status == 201
    assert service.places()[0].answers == {**ANSWERS, "days": ["mon", "wed"]}


def test_what_need_not_be_answered_may_be_left_out_or_empty(service: Service) -> None:
    service.visit(questions=QUESTIONS)
    needed = {name: ANSWERS[name] for name in ("diet", "hope", "first")}
    assert service.register(1, answers=needed).status == 201
    assert service.register(2, answers={**needed, "town": "", "days": []}).status == 201
    assert service.register(3, answers={**needed, "town": None, "days": None}).status == 201
    assert [place.answers for place in service.places()] == [needed] * 3


@pytest.mark.parametrize("question", ["diet", "hope", "first"])
@pytest.mark.parametrize("given", ["", None, [], " \n "])
def test_a_required_question_needs_an_answer(service: Service, question: str, given: object) -> None:
    service.visit(questions=QUESTIONS)
    errors = service.register(1, answers={**ANSWERS, question: given}).errors
    assert errors.keys() == {f"answers.{question}"}
    without = {name: answer for name, answer in ANSWERS.items() if name != question}
    assert service.register(1, answers=without).errors.keys() == {f"answers.{question}"}


@pytest.mark.parametrize(
    ("question", "given", "message"),
    [
        ("diet", "meat", "Choose from the answers offered."),
        ("diet", ["vegan"], "Choose from the answers offered."),
        ("diet", True, "Choose from the answers offered."),
        ("days", "mon", "Choose from the answers offered."),
        ("days", ["mon", "sun"], "Choose from the answers offered."),
        ("days", [["mon"]], "Choose from the answers offered."),
        ("days", [{}], "Choose from the answers offered."),
        ("first", "yes", "Choose yes or no."),
        ("first", 1, "Choose yes or no."),
        ("town", 7, "The answer must be text."),
        ("town", {"a": {"b": []}}, "The answer must be text."),
        ("town", "x" * 501, "Shorten this answer to 500 characters; it has 501."),
        ("hope", "x" * 2001, "Shorten this answer to 2,000 characters; it has 2,001."),
        ("town", "Leeds\nYork", "Use a single line of plain characters."),
        ("town", "Le\x00eds", "Use a single line of plain characters."),
        ("hope", "To\x07learn", "Remove the characters that cannot be shown."),
        ("nobody-asked", "x", "There is no such question."),
    ],
)
def test_an_answer_that_does_not_fit_is_refused(service: Service, question: str, given: object, message: str) -> None:
    service.visit(questions=QUESTIONS)
    assert service.register(1, answers={**ANSWERS, question: given}).errors == {f"answers.{question}": message}
    assert service.statuses() == []


def test_an_answer_takes_its_limit(service: Service) -> None:
    service.visit(questions=QUESTIONS)
    longest = {**ANSWERS, "town": "ü" * 500, "hope": "👍" * 2000}
    assert service.register(1, answers=longest).status == 201
    assert service.places()[0].answers == {**longest, "days": ["mon", "wed"]}


def test_a_question_added_meanwhile_is_asked_although_the_container_knew_the_visit_without_it(
    service: Service,
) -> None:
    service.visit(capacity=5)
    assert service.register(1).status == 201
    service.organise("PATCH", "/visits/ward", {"questions": [DIET]}, if_match='"2"')
    assert service.register(2).errors == {"answers.diet": "Choose an answer to “Diet”."}
    assert service.register(2, answers={"diet": "any"}).status == 201


# --- bodies


@pytest.mark.parametrize(
    "body",
    ["{", "[]", '"x"', "null", "[1]" * 3, '{"a":}', "{'name':1}", "\ufeff{}x", "[" * 40_000, '{"name": 1e}',
     b"\xff\xfe", '{"x":' + "9" * 5000 + "}", '{"name":"\\ud83d"}', '{"\\udc00":1}', b'{"name":"\xed\xa0\xbd"}'],
)  # fmt: skip
def test_what_is_no_json_object_in_unicode_is_a_bad_request(service: Service, body: str | bytes) -> None:
    service.visit()
    answer = service.send("POST", "/api/v1/visits/ward/registrations", body)
    assert answer.status == 400
    assert answer.problem["detail"]


def test_a_body_of_another_kind_is_a_bad_request_that_says_so(service: Service) -> None:
    service.visit()
    answer = service.send("POST", "/api/v1/visits/ward/registrations", json.dumps(person(1)), content_type="text/plain")
    assert answer.status == 400
    assert "application/json" in answer.problem["detail"]


def test_json_in_bytes_is_taken_as_json_in_text_is(service: Service) -> None:
    service.visit()
    body = json.dumps({**person(1), "name": "Zoë"}, ensure_ascii=False).encode()
    assert service.send("POST", "/api/v1/visits/ward/registrations", body).status == 201
    assert service.places()[0].name == "Zoë"


def test_no_body_at_all_says_what_is_needed(service: Service) -> None:
    service.visit()
    assert service.send("POST", "/api/v1/visits/ward/registrations").errors.keys() == {"name", "email"}


@pytest.mark.parametrize("encode", [str.encode, str])
def test_sixty_four_kilobytes_are_read_and_one_byte_more_is_not(service: Service, encode: type[str]) -> None:
    service.visit()
    body = json.dumps(person(1))
    fitting = body + " " * (64 * 1024 - len(body))
    assert service.send("POST", "/api/v1/visits/ward/registrations", encode(fitting)).status == 201
    answer = service.send("POST", "/api/v1/visits/ward/registrations", encode(fitting + " "))
    assert answer.status == 413
    assert "64 KB" in answer.problem["detail"]


def test_the_limit_counts_bytes_and_not_characters(service: Service) -> None:
    answer = service.send(
        "POST", "/api/v1/registrations/lookup", json.dumps({"email": "ü" * 40_000}, ensure_ascii=False)
    )
    assert answer.status == 413


# --- Idempotency-Key


def test_the_same_key_and_body_give_the_same_answer(service: Service) -> None:
    service.visit(capacity=1)
    service.register(9)
    first = service.register(1, key="k")
    for number in (2, 3):
        service.register(number)
    again = service.register(1, key="k")
    assert (again.status, again.json) == (first.status, first.json)
    assert again.json["position"] == 1
    assert service.statuses() == ["confirmed", "waiting", "waiting", "waiting"]


def test_the_same_key_with_another_body_is_refused(service: Service) -> None:
    service.visit()
    service.register(1, key="k")
    refused = service.register(1, key="k", organisation="Another")
    assert refused.status == 422
    assert refused.problem["type"] == "/problems/idempotency-key-reused"


def test_a_key_belongs_to_one_person_and_one_visit(service: Service) -> None:
    service.visit(capacity=5)
    service.visit("second", capacity=5)
    assert service.register(1, key="k").status == 201
    assert service.register(2, key="k").status == 201
    assert service.register(1, "second", key="k", job_role="Nurse").status == 201
    assert service.statuses() == ["confirmed", "confirmed"]
    assert service.statuses("second") == ["confirmed"]


def test_a_key_is_forgotten_after_a_day(service: Service) -> None:
    service.visit(capacity=1)
    service.register(1, key="k")
    service.clock.advance(hours=23, minutes=59)
    assert service.register(1, key="k").json["status"] == "confirmed"
    service.clock.advance(minutes=1)
    later = service.register(1, key="k", organisation="Another")
    assert (later.json["status"], later.json["position"]) == ("waiting", 1)  # as a newcomer would be answered by now


def test_a_key_answers_the_same_after_a_cancellation_and_revives_nothing(service: Service) -> None:
    service.visit()
    first = service.register(1, key="k")
    service.api("DELETE", f"/registrations/{service.link()}")
    assert service.register(1, key="k").json == first.json
    assert service.statuses() == ["cancelled"]
    assert service.register(1, key="another").status == 201
    assert service.statuses() == ["cancelled", "confirmed"]


def test_a_key_of_somebody_already_registered_keeps_the_answer_they_got(service: Service) -> None:
    service.visit(capacity=1)
    service.register(1)
    told = service.register(1, key="k").json
    assert (told["status"], told["position"]) == ("waiting", 1)
    service.register(2)
    service.register(3)
    assert service.register(1, key="k").json == told


def test_a_key_too_long_is_refused_by_name(service: Service) -> None:
    service.visit()
    assert service.register(1, key="k" * 200).status == 201
    refused = service.register(2, key="k" * 201)
    assert refused.status == 400
    assert "Idempotency-Key" in refused.problem["detail"]


# --- somebody who is registered already


def test_a_repeated_registration_changes_nothing_and_is_answered_as_a_newcomer_would_be(service: Service) -> None:
    service.visit(capacity=1)
    assert service.register(1).json["status"] == "confirmed"
    before = service.places()[0].serialize()
    repeated = service.register(1, name="Eve", organisation="Elsewhere", consents={"follow_ups": True})
    newcomer = service.register(2)
    assert repeated.status == newcomer.status == 201
    assert repeated.json == newcomer.json
    assert service.places()[0].serialize() == before
    assert service.statuses() == ["confirmed", "waiting"]


@pytest.mark.parametrize(
    ("capacity", "waitlist", "days"), [(50, "automatic", 0), (1, "automatic", 0), (1, "off", 0), (50, "automatic", 30)]
)
def test_nobody_learns_from_answer_or_calls_whether_an_address_is_registered(
    service: Service, capacity: int, waitlist: str, days: int
) -> None:
    service.visit(capacity=capacity, waitlist=waitlist)
    service.register(1)
    service.clock.advance(days=days)
    moments = [(0, None), (0, "first"), (1, None), (1, "second"), (30, None), (30, "third")]
    for newcomers_number, (minutes, key) in enumerate(moments, start=100):
        service.clock.advance(minutes=minutes)  # so that the link is due now, was sent a moment ago, is due again
        service.dynamodb.forget()
        registered = service.register(1, key=key)
        calls_for_registered = service.dynamodb.operations
        service.dynamodb.forget()
        newcomer = service.register(newcomers_number, key=key)
        assert calls_for_registered == service.dynamodb.operations
        assert registered.status == newcomer.status
        assert _without_instance(registered) == _without_instance(newcomer)


def _without_instance(answer: Answer) -> dict[str, object]:
    return {name: value for name, value in json.loads(answer.body).items() if name != "instance"}


def test_registering_again_has_the_link_sent_again_at_most_every_ten_minutes(service: Service) -> None:
    service.visit(capacity=5)
    service.register(1)
    asked = [_link_requests(service)]
    for minutes in (0, 1, 8, 1, 1):
        service.clock.advance(minutes=minutes)
        service.register(1)
        asked.append(_link_requests(service))
    assert asked == [0, 1, 0, 0, 1, 0]


def _link_requests(service: Service) -> int:
    from tests.events_seen import events_of

    return [event.name for event in events_of(service.dynamodb.taken())].count("registration.link_requested")


def test_the_limit_on_links_holds_because_the_guard_remembers(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A control: without the ten minutes every repetition sends an email."""
    monkeypatch.setattr("visits.register.LINK_EVERY", timedelta(0))
    service.visit(capacity=5)
    service.register(1)
    service.dynamodb.taken()
    asked = 0
    for _ in range(3):
        service.clock.advance(seconds=1)
        service.register(1)
        asked += _link_requests(service)
    assert asked == 3


def test_whoever_cancelled_may_register_again_at_the_end_of_the_line(service: Service) -> None:
    service.visit(capacity=1)
    service.register(1)
    service.register(2)
    service.api("DELETE", f"/registrations/{service.link(1)}")
    again = service.register(1)
    assert (again.json["status"], again.json["position"]) == ("waiting", 1)
    assert service.statuses() == ["cancelled", "confirmed", "waiting"]


def test_a_newcomer_costs_the_designs_three_calls(service: Service) -> None:
    service.visit(capacity=5)
    service.register(1)  # the container now knows the visit's details
    service.dynamodb.forget()
    service.register(2)
    assert service.dynamodb.operations == ["GetItem", "UpdateItem", "TransactWriteItems"]
