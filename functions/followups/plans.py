"""A visit's plan as it is now. Changed by `followups.plan_changes`."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from pynamodb.exceptions import TransactWriteError
from pynamodb.transactions import TransactWrite

from followups.model import PlanRecord, PlanState, plan_pk
from followups.steps import DEFAULT, Plan, Running, SentNow, from_json, to_json
from kernel.table import past_conflicts, refused

PLANS_KNOWN: Final = 64
"""Plans whose texts a container keeps: they are long, and a batch of deliveries asks for the same ones."""


def running(visit_id: str) -> Running:
    """Return a visit's plan as it is now; the default where it has none of its own. A consistent read."""
    return running_of(visit_id, state_of(visit_id))


def keep_a_copy(visit_id: str, now: datetime) -> None:
    """Give a visit a plan of its own, the default as it is now, unless it has one. May be called twice, or late."""
    state = state_of(visit_id)
    if state.version:
        return
    expected = int(state.revision)
    state.revision, state.version = expected + 1, 1
    record = PlanRecord(plan_pk(visit_id), "plan", version=1, steps=[to_json(step) for step in DEFAULT], changed_at=now)
    condition = PlanState.revision == expected if expected else PlanState.pk.does_not_exist()

    def both() -> None:
        with TransactWrite(connection=PlanState.connection()) as transaction:
            transaction.save(state, condition=condition)
            transaction.save(record)

    try:
        past_conflicts(both)
    except TransactWriteError as error:
        if not refused(error):  # refused: somebody was faster, so there is a plan, or there is one soon
            raise


def state_of(visit_id: str) -> PlanState:
    """Return what organisers did to a plan's steps; of a plan nobody touched, a record that is not stored yet."""
    try:
        return PlanState.get(plan_pk(visit_id), "state", consistent_read=True)
    except PlanState.DoesNotExist:
        return PlanState(plan_pk(visit_id), "state", revision=0, version=0, paused={}, resumed={}, sent_now={})


def version_of(state: PlanState) -> int:
    """Return the version of a plan as people know it: the default is the first, before and after a copy is kept.

    Keeping the copy is ours, some moments after publication; whoever read the plan before must not meet a conflict.
    """
    return max(1, int(state.version))


def running_of(visit_id: str, state: PlanState) -> Running:
    """Return a visit's plan with what is known of its steps."""
    version = int(state.version)
    return Running(
        steps=_texts(visit_id, version) if version else DEFAULT,
        version=version_of(state),
        paused=frozenset(state.paused),
        resumed={step: int(times) for step, times in state.resumed.items()},
        sent_now={
            step: SentNow(int(one["schedule"]), datetime.fromisoformat(one["at"]))
            for step, one in state.sent_now.items()
        },
    )


_known: dict[tuple[str, int], Plan] = {}


def _texts(visit_id: str, version: int) -> Plan:
    if (visit_id, version) in _known:
        return _known[visit_id, version]
    found = PlanRecord.get(plan_pk(visit_id), "plan", consistent_read=True)
    plan = tuple(from_json(step) for step in found.steps)
    if len(_known) >= PLANS_KNOWN:
        _known.clear()
    _known[visit_id, int(found.version)] = plan  # its own version: somebody may have written since the state was read
    return plan
