"""Comments, names and titles that want to run code: sent to the running service, and opened in a real browser.

`tests/xss_payloads.py` has them. Nothing runs, nothing is asked of anybody else, no page complains, and what the
browser has made of a comment holds only the tags, attributes and schemes that comments may have.
"""

import re
from collections.abc import Sequence
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Dialog, Page

from infra.local import tokens
from tests.e2e.service import Service
from tests.xss_payloads import PAYLOADS

pytestmark = pytest.mark.stack

ORGANISER = {"Authorization": f"Bearer {tokens.ORGANISER.token}"}
STAFF = {"Authorization": f"Bearer {tokens.MODERATORS[0].token}"}
"""Staff are never held, so what they send is read at once."""

ALLOWED = ["p", "br", "strong", "em", "a", "ul", "ol", "li", "blockquote", "code", "pre", "h3", "h4", "hr"]

# What a comment may hold, looked at as the browser has parsed it; and nothing anywhere that could run.
LOOK = """(allowed) => {
  const wrong = [];
  for (const one of document.querySelectorAll('.words *, .answered *')) {
    if (!allowed.includes(one.localName)) wrong.push(one.outerHTML);
    for (const { name, value } of one.attributes) {
      if (one.localName !== 'a' || !['href', 'rel'].includes(name)) wrong.push(`${name} on ${one.outerHTML}`);
      if (name === 'href' && !['http:', 'https:', 'mailto:'].includes(one.protocol)) wrong.push(value);
    }
  }
  for (const one of document.querySelectorAll('*'))
    for (const { name, value } of one.attributes)
      if (name.startsWith('on') || /^\\s*(javascript|vbscript|data):/i.test(value)) wrong.push(`${name}=${value}`);
  for (const one of document.querySelectorAll('script, iframe, object, embed, base, style, img, svg, math, form')) {
    const ours = (one.localName === 'script' && one.src.startsWith(`${location.origin}/assets/`))
      || (one.localName === 'img' && one.src.startsWith(`${location.origin}/assets/`))
      || (one.localName === 'form' && !one.closest('.words')
        && new URL(one.getAttribute('action'), location.href).origin === location.origin);
    if (!ours) wrong.push(one.outerHTML.slice(0, 200));
  }
  return wrong;
}"""

# The same of a feed: each entry's content is HTML that some reader will show.
FEED = """async (path) => {
  const text = await (await fetch(path)).text();
  const feed = new DOMParser().parseFromString(text, 'application/xml');
  if (feed.querySelector('parsererror')) return ['the feed is no XML'];
  return [...feed.querySelectorAll('entry > content')].map((one) => one.textContent);
}"""


class Opened:
    """A page that notes whatever runs, complains, or asks anybody else."""

    def __init__(self, browser: Browser, service: Service) -> None:
        self.wrong: list[str] = []
        self._base = service.base_url
        context = browser.new_context(base_url=service.base_url)
        self.page: Page = context.new_page()
        self.page.on("dialog", self._ran)
        self.page.on("console", lambda said: self.wrong.append(said.text))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("request", lambda request: self._asked(request.url))

    def _ran(self, dialog: Dialog) -> None:
        self.wrong.append(f"ran: {dialog.message}")
        dialog.dismiss()

    def _asked(self, url: str) -> None:
        if not url.startswith((self._base, "data:image/")):
            self.wrong.append(f"asked {url}")

    def look(self, path: str) -> None:
        """Open a page, move over everything on it, and look at what the browser made of it."""
        self.page.goto(path, wait_until="networkidle")
        self.page.evaluate(
            "document.querySelectorAll('.words *').forEach(one => one.dispatchEvent(new MouseEvent('mouseover',"
            " {bubbles: true})))"
        )
        self.wrong += [f"{path}: {one}" for one in self.page.evaluate(LOOK, ALLOWED)]

    def finish(self) -> None:
        self.page.context.close()
        assert not self.wrong


@pytest.fixture(scope="module")
def attacked(service: Service) -> str:
    """A story on which every payload was sent as a comment and, where it can be a name, as its author's."""
    story_id = f"attacked-{uuid4().hex[:8]}"
    written = service.ask(
        "PUT", f"{service.api}/stories/{story_id}", {"title": "x", "comments": {"mode": "none"}}, headers=ORGANISER
    )
    assert written.status == 200, written.text
    for payload in PAYLOADS:
        name = payload.split("\n")[0][:100].strip()
        sent = {"author_name": name, "body": f"{payload}\n\nand more: {payload}"}
        answer = service.ask("POST", f"{service.api}/stories/{story_id}/comments", sent, headers=STAFF)
        assert answer.status == 202, (payload, answer.text)
        assert answer.json["status"] == "approved"
    return story_id


def _pages(service: Service, story_id: str) -> Sequence[str]:
    paths, path = [], f"/stories/{story_id}"
    while path:
        paths.append(path)
        onward = re.search(r'href="(/stories/[^"]+cursor=[^"#]+)', service.ask("GET", service.base_url + path).text)
        path = onward[1].replace("&amp;", "&") if onward else ""
    return paths


def test_nothing_runs_on_the_page_of_a_story(browser: Browser, service: Service, attacked: str) -> None:
    opened, seen = Opened(browser, service), 0
    for path in _pages(service, attacked):
        opened.look(path)
        seen += opened.page.locator("ol.comments .comment").count()
    assert seen == len(PAYLOADS), "every payload is on a page"
    opened.finish()


def test_nothing_runs_where_a_comment_is_answered_or_reported(
    browser: Browser, service: Service, attacked: str
) -> None:
    opened = Opened(browser, service)
    items = service.ask("GET", f"{service.api}/stories/{attacked}/comments?limit=100").json["items"]
    for one in items[:: max(1, len(items) // 12)]:
        opened.look(f"/stories/{attacked}?reply_to={one['comment_id']}")
        opened.look(f"/comments/{one['comment_id']}/report")
    opened.finish()


def test_nothing_runs_in_the_feed(browser: Browser, service: Service, attacked: str) -> None:
    opened = Opened(browser, service)
    opened.page.goto("/comments-policy")
    contents = opened.page.evaluate(FEED, f"/stories/{attacked}/comments.atom")
    assert len(contents) == 50
    opened.page.evaluate(
        "(contents) => { document.querySelector('main').innerHTML ="
        " contents.map((one) => `<div class=words>${one}</div>`).join(''); }",
        contents,
    )
    opened.page.wait_for_timeout(200)
    opened.wrong += opened.page.evaluate(LOOK, ALLOWED)
    opened.finish()


def test_nothing_runs_from_a_storys_title_and_what_organisers_write(browser: Browser, service: Service) -> None:
    opened = Opened(browser, service)
    titles = [" ".join(payload.split())[:200] for payload in PAYLOADS]
    stories = []
    for number in range(0, len(titles), 4):
        story_id = f"titled-{uuid4().hex[:8]}"
        document = {
            "title": " ".join(titles[number : number + 4])[:200].strip(),
            "summary": " ".join(titles[number : number + 4])[:500].strip(),
            "body_markdown": "\n\n".join(PAYLOADS[number : number + 4]),
        }
        written = service.ask("PUT", f"{service.api}/stories/{story_id}", document, headers=ORGANISER)
        assert written.status == 200, written.text
        stories.append(story_id)
    for story_id in stories:
        opened.look(f"/stories/{story_id}")
    opened.look("/stories")
    opened.finish()


def test_the_control_a_page_that_does_not_escape_is_noticed(browser: Browser, service: Service, attacked: str) -> None:
    opened = Opened(browser, service)
    opened.page.route(
        f"**/stories/{attacked}",
        lambda route: route.fulfill(body="<img src=x onerror=alert(1)>", content_type="text/html"),
    )
    opened.look(f"/stories/{attacked}")
    with pytest.raises(AssertionError):
        opened.finish()
