"""Who is asking: a session's cookie or an API token, both read from the accounts table, and what they may do.

| item | pk | sk | read by |
|---|---|---|---|
| `Session` | ``session#<SHA-256 of the cookie, hex>`` | ``session`` | key |
| `ApiToken` | ``token#<SHA-256 of the token, hex>`` | ``token`` | key |

Both are stored hashed: whoever reads the table can use neither. Both remember what the user pool said of the person,
and when: after an hour it is asked again (`kernel.directory`), so a role given or taken there counts within an hour,
and who is deleted or disabled there is out.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute, UTCDateTimeAttribute
from pynamodb.exceptions import PynamoDBException

from kernel import settings
from kernel.errors import CrossOrigin, Forbidden, NotSignedIn
from kernel.http import Request
from kernel.log import logger, what_failed
from kernel.table import Record, refused

MAX_TOKEN = 200

COOKIE = "__Host-session"
"""Browsers take a cookie of this name from our host alone, over TLS, for all paths (RFC 6265bis, 4.1.3.2)."""

GOOD_FOR: Final = timedelta(hours=1)
"""How long what the user pool said of somebody is taken as still true."""

SCOPES: Final = ("moderator", "moderator:read", "organiser", "organiser:read")
"""What a token may be for: a role, or a role's reading alone."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What this module needs of its environment."""

    accounts_table: str
    user_pool_id: str


@dataclass(frozen=True, slots=True)
class Actor:
    """A person who acts: their person key, their address for a visit's list of organisers, and their roles.

    ``username`` is the user pool's; ``until`` is when the token they act by ends. Both are None where there is none.
    """

    person: str
    email: str
    name: str
    roles: frozenset[str]
    username: str | None = None
    until: datetime | None = None

    def must_be(self, *roles: str) -> None:
        """Refuse whoever has none of these roles.

        Raises:
            Forbidden: they have not.
        """
        if self.roles.isdisjoint(roles):
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
    username = UnicodeAttribute(null=True)
    """The user pool's name for them; null is nobody's who is in it, so there is nobody to ask about them."""
    roles = JSONAttribute()
    created_at = UTCDateTimeAttribute()
    looked_at = UTCDateTimeAttribute(null=True)
    """When the user pool was last asked about them."""
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
    username = UnicodeAttribute(null=True)
    roles = JSONAttribute()
    scopes = JSONAttribute()
    token_id = UnicodeAttribute(null=True)
    """What its owner withdraws it by; null for a token that nobody made through the service."""
    label = UnicodeAttribute(null=True)
    """What its owner calls it."""
    created_at = UTCDateTimeAttribute()
    looked_at = UTCDateTimeAttribute(null=True)
    last_used_at = UTCDateTimeAttribute(null=True)
    """Written at most once a day."""
    ended_at = UTCDateTimeAttribute(null=True)
    """When it was withdrawn."""
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
        Forbidden: a change with a token that may only read.
    """
    authorization = request.header("Authorization", limit=400)
    if authorization is not None:
        return _bearer(authorization, request)
    cookie = request.cookie(COOKIE)
    if not cookie or len(cookie) > MAX_TOKEN:
        raise NotSignedIn
    if request.changes_state:
        must_be_ours(request, base_url)
    try:
        found = Session.get(session_pk(cookie), "session", consistent_read=True)
    except Session.DoesNotExist:
        raise NotSignedIn from None
    if found.ended_at is not None or request.now.timestamp() >= found.expires_at:
        raise NotSignedIn
    _ask_again(found, request.now)
    return Actor(found.person, found.email, found.name, frozenset(found.roles), found.username)


def remembered(request: Request) -> Actor | None:
    """Return who a session's cookie stands for, to show somebody what they told us; None where there is no session.

    The user pool is not asked again, so they have no roles here: nothing may be decided by this.
    """
    cookie = request.cookie(COOKIE)
    if not cookie or len(cookie) > MAX_TOKEN:
        return None
    try:
        found = Session.get(session_pk(cookie), "session", consistent_read=True)
    except Session.DoesNotExist:
        return None
    over = found.ended_at is not None or request.now.timestamp() >= found.expires_at
    return None if over else Actor(found.person, found.email, found.name, frozenset())


def whoever(request: Request, *, base_url: str) -> Actor | None:
    """Return who is asking where anybody may; None for a guest, who sends neither a token nor a session that is good.

    Raises:
        NotSignedIn: an API token was sent, and it is nobody's.
        CrossOrigin: a change with a cookie that does not come from our own pages.
    """
    if request.header("Authorization", limit=400) is None and not request.cookie(COOKIE):
        return None
    try:
        return actor(request, base_url=base_url)
    except NotSignedIn:
        if request.header("Authorization", limit=400) is not None:
            raise
        return None


def must_be_ours(request: Request, base_url: str) -> None:
    """Refuse what another site had the browser send: a cookie travels with it all the same.

    Every browser of today says where a request comes from in one of the two (Fetch Metadata; RFC 6454, 7).

    Raises:
        CrossOrigin: it comes from elsewhere, or does not say from where.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if (site is None and origin is None) or site not in {None, "same-origin"} or origin not in {None, base_url}:
        raise CrossOrigin


def token_pk(token: str) -> str:
    """Return the key a token's item stands under."""
    return f"token#{hashlib.sha256(token.encode()).hexdigest()}"


def _bearer(authorization: str, request: Request) -> Actor:
    """Return who an ``Authorization: Bearer …`` header acts as."""
    scheme, _, token = authorization.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or len(token) > MAX_TOKEN:
        raise NotSignedIn
    try:
        found = ApiToken.get(token_pk(token), "token", consistent_read=True)
    except ApiToken.DoesNotExist:
        raise NotSignedIn from None
    now = request.now
    if found.ended_at is not None or (found.expires_at is not None and now.timestamp() >= found.expires_at):
        raise NotSignedIn
    _ask_again(found, now)
    # A role is worth no more than the token's scope for it.
    scopes = {scope if request.changes_state else scope.removesuffix(":read") for scope in found.scopes}
    roles = frozenset(found.roles) & scopes
    if request.changes_state and not roles:
        raise Forbidden("This token may change nothing. Make one with a scope that may.")
    _note_use(found, now)
    until = None if found.expires_at is None else datetime.fromtimestamp(int(found.expires_at), UTC)
    return Actor(found.person, found.email, found.name, roles, found.username, until)


def _ask_again(found: Session | ApiToken, now: datetime) -> None:
    """Ask the user pool about somebody it was last asked about an hour ago, and remember what it says.

    Raises:
        NotSignedIn: it knows them no longer, or by another address: what they held is ended.
    """
    asked_at = found.looked_at or found.created_at
    if found.username is None or now - asked_at < GOOD_FOR:
        return
    from kernel import directory

    known = directory.look_up(found.username)
    kind = type(found)
    if known is None or known.email != found.email:
        found.update(actions=[kind.ended_at.set(now)], condition=kind.pk.exists())
        raise NotSignedIn
    try:
        found.update(
            actions=[kind.roles.set(list(known.roles)), kind.name.set(known.name), kind.looked_at.set(now)],
            condition=kind.pk.exists() & kind.ended_at.does_not_exist(),
        )
    except PynamoDBException as error:
        if refused(error):  # signed out, or withdrawn, while we asked
            raise NotSignedIn from None
        raise


def _note_use(found: ApiToken, now: datetime) -> None:
    """Write down that a token is in use, once a day, so that its owner sees which ones are not."""
    if found.token_id is None or (found.last_used_at is not None and found.last_used_at.date() == now.date()):
        return
    try:
        found.update(actions=[ApiToken.last_used_at.set(now)], condition=ApiToken.pk.exists())
    except PynamoDBException as error:  # nobody's request fails for it
        logger.warning("the use of a token was not noted", failure=what_failed(error))
