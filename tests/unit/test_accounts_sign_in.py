"""Signing in and out: what must match between the two redirects, what an ID token must say, and what a session is."""

import hmac
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from accounts import query, sign_in, web
from accounts.model import account_pk
from kernel import access, tokens
from kernel.access import Session, session_pk
from kernel.limits import Limit
from kernel.person_key import person_key
from tests.service import Answer, Service
from tests.unit.conftest import SECRET
from tests.unit.test_who_is_asking import OURS
from tests.user_pool import KEY, NEWER_KEY, OTHER_KEY, PAGES, UserPool, user_pool

__all__ = ["user_pool"]


class Browser:
    """Keeps cookies as a browser does, and sends them back."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.cookies: dict[str, str] = {}
        self.flags: dict[str, set[str]] = {}

    def go(self, method: str, path: str, query: dict[str, str] | None = None, **headers: str) -> Answer:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {"cookie": cookie, **(OURS if method == "POST" else {}), **headers}
        answer = self.service.send(method, path, None if method == "GET" else "", headers=sent, query=query)
        for line in answer.cookies:
            pair, *flags = line.split("; ")
            name, _, value = pair.partition("=")
            self.flags[name] = set(flags)
            if "Max-Age=0" in flags:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return answer

    def begin(self, return_to: str | None = None) -> str:
        answer = self.go("GET", "/sign-in", {} if return_to is None else {"return": return_to})
        assert answer.status == 303, answer.body
        return answer.headers["Location"]

    def sign_in(self, pool: UserPool, return_to: str | None = None) -> Answer:
        return self.go("GET", "/auth/callback", pool.come_back_from(self.begin(return_to)))


@pytest.fixture
def browser(service: Service) -> Browser:
    return Browser(service)


def sessions(service: Service) -> list[Session]:
    return [Session.from_raw_data(one) for one in service.items("accounts") if one["pk"]["S"].startswith("session#")]


# --- the way there and back


def test_signing_in_begins_with_a_redirect_that_stores_nothing(service: Service, browser: Browser) -> None:
    before = service.items("accounts")
    asked = dict(parse_qsl(urlsplit(browser.begin("/organise")).query))
    assert set(asked["scope"].split()) == {"openid", "email", "profile"}
    assert min(map(len, (asked["state"], asked["nonce"]))) >= 32
    assert browser.flags[sign_in.COOKIE] == {"Path=/", "Secure", "HttpOnly", "SameSite=Lax", "Max-Age=900"}
    assert service.items("accounts") == before
    again = dict(parse_qsl(urlsplit(browser.begin("/organise")).query))
    assert not {asked[name] for name in ("state", "nonce", "code_challenge")} & set(again.values())


def test_who_comes_back_is_signed_in_with_their_roles_and_goes_on(
    service: Service, browser: Browser, user_pool: UserPool
) -> None:
    answer = browser.sign_in(user_pool, "/organise?q=falls")
    assert (answer.status, answer.headers["Location"]) == (303, "/organise?q=falls")
    assert answer.headers["Cache-Control"] == "no-store"
    fortnight = "Max-Age=1209600"
    assert browser.flags[access.COOKIE] == {"Path=/", "Secure", "HttpOnly", "SameSite=Lax", fortnight}
    assert browser.flags[sign_in.HINT] == {"Path=/", "Secure", "SameSite=Lax", fortnight}
    assert browser.cookies[sign_in.HINT] == "1"
    assert sign_in.COOKIE not in browser.cookies
    assert browser.go("GET", "/organise").status == 200
    [session] = sessions(service)
    assert session.pk == session_pk(browser.cookies[access.COOKIE])
    assert browser.cookies[access.COOKIE] not in str(service.items("accounts"))
    assert (session.email, session.name, session.roles) == ("Ada@people.example.org", "Ada Quillfeather", ["organiser"])


def test_an_account_is_there_from_the_first_sign_in_and_keeps_what_was_chosen(
    service: Service, browser: Browser, user_pool: UserPool
) -> None:
    person = person_key("ada@people.example.org", SECRET.pepper)
    assert query.account(person) is None
    browser.sign_in(user_pool)
    first = query.account(person)
    assert first is not None
    first.update(actions=[type(first).digest.set("daily")])
    service.clock.advance(days=1)
    user_pool.claims = {"name": "Ada Q."}
    browser.sign_in(user_pool)
    account = query.account(person)
    assert account is not None
    assert (account.name, account.digest) == ("Ada Q.", "daily")
    assert (account.created_at, account.signed_in_at) == (first.created_at, service.clock.now)
    assert [one.pk for one in query.digest_readers()] == [account_pk(person)]


def test_a_second_sign_in_in_a_browser_ends_its_earlier_session(
    service: Service, browser: Browser, user_pool: UserPool
) -> None:
    browser.sign_in(user_pool)
    earlier = browser.cookies[access.COOKIE]
    browser.sign_in(user_pool)
    assert browser.cookies[access.COOKIE] != earlier
    assert service.send("GET", "/organise", headers={"cookie": f"{access.COOKIE}={earlier}"}).status == 303
    assert browser.go("GET", "/organise").status == 200


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "/\t/evil.example",
        "\n//evil.example",
        "javascript:alert(1)",
        "/sign-in?return=/organise",
        "/auth/callback?code=a&state=b",
        "organise",
        "",
        "/organise\r\nSet-Cookie: a=b",
        "/" + "x" * 500,
        "/caf\N{LATIN SMALL LETTER E WITH ACUTE}",
    ],
)
def test_after_signing_in_nobody_is_led_anywhere_but_to_a_path_of_ours(
    browser: Browser, user_pool: UserPool, wanted: str
) -> None:
    assert browser.sign_in(user_pool, wanted).headers["Location"] == "/"


@pytest.mark.parametrize("wanted", ["/", "/organise", "/organise/visits/ward?tab=people&q=a%20b", "/visits/ward#ask"])
def test_the_control_paths_of_ours_are_gone_to(browser: Browser, user_pool: UserPool, wanted: str) -> None:
    assert browser.sign_in(user_pool, wanted).headers["Location"] == wanted


def refused(service: Service, browser: Browser, answer: Answer, status: int, title: str) -> None:
    assert answer.status == status, answer.body[:500]
    assert title in answer.body
    assert "/sign-in" in answer.body
    assert access.COOKIE not in browser.cookies
    assert sessions(service) == []


UNFINISHED = "That sign-in did not finish"
REFUSED = "You are not signed in"


def test_a_sign_in_that_another_browser_began_is_not_finished_here(
    service: Service, browser: Browser, user_pool: UserPool
) -> None:
    """Else somebody could sign a visitor in as themselves (RFC 6749, 10.12)."""
    attacker = Browser(service)
    theirs = user_pool.come_back_from(attacker.begin())
    refused(service, browser, browser.go("GET", "/auth/callback", theirs), 400, UNFINISHED)
    browser.begin()
    refused(service, browser, browser.go("GET", "/auth/callback", theirs), 400, UNFINISHED)


@pytest.mark.parametrize("state", ["", "another", None])
def test_a_state_that_is_not_the_one_sent_is_refused(
    service: Service, browser: Browser, user_pool: UserPool, state: str | None
) -> None:
    back = user_pool.come_back_from(browser.begin())
    changed = {name: value for name, value in {**back, "state": state}.items() if value is not None}
    refused(service, browser, browser.go("GET", "/auth/callback", changed), 400, UNFINISHED)


def test_a_sign_in_that_took_too_long_is_begun_again(service: Service, browser: Browser, user_pool: UserPool) -> None:
    back = user_pool.come_back_from(browser.begin())
    service.clock.advance(minutes=15)
    refused(service, browser, browser.go("GET", "/auth/callback", back), 400, UNFINISHED)


@pytest.mark.parametrize("how", ["cut", "changed", "for something else"])
def test_a_cookie_we_did_not_sign_for_this_is_refused(
    service: Service, browser: Browser, user_pool: UserPool, how: str
) -> None:
    location = browser.begin()
    mine = browser.cookies[sign_in.COOKIE]
    state = dict(parse_qsl(urlsplit(location).query))["state"]
    browser.cookies[sign_in.COOKIE] = {
        "cut": mine[:-4],
        "changed": mine.replace(mine[5], "A" if mine[5] != "A" else "B", 1),
        "for something else": tokens.sign("place", [state, "n", "v", "/"], expires_at=None, keys=SECRET.signing_keys),
    }[how]
    back = user_pool.come_back_from(location)
    refused(service, browser, browser.go("GET", "/auth/callback", back), 400, UNFINISHED)


def test_an_address_people_came_back_by_works_once(service: Service, browser: Browser, user_pool: UserPool) -> None:
    location = browser.begin()
    kept = dict(browser.cookies)
    back = user_pool.come_back_from(location)
    assert browser.go("GET", "/auth/callback", back).status == 303
    before = len(sessions(service))
    assert browser.go("GET", "/auth/callback", back).status == 400, "its cookie is gone"
    browser.cookies = kept
    assert browser.go("GET", "/auth/callback", back).status == 403, "and the pool takes a code once"
    assert len(sessions(service)) == before


@pytest.mark.parametrize("said", [{"error": "access_denied"}, {"error": "invalid_request", "code": "code-0"}, {}])
def test_who_breaks_the_sign_in_off_reads_what_to_do(
    service: Service, browser: Browser, user_pool: UserPool, said: dict[str, str]
) -> None:
    state = user_pool.come_back_from(browser.begin())["state"]
    refused(service, browser, browser.go("GET", "/auth/callback", {**said, "state": state}), 403, REFUSED)


# --- what an ID token must say


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"iss": "https://cognito-idp.eu-west-2.amazonaws.com/eu-west-2_another"},
        {"iss": None},
        {"aud": "another-client"},
        {"aud": None},
        {"aud": ["another-client", "client-of-the-service"], "azp": "another-client"},
        {"exp": 1_000_000_000},
        {"exp": None},
        {"iat": 4_000_000_000},
        {"sub": None},
        {"token_use": "access"},
        {"token_use": None},
    ],
    ids=str,
)
def test_an_id_token_that_is_not_for_this_sign_in_is_refused(
    service: Service, browser: Browser, user_pool: UserPool, claims: dict[str, Any]
) -> None:
    user_pool.claims = claims
    refused(service, browser, browser.sign_in(user_pool), 403, REFUSED)


def test_an_id_token_signed_by_a_stranger_is_refused(service: Service, browser: Browser, user_pool: UserPool) -> None:
    user_pool.key = OTHER_KEY
    refused(service, browser, browser.sign_in(user_pool), 403, REFUSED)


def test_an_id_token_signed_with_the_public_key_as_a_password_is_refused(
    service: Service, browser: Browser, user_pool: UserPool
) -> None:
    user_pool.algorithm = "HS256"
    user_pool.forged = lambda _, signed: hmac.digest(KEY.as_pem(private=False), signed, "sha256")
    refused(service, browser, browser.sign_in(user_pool), 403, REFUSED)


def test_an_id_token_without_a_signature_is_refused(service: Service, browser: Browser, user_pool: UserPool) -> None:
    user_pool.algorithm = "none"
    user_pool.forged = lambda _algorithm, _signed: b""
    refused(service, browser, browser.sign_in(user_pool), 403, REFUSED)


def test_keys_are_read_once_and_again_when_a_new_one_signs(browser: Browser, user_pool: UserPool) -> None:
    browser.sign_in(user_pool)
    browser.sign_in(user_pool)
    assert sum("jwks" in one for one in user_pool.asked) == 1
    user_pool.key, user_pool.published = NEWER_KEY, [KEY, NEWER_KEY]
    assert browser.sign_in(user_pool).status == 303
    assert sum("jwks" in one for one in user_pool.asked) == 2


def test_a_key_that_nobody_published_is_asked_for_once_and_refused(
    service: Service, browser: Browser, user_pool: UserPool
) -> None:
    user_pool.key = NEWER_KEY
    refused(service, browser, browser.sign_in(user_pool), 403, REFUSED)
    assert sum("jwks" in one for one in user_pool.asked) <= 2


@pytest.mark.parametrize("claims", [{"email_verified": False}, {"email_verified": None}, {"email": None}])
def test_who_has_not_proven_their_address_is_told_to(
    service: Service, browser: Browser, user_pool: UserPool, claims: dict[str, Any]
) -> None:
    user_pool.claims = claims
    answer = browser.sign_in(user_pool)
    assert answer.status == 403
    assert "Confirm your email address first" in answer.body
    assert f"{PAGES}/logout" in answer.body
    assert sessions(service) == []


@pytest.mark.parametrize(
    ("claims", "name", "roles"),
    [
        ({"name": None}, "Ada", ["organiser"]),
        ({"name": "Ada\u202e\n Q"}, "Ada Q", ["organiser"]),
        ({"name": "x" * 900}, "x" * 200, ["organiser"]),
        ({"cognito:groups": None}, "Ada Quillfeather", []),
        ({"cognito:groups": ["moderators", "organisers"]}, "Ada Quillfeather", ["moderator", "organiser"]),
        ({"cognito:groups": ["admins", "organiser"]}, "Ada Quillfeather", []),
        ({"email_verified": "true"}, "Ada Quillfeather", ["organiser"]),
    ],
)
def test_names_and_roles_are_what_the_pool_says_made_fit(
    service: Service, browser: Browser, user_pool: UserPool, claims: dict[str, Any], name: str, roles: list[str]
) -> None:
    user_pool.claims = claims
    browser.sign_in(user_pool)
    [session] = sessions(service)
    assert (session.name, session.roles) == (name, roles)


@pytest.mark.parametrize(
    "broken",
    [
        requests.ConnectTimeout(),
        requests.ReadTimeout(),
        requests.ConnectionError(),
        (500, "oops"),
        (503, "{}"),
        (429, "<h1>slow down</h1>"),
        (200, "<h1>hello</h1>"),
        (302, ""),
    ],
    ids=str,
)
def test_while_the_pool_does_not_answer_people_are_asked_to_try_again(
    service: Service, browser: Browser, user_pool: UserPool, broken: Any
) -> None:
    back = user_pool.come_back_from(browser.begin())
    user_pool.broken = broken
    answer = browser.go("GET", "/auth/callback", back)
    assert answer.status == 503, answer.body[:300]
    assert sessions(service) == []
    user_pool.broken = None
    assert browser.go("GET", "/auth/callback", back).status == 303, "the same address still works"


def test_a_network_that_signs_in_without_end_is_asked_to_wait(
    service: Service, browser: Browser, user_pool: UserPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "_SETTINGS", replace(web._SETTINGS, rate_limits="on"))
    monkeypatch.setattr(web, "_SIGN_INS", Limit(2, timedelta(minutes=1)))
    theirs = {"cloudfront-viewer-address": "192.0.2.7:1234"}
    statuses = [browser.go("GET", "/auth/callback", {"code": "guessed"}, **theirs).status for _ in range(3)]
    assert statuses == [400, 400, 429]


def test_a_local_clock_set_ahead_keeps_nobody_out(service: Service, browser: Browser, user_pool: UserPool) -> None:
    service.clock.advance(days=40)
    assert browser.sign_in(user_pool).status == 303


# --- the end of a session


def test_signing_out_ends_the_session_at_once_and_leads_through_the_pools_own(
    service: Service, browser: Browser, user_pool: UserPool
) -> None:
    browser.sign_in(user_pool)
    stolen = browser.cookies[access.COOKIE]
    answer = browser.go("POST", "/sign-out")
    assert answer.status == 200
    way_out = f"{PAGES}/logout?client_id=client-of-the-service&logout_uri=https%3A%2F%2Fvisits.example.org%2F"
    assert answer.headers["Refresh"] == f"0; url={way_out}"
    assert way_out.replace("&", "&amp;") in answer.body
    assert browser.cookies.keys() & {access.COOKIE, sign_in.HINT} == set()
    assert service.send("GET", "/organise", headers={"cookie": f"{access.COOKIE}={stolen}"}).status == 303


def test_nobody_is_signed_out_by_another_site(service: Service, browser: Browser, user_pool: UserPool) -> None:
    browser.sign_in(user_pool)
    foreign = {"origin": "https://elsewhere.example", "sec-fetch-site": "cross-site"}
    assert browser.go("POST", "/sign-out", None, **foreign).status == 403
    assert browser.go("GET", "/organise").status == 200
    assert browser.go("GET", "/sign-out").status == 405


def test_signing_out_without_a_session_is_no_mistake(service: Service, browser: Browser) -> None:
    before = service.items("accounts")
    for cookie in (None, "nobody's", "x" * 5000):
        if cookie:
            browser.cookies[access.COOKIE] = cookie
        assert browser.go("POST", "/sign-out").status == 200
    assert service.items("accounts") == before


def test_a_session_ends_after_a_fortnight(service: Service, browser: Browser, user_pool: UserPool) -> None:
    browser.sign_in(user_pool)
    [session] = sessions(service)
    ends = service.clock.now + timedelta(days=14)
    assert session.expires_at == int(ends.timestamp())


def test_all_of_a_persons_sessions_can_be_ended_at_once(service: Service, user_pool: UserPool) -> None:
    browsers = [Browser(service), Browser(service)]
    for one in browsers:
        one.sign_in(user_pool)
    user_pool.claims = {"email": "bea@people.example.org"}
    other = Browser(service)
    other.sign_in(user_pool)
    sign_in.end_every_session(person_key("ada@people.example.org", SECRET.pepper), now=service.clock.now)
    assert [one.go("GET", "/organise").status for one in (*browsers, other)] == [303, 303, 200]


def test_no_page_or_redirect_of_signing_in_shows_a_token_or_the_verifier(
    service: Service, browser: Browser, user_pool: UserPool
) -> None:
    location = browser.begin()
    _, _, verifier, _ = tokens.read(
        "sign-in", browser.cookies[sign_in.COOKIE], now=service.clock.now, keys=SECRET.signing_keys
    )
    assert str(verifier) not in location
    answer = browser.go("GET", "/auth/callback", user_pool.come_back_from(location))
    said = " ".join([answer.body, *answer.headers.values(), *answer.cookies])
    assert not re.search(r"eyJ[\w-]+\.", said)
    assert "eyJ" not in str(service.items("accounts"))
