"""The organisers' pages of people: finding, adding, putting right, cancelling, moving up, sending links."""

import pytest

from tests.html_form import form_to
from tests.service import Service
from tests.unit.test_console_visits import Console

PEOPLE = "/organise/visits/ward/people"
QUESTIONS = [
    {"question_id": "diet", "label": "What do you eat?", "kind": "text", "required": True},
    {"question_id": "topics", "label": "Topics", "kind": "choices", "choices": ["Falls", "Food"]},
]


@pytest.fixture
def console(service: Service) -> Console:
    service.visit(capacity=1, questions=QUESTIONS, organisers=["olive@example.org"])
    service.register(1, access_needs="A ramp, please", answers={"diet": "Fish"})
    for number in (2, 3):
        service.register(number, answers={"diet": "Fish"})
    return Console(service)


def path_of(service: Service, number: int) -> str:
    return f"{PEOPLE}/{service.places()[number - 1].registration_id}"


def test_people_are_listed_filtered_searched_and_paged(console: Console, service: Service) -> None:
    page = console.see(PEOPLE)
    assert [f"ada{n}@" in page for n in (1, 2, 3)] == [True, True, True]
    assert "number 2" in page
    waiting = console.see(PEOPLE, status="waiting")
    assert [f"ada{n}@" in waiting for n in (1, 2, 3)] == [False, True, True]
    found = console.see(PEOPLE, q="ADA3")
    assert [f"ada{n}@" in found for n in (1, 2, 3)] == [False, False, True]
    assert "Nobody found for" in console.see(PEOPLE, q="submarine")
    assert "registrations.csv" in page


def test_access_needs_are_seen_by_the_visits_own_organisers_alone(console: Console, service: Service) -> None:
    stranger = Console(service, "stranger@example.org")
    path = path_of(service, 1)
    assert "A ramp, please" in console.see(path)
    assert "Access needs" in console.see(PEOPLE)
    for page in (stranger.see(path), stranger.see(PEOPLE)):
        assert "A ramp" not in page
        assert "Access needs" not in page
    form = form_to(stranger.see(path), path)
    assert stranger.send(path, {**form.fields, "name": "Other", "access_needs": "Overwritten"}).status == 303
    assert (service.places()[0].name, service.places()[0].access_needs) == ("Other", "A ramp, please")


def test_an_untouched_form_writes_nothing_and_another_what_was_touched(console: Console, service: Service) -> None:
    path = path_of(service, 1)
    before = service.items(), service.items("accounts")
    form = form_to(console.see(path), path)
    assert console.send(path, form.fields).status == 303
    assert (service.items(), service.items("accounts")) == before
    answer = console.send(path, {**form.fields, "organisation": "Elm House", "answers.topics": ["Food"]})
    assert answer.headers["Location"] == f"{path}?said=corrected"
    place = service.places()[0]
    assert (place.organisation, place.answers) == ("Elm House", {"diet": "Fish", "topics": ["Food"]})


def test_what_is_wrong_with_a_correction_stands_beside_its_field(console: Console, service: Service) -> None:
    path = path_of(service, 1)
    answer = console.send(path, {"name": "", "email": "ada@", "organisation": "Kept"})
    assert answer.status == 422
    for words in ('href="#field-name"', 'href="#field-email"', "Kept"):
        assert words in answer.body
    taken = console.send(path, {"name": "Ada", "email": "ada2@people.example.org"})
    assert taken.status == 422
    assert 'id="field-email.error"' in taken.body


def test_a_new_address_has_to_confirm_itself(console: Console, service: Service) -> None:
    path = path_of(service, 1)
    form = form_to(console.see(path), path)
    answer = console.send(path, {**form.fields, "email": "new@people.example.org"})
    assert answer.headers["Location"] == f"{path}?said=address-asked"
    assert "new@people.example.org" in console.see(path)
    assert service.places()[0].email == "ada1@people.example.org"


def test_cancelling_gives_the_place_to_the_line(console: Console, service: Service) -> None:
    path = path_of(service, 1)
    form = form_to(console.see(path), "/cancel")
    assert console.send(form.action, form.fields).headers["Location"] == f"{path}?said=person-cancelled"
    assert service.statuses() == ["cancelled", "confirmed", "waiting"]
    page = console.see(path)
    assert "/cancel" not in page
    assert "Fish" in page


def test_moving_up_needs_a_reason_and_gives_an_extra_place(console: Console, service: Service) -> None:
    path = path_of(service, 3)
    form = form_to(console.see(path), "/move-up")
    assert "This is needed." in console.send(form.action, {"reason": " "}).body
    assert console.send(form.action, {"reason": "She speaks there."}).headers["Location"] == f"{path}?said=moved-up"
    page = console.see(path)
    assert "Extra place" in page
    assert "/move-up" not in page
    assert "/move-up" not in console.see(path_of(service, 1))


def test_a_link_is_sent_again(console: Console, service: Service) -> None:
    path = path_of(service, 1)
    form = form_to(console.see(path), "/resend")
    assert console.send(form.action, form.fields).headers["Location"] == f"{path}?said=link-sent"


def test_somebody_added_by_hand_needs_no_answers_and_gets_a_place(console: Console, service: Service) -> None:
    form = console.form(f"{PEOPLE}/add")
    answer = console.send(form.action, {**form.fields, "name": "Di", "email": "di@people.example.org"})
    assert answer.status == 303
    assert "said=added" in answer.headers["Location"]
    assert [place.name for place in service.places() if place.is_extra] == ["Di"]
    path = answer.headers["Location"].partition("?")[0]
    theirs = form_to(console.see(path), path)
    assert console.send(path, {**theirs.fields, "answers.topics": ["Food"]}).status == 303  # the gap stays one
    again = console.send(form.action, {**form.fields, "name": "Di", "email": "di@people.example.org"})
    assert again.status == 409
    assert "registered for this visit already" in again.body
    wrong = console.send(form.action, {**form.fields, "name": "Di", "email": "di@", "organisation": "Kept"})
    assert wrong.status == 422
    assert "Kept" in wrong.body


def test_what_cannot_be_done_any_more_is_said_on_the_persons_page(console: Console, service: Service) -> None:
    path = path_of(service, 1)
    console.send(f"{path}/cancel", {})
    for action, fields in (("resend", {}), ("move-up", {"reason": "Late."}), ("", {"name": "Other"})):
        answer = console.send(f"{path}/{action}".rstrip("/"), fields)
        assert answer.status == 409, action
        assert "was cancelled" in answer.body
