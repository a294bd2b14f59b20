"""Emails that quote what somebody wrote: hostile comments, names and titles, opened in a real browser. Nothing runs.

Mail programs take scripts out; this holds what we send to need nobody's help.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Dialog, Page

from comments.query import MessageView, WaitingView
from followups.delivery import Identity
from followups.message import Letter
from followups.moderation_letters import Comments, ModerationLetters
from kernel.site import Site
from tests.xss_payloads import PAYLOADS

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
ABOUT_A_COMMENT = Identity(
    delivery_id="00000000-0000-4000-8000-000000000001",
    visit_id=None,
    registration_id=None,
    place=None,
    person="person",
    step="comment_rejected",
    schedule=0,
    kind="service",
)

# Whatever could run, or ask somebody for something, in an email that has neither pictures nor forms.
LOOK = """() => {
  const wrong = [];
  for (const one of document.querySelectorAll('*'))
    for (const { name, value } of one.attributes)
      if (name.startsWith('on') || /^\\s*(javascript|vbscript|data):/i.test(value)) wrong.push(`${name}=${value}`);
  const never = 'script, iframe, object, embed, base, img, svg, math, form, input, video';
  for (const one of document.querySelectorAll(never))
    wrong.push(one.outerHTML.slice(0, 200));
  return wrong;
}"""


def letter(*, name: str, title: str, text: str, body: str) -> Letter:
    """Return the email to an author whose comment was rejected, with a moderator's words."""
    view = MessageView(
        to_name=name,
        to_email="robin@example.org",
        text=text,
        reason="other",
        comment_id="00000000-0000-7000-8000-000000000001",
        story=title,
        body=body,
        still_rejected=True,
    )
    comments = Comments(
        message=lambda _person, _message_id: view,
        edit_link=lambda _comment_id, _now: "https://visits.example.org/comments/token",
        moderators=lambda _now: [],
        waiting=lambda _now: WaitingView(0, None, too_long=False),
    )
    sender = "Open Doors <hello@visits.example.org>"
    made = ModerationLetters(comments, "https://visits.example.org", sender, Site("Open Doors")).letter(
        ABOUT_A_COMMENT, NOW
    )
    assert isinstance(made, Letter)
    return made


@pytest.fixture
def opened(browser: Browser) -> Iterator[tuple[Page, list[str]]]:
    """A page that notes what runs and what is asked of anybody."""
    wrong: list[str] = []
    page = browser.new_page()

    def ran(dialog: Dialog) -> None:
        wrong.append(f"ran: {dialog.message}")
        dialog.dismiss()

    page.on("dialog", ran)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: wrong.append(f"asked {request.url}"))
    yield page, wrong
    page.close()


def test_nothing_runs_in_an_email_that_quotes_a_comment(opened: tuple[Page, list[str]]) -> None:
    page, wrong = opened
    for payload in PAYLOADS:
        line = " ".join(payload.split())[:100]
        said = letter(name=line, title=line, text=payload, body=payload)
        assert "\n" not in said.subject
        page.set_content(said.html, wait_until="load")
        wrong += [f"{payload[:60]}: {one}" for one in page.evaluate(LOOK)]
    assert not wrong


def test_the_control_an_email_that_does_not_escape_is_noticed(opened: tuple[Page, list[str]]) -> None:
    page, wrong = opened
    said = letter(name="Robin", title="A story", text="No.", body="WORDS")
    page.set_content(said.html.replace("WORDS", "<img src=x onerror=alert(1)>"), wait_until="load")
    assert wrong + page.evaluate(LOOK)
