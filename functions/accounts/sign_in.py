"""Signing in: the OIDC code flow with PKCE (OpenID Connect Core 3.1, RFC 7636), held on the server.

The browser sees a redirect, a code that is worth nothing without our verifier, and in the end a cookie; the user
pool's tokens never reach it, and are thrown away once they have said who somebody is. Between the two redirects
nothing is stored: what must match stands in a signed cookie of the browser's own.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

from pynamodb.exceptions import PynamoDBException
from pynamodb.transactions import TransactWrite

from accounts.model import Account, OwnedSession, account_pk
from kernel import access, tokens
from kernel.access import Session, session_pk
from kernel.directory import called, proven_address, roles
from kernel.errors import LinkExpired, LinkInvalid, Problem, Unavailable
from kernel.person_key import person_key
from kernel.powertools import Cookie, SameSite
from kernel.table import past_conflicts, refused

if TYPE_CHECKING:
    import requests
    from joserfc import jwt

COOKIE: Final = "__Host-sign-in"
HINT: Final = "__Host-signed-in"
"""Says nothing but that somebody is signed in, so that pages anybody may cache can ask who. It opens nothing."""

TIME_TO_SIGN_IN: Final = timedelta(minutes=15)
SESSION_GOOD_FOR: Final = timedelta(days=14)
MAX_RETURN: Final = 400
_PURPOSE: Final = "sign-in"
_SECONDS: Final = (2, 8)
"""To connect to the user pool, and to wait for its answer."""
_LEEWAY: Final = 60
"""Seconds by which the user pool's clock and ours may differ."""


class SignInUnfinished(Problem):
    """The two redirects do not belong together: too late, another tab, a copied address, or a forgery."""

    status = 400
    title = "That sign-in did not finish"
    default_detail = (
        "It took too long, or another window began a sign-in as well. Nothing happened. Please sign in again."
    )


class SignInRefused(Problem):
    """The user pool did not let them in, or what it said cannot be trusted."""

    status = 403
    title = "You are not signed in"
    default_detail = "The sign-in was broken off or refused. You can try again, or go on without signing in."


class AddressUnproven(Problem):
    """Somebody who has not shown that their address is theirs."""

    status = 403
    title = "Confirm your email address first"
    default_detail = (
        "We know people by their email address, and yours is not confirmed yet. Sign in again, and enter the code "
        "from the email that was sent to you."
    )


@dataclass(frozen=True, slots=True)
class Provider:
    """Where people sign in, and what we are called there.

    Attributes:
        url: of the user pool's pages, without a slash at the end.
        issuer: what its ID tokens must say they are from.
        keys_url: where the keys that sign them are.
    """

    url: str
    issuer: str
    keys_url: str
    client_id: str


@dataclass(frozen=True, slots=True)
class Begun:
    """Where to send the browser, and the cookie that must come back with it."""

    location: str
    cookie: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who came back, as the user pool says."""

    email: str
    name: str
    username: str
    roles: tuple[str, ...]


def local_path(wanted: str | None) -> str:
    """Return the path of ours to go on to, ``/`` where what is wanted is anybody else's, or not a path.

    Browsers read ``\\`` as ``/`` and drop tabs and line ends, so none of these may stand in it.
    """
    path = wanted or "/"
    plain = path.isascii() and path.isprintable() and "\\" not in path and len(path) <= MAX_RETURN
    if not plain or not path.startswith("/") or path.startswith("//"):
        return "/"
    parts = urlsplit(path)
    round_again = parts.path.startswith(("/sign-", "/auth/"))
    return "/" if parts.scheme or parts.netloc or round_again else path


def begin(provider: Provider, *, base_url: str, return_to: str, now: datetime, keys: Sequence[str]) -> Begun:
    """Return the way to the user pool's pages, and what the browser must bring back."""
    from authlib.common.security import generate_token
    from authlib.integrations.requests_client import OAuth2Session

    state, nonce, verifier = generate_token(32), generate_token(32), generate_token(64)
    client = OAuth2Session(
        provider.client_id,
        scope="openid email profile",
        redirect_uri=f"{base_url}/auth/callback",
        code_challenge_method="S256",
    )
    location, _ = client.create_authorization_url(
        f"{provider.url}/oauth2/authorize", state=state, nonce=nonce, code_verifier=verifier
    )
    cookie = tokens.sign(_PURPOSE, [state, nonce, verifier, return_to], expires_at=now + TIME_TO_SIGN_IN, keys=keys)
    return Begun(location, cookie)


@dataclass(frozen=True, slots=True)
class _Expected:
    """What the cookie says the second redirect must match."""

    state: str
    nonce: str
    verifier: str
    return_to: str


def finish(
    provider: Provider,
    query: Mapping[str, str],
    cookie: str | None,
    *,
    base_url: str,
    now: datetime,
    real_now: datetime,
    keys: Sequence[str],
) -> tuple[SignedIn, str]:
    """Return who came back from the user pool, and where they wanted to go.

    ``real_now`` is the time as the user pool has it (`kernel.clock.unmoved`).

    Raises:
        SignInUnfinished: this is not the end of the sign-in that this browser began.
        SignInRefused: the user pool says no, or its ID token does not hold.
        AddressUnproven: it has not seen that the address is theirs.
        Unavailable: it does not answer.
    """
    expected = _expected(cookie, now, keys)
    if not secrets.compare_digest(query.get("state", "").encode(), expected.state.encode()):
        raise SignInUnfinished
    code = query.get("code")
    if "error" in query or not code:
        raise SignInRefused
    claims = _claims(provider, code, expected, base_url=base_url, now=real_now)
    email = proven_address(claims.get("email"), claims.get("email_verified"))
    if email is None:
        raise AddressUnproven
    username = str(claims.get("cognito:username") or claims["sub"])
    who = SignedIn(email, called(claims.get("name"), email), username, roles(claims.get("cognito:groups")))
    return who, local_path(expected.return_to)


def _expected(cookie: str | None, now: datetime, keys: Sequence[str]) -> _Expected:
    try:
        values = tokens.read(_PURPOSE, cookie or "", now=now, keys=keys)
    except (LinkExpired, LinkInvalid):
        raise SignInUnfinished from None
    return _Expected(*map(str, values))


def _claims(provider: Provider, code: str, expected: _Expected, *, base_url: str, now: datetime) -> dict[str, Any]:
    """Return what the ID token says, once everything about it holds (OpenID Connect Core, 3.1.3.7)."""
    from authlib.integrations.base_client import OAuthError
    from authlib.integrations.requests_client import OAuth2Session
    from authlib.oidc.core import CodeIDToken
    from joserfc.errors import JoseError
    from requests.exceptions import RequestException

    with OAuth2Session(
        provider.client_id, redirect_uri=f"{base_url}/auth/callback", default_timeout=_SECONDS
    ) as client:
        client.trust_env, client.max_redirects = False, 0  # no proxies, no .netrc, nowhere else
        try:
            answer = client.fetch_token(
                f"{provider.url}/oauth2/token",
                grant_type="authorization_code",
                code=code,
                code_verifier=expected.verifier,
            )
            token = _verified(answer.get("id_token"), provider, client)
        except (OAuthError, JoseError):
            raise SignInRefused from None
        except (RequestException, ValueError) as down:  # ValueError: what came is no JSON
            raise Unavailable from down
    claims = CodeIDToken(
        token.claims,
        token.header,
        options={
            "iss": {"essential": True, "value": provider.issuer},
            "aud": {"essential": True, "value": provider.client_id},
            "token_use": {"essential": True, "value": "id"},
        },
        params={"nonce": expected.nonce, "client_id": provider.client_id, "access_token": answer.get("access_token")},
    )
    try:
        claims.validate(now=int(now.timestamp()), leeway=_LEEWAY)
    except JoseError:
        raise SignInRefused from None
    return dict(claims)


def _verified(id_token: object, provider: Provider, client: requests.Session) -> jwt.Token:
    """Return the ID token, its signature checked with the keys the user pool has published."""
    from joserfc import jwt
    from joserfc.errors import DecodeError, InvalidKeyIdError
    from joserfc.jwk import KeySet

    if not isinstance(id_token, str):
        raise DecodeError("there is no ID token")
    for _ in range(2):
        if provider.keys_url not in _keys:
            answer = client.get(provider.keys_url, auth=_without_token)
            answer.raise_for_status()
            _keys[provider.keys_url] = answer.json()
        try:
            return jwt.decode(id_token, KeySet.import_key_set(_keys[provider.keys_url]), algorithms=["RS256"])
        except InvalidKeyIdError:  # a key newer than what we have read
            del _keys[provider.keys_url]
    raise DecodeError("nobody has published the key that signed it")


def _without_token(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Leave a request as it is: keys are public, and Authlib would send the access token along."""
    return request


_keys: dict[str, Any] = {}
"""The user pool's public keys, by their address: read once a container, and again when a new one has signed."""


def open_session(who: SignedIn, *, pepper: str, now: datetime) -> str:
    """Make a session, and return the cookie that opens it. It is stored hashed, and nowhere as it is."""
    cookie = secrets.token_urlsafe(32)
    person = person_key(who.email, pepper)
    ends = int((now + SESSION_GOOD_FOR).timestamp())
    key = session_pk(cookie)
    session = Session(
        key,
        "session",
        person=person,
        email=who.email,
        name=who.name,
        username=who.username,
        roles=list(who.roles),
        created_at=now,
        looked_at=now,
        expires_at=ends,
    )
    owned = OwnedSession(account_pk(person), key, session_pk=key, expires_at=ends)

    def write() -> None:
        with TransactWrite(connection=Session.connection()) as transaction:
            transaction.save(session)
            transaction.save(owned)
            transaction.update(
                Account(account_pk(person), "account"),
                actions=[
                    Account.person.set(person),
                    Account.email.set(who.email),
                    Account.name.set(who.name),
                    Account.username.set(who.username),
                    Account.created_at.set(Account.created_at | now),
                    Account.signed_in_at.set(now),
                ],
            )

    past_conflicts(write)
    return cookie


def cookie(name: str, value: str, seconds: int, *, http_only: bool = True) -> Cookie:
    """Return one of our cookies, for as long as it is to last; 0 has the browser forget it."""
    return Cookie(name, value, path="/", secure=True, http_only=http_only, max_age=seconds, same_site=SameSite.LAX_MODE)


def forgotten_cookies() -> list[Cookie]:
    """Return what has the browser forget that somebody was signed in."""
    return [cookie(access.COOKIE, "", 0), cookie(HINT, "", 0, http_only=False)]


def end_session(cookie: str | None, *, now: datetime) -> None:
    """End a session at once; one that nobody has, or that has ended, stays as it is."""
    if cookie and len(cookie) <= access.MAX_TOKEN:
        _end(session_pk(cookie), now)


def end_every_session(person: str, *, now: datetime) -> None:
    """End all of a person's sessions, wherever they are signed in."""
    for owned in OwnedSession.query(account_pk(person), OwnedSession.sk.startswith("session#"), consistent_read=True):
        _end(owned.session_pk, now)


def _end(key: str, now: datetime) -> None:
    try:
        Session(key, "session").update(
            actions=[Session.ended_at.set(now)], condition=Session.pk.exists() & Session.ended_at.does_not_exist()
        )
    except PynamoDBException as error:
        if not refused(error):
            raise


def way_out(provider: Provider, *, base_url: str) -> str:
    """Return the address that ends the user pool's own session too, and leads back to our first page."""
    return f"{provider.url}/logout?{urlencode({'client_id': provider.client_id, 'logout_uri': f'{base_url}/'})}"
