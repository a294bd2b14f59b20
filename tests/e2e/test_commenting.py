"""A reader comments in a real browser: warned, sent, screened behind the request, and read by everybody."""

from uuid import uuid4

import pytest

from infra.local import tokens
from tests.e2e.conftest import OpenPage
from tests.e2e.service import Service, wait_for

pytestmark = pytest.mark.stack

ORGANISER = {"Authorization": f"Bearer {tokens.ORGANISER.token}"}


def test_a_reader_is_warned_changes_it_sends_it_and_finds_it_among_the_others(
    service: Service, visitor: OpenPage
) -> None:
    story_id = f"kettle-{uuid4().hex[:8]}"
    written = {"title": "The kettle", "comments": {"mode": "none"}}
    assert service.ask("PUT", f"{service.api}/stories/{story_id}", written, headers=ORGANISER).status == 200
    page = visitor()
    page.goto(f"/stories/{story_id}")
    page.get_by_label("Your name").fill("Robin Ash")
    page.get_by_label("Email address").fill(f"robin.{uuid4().hex[:8]}@people.example.org")
    page.get_by_label("Your comment").fill("Ring me on 07700 900123 about the **kettle**.")
    page.get_by_role("button", name="Check before I send").click()
    assert page.locator(".outcome mark").inner_text() == "07700 900123"
    page.get_by_label("Your comment").fill("It was the **kettle** that changed our mornings, of all things.")
    page.wait_for_timeout(2_500)  # people take longer than programs, and screening knows
    page.get_by_role("button", name="Send", exact=True).click()
    page.get_by_text("Thank you. Your comment has reached us.").wait_for()
    wait_for(
        lambda: service.ask("GET", f"{service.api}/stories/{story_id}").json["count"] == 1,
        lambda: "the comment was not let in",
    )
    page.goto(f"/stories/{story_id}?again")
    assert page.locator("ol.comments strong", has_text="kettle").is_visible()
    assert "@people.example.org" not in page.content()
