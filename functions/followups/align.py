"""Moves a visit's schedules towards what its times and its plan say, and starts what is due already.

Called with nothing but a visit's id, as often as anything changed, in any order: it reads the visit and its plan,
writes, and reads again. Whoever writes last has therefore seen the last state, and two that run at once end alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from followups import plans, runs
from followups.due import is_due_again, is_too_late
from followups.schedules import StepDue
from followups.steps import Running, Times, moment_of
from followups.visit_times import times_of
from visits import query

ROUNDS = 5
"""How often the schedules are moved again because something changed meanwhile."""


class Contended(Exception):
    """The visit or its plan kept changing; whoever called us tries again later."""


class Clockwork(Protocol):
    """What `followups.schedules.Schedules` does."""

    def put(self, due: StepDue, at: datetime) -> None:
        """Have a message sent at a moment."""

    def keep_only(self, visit_id: str, steps: set[str]) -> None:
        """Remove all other schedules of a visit."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A visit as its schedules depend on it."""

    is_on: bool
    times: Times | None
    running: Running


@dataclass(frozen=True, slots=True)
class Aligner:
    """Moves schedules; may run twice at once.

    Attributes:
        start: queues the message of a step that is due already.
    """

    schedules: Clockwork
    start: Callable[[StepDue], None]
    now: Callable[[], datetime]

    def align(self, visit_id: str) -> None:
        """Make the schedules of a visit what they should be.

        Raises:
            Contended: see there.
        """
        seen = _look(visit_id)
        for _ in range(ROUNDS):
            self._move(visit_id, seen)
            again = _look(visit_id)
            if again == seen:
                return
            seen = again
        raise Contended(visit_id)

    def _move(self, visit_id: str, seen: Seen) -> None:
        ahead: dict[str, datetime] = {}
        begun: list[str] = []
        if seen.is_on and seen.times is not None:
            ahead, begun = self._sorted(visit_id, seen.times, seen.running)
            for step, at in ahead.items():
                self.schedules.put(StepDue(visit_id, step, seen.times.schedule), at)
        self.schedules.keep_only(visit_id, set(ahead))
        for step in begun:
            self.start(StepDue(visit_id, step, seen.times.schedule if seen.times else 0))

    def _sorted(self, visit_id: str, times: Times, running: Running) -> tuple[dict[str, datetime], list[str]]:
        """The steps that lie ahead, each with its moment, and those whose sending must begin, or go on."""
        now = self.now()
        ahead: dict[str, datetime] = {}
        begun = []
        for step in running.steps:
            due = moment_of(step, times, running)
            if due is None or not step.enabled or not is_due_again(due, times.moved_at):
                continue
            if due > now:
                ahead[step.step] = due
            elif step.step not in running.paused:
                run = runs.of(visit_id, step.step, times.schedule)
                done = run is not None and run.is_done(due, running.resumed.get(step.step, 0))
                # What never began and is too late was never planned; what began goes on, and says what it skips.
                if not done and (run is not None or not is_too_late(due, step.when.tolerance, now)):
                    begun.append(step.step)
        return ahead, begun


def _look(visit_id: str) -> Seen:
    visit = query.visit(visit_id)
    is_on = visit is not None and visit.status == "published"
    return Seen(is_on, times_of(visit) if visit and is_on else None, plans.running(visit_id))
