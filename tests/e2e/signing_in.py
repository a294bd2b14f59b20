"""Signing in as somebody does: on the user pool's own page, in a browser."""

from dataclasses import replace
from uuid import uuid4

from playwright.sync_api import Page

from infra.local import people
from infra.local.people import User
from tests.e2e.service import Service


def sign_in(page: Page, user: User, *, to: str = "/organise") -> None:
    """Go to a page that wants somebody signed in, and sign in on the way."""
    page.goto(to if to.startswith("/sign-in") else f"/sign-in?return={to}")
    enter(page, user)


def enter(page: Page, user: User) -> None:
    """Fill in the page of the user pool that is shown."""
    page.get_by_label("Username").fill(user.email)
    page.get_by_label("Password").fill(user.password)
    page.get_by_role("button", name="Sign in").click()


def a_user(service: Service, *groups: str, proven: bool = True) -> User:
    """Return somebody new in the user pool, in these groups."""
    address = f"somebody.{uuid4().hex[:10]}@example.org"
    user = replace(people.MEMBER, email=address, name="Ines Halloran", groups=groups)
    people.add(service.stack.emulator, service.stack.deployment, user, proven=proven)
    return user


def leave(page: Page) -> None:
    """Sign out by the button in the head of the page."""
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/")
