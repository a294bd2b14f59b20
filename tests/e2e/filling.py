"""Filling in the service's forms as a person does: by labels, and not within a second of seeing them."""

from urllib.parse import quote

from playwright.sync_api import Page

from tests.e2e.service import Email, Person, wait_for

# `visits.form.FASTEST` and a little: the page's own clock, from the moment its last byte came.
_LOOKED_AT_IT = "performance.now() - performance.getEntriesByType('navigation')[0].responseEnd > 1100"


def look_at(page: Page) -> None:
    """Be on a page for as long as nobody fills in a form faster."""
    # Asked from here: a page's own polling would need what its Content-Security-Policy forbids.
    wait_for(lambda: bool(page.evaluate(_LOOKED_AT_IT)), lambda: "the page's clock stands still", within=15)


def fill_in(page: Page, person: Person, **more: str) -> None:
    """Fill in name, address and, by their labels (``_`` for a space), ``more`` text fields."""
    page.get_by_label("Your name").fill(person.name)
    page.get_by_label("Email address").fill(person.email)
    for label, text in more.items():
        page.get_by_label(label.replace("_", " ")).fill(text)


def register(page: Page, visit_id: str, person: Person, **more: str) -> None:
    """Open a visit, fill in its form and send it."""
    page.goto(f"/visits/{visit_id}")
    fill_in(page, person, **more)
    look_at(page)
    form = page.locator("#register form")
    form.get_by_role("button").click()


def find_email(page: Page, person: Person, one: Email) -> Page:
    """Find an email in the mailbox and follow its link to the place: it opens in a tab of its own."""
    page.goto(f"/mailbox?to={quote(person.email)}")
    article = page.get_by_role("article").filter(has=page.get_by_role("heading", name=one.subject, exact=True))
    article.get_by_text("As plain text").click()
    with page.expect_popup() as opened:
        article.get_by_role("link", name=one.link("places"), exact=True).click()
    return opened.value


def cancel(page: Page, button: str = "Yes, cancel my place") -> None:
    """Cancel on the page of my place."""
    page.locator("#leave summary").click()
    page.get_by_role("button", name=button).click()
