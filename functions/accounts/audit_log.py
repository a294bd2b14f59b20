"""Reading the audit log: whose actions, about what, newest first, and each as a sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from kernel.audit import AuditEntry, audit_pk
from kernel.errors import FieldError, Invalid

MAX_LIMIT = 100
DEFAULT_LIMIT = 50

_SUBJECT: Final = re.compile(r"settings|[a-z_]{1,20}:[A-Za-z0-9_.:-]{1,200}")
_ENTRY: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Asked:
    """Which entries are asked for: about a subject, or all; those before an entry."""

    subject: str | None
    limit: int
    before: str | None


def asked(parameters: Mapping[str, str]) -> Asked:
    """Read the query parameters.

    Raises:
        Invalid: naming the parameter that cannot be read.
    """
    subject = parameters.get("subject", "").strip() or None
    if subject is not None and not _SUBJECT.fullmatch(subject):
        raise Invalid(errors=[FieldError("subject", "Write a subject as visit:<visit_id> or person:<person>.")])
    limit = parameters.get("limit", str(DEFAULT_LIMIT))
    if not re.fullmatch(r"[0-9]{1,3}", limit) or not 1 <= int(limit) <= MAX_LIMIT:
        raise Invalid(errors=[FieldError("limit", f"Ask for 1 to {MAX_LIMIT}.")])
    before = parameters.get("cursor") or None
    if before is not None and not _ENTRY.fullmatch(before):
        raise Invalid(errors=[FieldError("cursor", "This cursor is none of ours: begin without one.")])
    return Asked(subject, int(limit), before)


def entries(wanted: Asked) -> tuple[list[AuditEntry], str | None]:
    """Return the entries asked for, newest first, and the cursor to those before them, or None."""
    earlier = None if wanted.before is None else AuditEntry.sk < wanted.before
    more = wanted.limit + 1
    if wanted.subject is None:
        found = list(AuditEntry.audit_by_time.query("yes", earlier, scan_index_forward=False, limit=more))
    else:
        pk = audit_pk(wanted.subject)
        found = list(AuditEntry.query(pk, earlier, scan_index_forward=False, limit=more, consistent_read=True))
    items = found[: wanted.limit]
    return items, items[-1].sk if len(found) > wanted.limit else None


def entry_json(entry: AuditEntry) -> dict[str, object]:
    """Return an entry as the contract has it."""
    return {
        "entry_id": entry.sk,
        "at": entry.at.isoformat(),
        "actor": entry.actor,
        "actor_name": entry.actor_name,
        "action": entry.action,
        "subjects": entry.subjects,
        "facts": entry.facts,
        "reason": entry.reason,
    }


def sentence(action: str) -> tuple[str, str]:
    """Return what somebody did, as the words before and after the name of what it was done to."""
    before, _, after = _SENTENCES.get(action, _unknown(action)).partition("{}")
    return before, after


def _unknown(action: str) -> str:
    subject, _, verb = action.partition(".")
    return f"{verb.replace('_', ' ')} ({subject.replace('_', ' ')}) {{}}"


_SENTENCES: Final[Mapping[str, str]] = {
    "visit.created": "drafted {}",
    "visit.cloned": "copied a visit to {}",
    "visit.changed": "changed {}",
    "visit.published": "published {}",
    "visit.unpublished": "took {} back into the drafts",
    "visit.cancelled": "cancelled {}",
    "visit.rescheduled": "moved {} to another time",
    "visit.shared": "shared the recording and tools of {}",
    "visit.message_posted": "wrote to the people of {}",
    "registration.added_by_hand": "added somebody to {} by hand",
    "registration.corrected": "corrected somebody's details on {}",
    "registration.cancelled": "cancelled a registration on {}",
    "registration.moved_up": "moved somebody up on {}",
    "registration.link_sent": "sent somebody their link to {} again",
    "attendance.marked": "marked who attended {}",
    "attendance.settled": "settled who attended {}",
    "plan.changed": "changed the emails of {}",
    "plan.step_paused": "paused an email of {}",
    "plan.step_resumed": "let an email of {} go on",
    "plan.step_sent_now": "sent an email of {} by hand",
    "plan.step_tried": "tried out an email of {}",
    "delivery.tried_again": "had an email of {} tried again",
    "settings.changed": "changed {}",
    "preferences.changed": "changed the emails that go to {}",
    "token.made": "made {}",
    "token.withdrawn": "withdrew {}",
    "person.erasure_requested": "had {} erased",
}
