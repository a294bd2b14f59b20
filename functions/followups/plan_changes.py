"""A visit's plan kept, changed, paused, let go on, sent by hand. Every organiser's action leaves an audit entry.

Nothing is sent or scheduled here. What changes in a plan's items reaches `followups.on_change` by the stream, which
moves schedules and starts sendings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from pynamodb.exceptions import TransactWriteError
from pynamodb.transactions import TransactWrite

from followups.model import PlanRecord, PlanState, plan_pk
from followups.plans import running, running_of, state_of, version_of
from followups.steps import Plan, PlanStep, Running, changed_steps, complete, to_json
from kernel import audit
from kernel.access import Actor
from kernel.errors import ChangedMeanwhile, NotFound, Unavailable
from kernel.table import past_conflicts, refused

ATTEMPTS: Final = 5
"""How often a change is made again because somebody else wrote first."""


def save(visit_id: str, steps: Sequence[PlanStep], *, version: int | None, actor: Actor, now: datetime) -> Running:
    """Replace a visit's plan; ``version`` is what the change is based on, None for whatever is there.

    Raises:
        ChangedMeanwhile: somebody else changed it since.
        Unavailable: others kept writing.
    """
    plan = complete(steps)
    for _ in range(ATTEMPTS):
        state = state_of(visit_id)
        if version is not None and version != version_of(state):
            raise ChangedMeanwhile
        before = running_of(visit_id, state).steps
        if before == plan and state.version:
            break
        facts = {"steps": changed_steps(before, plan)}
        made = audit.entries(actor, "plan.changed", f"visit:{visit_id}", now=now, facts=facts)
        if _written(state, made, _record(visit_id, plan, version_of(state) + 1, now)):
            break
    else:
        raise Unavailable
    return running(visit_id)


def pause(visit_id: str, step: str, *, actor: Actor, now: datetime) -> Running:
    """Let nothing more of a step go out, from the next email on.

    Raises:
        NotFound: the plan has no such step.
        Unavailable: others kept writing.
    """

    def paused(state: PlanState) -> bool:
        if step in state.paused:
            return False
        state.paused = {**state.paused, step: now.isoformat()}
        return True

    return _changed(visit_id, step, paused, "plan.step_paused", actor=actor, now=now)


def resume(visit_id: str, step: str, *, actor: Actor, now: datetime) -> Running:
    """Let a paused step go on with whoever has not got it yet.

    Raises:
        NotFound: the plan has no such step.
        Unavailable: others kept writing.
    """

    def resumed(state: PlanState) -> bool:
        if step not in state.paused:
            return False
        state.paused = {name: since for name, since in state.paused.items() if name != step}
        state.resumed = {**state.resumed, step: int(state.resumed.get(step, 0)) + 1}
        return True

    return _changed(visit_id, step, resumed, "plan.step_resumed", actor=actor, now=now)


def send_now(visit_id: str, step: str, schedule: int, *, actor: Actor, now: datetime) -> Running:
    """Make this the moment of a step under the visit's present ``schedule``. Said twice, the first time stands.

    Raises:
        NotFound: the plan has no such step.
        Unavailable: others kept writing.
    """

    def sent(state: PlanState) -> bool:
        if step in state.sent_now and int(state.sent_now[step]["schedule"]) == schedule:
            return False
        state.sent_now = {**state.sent_now, step: {"schedule": schedule, "at": now.isoformat()}}
        return True

    return _changed(visit_id, step, sent, "plan.step_sent_now", actor=actor, now=now)


def _changed(
    visit_id: str, step: str, change: Callable[[PlanState], bool], action: str, *, actor: Actor, now: datetime
) -> Running:
    for _ in range(ATTEMPTS):
        state = state_of(visit_id)
        if running_of(visit_id, state).find(step) is None:
            raise NotFound
        if not change(state):
            break
        if _written(state, audit.entries(actor, action, f"visit:{visit_id}", now=now, facts={"step": step})):
            break
    else:
        raise Unavailable
    return running(visit_id)


def _record(visit_id: str, plan: Plan, version: int, now: datetime) -> PlanRecord:
    return PlanRecord(
        plan_pk(visit_id), "plan", version=version, steps=[to_json(step) for step in plan], changed_at=now
    )


def _written(state: PlanState, made: list[audit.AuditEntry], record: PlanRecord | None = None) -> bool:
    """Write the state, the texts where they changed, and the audit log, all or nothing; False: somebody was faster."""
    expected = int(state.revision)
    state.revision = expected + 1
    if record is not None:
        state.version = record.version
    condition = PlanState.revision == expected if expected else PlanState.pk.does_not_exist()

    def together() -> None:
        with TransactWrite(connection=PlanState.connection()) as transaction:
            transaction.save(state, condition=condition)
            if record is not None:
                transaction.save(record)
            audit.write(transaction, made)

    try:
        past_conflicts(together)
    except TransactWriteError as error:
        if refused(error):
            return False
        raise
    return True
