"""What organisers see of a plan: when each step is due, how many it is for, what became of what was sent.

Counting reads: every registration of the visit once, every delivery of the visit once, page by page, keeping numbers
alone. That is for an organiser's page now and then, not for a path that everybody takes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from followups import runs
from followups.delivery import State
from followups.due import Anchor, is_due_again, is_too_late
from followups.model import DeliveryRecord
from followups.steps import OF_EVENTS, PlanStep, Running, Times, moment_of
from followups.visit_times import times_of
from kernel.errors import Conflict
from visits import query
from visits.query import RegistrationView, VisitView

PEOPLE_A_PAGE: Final = 200

COUNTED: Final[Mapping[State, str]] = {
    State.READY: "planned",
    State.SENDING: "planned",
    State.SENT: "sent",
    State.DELIVERED: "delivered",
    State.BOUNCED: "bounced",
    State.COMPLAINED: "complained",
    State.SKIPPED: "skipped",
    State.UNKNOWN: "unknown",
    State.FAILED: "failed",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A step as it stands.

    Attributes:
        state: ``off``, ``paused``, ``by_event``, ``not_known_yet``, ``ahead``, ``due`` or ``passed``.
        counts: its deliveries by what `COUNTED` calls their states.
    """

    step: PlanStep
    due: datetime | None
    state: str
    people: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)


def rows(visit: VisitView, running: Running, now: datetime) -> list[Row]:
    """Return a plan's steps with their moments and deliveries, in the plan's order."""
    times, counts = times_of(visit), _counts(visit.visit_id)
    found = []
    for step in running.steps:
        due = moment_of(step, times, running)
        state = _state(step, due, times, running, now)
        found.append(Row(step, due, state, counts=_named(counts, step.step)))
    return found


def timeline(visit: VisitView, running: Running, now: datetime) -> list[Row]:
    """Return what goes to how many, and when: by moment, then those that have none."""
    found = rows(visit, running, now)
    people: Counter[str] = Counter()
    for registration in _everybody(visit.visit_id):
        people.update(row.step.step for row in found if row.step.to.takes_in(registration))
    counted = [Row(row.step, row.due, row.state, people=people[row.step.step], counts=row.counts) for row in found]
    return sorted(counted, key=lambda row: (row.due is None, row.due or now))


def must_be_sendable(visit: VisitView, step: PlanStep, running: Running) -> None:
    """Check that a step can be sent by hand now.

    Raises:
        Conflict: saying why not.
    """
    if step.step in OF_EVENTS or not step.is_of_the_visit:
        raise Conflict("This email answers what each person does, so it cannot be sent to all of them at once.")
    if visit.status != "published":
        raise Conflict("The visit is not on, so nothing of its plan goes out.")
    if not step.enabled:
        raise Conflict("This step is switched off. Switch it on first.")
    if step.step in running.paused:
        raise Conflict("This step is paused. Let it go on first.")
    if step.when.anchor is Anchor.SHARED and query.milestones(visit.visit_id).shared_at is None:
        raise Conflict("Nothing is shared yet. Share the recording or the tools first.")
    if step.waits_for_attendance and query.milestones(visit.visit_id).settled_at is None:
        raise Conflict("Who missed the visit is not known yet. Settle the attendance first.")
    if runs.of(visit.visit_id, step.step, visit.sequence) is not None:
        raise Conflict("This step went out already, and goes to nobody twice.")


def people_for(visit: VisitView, step: PlanStep) -> int:
    """Count whom a step is for as things are now."""
    return sum(step.to.takes_in(registration) for registration in _everybody(visit.visit_id))


def _state(step: PlanStep, due: datetime | None, times: Times, running: Running, now: datetime) -> str:  # noqa: PLR0911
    if step.step in OF_EVENTS or not step.is_of_the_visit:
        return "by_event" if step.enabled else "off"
    if not step.enabled:
        return "off"
    if due is not None and is_too_late(due, step.when.tolerance, now):
        return "passed"
    if due is not None and not is_due_again(due, times.moved_at):
        return "passed"
    if step.step in running.paused:
        return "paused"
    if due is None:
        return "not_known_yet"
    return "due" if due <= now else "ahead"


def _everybody(visit_id: str) -> Iterator[RegistrationView]:
    place = 0
    while page := query.people_after(visit_id, place, PEOPLE_A_PAGE):
        yield from page
        if len(page) < PEOPLE_A_PAGE:
            return
        place = page[-1].place


def _counts(visit_id: str) -> Counter[tuple[str, str]]:
    found = DeliveryRecord.by_visit.query(visit_id, attributes_to_get=["step", "state"])
    return Counter((record.step, record.state) for record in found)


def _named(counts: Counter[tuple[str, str]], step: str) -> dict[str, int]:
    named = dict.fromkeys(COUNTED.values(), 0)
    for state, name in COUNTED.items():
        named[name] += counts[step, state.value]
    return named
