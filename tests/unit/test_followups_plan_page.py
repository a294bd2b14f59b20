"""The organisers' pages of a visit's emails."""

from urllib.parse import urlencode

import pytest

from followups import plans
from tests.service import Answer, Service
from tests.unit.test_followups_by_hand import Queued, queued
from tests.unit.test_who_is_asking import OURS, sign_in

__all__ = ["queued"]
PAGE = "/organise/visits/ward/plan"
SUBJECT = "Soon: {{ visit }}"


def show(service: Service, path: str = PAGE) -> Answer:
    return service.send("GET", path, headers={**sign_in(service, "organiser"), **OURS})


def press(service: Service, step: str, do: str, **fields: str) -> Answer:
    kind = "application/x-www-form-urlencoded"
    headers = {**sign_in(service, "organiser"), **OURS}
    return service.send("POST", f"{PAGE}/{step}", urlencode({"do": do, **fields}), content_type=kind, headers=headers)


def test_the_page_shows_every_email_with_its_moment_and_people(service: Service, queued: Queued) -> None:
    service.visit()
    service.register(1)
    page = show(service)
    assert page.status == 200
    assert page.body.count("1 person") >= 4
    assert "Reminder, the day before" in page.body
    assert 'aria-current="page">Emails' in page.body


def test_words_are_saved_and_shown_again(service: Service, queued: Queued) -> None:
    service.visit()
    answer = press(service, "reminder_day", "save", subject=SUBJECT, body_markdown="See *you*.", enabled="yes")
    assert (answer.status, answer.headers["Location"]) == (303, f"{PAGE}/reminder_day?said=saved")
    found = plans.running("ward").find("reminder_day")
    assert found is not None
    assert (found.subject, found.body_markdown, found.enabled) == (SUBJECT, "See *you*.", True)
    press(service, "reminder_day", "save", subject=SUBJECT, body_markdown="See *you*.")
    assert "Switched off" in show(service).body


def test_what_cannot_be_saved_is_said_beside_its_field_and_nothing_typed_is_lost(
    service: Service, queued: Queued
) -> None:
    service.visit()
    answer = press(
        service, "reminder_day", "save", subject="Hello {{ firstname }}", body_markdown="Kept.", enabled="yes"
    )
    assert answer.status == 422
    assert "There is no {{ firstname }}" in answer.body
    assert "Kept." in answer.body
    assert plans.running("ward").version == 1


def test_a_preview_saves_nothing(service: Service, queued: Queued) -> None:
    service.visit()
    answer = press(service, "reminder_day", "preview", subject=SUBJECT, body_markdown="See *you*.", enabled="yes")
    assert answer.status == 200
    assert "Soon: How one ward halved its falls" in answer.body
    assert "<em>you</em>" in answer.body
    assert plans.running("ward").version == 1


def test_an_email_is_paused_let_go_on_and_sent_after_a_question_with_the_count(
    service: Service, queued: Queued
) -> None:
    service.visit()
    service.register(1)
    assert press(service, "reminder_day", "pause").headers["Location"].endswith("said=paused")
    assert press(service, "reminder_day", "ask").status == 409, "paused"
    assert press(service, "reminder_day", "resume").headers["Location"].endswith("said=resumed")
    asked = press(service, "reminder_day", "ask")
    assert "Send this to 1 person now?" in asked.body
    assert plans.running("ward").sent_now == {}
    assert press(service, "reminder_day", "send").headers["Location"].endswith("said=sent")
    assert "reminder_day" in plans.running("ward").sent_now


def test_a_test_goes_to_an_address(service: Service, queued: Queued) -> None:
    service.visit()
    assert press(service, "reminder_day", "test", email="me@example.org").status == 303
    assert len(queued.ids) == 1
    assert press(service, "reminder_day", "test", email="nobody").status == 422


@pytest.mark.parametrize("do", ["pause", "send", "ask"])
def test_an_email_people_rely_on_is_neither_paused_nor_sent(service: Service, queued: Queued, do: str) -> None:
    service.visit()
    assert press(service, "confirmation", do).status == 409


def test_what_is_not_there_is_not_found(service: Service, queued: Queued) -> None:
    service.visit()
    assert show(service, f"{PAGE}/nothing").status == 404
    assert show(service, "/organise/visits/nowhere/plan").status == 404
    assert press(service, "reminder_day", "nonsense").status == 400
