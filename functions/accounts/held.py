"""What is held about a person, everywhere: to show, to look for, to take home as one JSON document."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from accounts.model import Account, OwnedSession, OwnedToken, account_pk
from comments import query as comments
from followups import query as followups
from kernel.access import Actor, ApiToken, Session
from kernel.audit import AuditEntry, audit_pk
from visits import query as visits

type Json = dict[str, object]

ACCESS_NEEDS_WITHHELD: Final = (
    "Access needs are shown to the organisers of the visit they were told for, and to nobody else. Where you are not "
    "one of them, they are left out here."
)

_PERSON: Final = re.compile(r"[A-Za-z0-9_-]{43}")


def is_person(text: str) -> bool:
    """Tell whether a text is a person key."""
    return _PERSON.fullmatch(text) is not None


def found(person: str) -> Json | None:
    """Return who a person is, as a search shows them; None where nothing is held about them."""
    registrations = visits.held_by(person)
    account = account_of(person)
    written = comments.written_by(person)
    if not registrations and not written and account is None:
        return None
    commenter = written[-1] if written else {"author_name": "", "author_email": ""}
    newest = max(registrations, key=lambda one: one.registered_at, default=None)
    return {
        "person": person,
        "name": account.name if account else newest.name if newest else commenter["author_name"],
        "email": account.email if account else newest.email if newest else commenter["author_email"],
        "registrations": len(registrations),
        "comments": len(written),
    }


def everything(person: str, *, reader: Actor, now: datetime) -> Json:
    """Return everything held about a person, as ``reader`` may see it: the person sees all of it."""
    themselves = reader.person == person
    registrations = visits.held_by(person)
    shown = [one.as_json(access_needs=themselves or reader.email in one.organisers) for one in registrations]
    owned = owned_by(person)
    document: Json = {
        "person": person,
        "exported_at": now.isoformat(),
        "account": _account_json(account_of(person)),
        "sessions": [_session_json(one) for _, one in owned if isinstance(one, Session)],
        "api_tokens": [_token_json(one) for _, one in owned if isinstance(one, ApiToken)],
        "registrations": shown,
        "comments": comments.written_by(person),
        "emails": followups.sent_to(person),
        "not_to_be_sent": followups.not_to_be_sent(person),
        "actions_about_them": [_entry_json(one) for one in _entries_about(person)],
        "actions_by_them": [_entry_json(one) for one in _entries_by(person)],
    }
    if not themselves and any(reader.email not in one.organisers for one in registrations):
        document["left_out"] = ACCESS_NEEDS_WITHHELD
    return document


def account_of(person: str) -> Account | None:
    """Return a person's account; None for somebody who has never signed in."""
    try:
        return Account.get(account_pk(person), "account", consistent_read=True)
    except Account.DoesNotExist:
        return None


def owned_by(person: str) -> list[tuple[OwnedSession | OwnedToken, Session | ApiToken | None]]:
    """Return a person's sessions and API tokens with what says they are theirs; None for one that is gone already."""
    pairs: list[tuple[OwnedSession | OwnedToken, Session | ApiToken | None]] = []
    for owned in OwnedSession.query(account_pk(person), OwnedSession.sk.startswith("session#"), consistent_read=True):
        pairs.append((owned, _get(Session, owned.session_pk, "session")))
    for held in OwnedToken.query(account_pk(person), OwnedToken.sk.startswith("token#"), consistent_read=True):
        pairs.append((held, _get(ApiToken, held.token_pk, "token")))
    return pairs


def _get[R: (Session, ApiToken)](kind: type[R], pk: str, sk: str) -> R | None:
    try:
        return kind.get(pk, sk, consistent_read=True)
    except kind.DoesNotExist:
        return None


def _entries_about(person: str) -> list[AuditEntry]:
    return list(AuditEntry.query(audit_pk(f"person:{person}"), consistent_read=True))


def _entries_by(person: str) -> list[AuditEntry]:
    """Return a person's actions, each once whatever number of subjects it had."""
    return list(AuditEntry.audit_by_actor.query(person, filter_condition=AuditEntry.audited == "yes"))


def _account_json(account: Account | None) -> Json | None:
    if account is None:
        return None
    return {
        "email": account.email,
        "name": account.name,
        "created_at": account.created_at.isoformat(),
        "signed_in_at": account.signed_in_at.isoformat(),
        "digest": account.digest,
    }


def _session_json(session: Session) -> Json:
    return {
        "created_at": session.created_at.isoformat(),
        "ended_at": session.ended_at.isoformat() if session.ended_at else None,
        "expires_at": datetime.fromtimestamp(int(session.expires_at), UTC).isoformat(),
        "roles": session.roles,
    }


def _token_json(token: ApiToken) -> Json:
    return {
        "token_id": token.token_id,
        "name": token.label,
        "scopes": token.scopes,
        "created_at": token.created_at.isoformat(),
        "last_used_at": token.last_used_at.isoformat() if token.last_used_at else None,
        "ended_at": token.ended_at.isoformat() if token.ended_at else None,
    }


def _entry_json(entry: AuditEntry) -> Mapping[str, Any]:  # facts are JSON of any shape
    return {
        "at": entry.at.isoformat(),
        "action": entry.action,
        "subjects": entry.subjects,
        "facts": entry.facts,
        "reason": entry.reason,
    }
