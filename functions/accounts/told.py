"""The audit log as people read it: who did what to which visit, whom or what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from accounts.audit_log import sentence
from kernel.audit import AuditEntry
from visits import query as visits


@dataclass(frozen=True, slots=True)
class Line:
    """One entry: ``who`` ``before`` ``what`` ``after``, and where ``what`` leads, if anywhere.

    Attributes:
        about: the first subject, to ask for what else was done to it.
        others: what else it was about, each with where it leads.
        details: the plain facts noted with it.
    """

    at: datetime
    ago: str
    who: str
    before: str
    what: str
    href: str | None
    after: str
    about: str | None
    others: list[tuple[str, str | None]]
    details: str
    reason: str | None


def lines(entries: Sequence[AuditEntry], *, now: datetime) -> list[Line]:
    """Return entries as lines; the visits they are about are read for their titles."""
    titles = _titles({subject for entry in entries for subject in entry.subjects})
    return [_line(entry, titles, now) for entry in entries]


def _line(entry: AuditEntry, titles: dict[str, str], now: datetime) -> Line:
    before, after = sentence(entry.action)
    about = [_named(subject, titles) for subject in entry.subjects]
    (what, href), *others = about or [("", None)]
    return Line(
        at=entry.at,
        ago=ago(entry.at, now),
        who=entry.actor_name or "Somebody",
        before=before,
        what=what,
        href=href,
        after=after,
        about=entry.subjects[0] if entry.subjects else None,
        others=others,
        details=_details(entry.facts),
        reason=entry.reason,
    )


def ago(then: datetime, now: datetime) -> str:
    """Return how long ago something was, in the largest unit that fits: "3 minutes ago"."""
    seconds = int((now - then).total_seconds())
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = seconds // length
            return f"{count} {unit if count == 1 else f'{unit}s'} ago"
    return "just now"


def _titles(subjects: set[str]) -> dict[str, str]:
    ids = sorted(subject.removeprefix("visit:") for subject in subjects if subject.startswith("visit:"))
    return {visit.visit_id: visit.title for visit in map(visits.visit, ids) if visit is not None}


def _named(subject: str, titles: dict[str, str]) -> tuple[str, str | None]:
    kind, _, name = subject.partition(":")
    match kind:
        case "visit":
            return f"“{titles.get(name, name)}”", f"/organise/visits/{name}"
        case "person":
            return "a person", f"/organise/people/{name}"
        case "settings":
            return "the settings", "/organise/settings"
        case "token":
            return "an API token", None
        case _:
            return f"{kind.replace('_', ' ')} {name}".strip(), None


def _details(facts: dict[str, object]) -> str:
    said = []
    for name, value in facts.items():
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        said.append(f"{name.replace('_', ' ')}: {text}")
    return "; ".join(said)
