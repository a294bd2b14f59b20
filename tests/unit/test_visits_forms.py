"""The pages' forms: sent twice, too soon, by machines, with something wrong, or at a bad moment."""

from datetime import timedelta

import pytest

from kernel import tokens
from tests.dynamodb_tap import When, refusal
from tests.events_seen import events_of
from tests.html_form import SentForm, form_to
from tests.service import Answer, Service, person
from tests.unit.conftest import SECRET
from visits import form, web

QUESTIONS = [
    {"question_id": "diet", "label": "Diet", "kind": "choice", "choices": ["vegan", "any"], "required": True},
    {"question_id": "hope", "label": "Hope", "kind": "long_text"},
    {"question_id": "days", "label": "Days", "kind": "choices", "choices": ["mon", "tue", "wed"]},
    {"question_id": "first", "label": "First visit?", "kind": "yes_no"},
]
TYPED: dict[str, list[str]] = {
    **{name: [text] for name, text in person(1).items()},
    "organisation": ["<b>Elm & House</b>"],
    "job_role": ['"Nurse"'],
    "access_needs": ["\r\nA ramp,\r\nplease"],
    "answers.diet": ["vegan"],
    "answers.hope": ["To </textarea> learn"],
    "answers.days": ["mon", "wed"],
    "answers.first": ["no"],
    "consents.follow_ups": ["true"],
}


def opened(service: Service, visit_id: str = "ward") -> SentForm:
    """Open a visit's page and return its form, as it stands half a minute later."""
    found = form_to(service.get(f"/visits/{visit_id}").body, "/registrations")
    service.clock.advance(seconds=30)
    return found


def send(service: Service, sent: SentForm, **typed: list[str]) -> Answer:
    return service.post(sent.action, {**sent.fields, **TYPED, **{k.replace("__", "."): v for k, v in typed.items()}})


def refused_form(answer: Answer, status: int = 422) -> SentForm:
    """Return the form of an answer that refused what was sent, which must still hold everything typed."""
    assert answer.status == status, (answer.status, answer.headers)
    again = form_to(answer.body, "/registrations")
    kept = {name: texts for name, texts in again.fields.items() if name in TYPED}
    assert kept == TYPED
    return again


def registered(answer: Answer) -> bool:
    return answer.status == 303 and "/registered/" in answer.headers["Location"]


def test_the_form_registers_and_leads_to_a_page_that_reloads_safely(service: Service) -> None:
    service.visit(questions=QUESTIONS)
    answer = send(service, opened(service))
    assert registered(answer)
    page = service.get(answer.headers["Location"])
    assert page.status == 200
    assert "email" in page.body
    [place] = service.places()
    assert place.name == person(1)["name"]
    assert place.access_needs == "A ramp,\nplease"
    assert place.answers == {"diet": "vegan", "hope": "To </textarea> learn", "days": ["mon", "wed"], "first": False}
    assert place.consents == {"follow_ups": True, "introductions": False}


def test_whoever_has_to_wait_reads_their_position(service: Service) -> None:
    service.visit(capacity=1)
    service.register(8)
    service.register(9)
    sent = opened(service)
    answer = service.post(sent.action, {**sent.fields, **{name: [text] for name, text in person(1).items()}})
    assert "2" in service.get(answer.headers["Location"]).body
    assert "waiting" in service.get(answer.headers["Location"]).body.lower()


def test_a_double_submit_is_one_registration_and_one_email(service: Service) -> None:
    service.visit(questions=QUESTIONS, capacity=5)
    sent = opened(service)
    service.dynamodb.forget()
    answers = [send(service, sent) for _ in range(3)]
    assert all(registered(answer) for answer in answers)
    assert service.statuses() == ["confirmed"]
    names = [event.name for event in events_of(service.dynamodb.taken())]
    assert names == ["registration.confirmed"]


def test_two_pages_sent_by_one_person_are_one_registration(service: Service) -> None:
    service.visit(questions=QUESTIONS, capacity=5)
    first, second = opened(service), opened(service)
    assert registered(send(service, first))
    assert registered(send(service, second))
    assert service.statuses() == ["confirmed"]


def test_going_back_and_changing_something_registers_once_and_changes_nothing(service: Service) -> None:
    service.visit(questions=QUESTIONS, capacity=5)
    sent = opened(service)
    send(service, sent)
    assert registered(send(service, sent, organisation=["Another"]))
    assert [place.organisation for place in service.places()] == ["<b>Elm & House</b>"]


def test_whoever_cancelled_and_goes_back_to_the_form_is_registered_again(service: Service) -> None:
    """Told that they have a place, they must have one."""
    service.visit(questions=QUESTIONS, capacity=5)
    sent = opened(service)
    send(service, sent)
    service.post(f"/places/{service.link()}/cancel", {})
    assert registered(send(service, sent))
    assert service.statuses() == ["cancelled", "confirmed"]


# --- machines


def test_a_form_sent_at_once_comes_back_whole_and_passes_a_second_later(service: Service) -> None:
    service.visit(questions=QUESTIONS)
    sent = form_to(service.get("/visits/ward").body, "/registrations")
    service.clock.advance(seconds=0.9)
    again = refused_form(send(service, sent))
    assert again.fields["form_token"] == sent.fields["form_token"]
    service.clock.advance(seconds=0.1)
    assert registered(service.post(again.action, again.fields))


def test_a_honeypot_that_was_filled_in_comes_back_empty_and_whole(service: Service) -> None:
    service.visit(questions=QUESTIONS)
    again = refused_form(send(service, opened(service), website=["https://spam.example"]))
    assert again.fields["website"] == [""]
    assert service.statuses() == []
    assert registered(service.post(again.action, again.fields))


@pytest.mark.parametrize("token", [[], [""], ["x"], ["a.b"], ["x" * 5000], ["ü"]])
def test_a_form_without_its_token_or_with_a_forged_one_comes_back_with_a_good_one(
    service: Service, token: list[str]
) -> None:
    service.visit(questions=QUESTIONS)
    again = refused_form(send(service, opened(service), form_token=token))
    assert service.statuses() == []
    service.clock.advance(seconds=2)
    assert registered(service.post(again.action, again.fields))


def test_a_token_of_another_purpose_or_another_key_is_no_forms_token(service: Service) -> None:
    service.visit(questions=QUESTIONS)
    sent = opened(service)
    stranger = form.token(now=service.clock.now - timedelta(minutes=1), keys=["another key"])
    other = tokens.sign("place", ["n", 1], expires_at=None, keys=SECRET.signing_keys)
    for token in (stranger, other, sent.fields["form_token"][0][:-1], "A" + sent.fields["form_token"][0][1:]):
        refused_form(send(service, sent, form_token=[token]))


def test_a_page_open_for_a_week_still_works_and_a_day_longer_only_needs_sending_again(service: Service) -> None:
    service.visit(questions=QUESTIONS)
    sent = opened(service)
    service.clock.advance(days=6)
    assert registered(send(service, sent))
    sent = opened(service)
    service.clock.advance(days=8)
    again = refused_form(send(service, sent, email=["ada1@people.example.org"]))
    assert again.fields["form_token"] != sent.fields["form_token"]


# --- something wrong


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", "", "This is needed."),
        ("name", "x" * 201, "Shorten this to 200 characters."),
        ("email", "nobody", "Enter an email address like name@example.org."),
        ("answers__diet", "meat", "Choose from the answers offered."),
        ("answers__first", "perhaps", "Choose yes or no."),
        ("access_needs", "\x00", "Remove the characters that cannot be shown."),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_nothing_typed_is_lost(
    service: Service, field: str, value: str, said: str
) -> None:
    service.visit(questions=QUESTIONS)
    answer = send(service, opened(service), **{field: [value]})
    assert answer.status == 422
    name = field.replace("__", ".")
    assert said in answer.body
    assert f'href="#field-{name.replace(".", "-")}"' in answer.body
    again = form_to(answer.body, "/registrations")
    others = {n: texts for n, texts in TYPED.items() if n != name}
    assert {n: again.fields[n] for n in others} == others
    assert registered(service.post(again.action, {**again.fields, name: TYPED[name]}))


def test_long_text_is_counted_as_the_browser_counts_it(service: Service) -> None:
    service.visit(questions=QUESTIONS)
    lines = "\r\n".join(["x" * 9] * 100)  # 999 characters for whoever typed them
    assert registered(send(service, opened(service), access_needs=[lines]))
    assert service.places()[0].access_needs == lines.replace("\r\n", "\n")


def test_an_odd_word_for_a_time_zone_stops_nobody(service: Service) -> None:
    service.visit(questions=QUESTIONS)
    assert registered(send(service, opened(service), timezone=["Mars/Olympus"]))
    assert service.places()[0].timezone is None


def test_a_visit_that_filled_up_meanwhile_says_so_on_a_page(service: Service) -> None:
    service.visit(questions=QUESTIONS, capacity=1, waitlist="off")
    sent = opened(service)
    service.register(2, answers={"diet": "any"})
    answer = send(service, sent)
    assert answer.status == 409
    assert "full" in answer.body
    service.clock.advance(days=30)
    closed = send(service, sent, form_token=[form.token(now=service.clock.now - timedelta(days=1), keys=web._keys())])
    assert closed.status == 409
    assert "closed" in closed.body.lower()


def test_a_form_for_a_visit_that_is_not_there_is_a_page_that_says_so(service: Service) -> None:
    assert service.post("/visits/nowhere/registrations", TYPED).status == 404


# --- bad moments


@pytest.mark.parametrize("at", range(4))
@pytest.mark.parametrize("ever_after", [True, False])
def test_a_fault_at_any_call_keeps_what_was_typed_to_be_sent_again(
    service: Service, at: int, *, ever_after: bool
) -> None:
    service.visit(questions=QUESTIONS)
    sent = opened(service)
    service.dynamodb.forget()

    def strike(index: int, operation: str, when: When) -> None:
        if when == "before" and (index == at or (ever_after and index > at)):
            raise refusal("InternalServerError", operation)

    service.dynamodb.strike = strike
    again = refused_form(send(service, sent), 503)
    service.dynamodb.strike = None
    assert again.fields["form_token"] == sent.fields["form_token"]
    assert registered(service.post(again.action, again.fields))
    service.sweep(times=3)
    assert [place.status for place in service.places() if place.person] == ["confirmed"]


def test_a_lookup_or_change_sent_at_a_bad_moment_can_be_sent_again(service: Service) -> None:
    service.visit()
    service.register(1)

    def strike(index: int, operation: str, when: When) -> None:
        raise refusal("InternalServerError", operation)

    service.dynamodb.strike = strike
    lookup = service.post("/places", {"email": "ada1@people.example.org"})
    change = service.post(f"/places/{service.link()}", {**person(1), "organisation": "Elm House"})
    service.dynamodb.strike = None
    assert (lookup.status, change.status) == (503, 503)
    again = form_to(lookup.body, "/places")
    assert service.post(again.action, again.fields).status == 202
    again = form_to(change.body, f"/places/{service.link()}")
    assert service.post(again.action, again.fields).status == 303
    assert service.places()[0].organisation == "Elm House"


def test_limits_on_a_network_keep_what_was_typed(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from kernel.limits import Limit

    monkeypatch.setattr(web, "_SETTINGS", replace(web._SETTINGS, rate_limits="on"))
    monkeypatch.setattr(web, "_REGISTRATIONS", Limit(1, timedelta(minutes=1)))
    monkeypatch.setattr(web, "_LOOKUPS", Limit(1, timedelta(minutes=1)))
    service.headers["cloudfront-viewer-address"] = "198.51.100.7:443"
    service.visit(questions=QUESTIONS, capacity=5)
    assert registered(send(service, opened(service)))
    refused_form(send(service, opened(service)), 429)
    by_api = service.register(1)
    assert (by_api.status, int(by_api.headers["Retry-After"]) > 0) == (429, True)
    service.post("/places", {"email": "ada1@people.example.org"})
    refused = service.post("/places", {"email": "ada1@people.example.org"})
    assert refused.status == 429
    assert form_to(refused.body, "/places").fields["email"] == ["ada1@people.example.org"]
    service.clock.advance(minutes=2)
    assert service.register(1, answers={"diet": "any"}).status == 201


def test_the_receipt_tells_nothing_but_what_a_newcomer_is_told(service: Service) -> None:
    service.visit(questions=QUESTIONS, capacity=5)
    location = send(service, opened(service)).headers["Location"]
    page = service.get(location).body
    for said in ("Quillfeather", "people.example.org", "Elm"):
        assert said not in page
    service.visit("second", capacity=5)
    assert service.get(location.replace("/visits/ward/", "/visits/second/")).status == 404
    assert service.get(location[:-2]).status == 404
    service.clock.advance(days=1)
    assert service.get(location).status == 404
