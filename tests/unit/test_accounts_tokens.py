"""API tokens: made and shown once, listed, withdrawn at once; by the API and on a page."""

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from accounts import tokens
from kernel.access import ApiToken, token_pk
from tests.service import Answer, Service
from tests.unit.conftest import give_token
from tests.unit.test_who_is_asking import OURS, sign_in

TOKENS = "/api/v1/organiser/tokens"
WANTED = {"name": "Nightly list", "scopes": ["organiser:read"]}


@pytest.fixture
def mine(service: Service) -> dict[str, str]:
    return {**sign_in(service, "organiser", hours=100_000), **OURS}


def make(service: Service, headers: dict[str, str], **changed: object) -> Answer:
    return service.api("POST", "/organiser/tokens", {**WANTED, **changed}, **headers)


def listed(service: Service, headers: dict[str, str], **query: str) -> Any:
    return service.send("GET", TOKENS, headers=headers, query=query).json


def use(service: Service, token: str, method: str = "GET") -> int:
    body = None if method == "GET" else "{}"
    headers = {"authorization": f"Bearer {token}"}
    return service.send(method, "/api/v1/organiser/visits", body, headers=headers).status


def test_a_token_is_shown_once_and_stored_as_a_hash(service: Service, mine: dict[str, str]) -> None:
    answer = make(service, mine)
    assert answer.status == 201
    token = answer.json["token"]
    assert re.fullmatch(r"mc_[\w-]{43}", token)
    assert token not in str(service.items("accounts"))
    shown = {**WANTED, "token_id": answer.json["token_id"], "last_used_at": None, "expires_at": None}
    assert answer.json == {**shown, "token": token, "created_at": service.clock.now.isoformat()}
    assert answer.headers["Location"] == f"{TOKENS}/{answer.json['token_id']}"
    assert listed(service, mine) == {
        "items": [{**shown, "created_at": service.clock.now.isoformat()}],
        "next": None,
    }


def test_a_token_acts_as_its_maker_within_its_scopes(service: Service, mine: dict[str, str]) -> None:
    token = make(service, mine).json["token"]
    assert (use(service, token), use(service, token, "POST")) == (200, 403)
    assert listed(service, mine)["items"][0]["last_used_at"] == service.clock.now.isoformat()
    whole = make(service, mine, scopes=["organiser"]).json["token"]
    assert (use(service, whole), use(service, whole, "POST")) == (200, 422)


def test_a_withdrawn_token_opens_nothing_at_once(service: Service, mine: dict[str, str]) -> None:
    made = make(service, mine).json
    assert service.send("DELETE", f"{TOKENS}/{made['token_id']}", headers=mine).status == 204
    assert use(service, made["token"]) == 401
    assert listed(service, mine)["items"] == []
    assert service.send("DELETE", f"{TOKENS}/{made['token_id']}", headers=mine).status == 404


def test_a_token_ends_when_it_should(service: Service, mine: dict[str, str]) -> None:
    made = make(service, mine, expires_at=(service.clock.now + timedelta(days=1)).isoformat()).json
    service.clock.advance(hours=23)
    assert use(service, made["token"]) == 200
    service.clock.advance(hours=1)
    assert use(service, made["token"]) == 401
    assert listed(service, mine)["items"] == []


def test_nobody_sees_or_withdraws_somebody_elses_token(service: Service, mine: dict[str, str]) -> None:
    made = make(service, mine).json
    stranger = {**sign_in(service, "organiser", email="stranger@example.org"), **OURS}
    assert listed(service, stranger)["items"] == []
    for token_id in (made["token_id"], "no-id", tokens.new_id()):
        assert service.send("DELETE", f"{TOKENS}/{token_id}", headers=stranger).status == 404
    page = f"/organise/tokens/{made['token_id']}/withdraw"
    assert service.send("POST", page, "", headers=stranger).status == 404
    assert use(service, made["token"]) == 200


def test_a_moderator_gives_a_token_what_is_theirs_and_nothing_else(service: Service) -> None:
    moderator = {**sign_in(service, "moderator"), **OURS}
    assert make(service, moderator, scopes=["moderator", "moderator:read"]).status == 201
    for scopes in (["organiser"], ["moderator", "organiser:read"]):
        assert "scopes" in make(service, moderator, scopes=scopes).errors


def test_a_token_gives_others_no_more_than_it_has_and_no_longer(service: Service, mine: dict[str, str]) -> None:
    ends = service.clock.now + timedelta(days=10)
    give_token("both-roles", service.clock, roles=("organiser", "moderator"), expires_at=int(ends.timestamp()))
    script = {"authorization": "Bearer both-roles"}
    assert "scopes" in make(service, script, scopes=["moderator"], expires_at=ends.isoformat()).errors
    assert "expires_at" in make(service, script).errors
    assert "expires_at" in make(service, script, expires_at=(ends + timedelta(seconds=1)).isoformat()).errors
    assert make(service, script, expires_at=ends.isoformat()).status == 201


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": " \u200b "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "two\nlines"}, "name"),
        ({"name": None}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["root"]}, "scopes.0"),
        ({"scopes": "organiser"}, "scopes"),
        ({"scopes": ["organiser"] * 9}, "scopes"),
        ({"expires_at": "2026-08-31T09:00:00+00:00"}, "expires_at"),
        ({"expires_at": "2036-08-31T09:00:00+00:00"}, "expires_at"),
        ({"expires_at": "2027-08-31T09:00:00"}, "expires_at"),
        ({"expires_at": "tomorrow"}, "expires_at"),
        ({"token_id": "mine"}, "token_id"),
        ({"token": "mine"}, "token"),
    ],
    ids=str,
)
def test_what_cannot_be_taken_is_named(
    service: Service, mine: dict[str, str], changed: dict[str, object], field: str
) -> None:
    before = service.items("accounts")
    assert field in make(service, mine, **changed).errors
    assert service.items("accounts") == before


def test_nobody_has_more_tokens_than_anybody_may(
    service: Service, mine: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "MOST", 2)
    first = make(service, mine).json
    make(service, mine)
    answer = make(service, mine)
    assert (answer.status, answer.problem["type"]) == (409, "/problems/too-many-tokens")
    service.send("DELETE", f"{TOKENS}/{first['token_id']}", headers=mine)
    assert make(service, mine).status == 201


def test_a_long_list_comes_in_pages_newest_first(service: Service, mine: dict[str, str]) -> None:
    made = [make(service, mine, name=f"number {number}").json["token_id"] for number in range(5)]
    service.send("DELETE", f"{TOKENS}/{made[2]}", headers=mine)
    wanted = [made[4], made[3], made[1], made[0]]
    found: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(4):
        page = listed(service, mine, limit="2", **cursor)
        found += [one["token_id"] for one in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert found == wanted
    assert listed(service, mine, limit="4")["next"] is None
    for query in ({"limit": "0"}, {"limit": "101"}, {"limit": "x"}, {"cursor": "nobody's"}):
        answer = service.send("GET", TOKENS, headers=mine, query=query)
        assert set(answer.errors) == set(query)


def test_making_and_withdrawing_are_in_the_audit_log_without_the_name(service: Service, mine: dict[str, str]) -> None:
    made = make(service, mine, name="For Ada Quillfeather").json
    service.send("DELETE", f"{TOKENS}/{made['token_id']}", headers=mine)
    entries = [one for one in service.items("accounts") if one["pk"]["S"] == f"audit#token:{made['token_id']}"]
    assert [one["action"]["S"] for one in entries] == ["token.made", "token.withdrawn"]
    assert "Quillfeather" not in str(entries)
    assert made["token"] not in str(service.items("accounts"))


def test_all_of_a_persons_tokens_can_be_withdrawn_for_them(service: Service, mine: dict[str, str]) -> None:
    from kernel.access import Actor

    made = [make(service, mine).json["token"] for _ in range(3)]
    actor = Actor("person-of-somebody", "somebody@example.org", "Somebody", frozenset({"organiser"}))
    tokens.withdraw_all(actor, "person-of-olive", now=service.clock.now)
    assert [use(service, one) for one in made] == [401, 401, 401]


def test_a_token_whose_row_the_pool_ended_is_listed_no_more(service: Service, mine: dict[str, str]) -> None:
    made = make(service, mine).json
    row = ApiToken.get(token_pk(made["token"]), "token")
    row.update(actions=[ApiToken.ended_at.set(service.clock.now)])
    assert listed(service, mine)["items"] == []


# --- on the page


def send_form(service: Service, headers: dict[str, str], fields: dict[str, object]) -> Answer:
    kind = "application/x-www-form-urlencoded"
    return service.send("POST", "/organise/tokens", urlencode(fields, doseq=True), content_type=kind, headers=headers)


def form_of(service: Service, headers: dict[str, str]) -> dict[str, object]:
    page = service.send("GET", "/organise/tokens", headers=headers).body
    found = re.search(r'name="token_id" value="([\w-]+)"', page)
    assert found
    return {"token_id": found[1], "name": "Nightly list", "scopes": ["organiser:read"], "expires_at": ""}


def test_the_page_shows_a_token_once_and_a_repeat_makes_no_second(service: Service, mine: dict[str, str]) -> None:
    form = form_of(service, mine)
    answer = send_form(service, mine, form)
    found = re.search(r"mc_[\w-]{43}", answer.body)
    assert found
    assert (answer.status, answer.headers["Cache-Control"]) == (201, "no-store")
    assert use(service, found[0]) == 200
    assert "mc_" not in service.send("GET", "/organise/tokens", headers=mine).body
    again = send_form(service, mine, form)
    assert again.status == 409
    assert "shown once only" in again.body
    assert "mc_" not in again.body
    assert len(listed(service, mine)["items"]) == 1


def test_a_form_that_cannot_be_taken_keeps_what_was_typed(service: Service, mine: dict[str, str]) -> None:
    form = {**form_of(service, mine), "name": "x" * 101, "scopes": ["organiser"], "expires_at": "2020-01-01"}
    answer = send_form(service, mine, form)
    assert answer.status == 422
    assert "x" * 101 in answer.body
    assert 'value="2020-01-01"' in answer.body
    assert re.search(r'value="organiser" checked', answer.body)
    assert listed(service, mine)["items"] == []
    assert send_form(service, mine, {**form, "token_id": "forged"}).status == 422


def test_a_last_day_counts_whole(service: Service, mine: dict[str, str]) -> None:
    send_form(service, mine, {**form_of(service, mine), "expires_at": "2026-12-24"})
    assert listed(service, mine)["items"][0]["expires_at"] == "2026-12-24T23:59:59+00:00"


def test_a_token_is_withdrawn_on_the_page(service: Service, mine: dict[str, str]) -> None:
    made = make(service, mine).json
    page = f"/organise/tokens/{made['token_id']}/withdraw"
    assert page in service.send("GET", "/organise/tokens", headers=mine).body
    answer = service.send("POST", page, "", headers=mine)
    assert (answer.status, answer.headers["Location"]) == (303, "/organise/tokens")
    assert use(service, made["token"]) == 401
