"""Erasing a person from the accounts: their account, sessions and tokens, and what the audit log says of them.

The audit log keeps that something was done; who it was about is a person key that no longer leads anywhere, and the
words that somebody wrote beside it go. Every step may be repeated.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from pynamodb.exceptions import PynamoDBException
from pynamodb.expressions.update import Action

from accounts.held import account_of, owned_by
from kernel.audit import AuditEntry, audit_pk
from kernel.table import past_conflicts, refused

ERASED_NAME = "Somebody who was erased"

type DeleteUser = Callable[[str], None]
"""Deletes a user of the user pool; one that is gone already is no error."""


def erase(person: str, *, requested_at: datetime, delete_user: DeleteUser) -> None:
    """Erase what the accounts held about a person when it was asked for: deleted, where it is nobody else's record."""
    account = account_of(person)
    if account is not None and account.created_at <= requested_at:
        # First: nobody signs in again with what is about to go.
        delete_user(account.username)
    # Deleting a session signs out at once, and deleting a token ends it: neither is found any more.
    for owned, session_or_token in owned_by(person):
        if session_or_token is None or session_or_token.created_at <= requested_at:
            if session_or_token is not None:
                session_or_token.delete()
            owned.delete()
    _forget_words_about(person, requested_at)
    _forget_name_of(person, requested_at)
    if account is not None and account.created_at <= requested_at:
        account.delete()  # last: dying before this line, its user's name is still known


def _forget_words_about(person: str, requested_at: datetime) -> None:
    """Take the words out of entries about a person, and out of the same entries under their other subjects."""
    for entry in AuditEntry.query(audit_pk(f"person:{person}"), consistent_read=True):
        if entry.at > requested_at or entry.reason is None:
            continue
        for subject in [*(one for one in entry.subjects if one != f"person:{person}"), f"person:{person}"]:
            # Their own last: dying between them, the entry is found again.
            _if_there(AuditEntry(audit_pk(subject), entry.sk), AuditEntry.reason.remove())


def _forget_name_of(person: str, requested_at: datetime) -> None:
    """Take a person's name off what they did."""
    for entry in list(AuditEntry.audit_by_actor.query(person)):
        if entry.at <= requested_at and entry.actor_name != ERASED_NAME:
            _if_there(AuditEntry(entry.pk, entry.sk), AuditEntry.actor_name.set(ERASED_NAME))


def _if_there(entry: AuditEntry, action: Action) -> None:
    try:
        past_conflicts(lambda: entry.update(actions=[action], condition=AuditEntry.pk.exists()))
    except PynamoDBException as error:
        if not refused(error):
            raise
