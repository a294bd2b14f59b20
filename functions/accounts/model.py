"""The accounts table: who has signed in, and what they hold. `kernel.access` and `kernel.audit` keep theirs beside it.

| item | pk | sk | read by |
|---|---|---|---|
| `Account` | ``account#<person key>`` | ``account`` | key |
| `OwnedSession` | ``account#<person key>`` | ``session#<SHA-256 of the cookie, hex>`` | Query: all of a person's |
| `ErasureRequest`: somebody is to be erased | ``account#<person key>`` | ``erasure`` | the stream alone |
| `OwnedToken` | ``account#<person key>`` | ``token#<token_id>`` (UUIDv7: by time) | key; Query: newest first |

| index | keys | serves |
|---|---|---|
| ``digest-readers`` | ``digest``, ``pk`` | who wants the daily digest; sparse: the others have no ``digest`` |

What somebody holds is found from here, consistently; whether it still is good stands with the session or the token.
"""

from dataclasses import dataclass

from pynamodb.attributes import NumberAttribute, UnicodeAttribute, UTCDateTimeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex

from kernel import settings
from kernel.table import Record


@dataclass(frozen=True, slots=True)
class Settings:
    """What this module needs of its environment."""

    accounts_table: str


class DigestReaders(GlobalSecondaryIndex["Account"]):
    """Who wants a digest, by how often."""

    class Meta:
        index_name = "digest-readers"
        projection = AllProjection()

    digest = UnicodeAttribute(hash_key=True)
    pk = UnicodeAttribute(range_key=True)


class Account(Record):
    """A person who has signed in at least once."""

    class Meta:
        table_name = settings.read(Settings).accounts_table

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default="account")
    digest_readers = DigestReaders()
    person = UnicodeAttribute()
    email = UnicodeAttribute()
    name = UnicodeAttribute()
    username = UnicodeAttribute()
    """The user pool's name for them."""
    created_at = UTCDateTimeAttribute()
    signed_in_at = UTCDateTimeAttribute()
    """When they last did."""
    digest = UnicodeAttribute(null=True)
    """``daily`` for a daily digest of new registrations; absent without."""


class OwnedSession(Record):
    """That a session is a person's."""

    class Meta:
        table_name = settings.read(Settings).accounts_table

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    session_pk = UnicodeAttribute()
    expires_at = NumberAttribute()
    """DynamoDB's time to live, Unix seconds: the session's own."""


class OwnedToken(Record):
    """That an API token is a person's."""

    class Meta:
        table_name = settings.read(Settings).accounts_table

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    token_pk = UnicodeAttribute()
    ended_at = UTCDateTimeAttribute(null=True)
    """When it was withdrawn."""
    expires_at = NumberAttribute(null=True)
    """DynamoDB's time to live, Unix seconds."""


class ErasureRequest(Record):
    """Somebody asked for a person to be erased; the latest time they did."""

    class Meta:
        table_name = settings.read(Settings).accounts_table

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default="erasure")
    requested_at = UTCDateTimeAttribute()
    expires_at = NumberAttribute()
    """DynamoDB's time to live, Unix seconds."""


def account_pk(person: str) -> str:
    """Return the key of a person's account, and of what they hold."""
    return f"account#{person}"
