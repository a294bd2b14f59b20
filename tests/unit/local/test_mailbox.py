"""What the mailbox shows of emails."""

import json
from email.message import EmailMessage
from pathlib import Path

import pytest

from infra.local import mailbox
from infra.local.mailbox import Answer
from infra.local.post_office import Email, Mail

CALENDAR = "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n"


def email(number: int, to: str, *, subject: str = "Your place", text: str = "Hello") -> Email:
    message = EmailMessage()
    message["From"] = "Community <visits@example.org>"
    message["To"] = to
    message["Subject"] = subject
    message["X-Delivery"] = "d-1"
    message.set_content(f"{text}\nhttps://example.org/places/t?a=1&b=2.\n")
    message.add_alternative("<html><head><title>x</title></head><body><p>Grüße</p></body></html>", subtype="html")
    message.add_alternative(CALENDAR, subtype="calendar", params={"method": "REQUEST"})
    message.add_attachment(b"\x00\x01", maintype="application", subtype="pdf", filename="plan.pdf")
    return Email(
        message_id=f"{number}@email.amazonses.com",
        to=[to],
        sent_at=f"2026-11-0{number}T09:00:00.000Z",
        raw=message.as_bytes(),
        configuration_set="local",
        tags={},
    )


@pytest.fixture
def mail(tmp_path: Path) -> Mail:
    mail = Mail(tmp_path)
    mail.load()
    mail.add(email(1, "Ada@example.org", subject="First <b>"))
    mail.add(email(2, "ben@example.org", text='<script>alert("x")</script>'))
    return mail


def get(mail: Mail, target: str) -> Answer:
    return mailbox.answer("GET", target, mail)


def header(answer: Answer, name: str) -> str:
    return dict(answer.headers)[name]


def test_the_json_has_every_part_decoded_and_the_oldest_first(mail: Mail) -> None:
    listed = json.loads(get(mail, "/mailbox.json").body)
    assert [one["subject"] for one in listed] == ["First <b>", "Your place"]
    first = listed[0]
    assert first["id"] == "1@email.amazonses.com"
    assert first["to"] == ["Ada@example.org"]
    assert first["sent_at"] == "2026-11-01T09:00:00.000Z"
    assert first["text"] == "Hello\nhttps://example.org/places/t?a=1&b=2.\n"
    assert "<p>Grüße</p>" in first["html"]
    assert first["headers"]["X-Delivery"] == "d-1"
    assert first["attachments"] == [
        {"name": "invite.ics", "type": "text/calendar", "text": CALENDAR.replace("\r\n", "\n")},
        {"name": "plan.pdf", "type": "application/pdf", "text": None},
    ]
    assert first["raw"].startswith("From: Community <visits@example.org>")


def test_an_address_is_found_whatever_its_case(mail: Mail) -> None:
    assert [one["id"] for one in json.loads(get(mail, "/mailbox.json?to=ADA%40example.org").body)] == [
        "1@email.amazonses.com"
    ]
    assert json.loads(get(mail, "/mailbox.json?to=nobody@example.org").body) == []


def test_emails_are_still_there_after_a_restart(mail: Mail, tmp_path: Path) -> None:
    again = Mail(tmp_path)
    again.load()
    assert again.all() == mail.all()


def test_the_page_lists_the_newest_first_and_quotes_what_people_wrote(mail: Mail) -> None:
    page = get(mail, "/mailbox").body.decode()
    assert page.index("Your place") < page.index("First &lt;b&gt;")
    assert "<script>" not in page
    assert '<a href="https://example.org/places/t?a=1&amp;b=2"' in page


def test_an_emails_html_runs_no_script_and_its_links_open_elsewhere(mail: Mail) -> None:
    answer = get(mail, "/mailbox/1%40email.amazonses.com/html")
    assert '<head><base target="_blank">' in answer.body.decode()
    policy = header(answer, "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "sandbox allow-popups" in policy
    assert "allow-scripts" not in policy


def test_the_calendar_part_can_be_saved(mail: Mail) -> None:
    answer = get(mail, "/mailbox/1%40email.amazonses.com/attachments/0")
    assert header(answer, "Content-Type") == "text/calendar; charset=utf-8"
    assert "invite.ics" in header(answer, "Content-Disposition")
    assert b"BEGIN:VCALENDAR" in answer.body


@pytest.mark.parametrize("target", ["/mailbox/9/html", "/mailbox/1%40email.amazonses.com/attachments/7", "/mailbox/"])
def test_what_is_not_there_is_not_found(mail: Mail, target: str) -> None:
    assert get(mail, target).status == 404


def test_the_mailbox_is_read_only(mail: Mail) -> None:
    answer = mailbox.answer("POST", "/mailbox", mail)
    assert answer.status == 405
    assert header(answer, "Allow") == "GET, HEAD"
