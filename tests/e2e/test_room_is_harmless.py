"""Comments and names that want to run code, in the moderators' room: in the queue, on their own page, by author."""

from uuid import uuid4

from playwright.sync_api import Browser

from tests.e2e.moderators import a_story, moderate, sign_in
from tests.e2e.service import Service
from tests.e2e.test_comments_are_harmless import Opened
from tests.xss_payloads import PAYLOADS

ONE_BY_ONE = 4
"""Comments whose own page is opened as well: all pages are made of the same parts."""


def test_nothing_runs_in_the_room(browser: Browser, service: Service) -> None:
    story_id = a_story(service, title="'\"><script>alert(1)</script>")
    for payload in PAYLOADS:
        name = payload.split("\n")[0][:100].strip()
        email = f"reader.{uuid4().hex[:8]}@example.org"
        sent = {"author_name": name, "author_email": email, "body": f"{payload}\n\nand more: {payload}"}
        answer = service.ask("POST", f"{service.api}/stories/{story_id}/comments", sent)
        assert answer.status == 202, (payload, answer.text)
    # By their ids: while screening still looks, one may move from the first queue to the second between the two.
    found = {
        card["comment_id"]: card
        for status in ("pending", "spam")
        for card in moderate(service, "GET", f"/queue?limit=100&status={status}&story={story_id}")["items"]
    }
    cards = list(found.values())
    assert len(cards) == len(PAYLOADS)
    opened = Opened(browser, service)
    sign_in(opened.page, service, "<img src=x onerror=alert(1)>")
    for status in ("pending", "spam"):
        cursor: str | None = ""
        while cursor is not None:
            address = f"/moderate?status={status}&story={story_id}"
            opened.look(f"{address}&cursor={cursor}" if cursor else address)
            page = moderate(
                service, "GET", f"/queue?status={status}&story={story_id}" + (f"&cursor={cursor}" if cursor else "")
            )
            cursor = page["next"]
    for card in cards[:ONE_BY_ONE]:
        opened.look(f"/moderate/comments/{card['comment_id']}")
        opened.look(f"/moderate/authors/{card['author']['person']}")
    opened.finish()
