"""Who did what, when: the audit log, one for the whole service, in the accounts table.

| item | pk | sk | read by |
|---|---|---|---|
| `AuditEntry` | ``audit#<subject>`` | ``<entry_id>`` (UUIDv7: by time) | Query: a subject's, newest first |

| index | keys | serves |
|---|---|---|
| ``audit-by-time`` | ``audited``, ``sk`` | everybody's, newest first; sparse: of an action's entries the first alone |
| ``audit-by-actor`` | ``actor``, ``sk`` | what a person did: for them to see, and to take their name off it |

A subject is what an action was about: ``visit:<visit_id>``, ``person:<person key>``, ``comment:<comment_id>``,
``settings``, ``token:<token_id>``. An action about several is written once a subject, under one entry id. Entries are
put in the transaction that does what they say (`write`), so none is missing and none lies. ``facts`` are ids and plain
facts; what a person wrote (``reason``) may name somebody, and is taken out when that person is erased.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pynamodb.attributes import JSONAttribute, UnicodeAttribute, UTCDateTimeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.transactions import TransactWrite

from kernel import settings
from kernel.access import Actor
from kernel.ids import uuid7
from kernel.table import Record


@dataclass(frozen=True, slots=True)
class Settings:
    """What this module needs of its environment."""

    accounts_table: str


class AuditByTime(GlobalSecondaryIndex["AuditEntry"]):
    """Everybody's actions by time."""

    class Meta:
        index_name = "audit-by-time"
        projection = AllProjection()

    audited = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)


class AuditByActor(GlobalSecondaryIndex["AuditEntry"]):
    """A person's actions by time."""

    class Meta:
        index_name = "audit-by-actor"
        projection = AllProjection()

    actor = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)


class AuditEntry(Record):
    """One action, under one of its subjects."""

    class Meta:
        table_name = settings.read(Settings).accounts_table

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    audit_by_time = AuditByTime()
    audit_by_actor = AuditByActor()
    audited = UnicodeAttribute(null=True)
    at = UTCDateTimeAttribute()
    actor = UnicodeAttribute()
    """The person key of who did it."""
    actor_name = UnicodeAttribute()
    action = UnicodeAttribute()
    """Subject and verb: ``visit.published``, ``registration.moved_up``."""
    subjects = JSONAttribute()
    facts = JSONAttribute()
    reason = UnicodeAttribute(null=True)


def audit_pk(subject: str) -> str:
    """Return the key a subject's entries stand under."""
    return f"audit#{subject}"


def entries(
    actor: Actor,
    action: str,
    *subjects: str,
    now: datetime,
    reason: str | None = None,
    facts: Mapping[str, object] | None = None,
) -> list[AuditEntry]:
    """Return what to store of an action: an entry a subject, at least one; the first stands in the list of all."""
    entry_id = str(uuid7())
    return [
        AuditEntry(
            audit_pk(subject),
            entry_id,
            audited="yes" if number == 0 else None,
            at=now,
            actor=actor.person,
            actor_name=actor.name,
            action=action,
            subjects=list(subjects),
            facts=dict(facts or {}),
            reason=reason or None,
        )
        for number, subject in enumerate(subjects)
    ]


def write(transaction: TransactWrite, made: Sequence[AuditEntry]) -> None:
    """Put entries with a transaction: they are there if what they say was done, and only then."""
    for entry in made:
        transaction.save(entry)
