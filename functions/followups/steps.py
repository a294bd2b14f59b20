"""A plan's steps: when, to whom, in which words; and the plan every visit begins with. Pure.

Some steps answer what happens to a registration or to the visit (`OF_EVENTS`). Events make their deliveries, and the
service keeps the frame of those emails (facts, calendar entry, links): a plan may give them another subject and opening
words, and cannot switch them off: people rely on them. All others are sent by plan alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from followups.due import (
    OF_THE_VISIT,
    Anchor,
    Offset,
    When,
    is_too_late,
    moment,
    read_offset,
    read_tolerance,
    tolerance_text,
)
from followups.plan import Step

if TYPE_CHECKING:
    from followups.delivery import Kind
    from visits.query import RegistrationView, VisitView


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom a step is for: everybody who has one of the statuses, one of the attendances and one of each answer.

    Empty attendance or answers ask for nothing.
    """

    statuses: frozenset[str]
    attendance: frozenset[str] = frozenset()
    answers: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def takes_in(self, registration: RegistrationView) -> bool:
        """Tell whether somebody is among them, as they are now."""
        return (
            registration.status in self.statuses
            and (not self.attendance or registration.attendance in self.attendance)
            and all(wanted & _given(registration.answers.get(asked)) for asked, wanted in self.answers.items())
        )


def _given(answer: object) -> frozenset[str]:
    """An answer as the texts it stands for: of a yes/no question ``yes`` or ``no``."""
    match answer:
        case bool():
            return frozenset({"yes" if answer else "no"})
        case str():
            return frozenset({answer})
        case list():
            return frozenset(str(one) for one in answer)
        case _:
            return frozenset()


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One email of a plan.

    Attributes:
        subject, body_markdown: its words, with variables (`followups.words`). Empty in a step of an event: the
            service's own words.
    """

    step: str
    when: When
    to: Audience
    kind: Kind
    subject: str
    body_markdown: str
    enabled: bool = True

    @property
    def is_of_the_visit(self) -> bool:
        """Whether its moment is one for everybody, so that a schedule can wait for it."""
        return self.when.anchor in OF_THE_VISIT

    @property
    def waits_for_attendance(self) -> bool:
        """Whether it speaks to who missed the visit, which nobody knows before attendance is settled."""
        return "missed" in self.to.attendance and "unknown" not in self.to.attendance


type Plan = tuple[PlanStep, ...]


@dataclass(frozen=True, slots=True)
class SentNow:
    """An organiser sent a step by hand: under that schedule of the visit it is the step's one sending."""

    schedule: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Running:
    """A visit's plan, and what organisers did to its steps.

    Attributes:
        version: raised at every change of the texts; 0 for a plan nobody copied or changed yet.
        paused: steps of which nothing goes out.
        resumed: how often each step was let go on.
        sent_now: steps that an organiser sent by hand.
    """

    steps: Plan
    version: int = 0
    paused: frozenset[str] = frozenset()
    resumed: Mapping[str, int] = field(default_factory=dict)
    sent_now: Mapping[str, SentNow] = field(default_factory=dict)

    def find(self, step: str) -> PlanStep | None:
        """Return a step, or None."""
        return next((one for one in self.steps if one.step == step), None)


@dataclass(frozen=True, slots=True)
class Times:
    """What a visit's steps count from; aware.

    Attributes:
        schedule: the version of the visit's schedule.
        moved_at: when that version came to be; None for a visit that was never moved.
        shared_at: when something to take home was shared last.
        settled_at: when attendance was settled.
    """

    starts_at: datetime
    ends_at: datetime
    zone: ZoneInfo
    schedule: int
    moved_at: datetime | None = None
    shared_at: datetime | None = None
    settled_at: datetime | None = None


def moment_of(step: PlanStep, times: Times, running: Running) -> datetime | None:
    """Return when a step of the visit is due; None while nobody can tell, and for a step of each person's own.

    A step for who missed the visit counts from the settling of attendance where that came after its anchor.
    """
    by_hand = running.sent_now.get(step.step)
    if by_hand is not None and by_hand.schedule == times.schedule:
        return by_hand.at
    anchored = {
        Anchor.START: times.starts_at,
        Anchor.END: times.ends_at,
        Anchor.SHARED: times.shared_at,
    }.get(step.when.anchor)
    if anchored is None:
        return None
    if step.waits_for_attendance:
        if times.settled_at is None:
            return None
        anchored = max(anchored, times.settled_at)
    return moment(step.when, anchored, times.zone)


OF_EVENTS: Final[Mapping[str, Anchor]] = {
    Step.CONFIRMATION: Anchor.REGISTERED,
    Step.PLACE_IN_LINE: Anchor.WAITING,
    Step.ADMITTED: Anchor.ADMITTED,
    Step.RESCHEDULED: Anchor.CHANGED,
    Step.VISIT_CANCELLED: Anchor.CANCELLED,
    Step.CANCELLED: Anchor.CANCELLED,
}
"""The steps that answer an event, at once: their anchor is fixed, and so is whom they are for."""

TEST: Final = "test"
"""The step of a delivery that tries another one out."""

RESERVED: Final = frozenset({*Step, TEST, "digest"})
"""Names of emails the service sends by itself: no step of a plan's own can have them."""

_CONFIRMED: Final = Audience(frozenset({"confirmed"}))
_REGISTERED: Final = Audience(frozenset({"confirmed", "waiting"}))


def of_event(step: str) -> PlanStep:
    """Return a step of an event as it is before anybody changed it: on, in the service's own words."""
    registered = {"confirmed", "waiting", "offered"}
    fixed: Mapping[str, set[str]] = {
        Step.PLACE_IN_LINE: {"waiting"},
        Step.RESCHEDULED: registered,
        Step.VISIT_CANCELLED: registered,
        Step.CANCELLED: {"cancelled"},
    }
    statuses = fixed.get(step, {"confirmed"})
    return PlanStep(step, When(OF_EVENTS[step]), Audience(frozenset(statuses)), "service", "", "")


DEFAULT: Final[Plan] = (
    *(of_event(step) for step in OF_EVENTS),
    PlanStep(
        step="reminder_week",
        when=When(Anchor.START, Offset(-7), tolerance=timedelta(days=1)),
        to=_CONFIRMED,
        kind="service",
        subject="Next week: {{ visit }}",
        body_markdown="""\
In a week we visit {{ host }}, and you have a place. We look forward to it.

Is it still in your calendar? If your plans have changed, please give your place back on \
[your page]({{ place_link }}). Somebody may be waiting for it.""",
    ),
    PlanStep(
        step="reminder_day",
        when=When(Anchor.START, Offset(-1), tolerance=timedelta(hours=12)),
        to=_CONFIRMED,
        kind="service",
        subject="Tomorrow: {{ visit }}",
        body_markdown="""\
Tomorrow we visit {{ host }}.

One thing that helps: think of a question you would like to take there. A small, honest one is best.

If you cannot come after all, please give your place back on [your page]({{ place_link }}), even now.""",
    ),
    PlanStep(
        step="reminder_hour",
        when=When(Anchor.START, Offset(elapsed=timedelta(hours=-1)), tolerance=timedelta(minutes=75)),
        to=_CONFIRMED,
        kind="service",
        subject="In an hour: {{ visit }}",
        body_markdown="""\
We begin in about an hour.

[This is your way in]({{ join_link }}). The link is yours alone, so please do not pass it on. \
It opens a quarter of an hour before we begin.""",
    ),
    PlanStep(
        step="thank_you",
        when=When(Anchor.END, Offset(elapsed=timedelta(hours=2)), tolerance=timedelta(days=1)),
        to=Audience(frozenset({"confirmed"}), frozenset({"attended", "unknown"})),
        kind="service",
        subject="After the visit: {{ visit }}",
        body_markdown="""\
{{ attendance_line }} And thank you to everybody at {{ host }} who let us look behind their door.

Before the day is over, write down one thing you want to try, and tell one person about it. \
That is how a visit becomes a habit.

When the recording and the tools are ready, we send them to you.""",
    ),
    PlanStep(
        step="sorry_we_missed_you",
        when=When(Anchor.END, Offset(1), at=time(9), tolerance=timedelta(days=2)),
        to=Audience(frozenset({"confirmed"}), frozenset({"missed"})),
        kind="service",
        subject="We missed you: {{ visit }}",
        body_markdown="""\
We missed you at {{ host }}. Something will have come between: that happens to all of us.

Nothing is lost. When the recording and the tools are ready, you get them like everybody else.""",
    ),
    PlanStep(
        step="recording",
        when=When(Anchor.SHARED, tolerance=timedelta(days=3)),
        to=_REGISTERED,
        kind="service",
        subject="To take home: {{ visit }}",
        body_markdown="""\
{{ attendance_line }} Here is what there is to take home from {{ host }}.

[See it again, and find everything in one place]({{ recording_link }}).

{{ tools }}

Take it, change it, and tell us what happened.""",
    ),
)
"""What every visit begins with, written for this project."""


def complete(plan: Iterable[PlanStep]) -> Plan:
    """Return a plan with every step of an event: one that was left out goes as it always did."""
    given = tuple(plan)
    named = {one.step for one in given}
    return (*(of_event(step) for step in OF_EVENTS if step not in named), *given)


def due_for(step: PlanStep, registration: RegistrationView, times: Times, running: Running) -> datetime | None:
    """Return when a step is due for one person; None while nobody can tell."""
    if step.is_of_the_visit:
        return moment_of(step, times, running)
    anchored = {
        Anchor.REGISTERED: registration.registered_at,
        Anchor.WAITING: registration.registered_at,
        Anchor.ADMITTED: registration.confirmed_at,
        Anchor.CANCELLED: registration.cancelled_at,
    }.get(step.when.anchor)
    return None if anchored is None else moment(step.when, anchored, times.zone)


def reason_not_to_send(  # noqa: PLR0911  one answer a reason
    step: PlanStep | None,
    *,
    schedule: int,
    visit: VisitView | None,
    registration: RegistrationView | None,
    due: datetime | None,
    now: datetime,
) -> str | None:
    """Return why a step of the plan is no longer right for somebody, None while it is.

    Asked at the moment of sending, with everything as it is then. ``schedule`` is what the delivery was made for.
    """
    if visit is None or registration is None or registration.status == "void":
        return "nobody is registered there any more"
    if visit.status != "published":
        return "the visit is cancelled" if visit.status == "cancelled" else "the visit is not published"
    if step is None or not step.enabled:
        return "the step was taken out of the plan"
    if step.is_of_the_visit and visit.sequence != schedule:
        return "the visit was moved since"
    if not step.to.takes_in(registration):
        gone = registration.status == "cancelled" and "cancelled" not in step.to.statuses
        return "cancelled since" if gone else "no longer among those it is for"
    if due is None:
        return "its moment is not known any more"
    if is_too_late(due, step.when.tolerance, now):
        return "too late: its moment has passed"
    return None


def changed_steps(before: Plan, after: Plan) -> list[str]:
    """Return the names of the steps in which two plans differ, in their order."""
    was, becomes = {one.step: one for one in before}, {one.step: one for one in after}
    return [name for name in {**was, **becomes} if was.get(name) != becomes.get(name)]


# JSON has no narrower type than Any for its values.
def to_json(step: PlanStep) -> dict[str, Any]:
    """Return a step as the contract says it, and as it is stored."""
    at = step.when.at
    return {
        "step": step.step,
        "when": {
            "anchor": step.when.anchor.value,
            "offset": str(step.when.offset),
            "at": None if at is None else f"{at:%H:%M}",
            "tolerance": tolerance_text(step.when.tolerance),
        },
        "to": {
            "statuses": sorted(step.to.statuses),
            "attendance": sorted(step.to.attendance),
            "answers": {asked: sorted(wanted) for asked, wanted in step.to.answers.items()},
        },
        "kind": step.kind,
        "subject": step.subject,
        "body_markdown": step.body_markdown,
        "enabled": step.enabled,
    }


def from_json(stored: Mapping[str, Any]) -> PlanStep:
    """Return a step from what `to_json` made of it, or from a request that was checked."""
    when, to = stored["when"], stored["to"]
    return PlanStep(
        step=stored["step"],
        when=When(
            anchor=Anchor(when["anchor"]),
            offset=read_offset(when["offset"]),
            at=None if when["at"] is None else time.fromisoformat(when["at"]),
            tolerance=read_tolerance(when["tolerance"]),
        ),
        to=Audience(
            statuses=frozenset(to["statuses"]),
            attendance=frozenset(to["attendance"]),
            answers={asked: frozenset(wanted) for asked, wanted in to["answers"].items()},
        ),
        kind=stored["kind"],
        subject=stored["subject"],
        body_markdown=stored["body_markdown"],
        enabled=stored["enabled"],
    )
