"""Roles as the user pool has them now: asked again after an hour, and what happens when it says something else."""

from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ConnectTimeoutError
from moto import mock_aws

from kernel import aws, directory
from kernel.access import COOKIE, ApiToken, Session, session_pk, token_pk
from kernel.directory import Known
from tests.service import Service
from tests.unit.conftest import give_token
from tests.unit.test_who_is_asking import OURS

ADA = "ada@people.example.org"


class Directory:
    """Stands in for the user pool: says what a test has it say, and remembers who was asked about."""

    def __init__(self) -> None:
        self.says: Known | None = Known(ADA, "Ada Quillfeather", ("organiser",))
        self.fails: Exception | None = None
        self.asked: list[str] = []

    def look_up(self, username: str) -> Known | None:
        self.asked.append(username)
        if self.fails:
            raise self.fails
        return self.says


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Directory:
    found = Directory()
    monkeypatch.setattr(directory, "look_up", found.look_up)
    return found


def signed_in(service: Service, *roles: str) -> dict[str, str]:
    Session(
        session_pk("ada's cookie"),
        "session",
        person="person-of-ada",
        email=ADA,
        name="Ada Quillfeather",
        username="sub-of-ada",
        roles=list(roles),
        created_at=service.clock.now,
        looked_at=service.clock.now,
        expires_at=int((service.clock.now + timedelta(days=14)).timestamp()),
    ).save()
    return {"cookie": f"{COOKIE}=ada's cookie"}


def holding_a_token(service: Service, *scopes: str) -> dict[str, str]:
    give_token("ada's token", service.clock, email=ADA, scopes=scopes)
    token = ApiToken.get(token_pk("ada's token"), "token")
    token.update(actions=[ApiToken.username.set("sub-of-ada"), ApiToken.token_id.set("token-of-ada")])
    return {"authorization": "Bearer ada's token"}


def ask(service: Service, headers: dict[str, str], method: str = "GET") -> int:
    body = None if method == "GET" else "{}"
    return service.send(method, "/api/v1/organiser/visits", body, headers={**OURS, **headers}).status


def test_within_the_hour_the_pool_is_not_asked(service: Service, pool: Directory) -> None:
    mine = signed_in(service, "organiser")
    service.clock.advance(minutes=59, seconds=59)
    assert ask(service, mine) == 200
    assert pool.asked == []


def test_after_an_hour_it_is_asked_once_and_what_it_says_is_kept(service: Service, pool: Directory) -> None:
    mine = signed_in(service, "organiser")
    pool.says = Known(ADA, "Ada Q.", ("moderator", "organiser"))
    service.clock.advance(hours=1)
    assert [ask(service, mine), ask(service, mine)] == [200, 200]
    assert pool.asked == ["sub-of-ada"]
    session = Session.get(session_pk("ada's cookie"), "session")
    assert (session.name, session.roles, session.looked_at) == ("Ada Q.", ["moderator", "organiser"], service.clock.now)
    service.clock.advance(hours=1)
    ask(service, mine)
    assert len(pool.asked) == 2


def test_a_role_taken_away_is_gone_within_the_hour_and_one_given_is_there(service: Service, pool: Directory) -> None:
    mine = signed_in(service, "organiser")
    service.clock.advance(hours=1)
    pool.says = Known(ADA, "Ada", ())
    assert ask(service, mine) == 403
    service.clock.advance(hours=1)
    pool.says = Known(ADA, "Ada", ("organiser",))
    assert ask(service, mine) == 200


@pytest.mark.parametrize("says", [None, Known("ada.new@people.example.org", "Ada", ("organiser",))])
def test_who_is_deleted_or_disabled_or_has_another_address_is_signed_out_for_good(
    service: Service, pool: Directory, says: Known | None
) -> None:
    mine = signed_in(service, "organiser")
    service.clock.advance(hours=1)
    before, pool.says = pool.says, says
    assert ask(service, mine) == 401
    pool.says = before
    assert ask(service, mine) == 401
    assert Session.get(session_pk("ada's cookie"), "session").ended_at == service.clock.now


def test_while_the_pool_is_down_nothing_is_done_and_a_form_is_kept(service: Service, pool: Directory) -> None:
    mine = signed_in(service, "organiser")
    service.clock.advance(hours=1)
    pool.fails = ConnectTimeoutError(endpoint_url="https://cognito")
    before = service.items("accounts")
    assert ask(service, mine) == 503
    form = "name=A+script+I+described+at+length&scopes=organiser"
    kind = "application/x-www-form-urlencoded"
    answer = service.send("POST", "/organise/tokens", form, content_type=kind, headers={**OURS, **mine})
    assert answer.status == 503
    assert "A script I described at length" in answer.body
    assert service.items("accounts") == before
    pool.fails = None
    assert ask(service, mine) == 200


def test_who_signs_out_while_the_pool_is_asked_stays_out(
    service: Service, pool: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = signed_in(service, "organiser")
    service.clock.advance(hours=1)

    def meanwhile(_username: str) -> Known | None:
        Session(session_pk("ada's cookie"), "session").update(actions=[Session.ended_at.set(service.clock.now)])
        return pool.says

    monkeypatch.setattr(directory, "look_up", meanwhile)
    assert ask(service, mine) == 401


def test_a_token_is_worth_no_more_than_its_maker(service: Service, pool: Directory) -> None:
    mine = holding_a_token(service, "organiser")
    service.clock.advance(hours=1)
    pool.says = Known(ADA, "Ada", ("moderator",))
    assert ask(service, mine) == 403
    service.clock.advance(hours=1)
    pool.says = None
    assert ask(service, mine) == 401
    pool.says = Known(ADA, "Ada", ("organiser",))
    assert ask(service, mine) == 401


def test_a_token_that_may_read_changes_nothing(service: Service, pool: Directory) -> None:
    mine = holding_a_token(service, "organiser:read")
    assert ask(service, mine) == 200
    answer = service.send("POST", "/api/v1/organiser/visits", "{}", headers=mine)
    assert (answer.status, "may change nothing" in answer.problem["detail"]) == (403, True)
    assert service.send("POST", "/api/v1/organiser/tokens", "{}", headers=mine).status == 403
    # The control: the same with the whole role.
    assert ask(service, holding_a_token(service, "organiser"), "POST") == 422


def test_that_a_token_is_used_is_noted_once_a_day(service: Service, pool: Directory) -> None:
    mine = holding_a_token(service, "organiser")
    noted = []
    for hours in (0, 0.1, 15, 1):  # nine o'clock, and so past midnight
        service.clock.advance(hours=hours)
        assert ask(service, mine) == 200
        noted.append(ApiToken.get(token_pk("ada's token"), "token").last_used_at)
    assert noted[0] == noted[1]
    assert noted[2] == noted[3]
    assert noted[2] - noted[0] == timedelta(hours=15.1)


# --- what Cognito itself answers


@pytest.fixture
def cognito(monkeypatch: pytest.MonkeyPatch) -> Any:
    with mock_aws():
        aws.session.cache_clear()
        aws.client.cache_clear()  # type: ignore[attr-defined]
        client = boto3.client("cognito-idp")
        pool = client.create_user_pool(PoolName="people", UsernameAttributes=["email"])["UserPool"]["Id"]
        monkeypatch.setenv("USER_POOL_ID", pool)
        for group in ("organisers", "moderators", "newsletter"):
            client.create_group(UserPoolId=pool, GroupName=group)
        yield client, pool
    aws.session.cache_clear()
    aws.client.cache_clear()  # type: ignore[attr-defined]


def put(cognito: Any, **attributes: str) -> str:
    client, pool = cognito
    said = {"email": ADA, "email_verified": "true", "name": "Ada Quillfeather", **attributes}
    made = client.admin_create_user(
        UserPoolId=pool, Username=ADA, UserAttributes=[{"Name": name, "Value": value} for name, value in said.items()]
    )
    return str(made["User"]["Username"])


def test_the_directory_knows_address_name_and_the_roles_of_groups(cognito: Any) -> None:
    client, pool = cognito
    username = put(cognito)
    assert directory.look_up(username) == Known(ADA, "Ada Quillfeather", ())
    for group in ("organisers", "newsletter", "moderators"):
        client.admin_add_user_to_group(UserPoolId=pool, Username=username, GroupName=group)
    assert directory.look_up(username) == Known(ADA, "Ada Quillfeather", ("moderator", "organiser"))


def test_the_directory_knows_nobody_who_is_disabled_unproven_or_deleted(cognito: Any) -> None:
    client, pool = cognito
    username = put(cognito)
    client.admin_disable_user(UserPoolId=pool, Username=username)
    assert directory.look_up(username) is None
    client.admin_delete_user(UserPoolId=pool, Username=username)
    assert directory.look_up(username) is None
    assert directory.look_up(put(cognito, email_verified="false")) is None


def test_a_pool_that_is_not_there_is_no_reason_to_sign_anybody_out(
    cognito: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USER_POOL_ID", "eu-west-2_another")
    with pytest.raises(Exception, match="ResourceNotFound"):
        directory.look_up("sub-of-ada")
