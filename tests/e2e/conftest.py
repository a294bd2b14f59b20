"""The deployed service behind its front door, and a browser to use it with: one of each a session."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from infra.local.stack import LocalStack
from tests import local_stacks
from tests.e2e.service import Service

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# Nothing but the pages: Chromium's own look-ups are switched off.
QUIET = ("gpu", "quic", "background-networking", "component-update", "sync")

type OpenPage = Callable[..., Page]


@pytest.fixture(scope="session")
def stack() -> LocalStack:
    return local_stacks.shared_stack()


@pytest.fixture(scope="session")
def service(stack: LocalStack) -> Service:
    return Service(stack)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium. Without one these tests fail: a page nobody opened is not tested."""
    chromium = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert chromium, "These tests drive a real browser: install Debian's package chromium."
    arguments = ["--no-sandbox", "--no-first-run", *(f"--disable-{part}" for part in QUIET)]
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield opened
        opened.close()


@pytest.fixture
def visitor(browser: Browser, service: Service) -> Iterator[OpenPage]:
    """Opens a page for a visitor of their own: no cookies or cache shared with others.

    ``visitor(timezone_id=…)`` takes Playwright's settings of a context. No page may complain in its console.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_page(**settings: Any) -> Page:  # as many settings as Playwright has
        context = browser.new_context(base_url=service.base_url, **settings)
        contexts.append(context)
        context.set_default_timeout(15_000)
        context.on("console", lambda said: complaints.append(said.text) if _is_a_complaint(said.text) else None)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        return context.new_page()

    yield open_page
    for context in contexts:
        context.close()
    assert not complaints


def _is_a_complaint(said: str) -> bool:
    # Chromium reports every answer of 400 and above, which a page with a problem is meant to have.
    return not said.startswith("Failed to load resource: the server responded with a status of 4")


def pytest_sessionfinish() -> None:
    local_stacks.close()
