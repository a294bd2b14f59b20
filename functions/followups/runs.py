"""How far the sending of a step has come: begun, and through."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from followups.model import StepRun, plan_pk, run_sk


@dataclass(frozen=True, slots=True)
class Run:
    """The sending of a step under one schedule of its visit.

    Attributes:
        done_for: the moment and the count of resumptions it went through for; None while it is under way.
    """

    done_for: tuple[datetime, int] | None

    def is_done(self, due: datetime, resumed: int) -> bool:
        """Tell whether everybody was gone through for this moment, since it was last let go on."""
        return self.done_for == (due, resumed)


def of(visit_id: str, step: str, schedule: int) -> Run | None:
    """Return how far a step's sending has come; None where it never began."""
    try:
        found = StepRun.get(plan_pk(visit_id), run_sk(schedule, step), consistent_read=True)
    except StepRun.DoesNotExist:
        return None
    return Run(None if found.done_due is None else (found.done_due, int(found.done_resumed or 0)))


def begun(visit_id: str, step: str, schedule: int, now: datetime) -> None:
    """Record that a step's sending began; said again, the first time stands."""
    run = StepRun(plan_pk(visit_id), run_sk(schedule, step))
    run.update(actions=[StepRun.begun_at.set(StepRun.begun_at | now)])


def done(visit_id: str, step: str, schedule: int, *, due: datetime, resumed: int, now: datetime) -> None:
    """Record that everybody was gone through."""
    run = StepRun(plan_pk(visit_id), run_sk(schedule, step))
    run.update(actions=[StepRun.done_due.set(due), StepRun.done_resumed.set(resumed), StepRun.done_at.set(now)])
