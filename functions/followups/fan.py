"""A step that is due becomes deliveries: a page of the visit's people at a time, in the order of the line.

Each page makes its deliveries, queues them, and then queues the next page; dying anywhere repeats the page, and a
delivery that is there already is not made again. Who came too late for a step gets a delivery that says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from followups import plans, runs
from followups.delivery import Identity, State, created, skipped
from followups.due import is_due_again, is_too_late
from followups.model import Deliveries
from followups.schedules import StepDue
from followups.steps import PlanStep, Running, Times, due_for, moment_of
from followups.visit_times import times_of
from kernel.ids import derived_id
from visits import query
from visits.query import RegistrationView

PEOPLE_A_PAGE: Final = 200
"""Registrations a message goes through: a few seconds' work, well within the function's time."""

TOO_LATE: Final = "its moment had passed"


class Messages(Protocol):
    """The queue of deliveries (`followups.on_event.Queue`)."""

    def put_all(self, delivery_ids: list[str]) -> int:
        """Queue deliveries; return how many the queue did not take: those stay due."""


def identity(step: PlanStep, registration: RegistrationView, schedule: int) -> Identity:
    """Return what a step for a person is: the person, not the place, so that nobody gets it again on another one.

    A step of each person's own moment is due once, however often the visit moves.
    """
    version = schedule if step.is_of_the_visit else 0
    made = derived_id("plan", registration.visit_id, registration.person, step.step, version)
    return Identity(
        delivery_id=str(made),
        visit_id=registration.visit_id,
        registration_id=registration.registration_id,
        place=registration.place,
        person=registration.person,
        step=step.step,
        schedule=version,
        kind=step.kind,
    )


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes deliveries of plan steps. May be asked for the same ones twice, at once or late."""

    deliveries: Deliveries
    queue: Messages
    now: Callable[[], datetime]

    def make(self, step: PlanStep, registration: RegistrationView, times: Times, due: datetime) -> str | None:
        """Make a person's delivery of a step; return its id where it must be queued now.

        Ahead of its moment it waits for `followups.settle`; too late for it, it is recorded as skipped.
        """
        now = self.now()
        made = created(identity(step, registration, times.schedule), now, due=due if due > now else None)
        late = is_too_late(due, step.when.tolerance, now)
        if step.is_of_the_visit and not is_due_again(due, times.moved_at):
            late = True
        if late:
            made = skipped(made, TOO_LATE, now)
        new = self.deliveries.create(made)
        if late or due > now:
            return None
        if new:
            return made.identity.delivery_id
        # There already: whoever made it may have died before queueing it, or the step was paused since.
        there = self.deliveries.read(made.identity.delivery_id)
        return there.identity.delivery_id if there is not None and there.state is State.READY else None


@dataclass(frozen=True, slots=True)
class Fan:
    """Takes messages of due steps.

    Attributes:
        next_page: queues the message of the next page.
    """

    maker: Maker
    next_page: Callable[[StepDue], None]
    now: Callable[[], datetime]

    def take(self, due: StepDue) -> str:
        """Go through one page of a step's people; return what it came to, for the log."""
        visit = query.visit(due.visit_id)
        if visit is None or visit.status != "published":
            return "the visit is not on"
        if visit.sequence != due.schedule:
            return "the visit was moved since"
        running = plans.running(due.visit_id)
        step = running.find(due.step)
        if step is None or not step.enabled:
            return "the step is not in the plan"
        times = times_of(visit)
        at = moment_of(step, times, running)
        if step.is_of_the_visit and (at is None or at > self.now() or not is_due_again(at, times.moved_at)):
            return "its moment is another now"
        runs.begun(due.visit_id, due.step, due.schedule, self.now())
        if due.step in running.paused:
            return "paused"
        return self._page(due, step, times, running, at)

    def _page(self, due: StepDue, step: PlanStep, times: Times, running: Running, at: datetime | None) -> str:
        people = query.people_after(due.visit_id, due.after, PEOPLE_A_PAGE)
        wanted = []
        for registration in people:
            moment = due_for(step, registration, times, running)
            if moment is not None and step.to.takes_in(registration):
                delivery_id = self.maker.make(step, registration, times, moment)
                if delivery_id is not None:
                    wanted.append(delivery_id)
        self.maker.queue.put_all(wanted)
        if len(people) == PEOPLE_A_PAGE:
            self.next_page(StepDue(due.visit_id, due.step, due.schedule, after=people[-1].place))
            return f"{len(wanted)} queued, and the next page"
        if at is not None:
            resumed = running.resumed.get(due.step, 0)
            runs.done(due.visit_id, due.step, due.schedule, due=at, resumed=resumed, now=self.now())
        return f"{len(wanted)} queued"
