"""The service in this process, on a clock that stands still; and a check of every log line a unit test causes."""

import logging
from collections.abc import Iterator

import pytest

from followups import plans
from kernel import clock as clock_module
from kernel import log, secrets, table
from tests import tables
from tests.dynamodb_tap import tapped
from tests.log_check import Lines, personal_in
from tests.service import ORGANISER, Clock, Service
from visits import register


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The one clock everything reads."""
    clock = Clock()
    monkeypatch.setattr(clock_module, "now", clock)
    return clock


@pytest.fixture(scope="module")
def account() -> Iterator[None]:
    """An AWS account in memory, with our tables."""
    with tables.in_memory():
        yield


@pytest.fixture
def service(account: None, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """The visits service on an empty database, with one organiser's token."""
    monkeypatch.setattr(register, "_known_details", {})
    monkeypatch.setattr(plans, "_known", {})  # every test's visits have the same ids
    monkeypatch.setattr(secrets, "load", lambda secret_id: SECRET)
    monkeypatch.setattr(table, "time", Patience())
    tables.empty()
    with tapped(monkeypatch, clock) as tap:
        give_token(ORGANISER, clock)
        tap.forget()
        yield Service(clock, tap)


SECRET = secrets.parse('{"signing_keys": [], "pepper": "a pepper for tests alone"}')


class Patience:
    """Stands in for `time` where a conflict is waited out: waiting takes no time, and is over when it should be."""

    def __init__(self) -> None:
        self.waited = 0.0

    def monotonic(self) -> float:
        return self.waited

    def sleep(self, seconds: float) -> None:
        self.waited += seconds


def give_token(
    token: str,
    clock: Clock,
    *,
    email: str = "organiser@example.org",
    scopes: tuple[str, ...] = ("organiser",),
    roles: tuple[str, ...] = ("organiser",),
    expires_at: int | None = None,
) -> None:
    """Store an API token, as signing in will make one."""
    from kernel.access import ApiToken, token_pk

    ApiToken(
        token_pk(token),
        "token",
        person=f"person-of-{email.partition('@')[0]}",
        email=email,
        name="Olive Organiser",
        roles=list(roles),
        scopes=list(scopes),
        created_at=clock.now,
        expires_at=expires_at,
    ).save()


@pytest.fixture(autouse=True)
def log_lines() -> Iterator[Lines]:
    """Every line logged meanwhile, as it is before the redaction; none may say anything about a person."""
    lines = Lines()
    handler = logging.Handler()
    handler.emit = lines.take  # type: ignore[method-assign]
    log.logger._logger.addHandler(handler)
    yield lines
    log.logger._logger.removeHandler(handler)
    if lines.watched:
        said = [line for line in lines.unredacted if personal_in(line)]
        assert not said, f"personal data in log lines, before the redaction: {said}"
