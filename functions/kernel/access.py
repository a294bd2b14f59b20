"""Who is asking: an API token read from the accounts table, and what it may do.

| item | pk | sk | read by |
|---|---|---|---|
| `ApiToken` | ``token#<SHA-256 of the token, hex>`` | ``token`` | key |

Tokens are shown once and stored hashed: whoever reads the table cannot use them.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute, UTCDateTimeAttribute

from kernel import settings
from kernel.errors import Forbidden, NotSignedIn
from kernel.table import Record

MAX_TOKEN = 200


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
