"""API tokens: made once, shown once, withdrawn at once. Recognising them is `kernel.access`'s."""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from pynamodb.exceptions import PynamoDBException
from pynamodb.transactions import TransactWrite

from accounts.model import OwnedToken, account_pk
from kernel import audit
from kernel.access import Actor, ApiToken, token_pk
from kernel.errors import Conflict, FieldError, Invalid, NotFound
from kernel.ids import uuid7
from kernel.table import past_conflicts, refused

MOST: Final = 50
"""Tokens a person may have at once: far more than scripts, far fewer than a leak would like."""
LONGEST: Final = timedelta(days=5 * 366)
KEPT_AFTER: Final = timedelta(days=30)
"""How long a withdrawn token's row stays, in case somebody asks."""
_PREFIX: Final = "mc_"
"""Lets secret scanners, and people, know it when they see it."""


class TooManyTokens(Conflict):
    """Somebody has as many tokens as anybody may."""

    type = "/problems/too-many-tokens"
    title = "You have many tokens already"
    default_detail = f"You have {MOST} tokens, which is as many as anybody may have. Withdraw one you no longer use."


class TokenMadeAlready(Conflict):
    """The same form came twice: a token is shown once."""

    title = "That token was made already"
    default_detail = "This token was made a moment ago, and is shown once only. If you did not keep it, make another."


@dataclass(frozen=True, slots=True)
class Wanted:
    """A token to make; ``token_id`` is what makes a repeat of the same form recognisable."""

    name: str
    scopes: Sequence[str]
    expires_at: datetime | None
    token_id: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some of somebody's tokens, the newest first, and the token_id to go on from."""

    items: list[ApiToken]
    next: str | None


def new_id() -> str:
    """Return an id for a token to be made."""
    return str(uuid7())


def make(actor: Actor, wanted: Wanted, *, now: datetime) -> tuple[str, ApiToken]:
    """Make a token that acts as the actor, and return it: nobody can ever read it again.

    Raises:
        Invalid: a scope for a role they have not, or an end that is past or too far away.
        TooManyTokens: they have `MOST`.
        TokenMadeAlready: there is one of this id.
    """
    _must_be_theirs_to_give(actor, wanted, now)
    if sum(1 for _ in _live(actor.person, now)) >= MOST:
        raise TooManyTokens
    token = _PREFIX + secrets.token_urlsafe(32)
    key = token_pk(token)
    ends = None if wanted.expires_at is None else int(wanted.expires_at.timestamp())
    made = ApiToken(
        key,
        "token",
        person=actor.person,
        email=actor.email,
        name=actor.name,
        username=actor.username,
        roles=sorted(actor.roles),
        scopes=list(wanted.scopes),
        token_id=wanted.token_id,
        label=wanted.name,
        created_at=now,
        looked_at=now,
        expires_at=ends,
    )
    owned = OwnedToken(account_pk(actor.person), f"token#{wanted.token_id}", token_pk=key, expires_at=ends)
    entries = audit.entries(
        actor,
        "token.made",
        f"token:{wanted.token_id}",
        f"person:{actor.person}",
        now=now,
        facts={"scopes": list(wanted.scopes)},
    )

    def write() -> None:
        with TransactWrite(connection=ApiToken.connection()) as transaction:
            transaction.save(made, condition=ApiToken.pk.does_not_exist())
            transaction.save(owned, condition=OwnedToken.pk.does_not_exist())
            audit.write(transaction, entries)

    try:
        past_conflicts(write)
    except PynamoDBException as error:
        if refused(error):
            raise TokenMadeAlready from None
        raise
    return token, made


def _must_be_theirs_to_give(actor: Actor, wanted: Wanted, now: datetime) -> None:
    if beyond := [scope for scope in wanted.scopes if scope.removesuffix(":read") not in actor.roles]:
        raise Invalid(errors=[FieldError("scopes", f"You cannot give what is not yours: {', '.join(beyond)}.")])
    ends = wanted.expires_at
    if ends is not None and not now < ends <= now + LONGEST:
        raise Invalid(errors=[FieldError("expires_at", "Choose a moment to come, five years from now at the latest.")])
    if actor.until is not None and (ends is None or ends > actor.until):
        message = f"A token made by a token ends with it: choose {actor.until.isoformat()} or earlier."
        raise Invalid(errors=[FieldError("expires_at", message)])


def theirs(person: str, *, limit: int, cursor: str | None, now: datetime) -> Page:
    """Return a person's tokens that still are good, the newest first.

    Raises:
        Invalid: a cursor that is nobody's.
    """
    if cursor is not None and not is_id(cursor):
        raise Invalid(errors=[FieldError("cursor", "Send the `next` of the page before, as it was.")])
    page: list[OwnedToken] = []
    for owned in _live(person, now, before=cursor):
        if len(page) == limit:
            return Page(_tokens(page), _id(page[-1]))
        page.append(owned)
    return Page(_tokens(page), None)


def withdraw(actor: Actor, token_id: str, *, now: datetime) -> None:
    """End one of the actor's tokens at once.

    Raises:
        NotFound: it is not theirs, or there is none.
    """
    try:
        owned = OwnedToken.get(account_pk(actor.person), f"token#{token_id}", consistent_read=True)
    except OwnedToken.DoesNotExist:
        raise NotFound from None
    if not _is_good(owned, now) or not _end(actor, owned, person=actor.person, now=now):
        raise NotFound


def withdraw_all(actor: Actor, person: str, *, now: datetime) -> None:
    """End all of a person's tokens, on behalf of whoever acts."""
    for owned in list(_live(person, now)):
        _end(actor, owned, person=person, now=now)


def _end(actor: Actor, owned: OwnedToken, *, person: str, now: datetime) -> bool:
    """End a token; tell whether it was still good."""
    entries = audit.entries(actor, "token.withdrawn", f"token:{_id(owned)}", f"person:{person}", now=now)
    kept_until = int((now + KEPT_AFTER).timestamp())

    def write() -> None:
        with TransactWrite(connection=ApiToken.connection()) as transaction:
            audit.write(transaction, entries)
            transaction.update(
                owned,
                actions=[OwnedToken.ended_at.set(now), OwnedToken.expires_at.set(kept_until)],
                condition=OwnedToken.ended_at.does_not_exist(),
            )
            transaction.update(
                ApiToken(owned.token_pk, "token"),
                actions=[ApiToken.ended_at.set(now), ApiToken.expires_at.set(kept_until)],
                condition=ApiToken.pk.exists(),
            )

    try:
        past_conflicts(write)
    except PynamoDBException as error:
        if refused(error):
            return False
        raise
    return True


def _live(person: str, now: datetime, *, before: str | None = None) -> Iterator[OwnedToken]:
    found = OwnedToken.query(
        account_pk(person),
        OwnedToken.sk < f"token#{before}" if before else OwnedToken.sk.startswith("token#"),
        consistent_read=True,
        scan_index_forward=False,
        page_size=100,
    )
    for owned in found:
        if not owned.sk.startswith("token#"):  # before the first token of all
            return
        if _is_good(owned, now):
            yield owned


def _is_good(owned: OwnedToken, now: datetime) -> bool:
    return owned.ended_at is None and (owned.expires_at is None or now.timestamp() < owned.expires_at)


def _tokens(page: Sequence[OwnedToken]) -> list[ApiToken]:
    """Return the tokens themselves, which know when they were used; without those that the user pool ended."""
    found = {one.pk: one for one in ApiToken.batch_get([(owned.token_pk, "token") for owned in page], True)}
    return [found[owned.token_pk] for owned in page if owned.token_pk in found and not found[owned.token_pk].ended_at]


def _id(owned: OwnedToken) -> str:
    return owned.sk.removeprefix("token#")


def is_id(text: str) -> bool:
    """Tell whether a text is an id as `new_id` makes them."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def token_json(token: ApiToken) -> dict[str, object]:
    """Return a token as the contract has it, all but the token itself."""
    ends = token.expires_at
    return {
        "token_id": token.token_id,
        "name": token.label,
        "scopes": list(token.scopes),
        "created_at": token.created_at.isoformat(),
        "last_used_at": token.last_used_at.isoformat() if token.last_used_at else None,
        "expires_at": datetime.fromtimestamp(int(ends), UTC).isoformat() if ends is not None else None,
    }
