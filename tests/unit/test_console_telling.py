"""The organisers' pages that tell people something: looked at first, with how many it goes to, then done."""

import pytest

from tests.html_form import form_to
from tests.service import Answer, Service
from tests.unit.test_console_visits import Console
from visits.model import Message

HOME = "/organise/visits/ward"


@pytest.fixture
def console(service: Service) -> Console:
    service.visit(capacity=1)
    for number in (1, 2, 3):
        service.register(number)
    return Console(service)


def messages(service: Service) -> list[Message]:
    return [Message.from_raw_data(item) for item in service.items() if item["sk"]["S"].startswith("message#")]


def checked(answer: Answer, path: str, *words: str) -> str:
    assert answer.status == 200, answer.body[:300]
    for word in words:
        assert word in answer.body
    assert form_to(answer.body, path)
    return answer.body


def test_moving_a_visit_is_looked_at_with_both_times_and_the_count_and_then_done(
    console: Console, service: Service
) -> None:
    path = f"{HOME}/reschedule"
    form = console.form(path)
    assert form.fields["starts_at"] == ["2026-10-01T10:00"]  # nine in UTC: the clock in London
    times = {"starts_at": "2026-12-08T14:00", "ends_at": "2026-12-08T15:00"}
    looked_at = console.press(form, "check", **times, message="The **host** asked.")
    page = checked(looked_at, path, "Move it, and tell 3 people?", "8 December 2026", "<strong>host</strong>")
    assert service.details().sequence == 0
    back = console.press(form_to(page, path), "back")
    assert form_to(back.body, path).fields["message"] == ["The **host** asked."]
    done = console.press(form_to(page, path), "send")
    assert done.headers["Location"] == f"{HOME}?said=rescheduled"
    assert service.details().starts_at.isoformat() == "2026-12-08T14:00:00+00:00"
    assert [one.markdown for one in messages(service)] == ["The **host** asked."]
    console.press(form_to(page, path), "send")  # pressed twice: moved once
    assert service.details().sequence == 1


def test_a_new_time_that_cannot_be_is_said_before_anything_is_looked_at(console: Console, service: Service) -> None:
    path = f"{HOME}/reschedule"
    for times, words in (
        ({"starts_at": "2026-08-01T10:00", "ends_at": "2026-08-01T11:00"}, "must lie ahead"),
        ({"starts_at": "2027-03-28T01:30", "ends_at": "2027-03-28T04:00"}, "there is no 01:30"),
        ({"starts_at": "2026-12-08T14:00", "ends_at": "2026-12-08T13:00"}, "must come after the start"),
    ):
        answer = console.press(console.form(path), "check", message="Kept words", **times)
        assert answer.status == 422
        assert words in answer.body
        assert "Kept words" in answer.body
    assert service.details().sequence == 0


def test_calling_a_visit_off_asks_once_more_and_cannot_be_done_twice(console: Console, service: Service) -> None:
    path = f"{HOME}/cancel"
    page = checked(console.press(console.form(path), "check", message="Illness."), path, "tell 3 people?", "Illness.")
    assert service.details().status == "published"
    assert console.press(form_to(page, path), "send").headers["Location"] == f"{HOME}?said=cancelled"
    assert service.details().status == "cancelled"
    assert "was called off" in console.see(path)
    console.press(form_to(page, path), "send")
    assert len(messages(service)) == 1


def test_a_message_goes_to_whom_it_is_for_and_sending_its_form_twice_sends_one(
    console: Console, service: Service
) -> None:
    path = f"{HOME}/message"
    form = console.form(path)
    typed = {"subject": "Parking", "body_markdown": "Behind *the* house.\n\nGo round."}
    page = checked(
        console.press(form, "check", to=["waiting"], **typed), path, "Send this to 2 people?", "<em>the</em>"
    )
    assert messages(service) == []
    for _ in range(2):
        assert console.press(form_to(page, path), "send").headers["Location"] == f"{path}?said=written"
    [sent] = messages(service)
    assert (sent.subject, sent.to, sent.markdown) == ("Parking", ["waiting"], typed["body_markdown"])
    assert "Parking" in console.see(path)


def test_a_message_without_a_reader_or_words_is_sent_back_with_what_was_typed(console: Console) -> None:
    path = f"{HOME}/message"
    form = console.form(path)
    del form.fields["to"]
    answer = console.press(form, "check", subject="Kept", body_markdown=" ")
    assert answer.status == 422
    for words in ("Choose whom the message is for.", "This is needed.", "Kept"):
        assert words in answer.body


def test_drafts_have_nobody_to_tell(console: Console, service: Service) -> None:
    service.visit("draft", publish=False)
    for kind in ("cancel", "reschedule", "message"):
        assert "Nobody has heard of this draft" in console.see(f"/organise/visits/draft/{kind}")
    assert console.send("/organise/visits/draft/cancel", {"do": "send"}).status == 409


def test_sharing_puts_recording_and_tools_on_the_public_page(console: Console, service: Service) -> None:
    path = f"{HOME}/share"
    more = console.press(console.form(path), "more", recording_url="https://video.example.org/x")
    form = form_to(more.body, path)
    assert form.fields["recording_url"] == ["https://video.example.org/x"]
    wrong = console.press(form, "share", resources__1__title="Card", resources__3__url="nowhere")
    assert wrong.status == 422
    assert "begins with https://" in wrong.body
    assert 'value="Card"' in wrong.body
    tools = {"resources__1__title": "Card", "resources__1__url": "https://files.example.org/card.pdf"}
    assert console.press(form, "share", **tools).headers["Location"] == f"{path}?said=shared"
    assert service.details().resources == [{"title": "Card", "url": "https://files.example.org/card.pdf"}]
    again = console.form(path)
    assert again.fields["resources.0.title"] == ["Card"]
    assert console.press(again, "share", recording_url="").status == 303
    assert service.details().recording_url == ""


def test_a_copy_is_a_draft_at_another_time_with_everything_but_the_people(console: Console, service: Service) -> None:
    path = f"{HOME}/copy"
    form = console.form(path)
    assert form.fields["starts_at"] == ["2026-10-01T10:00"]
    assert "there is no 01:30" in console.press(form, starts_at="2027-03-28T01:30").body
    answer = console.press(form, starts_at="2027-01-11T14:00")
    new_id = answer.headers["Location"].removeprefix("/organise/visits/").partition("?")[0]
    copied = service.details(new_id)
    assert (copied.status, copied.title) == ("draft", service.details().title)
    assert copied.starts_at.isoformat() == "2027-01-11T14:00:00+00:00"
    assert copied.organisers[0] == "olive@example.org"
    assert service.places(new_id) == []
