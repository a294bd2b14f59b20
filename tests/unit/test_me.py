"""Whoever is signed in, about themselves: their visits, what is held about them, and forms that are filled in."""

from datetime import timedelta

import pytest

from accounts.model import Account, account_pk
from kernel import audit
from kernel.access import Actor, Session, session_pk
from kernel.person_key import person_key
from tests.service import SURNAME, Service, person
from tests.unit.conftest import SECRET
from tests.unit.test_who_is_asking import OURS

ADA = person(1)
KEY = person_key(ADA["email"], SECRET.pepper)
OLIVE = person_key("organiser@example.org", SECRET.pepper)


def signed_in(service: Service, number: int = 1, *roles: str) -> dict[str, str]:
    """Store a session of person ``number``, and return what their browser sends."""
    someone, cookie = person(number), f"cookie-{number}"
    Session(
        session_pk(cookie),
        "session",
        person=person_key(someone["email"], SECRET.pepper),
        email=someone["email"],
        name=someone["name"],
        roles=list(roles),
        created_at=service.clock.now,
        expires_at=int((service.clock.now + timedelta(days=60)).timestamp()),
    ).save()
    return {"cookie": f"__Host-session={cookie}", **OURS}


def read(service: Service, path: str, who: dict[str, str], **query: str) -> dict[str, object]:
    answer = service.send("GET", f"/api/v1{path}", headers=who, query=query)
    assert answer.headers["Cache-Control"] == "no-store"
    document: dict[str, object] = answer.json
    return document


def test_me_says_who_i_am_and_what_my_last_registration_said(service: Service) -> None:
    service.visit()
    service.register(1, organisation="Elm House", job_role="Cook")
    assert read(service, "/me", signed_in(service, 1, "organiser")) == {
        "person": KEY,
        **ADA,
        "roles": ["organiser"],
        "organisation": "Elm House",
        "job_role": "Cook",
        "digest": None,
    }


def test_my_registrations_are_mine_coming_ones_first_each_with_the_link_to_its_place(service: Service) -> None:
    now = service.clock.now
    for number, days in enumerate((3, 1, 2)):
        starts = now + timedelta(days=days)
        ends = (starts + timedelta(hours=1)).isoformat()
        service.visit(f"visit-{number}", starts_at=starts.isoformat(), ends_at=ends, capacity=1)
        service.register(1, f"visit-{number}")
        service.register(2, f"visit-{number}")
    service.clock.advance(days=1, hours=12)
    mine = read(service, "/me/registrations", signed_in(service))["items"]
    assert isinstance(mine, list)
    assert [one["visit"]["visit_id"] for one in mine] == ["visit-2", "visit-0", "visit-1"]
    assert {one["email"] for one in mine} == {ADA["email"]}
    assert {one["status"] for one in mine} == {"confirmed"}
    token = mine[0]["place_url"].removeprefix("https://visits.example.org/places/")
    assert service.get(f"/places/{token}").status == 200
    theirs = read(service, "/me/registrations", signed_in(service, 2))["items"]
    assert isinstance(theirs, list)
    assert {(one["status"], one["position"]) for one in theirs} == {("waiting", 1)}


def test_my_registrations_come_a_page_at_a_time(service: Service) -> None:
    for number in range(3):
        service.visit(f"visit-{number}")
        service.register(1, f"visit-{number}")
    who = signed_in(service)
    first = read(service, "/me/registrations", who, limit="2")
    rest = read(service, "/me/registrations", who, limit="2", cursor=str(first["next"]))
    seen = [one["visit"]["visit_id"] for page in (first, rest) for one in page["items"]]  # type: ignore[attr-defined]
    assert seen == ["visit-0", "visit-1", "visit-2"]
    assert rest["next"] is None
    for query in ({"limit": "0"}, {"limit": "101"}, {"limit": "ten"}, {"cursor": "abc"}):
        assert service.send("GET", "/api/v1/me/registrations", headers=who, query=query).status == 422


def test_a_cancelled_registration_is_still_mine_to_see(service: Service) -> None:
    service.visit()
    service.register(1)
    service.api("DELETE", f"/registrations/{service.link(1)}")
    mine = read(service, "/me/registrations", signed_in(service))["items"]
    assert isinstance(mine, list)
    [one] = mine
    assert one["status"] == "cancelled"
    assert one["cancelled_at"]


def test_the_page_shows_my_visits_and_nobody_elses(service: Service) -> None:
    service.visit("mine", title="A visit of mine")
    service.visit("theirs", title="A visit of theirs")
    service.register(1, "mine")
    service.register(2, "theirs")
    page = service.send("GET", "/me", headers=signed_in(service))
    assert page.headers["Cache-Control"] == "no-store"
    assert "A visit of mine" in page.body
    assert "A visit of theirs" not in page.body


def test_the_export_holds_all_there_is_and_my_own_access_needs(service: Service) -> None:
    service.visit()
    service.register(1, access_needs="A ramp", organisation="Elm House")
    by = Actor(OLIVE, "organiser@example.org", "Olive", frozenset({"organiser"}))
    for entry in audit.entries(by, "registration.moved_up", f"person:{KEY}", now=service.clock.now, reason="Leads it"):
        entry.save()
    answer = service.send("GET", "/me/export", headers=signed_in(service))
    assert "attachment" in answer.headers["Content-Disposition"]
    document = answer.json
    [registration] = document["registrations"]
    assert (registration["name"], registration["email"]) == (ADA["name"], ADA["email"])
    assert registration["access_needs"] == "A ramp"
    assert registration["organisation"] == "Elm House"
    assert [entry["reason"] for entry in document["actions_about_them"]] == ["Leads it"]
    assert document["not_to_be_sent"] == []
    assert "left_out" not in document


@pytest.mark.parametrize("is_organiser", [True, False])
def test_access_needs_are_exported_to_the_visits_own_organisers_alone(service: Service, is_organiser: bool) -> None:
    service.visit(organisers=[person(8)["email"]] if is_organiser else [])
    service.register(1, access_needs="A ramp")
    mine = signed_in(service, 8, "organiser")
    document = service.send("GET", f"/api/v1/organiser/people/{KEY}/export", headers=mine).json
    [registration] = document["registrations"]
    assert registration["access_needs"] == ("A ramp" if is_organiser else None)
    assert ("left_out" in document) is not is_organiser
    assert ("A ramp" in str(document)) is is_organiser


def test_a_person_is_found_by_their_address_and_by_no_other(service: Service) -> None:
    service.visit()
    service.register(1)
    found = service.organise("POST", "/people/search", {"email": ADA["email"].upper()})
    assert found.json == {"items": [{"person": KEY, **ADA, "registrations": 1, "comments": 0}], "next": None}
    assert service.organise("POST", "/people/search", {"email": "nobody@example.org"}).json["items"] == []
    assert "email" in service.organise("POST", "/people/search", {"email": "no address"}).errors
    mine = signed_in(service, 8, "organiser")
    form = f"email={ADA['email'].replace('@', '%40')}"
    page = service.send(
        "POST", "/organise/people", form, content_type="application/x-www-form-urlencoded", headers=mine
    )
    assert f'href="/organise/people/{KEY}"' in page.body
    person_page = service.send("GET", f"/organise/people/{KEY}", headers=mine)
    assert "How one ward halved its falls" in person_page.body
    assert service.send("GET", f"/organise/people/{OLIVE}", headers=mine).status == 404


def test_the_daily_digest_is_an_organisers_choice(service: Service) -> None:
    mine = signed_in(service, 1, "organiser")
    post = {"content_type": "application/x-www-form-urlencoded", "headers": mine}
    assert service.send("POST", "/me/preferences", "digest=daily", **post).status == 409  # type: ignore[arg-type]
    now = service.clock.now
    Account(
        account_pk(KEY),
        "account",
        person=KEY,
        name=ADA["name"],
        email=ADA["email"],
        username="u",
        created_at=now,
        signed_in_at=now,
    ).save()
    assert service.send("POST", "/me/preferences", "digest=daily", **post).status == 303  # type: ignore[arg-type]
    assert read(service, "/me", mine)["digest"] == "daily"
    assert service.send("POST", "/me/preferences", "x=1", **post).status == 303  # type: ignore[arg-type]
    assert read(service, "/me", mine)["digest"] is None


# --- the form, filled in


def test_the_form_is_filled_in_for_whoever_asks_and_is_signed_in(service: Service) -> None:
    service.visit()
    service.visit("other")
    service.register(1, "other", organisation="Elm House", job_role="Cook", access_needs="A ramp")
    page = service.send("GET", "/visits/ward", headers=signed_in(service), query={"prefill": "me"})
    for value in (ADA["name"], ADA["email"], "Elm House", "Cook"):
        assert f'value="{value}"' in page.body
    assert "A ramp" not in page.body
    assert f"You are signed in as {ADA['email']}" in page.body
    assert page.headers["Cache-Control"] == "no-store"


def test_without_a_session_it_is_the_page_that_everybody_gets_and_nobody_keeps_it(service: Service) -> None:
    service.visit()
    over = {"cookie": "__Host-session=somebody-elses"}
    page = service.send("GET", "/visits/ward", headers=over, query={"prefill": "me"})
    assert page.status == 200
    assert SURNAME not in page.body
    assert "Sign in and we fill this in" in page.body
    assert page.headers["Cache-Control"] == "no-store"


def test_an_ended_session_fills_in_nothing(service: Service) -> None:
    service.visit()
    mine = signed_in(service)
    service.clock.advance(days=61)
    service.visit("later")
    assert ADA["email"] not in service.send("GET", "/visits/later", headers=mine, query={"prefill": "me"}).body


def test_the_public_page_is_the_same_for_whoever_is_signed_in(service: Service) -> None:
    service.visit()
    mine = signed_in(service)
    service.dynamodb.forget()
    page = service.send("GET", "/visits/ward", headers=mine)
    assert ADA["email"] not in page.body
    assert page.headers["Cache-Control"] == "public, max-age=10"
    assert service.dynamodb.operations == ["Query", "GetItem"]
