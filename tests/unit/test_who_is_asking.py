"""Sessions: who a cookie stands for, from which pages it is taken, and where somebody without one is sent."""

from datetime import timedelta

import pytest

from kernel.access import COOKIE, Session, session_pk
from tests.service import Service

BASE_URL = "https://visits.example.org"
OURS = {"origin": BASE_URL, "sec-fetch-site": "same-origin"}


def sign_in(service: Service, *roles: str, email: str = "olive@example.org", hours: int = 8) -> dict[str, str]:
    """Store a session as signing in does, and return the header a browser sends with it."""
    cookie = f"cookie of {email}"
    Session(
        session_pk(cookie),
        "session",
        person=f"person-of-{email.partition('@')[0]}",
        email=email,
        name="Olive Organiser",
        roles=list(roles),
        created_at=service.clock.now,
        expires_at=int((service.clock.now + timedelta(hours=hours)).timestamp()),
    ).save()
    return {"cookie": f"theme=dark; {COOKIE}={cookie}; other=1"}


def test_whoever_has_a_session_is_who_it_says(service: Service) -> None:
    mine = sign_in(service, "organiser")
    assert service.send("GET", "/organise", headers=mine).status == 200
    assert service.send("GET", "/api/v1/organiser/visits", headers=mine).status == 200


def test_a_page_sends_whoever_is_not_signed_in_to_sign_in_and_back(service: Service) -> None:
    answer = service.get("/organise", q="falls & more")
    assert (answer.status, answer.headers["Location"]) == (
        303,
        "/sign-in?return=%2Forganise%3Fq%3Dfalls%2B%2526%2Bmore",
    )
    assert service.send("GET", "/api/v1/organiser/visits").status == 401


def test_a_role_is_needed_beside_the_session(service: Service) -> None:
    assert service.send("GET", "/organise", headers=sign_in(service, "moderator")).status == 403
    assert service.send("GET", "/api/v1/organiser/visits", headers=sign_in(service)).status == 403


def test_a_session_ends_when_it_is_ended_or_outlived_although_the_table_still_holds_it(service: Service) -> None:
    mine = sign_in(service, "organiser", hours=1)
    service.clock.advance(hours=1)
    assert service.send("GET", "/api/v1/organiser/visits", headers=mine).status == 401
    mine = sign_in(service, "organiser")
    session = Session.get(session_pk("cookie of olive@example.org"), "session")
    session.update(actions=[Session.ended_at.set(service.clock.now)])
    assert service.send("GET", "/api/v1/organiser/visits", headers=mine).status == 401


def test_sessions_are_stored_as_hashes_alone(service: Service) -> None:
    sign_in(service, "organiser")
    assert "cookie of" not in str(service.items("accounts"))


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
        {"origin": "https://evil.example"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": "null", "sec-fetch-site": "same-origin"},
        {"origin": f"{BASE_URL}.evil.example", "sec-fetch-site": "same-origin"},
        {"origin": BASE_URL, "sec-fetch-site": "cross-site"},
    ],
)
def test_a_change_with_a_cookie_must_come_from_our_own_pages(service: Service, sent: dict[str, str]) -> None:
    mine = sign_in(service, "organiser")
    service.visit(publish=False)
    before = service.items()
    answer = service.send("POST", "/api/v1/organiser/visits/ward/publish", "{}", headers={**mine, **sent})
    assert (answer.status, answer.problem["title"]) == (403, "This came from another site")
    assert service.items() == before
    # The control: the same request from our own page.
    assert service.send("POST", "/api/v1/organiser/visits/ward/publish", "{}", headers={**mine, **OURS}).status == 200


def test_an_api_token_needs_no_origin_because_no_browser_sends_it_by_itself(service: Service) -> None:
    service.visit(publish=False)
    assert service.organise("POST", "/visits/ward/publish").status == 200


def test_reading_needs_no_origin(service: Service) -> None:
    assert (
        service.send("GET", "/organise", headers={**sign_in(service, "organiser"), "sec-fetch-site": "none"}).status
        == 200
    )


def test_a_form_sent_without_a_session_is_kept_while_people_sign_in_beside_it(service: Service) -> None:
    kind = "application/x-www-form-urlencoded"
    answer = service.send("POST", "/organise/tokens", "name=My+long+words", content_type=kind, headers=OURS)
    assert answer.status == 401
    assert "My long words" in answer.body
    assert 'href="/sign-in" class="button" target="_blank" rel="noopener"' in answer.body
