"""Signing in and out in a real browser, through the user pool's own pages, against the deployed service."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from infra.local import clock, people
from tests.e2e.service import Service
from tests.e2e.signing_in import a_user, enter, leave, sign_in
from tests.e2e.test_rendered_pages import AXE, AXE_RUN, RULES

pytestmark = pytest.mark.stack

type OpenPage = Callable[..., Page]


def cookies(page: Page) -> dict[str, Any]:
    return {str(one.get("name")): one for one in page.context.cookies()}


def pool(service: Service) -> tuple[Any, str]:
    emulator = service.stack.emulator
    cognito = emulator.session.client("cognito-idp", **emulator.connection)
    return cognito, service.stack.deployment["UserPoolIdName"]


def test_an_organiser_signs_in_on_the_way_to_their_page_and_out_again(service: Service, visitor: OpenPage) -> None:
    page = visitor()
    page.goto("/organise?q=mill")
    assert urlsplit(page.url).path == "/oauth2/authorize"
    enter(page, people.ORGANISER)
    assert page.url == f"{service.base_url}/organise?q=mill"
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    kept = cookies(page)
    assert set(kept) == {"__Host-session", "__Host-signed-in"}
    session = kept["__Host-session"]
    # Chromium keeps secure cookies of localhost over plain http: the local address is one it trusts.
    assert (session["secure"], session["httpOnly"], session["sameSite"]) == (True, True, "Lax")
    assert page.evaluate("document.cookie") == "__Host-signed-in=1"
    leave(page)
    assert cookies(page) == {}
    page.goto("/organise")
    assert urlsplit(page.url).path == "/oauth2/authorize"
    stolen = f"__Host-session={session['value']}"
    assert service.get("/organise", headers={"Cookie": stolen}).status == 303


def test_a_wrong_password_lets_nobody_in(visitor: OpenPage) -> None:
    page = visitor()
    page.goto("/organise")
    page.get_by_label("Username").fill(people.ORGANISER.email)
    page.get_by_label("Password").fill("organise-without-care")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Incorrect username or password")).to_be_visible()
    assert "__Host-session" not in cookies(page)


@pytest.mark.parametrize("user", [people.MODERATOR, people.MEMBER], ids=lambda user: user.what)
def test_who_is_no_organiser_reads_that_they_may_not(visitor: OpenPage, user: people.User) -> None:
    page = visitor()
    sign_in(page, user, to="/organise")
    expect(page.get_by_role("heading", level=1, name="Not allowed")).to_be_visible()


def test_a_path_elsewhere_is_not_gone_to(service: Service, visitor: OpenPage) -> None:
    page = visitor()
    sign_in(page, people.MEMBER, to="//elsewhere.example/")
    assert page.url == f"{service.base_url}/"


def test_a_sign_in_begun_elsewhere_ends_on_a_kind_page(service: Service, visitor: OpenPage) -> None:
    theirs, mine = visitor(), visitor()
    theirs.goto("/sign-in")
    state = parse_qs(urlsplit(theirs.url).query)["state"][0]
    mine.goto(f"/auth/callback?code=stolen&state={state}")
    expect(mine.get_by_role("heading", level=1, name="That sign-in did not finish")).to_be_visible()
    mine.get_by_role("link", name="Sign in again").click()
    enter(mine, people.MEMBER)
    assert "__Host-session" in cookies(mine)


def test_who_has_not_proven_their_address_is_told_to(service: Service, visitor: OpenPage) -> None:
    page = visitor()
    sign_in(page, a_user(service, proven=False))
    expect(page.get_by_role("heading", level=1, name="Confirm your email address first")).to_be_visible()
    assert "__Host-session" not in cookies(page)


def test_a_session_ends_after_a_fortnight_and_a_disabled_persons_within_the_hour(
    service: Service, visitor: OpenPage
) -> None:
    from datetime import timedelta

    page, user = visitor(), a_user(service, "organisers")
    sign_in(page, user)
    cognito, pool_id = pool(service)
    ahead = clock.ahead(service.stack.folder)
    try:
        clock.set_ahead(service.stack.folder, ahead + timedelta(hours=1))
        assert page.goto("/organise").status == 200  # type: ignore[union-attr]
        cognito.admin_remove_user_from_group(UserPoolId=pool_id, Username=user.email, GroupName="organisers")
        assert page.goto("/organise").status == 200  # type: ignore[union-attr]
        clock.set_ahead(service.stack.folder, ahead + timedelta(hours=2))
        assert page.goto("/organise").status == 403  # type: ignore[union-attr]
        cognito.admin_disable_user(UserPoolId=pool_id, Username=user.email)
        clock.set_ahead(service.stack.folder, ahead + timedelta(hours=3))
        page.goto("/organise")
        assert urlsplit(page.url).path == "/oauth2/authorize"
        sign_in(page, people.ORGANISER)  # also with the clock ahead of the pool's
        assert page.goto("/organise").status == 200  # type: ignore[union-attr]
        clock.set_ahead(service.stack.folder, ahead + timedelta(days=14, hours=4))
        page.goto("/organise")
        assert urlsplit(page.url).path == "/oauth2/authorize"
    finally:
        clock.set_ahead(service.stack.folder, ahead)


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_a_token_is_made_seen_once_used_and_withdrawn(service: Service, visitor: OpenPage, javascript: bool) -> None:
    page, user = visitor(java_script_enabled=javascript), a_user(service, "organisers")
    sign_in(page, user, to="/organise/tokens")
    page.get_by_label("What is it for?").fill("Nightly list")
    page.get_by_label("Read what organisers see").check()
    page.get_by_role("button", name="Make the token").click()
    token = page.locator("code", has_text=re.compile(r"^mc_")).inner_text()
    assert service.get("/api/v1/organiser/visits", token=token).status == 200
    assert service.ask("POST", "/api/v1/organiser/visits", {}, token=token).status == 403
    page.goto("/organise/tokens")
    expect(page.get_by_text("last used")).to_be_visible()
    assert token not in page.content()
    page.get_by_role("button", name="Withdraw Nightly list").click()
    expect(page.get_by_text("You have none.")).to_be_visible()
    assert service.get("/api/v1/organiser/visits", token=token).status == 401


def test_axe_finds_nothing_on_the_pages_of_signing_in(visitor: OpenPage) -> None:
    page = visitor(bypass_csp=True, viewport={"width": 360, "height": 800}, reduced_motion="reduce")
    page.goto("/auth/callback?error=access_denied")
    sign_in_pages = [page.url, "/organise/tokens"]
    for number, address in enumerate(sign_in_pages):
        if number:
            sign_in(page, people.ORGANISER, to=address)
        page.evaluate(AXE)
        assert page.evaluate(AXE_RUN, RULES)["violations"] == [], address
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
