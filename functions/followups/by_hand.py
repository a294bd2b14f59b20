"""What organisers do to single emails: try a step out, and try a delivery again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from pynamodb.exceptions import TransactWriteError
from pynamodb.transactions import TransactWrite

from followups.delivery import Delivery, Identity, created, tried_again
from followups.model import Deliveries, TrialRecord, trial_pk
from followups.steps import TEST
from kernel import audit
from kernel.access import Actor
from kernel.errors import Conflict, NotFound, Unavailable
from kernel.table import past_conflicts, refused

ATTEMPTS: Final = 5
TRIAL_KEPT_FOR: Final = timedelta(days=1)


def try_out(visit_id: str, step: str, email: str, *, actor: Actor, now: datetime) -> str:
    """Make a delivery of a sample of a step to an address; return its id, to be queued."""
    identity = Identity(
        delivery_id=str(uuid4()),
        visit_id=visit_id,
        registration_id=None,
        place=None,
        person=actor.person,
        step=TEST,
        schedule=0,
        kind="service",
    )
    trial = TrialRecord(
        trial_pk(identity.delivery_id), "trial", step=step, email=email, expires_at=now + TRIAL_KEPT_FOR
    )
    made = audit.entries(actor, "plan.step_tried", f"visit:{visit_id}", now=now, facts={"step": step})

    def together() -> None:
        with TransactWrite(connection=TrialRecord.connection()) as transaction:
            transaction.save(trial)
            Deliveries().put_with(transaction, created(identity, now))
            audit.write(transaction, made)

    past_conflicts(together)
    return identity.delivery_id


def try_again(delivery_id: str, *, actor: Actor, now: datetime) -> Delivery:
    """Make a delivery whose fate is unknown, or that failed, ready once more; it is to be queued then.

    Raises:
        NotFound: no such delivery.
        Conflict: it is in another state, or SES took it and then rejected what it says.
        Unavailable: others kept writing.
    """
    deliveries = Deliveries()
    for _ in range(ATTEMPTS):
        delivery = deliveries.read(delivery_id)
        if delivery is None:
            raise NotFound
        changed = tried_again(delivery, now)
        if changed is delivery:
            raise Conflict(f"This email is {delivery.state.value}, so it is not tried again: {delivery.reason}.")
        if _written(deliveries, changed, actor, now):
            return changed
    raise Unavailable


def _written(deliveries: Deliveries, changed: Delivery, actor: Actor, now: datetime) -> bool:
    identity = changed.identity
    about = f"visit:{identity.visit_id}" if identity.visit_id else f"person:{identity.person}"
    facts = {"delivery_id": identity.delivery_id, "step": identity.step}
    made = audit.entries(actor, "delivery.tried_again", about, now=now, facts=facts)

    def together() -> None:
        with TransactWrite(connection=TrialRecord.connection()) as transaction:
            deliveries.put_with(transaction, changed)
            audit.write(transaction, made)

    try:
        past_conflicts(together)
    except TransactWriteError as error:
        if refused(error):
            return False
        raise
    return True
