"""Cloning a visit: everything but its people and what happened, at another time."""

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from kernel.access import Actor
from visits.edit import Plan, create, plan_of, read
from visits.model import Counters, Details
from visits.questions import asked


def clone(source: str, visit_id: str, starts_at: datetime, *, actor: Actor, now: datetime) -> tuple[Counters, Details]:
    """Make a draft like the visit ``source``, under ``visit_id`` and from ``starts_at`` on; its cloner organises it.

    Raises:
        NotFound: no such visit to clone.
        VisitIdTaken: another visit has the new id.
    """
    _, details = read(source)
    plan = moved(plan_of(details), starts_at)
    plan = replace(
        plan,
        questions=asked(plan.questions),
        organisers=list(dict.fromkeys([actor.email, *plan.organisers])),
    )
    return create(visit_id, plan, actor=actor, now=now, cloned_from=source)


def moved(plan: Plan, starts_at: datetime) -> Plan:
    """Return a plan with its start elsewhere: as long as before, its registration window as far ahead as before.

    The window keeps its time of day in the visit's zone: what opened at nine opens at nine, whatever the clocks did
    in between.
    """
    return replace(
        plan,
        starts_at=starts_at,
        ends_at=starts_at + (plan.ends_at - plan.starts_at),
        registration_opens_at=_moved(plan.registration_opens_at, plan, starts_at),
        registration_closes_at=_moved(plan.registration_closes_at, plan, starts_at),
    )


def same_time_on(day: date, plan: Plan) -> datetime:
    """Return the moment on ``day`` at which clocks in the visit's zone show the time it starts at."""
    zone = ZoneInfo(plan.timezone)
    start = plan.starts_at.astimezone(zone)
    return datetime.combine(day, start.time(), zone).astimezone(UTC)


def _moved(moment: datetime | None, plan: Plan, starts_at: datetime) -> datetime | None:
    if moment is None:
        return None
    zone = ZoneInfo(plan.timezone)
    ahead = _clock(plan.starts_at, zone) - _clock(moment, zone)
    then = (_clock(starts_at, zone) - ahead).replace(tzinfo=zone).astimezone(UTC)
    return min(then, starts_at)


def _clock(moment: datetime, zone: ZoneInfo) -> datetime:
    """What clocks in a zone show at a moment."""
    return moment.astimezone(zone).replace(tzinfo=None)
