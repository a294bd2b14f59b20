"""Who is asking: a session's cookie or an API token, both read from the accounts table, and what they may do.

| item | pk | sk | read by |
|---|---|---|---|
| `Session` | ``session#<SHA-256 of the cookie, hex>`` | ``session`` | key |
| `ApiToken` | ``token#<SHA-256 of the token, hex>`` | ``token`` | key |

Both are stored hashed: whoever reads the table can use neither.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute, UTCDateTimeAttribute

from kernel import settings
from kernel.errors import CrossOrigin, Forbidden, NotSignedIn
from kernel.http import Request
from kernel.table import Record

MAX_TOKEN = 200

COOKIE = "__Host-session"
"""Browsers take a cookie of this name from our host alone, over TLS, for all paths (RFC 6265bis, 4.1.3.2)."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What this module needs of its environment."""

    accounts_table: str


@dataclass(frozen=True, slots=True)
class Actor:
    """A person who acts: their person key, their address for a visit's list of organisers, and their roles."""

    person: str
    email: str
    name: str
    roles: frozenset[str]

    def must_be(self, role: str) -> None:
        """Refuse whoever has not this role.

        Raises:
            Forbidden: they have not.
        """
        if role not in self.roles:
            raise Forbidden


class Session(Record):
    """A signed-in browser. Signing out deletes nothing: it is marked ended, which holds at once."""

    class Meta:
        table_name = settings.read(Settings).accounts_table

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default="session")
    person = UnicodeAttribute()
    email = UnicodeAttribute()
    name = UnicodeAttribute()
    roles = JSONAttribute()
    created_at = UTCDateTimeAttribute()
    ended_at = UTCDateTimeAttribute(null=True)
    expires_at = NumberAttribute()
    """DynamoDB's time to live, Unix seconds: it deletes late, so it is checked too."""


class ApiToken(Record):
    """A token for scripts: it acts as the person who made it, within its scopes."""

    class Meta:
        table_name = settings.read(Settings).accounts_table

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default="token")
    person = UnicodeAttribute()
    email = UnicodeAttribute()
    name = UnicodeAttribute()
    roles = JSONAttribute()
    scopes = JSONAttribute()
    created_at = UTCDateTimeAttribute()
    expires_at = NumberAttribute(null=True)
    """DynamoDB's time to live, Unix seconds: it deletes late, so it is checked too."""


def session_pk(cookie: str) -> str:
    """Return the key a session's item stands under."""
    return f"session#{hashlib.sha256(cookie.encode()).hexdigest()}"


def actor(request: Request, *, base_url: str) -> Actor:
    """Return who is asking, by an API token where one is sent, else by the session's cookie.

    Raises:
        NotSignedIn: neither is there, or it is nobody's any more.
        CrossOrigin: a change with a cookie that does not come from our own pages.
    """
    authorization = request.header("Authorization", limit=400)
    if authorization is not None:
        return bearer(authorization, now=request.now)
    cookie = request.cookie(COOKIE)
    if not cookie or len(cookie) > MAX_TOKEN:
        raise NotSignedIn
    if request.changes_state:
        _must_be_ours(request, base_url)
    try:
        found = Session.get(session_pk(cookie), "session", consistent_read=True)
    except Session.DoesNotExist:
        raise NotSignedIn from None
    if found.ended_at is not None or request.now.timestamp() >= found.expires_at:
        raise NotSignedIn
    return Actor(found.person, found.email, found.name, frozenset(found.roles))


def _must_be_ours(request: Request, base_url: str) -> None:
    """Refuse what another site had the browser send: a cookie travels with it all the same.

    Every browser of today says where a request comes from in one of the two (Fetch Metadata; RFC 6454, 7).
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if (site is None and origin is None) or site not in {None, "same-origin"} or origin not in {None, base_url}:
        raise CrossOrigin


def token_pk(token: str) -> str:
    """Return the key a token's item stands under."""
    return f"token#{hashlib.sha256(token.encode()).hexdigest()}"


def bearer(authorization: str | None, *, now: datetime) -> Actor:
    """Return who an ``Authorization: Bearer …`` header acts as.

    Raises:
        NotSignedIn: there is no such header, or no such token.
    """
    scheme, _, token = (authorization or "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or len(token) > MAX_TOKEN:
        raise NotSignedIn
    try:
        found = ApiToken.get(token_pk(token), "token", consistent_read=True)
    except ApiToken.DoesNotExist:
        raise NotSignedIn from None
    if found.expires_at is not None and now.timestamp() >= found.expires_at:
        raise NotSignedIn
    # A role is worth no more than the token's scope for it.
    roles = frozenset(found.roles) & frozenset(found.scopes)
    return Actor(found.person, found.email, found.name, roles)
