"""The followups table.

| item | pk | sk | read by |
|---|---|---|---|
| `DeliveryRecord`: one step for one person | ``delivery#<delivery_id>`` | ``delivery`` | key |
| `PlanRecord`: a visit's plan, its texts | ``plan#<visit_id>`` | ``plan`` | key |
| `PlanState`: what organisers did to its steps | ``plan#<visit_id>`` | ``state`` | key |
| `Suppression`: what somebody asked not to be sent | ``suppression#<person key>`` | ``suppression`` | key |
| `TrialRecord`: where a sample of a step goes; gone after a day | ``trial#<delivery_id>`` | ``trial`` | key |
| `StepRun`: how far the sending of a step has come | ``plan#<visit_id>`` | ``run#<schedule>#<step>`` | key |

| index | keys | serves |
|---|---|---|
| ``by-visit`` | ``visit_id``, ``listing`` (made at, then id) | what was sent about a visit, in the order planned |
| ``by-person`` | ``person``, ``listing`` | what was sent to somebody: for them to see, and to be erased |
| ``by-due`` | ``due``, ``due_at`` | what `followups.settle` must look at; sparse: states that rest have neither |

A delivery holds ids and the person key, never a name or an address: those are read when it is sent.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import and_

from pynamodb.attributes import (
    BooleanAttribute,
    JSONAttribute,
    NumberAttribute,
    TTLAttribute,
    UnicodeAttribute,
    UTCDateTimeAttribute,
)
from pynamodb.exceptions import PutError
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.transactions import TransactWrite

from followups.delivery import Change, Delivery, Identity, Kind, State, SuppressionKind, Transition
from kernel import settings
from kernel.table import Record, refused

KEPT_FOR = timedelta(days=365)
"""How long a delivery is kept after the last thing that happened to it: as long as registrations are."""

WRITES_IN_A_ROW = 10
"""How often a change is applied again because somebody else wrote first: far more than can meet on one delivery."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What this module needs of its environment."""

    followups_table: str


TABLE = settings.read(Settings).followups_table


class Contended(Exception):
    """Others kept writing to the delivery; whoever called us tries again later."""


class ByVisit(GlobalSecondaryIndex["DeliveryRecord"]):
    """A visit's deliveries in the order they were planned."""

    class Meta:
        index_name = "by-visit"
        projection = AllProjection()

    visit_id = UnicodeAttribute(hash_key=True)
    listing = UnicodeAttribute(range_key=True)


class ByPerson(GlobalSecondaryIndex["DeliveryRecord"]):
    """A person's deliveries in the order they were planned."""

    class Meta:
        index_name = "by-person"
        projection = AllProjection()

    person = UnicodeAttribute(hash_key=True)
    listing = UnicodeAttribute(range_key=True)


class ByDue(GlobalSecondaryIndex["DeliveryRecord"]):
    """Deliveries that somebody must look at, the longest due first."""

    class Meta:
        index_name = "by-due"
        projection = AllProjection()

    due = UnicodeAttribute(hash_key=True)
    due_at = UTCDateTimeAttribute(range_key=True)


class DeliveryRecord(Record):
    """A `Delivery` as it is stored."""

    class Meta:
        table_name = TABLE

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default="delivery")
    by_visit = ByVisit()
    by_person = ByPerson()
    by_due = ByDue()
    visit_id = UnicodeAttribute(null=True)
    listing = UnicodeAttribute()
    due = UnicodeAttribute(null=True)
    due_at = UTCDateTimeAttribute(null=True)
    registration_id = UnicodeAttribute(null=True)
    place = NumberAttribute(null=True)
    person = UnicodeAttribute()
    step = UnicodeAttribute()
    schedule = NumberAttribute()
    message_id = UnicodeAttribute(null=True)
    kind = UnicodeAttribute()
    state = UnicodeAttribute()
    reason = UnicodeAttribute()
    created_at = UTCDateTimeAttribute()
    changed_at = UTCDateTimeAttribute()
    not_before = UTCDateTimeAttribute(null=True)
    lease = UnicodeAttribute(null=True)
    refusals = NumberAttribute()
    retried = BooleanAttribute()
    message_ids = JSONAttribute()
    proof = NumberAttribute()
    version = NumberAttribute()
    history = JSONAttribute()
    expires_at = TTLAttribute()


class PlanRecord(Record):
    """A visit's plan as it was written last. A visit without one has the default."""

    class Meta:
        table_name = TABLE

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default="plan")
    version = NumberAttribute()
    steps = JSONAttribute()
    """As `followups.steps.to_json` makes them."""
    changed_at = UTCDateTimeAttribute()


class PlanState(Record):
    """What organisers did to a plan's steps: small, so that every sending can read it."""

    class Meta:
        table_name = TABLE

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default="state")
    revision = NumberAttribute()
    """Raised at every write; each is conditional on it."""
    version = NumberAttribute(default=0)
    """As that of `PlanRecord`, so that a cached copy of it is known to be stale; 0 where there is none."""
    paused = JSONAttribute()
    """``{step: since}``."""
    resumed = JSONAttribute()
    """``{step: how often}``."""
    sent_now = JSONAttribute()
    """``{step: {schedule, at}}``."""


class StepRun(Record):
    """The sending of one step under one schedule of its visit."""

    class Meta:
        table_name = TABLE

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    begun_at = UTCDateTimeAttribute()
    done_at = UTCDateTimeAttribute(null=True)
    done_due = UTCDateTimeAttribute(null=True)
    """The moment it went through everybody for."""
    done_resumed = NumberAttribute(null=True)
    """How often the step had been let go on by then."""


class TrialRecord(Record):
    """Where a sample of a step goes: deliveries hold no addresses."""

    class Meta:
        table_name = TABLE

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default="trial")
    step = UnicodeAttribute()
    email = UnicodeAttribute()
    expires_at = TTLAttribute()


@dataclass(frozen=True, slots=True)
class Trial:
    """A step to be tried out, and on whom."""

    step: str
    email: str


def trial_pk(delivery_id: str) -> str:
    """Return the key of what a delivery tries out."""
    return f"trial#{delivery_id}"


def trial_of(delivery_id: str) -> Trial | None:
    """Return what a delivery tries out; None once it is forgotten."""
    try:
        found = TrialRecord.get(trial_pk(delivery_id), "trial", consistent_read=True)
    except TrialRecord.DoesNotExist:
        return None
    return Trial(found.step, found.email)


def run_sk(schedule: int, step: str) -> str:
    """Return the sort key of a step's sending."""
    return f"run#{schedule}#{step}"


def plan_pk(visit_id: str) -> str:
    """Return the key everything of a visit's plan stands under."""
    return f"plan#{visit_id}"


class Deliveries:
    """The stored deliveries. Reads by key are consistent; every write is conditional."""

    def create(self, delivery: Delivery) -> bool:
        """Store a new delivery; False where it was there already."""
        return self._put(delivery, condition_version=None)

    def read(self, delivery_id: str) -> Delivery | None:
        """Return a delivery, or None: its time is over, or another stage made it."""
        try:
            return _delivery(DeliveryRecord.get(_pk(delivery_id), "delivery", consistent_read=True))
        except DeliveryRecord.DoesNotExist:
            return None

    def write(self, changed: Delivery) -> bool:
        """Store a changed delivery; False where somebody else changed it since it was read."""
        return self._put(changed, condition_version=changed.version - 1)

    def put_with(self, transaction: TransactWrite, changed: Delivery) -> None:
        """Store a new or changed delivery with a transaction, which fails where somebody else wrote meanwhile."""
        new = changed.version == 1
        condition = DeliveryRecord.pk.does_not_exist() if new else DeliveryRecord.version == changed.version - 1
        transaction.save(_record(changed), condition=condition)

    def of_visit(
        self, visit_id: str, *, limit: int, before: str | None = None, state: str | None = None, step: str | None = None
    ) -> list[tuple[str, Delivery]]:
        """Return a visit's deliveries, the newest first, each with what a next page begins ``before``.

        Looks at all of them where few fit ``state`` and ``step``. The index may lag.
        """
        conditions = [
            condition
            for condition in (
                DeliveryRecord.state == state if state else None,
                DeliveryRecord.step == step if step else None,
            )
            if condition is not None
        ]
        found = DeliveryRecord.by_visit.query(
            visit_id,
            DeliveryRecord.listing < before if before else None,
            filter_condition=reduce(and_, conditions) if conditions else None,
            scan_index_forward=False,
            limit=limit,
        )
        return [(record.listing, _delivery(record)) for record in found]

    def due(self, now: datetime, limit: int) -> Iterator[str]:
        """Yield the ids of the deliveries that are due, the longest due first. The index may lag: read before use."""
        found = DeliveryRecord.by_due.query("yes", DeliveryRecord.due_at <= now, limit=limit)
        return (record.pk.removeprefix("delivery#") for record in found)

    def of_person(self, person: str, *, until: datetime | None = None) -> Iterator[str]:
        """Yield the ids of a person's deliveries, the oldest first, planned ``until`` then. The index may lag."""
        planned = None if until is None else DeliveryRecord.listing <= f"{until.isoformat()}~"
        found = DeliveryRecord.by_person.query(person, planned)
        return (record.pk.removeprefix("delivery#") for record in found)

    def change(self, delivery_id: str, change: Change) -> Delivery | None:
        """Apply a happening to a delivery as it is stored, again where somebody else wrote first.

        Returns the delivery as it is then; None where there is none.

        Raises:
            Contended: others kept writing.
        """
        for _ in range(WRITES_IN_A_ROW):
            delivery = self.read(delivery_id)
            if delivery is None:
                return None
            changed = change(delivery)
            if changed is delivery or self.write(changed):
                return changed
        raise Contended(delivery_id)

    def _put(self, delivery: Delivery, *, condition_version: int | None) -> bool:
        condition = (
            DeliveryRecord.pk.does_not_exist()
            if condition_version is None
            else DeliveryRecord.version == condition_version
        )
        try:
            _record(delivery).save(condition)
        except PutError as error:
            if refused(error):
                return False
            raise
        return True


class Suppression(Record):
    """What somebody asked not to be sent. It holds the person key alone, and so outlives their erasure."""

    class Meta:
        table_name = TABLE

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default="suppression")
    kinds = JSONAttribute()
    at = UTCDateTimeAttribute()


class Suppressions:
    """What people asked not to be sent: ``all_optional``, ``everything``. Reads are consistent."""

    def of(self, person: str) -> frozenset[str]:
        """Return what a person asked not to be sent."""
        try:
            return frozenset(Suppression.get(_suppression_pk(person), "suppression", consistent_read=True).kinds)
        except Suppression.DoesNotExist:
            return frozenset()

    def add(self, person: str, kind: SuppressionKind, now: datetime) -> None:
        """Note that a person is not to be sent a kind of email; noting it twice changes nothing."""
        kinds = self.of(person) | {kind}
        Suppression(_suppression_pk(person), "suppression", kinds=sorted(kinds), at=now).save()


def _suppression_pk(person: str) -> str:
    return f"suppression#{person}"


def _pk(delivery_id: str) -> str:
    return f"delivery#{delivery_id}"


def _record(delivery: Delivery) -> DeliveryRecord:
    identity = delivery.identity
    return DeliveryRecord(
        pk=_pk(identity.delivery_id),
        visit_id=identity.visit_id,
        listing=f"{delivery.created_at.isoformat()}#{identity.delivery_id}",
        due=None if delivery.due_at is None else "yes",
        due_at=delivery.due_at,
        registration_id=identity.registration_id,
        place=identity.place,
        person=identity.person,
        step=identity.step,
        schedule=identity.schedule,
        message_id=identity.message_id,
        kind=identity.kind,
        state=delivery.state.value,
        reason=delivery.reason,
        created_at=delivery.created_at,
        changed_at=delivery.changed_at,
        not_before=delivery.not_before,
        lease=delivery.lease,
        refusals=delivery.refusals,
        retried=delivery.retried,
        message_ids=list(delivery.message_ids),
        proof=delivery.proof,
        version=delivery.version,
        history=[[line.at.isoformat(), line.state.value, line.reason] for line in delivery.history],
        expires_at=delivery.changed_at + KEPT_FOR,
    )


def _delivery(record: DeliveryRecord) -> Delivery:
    kind: Kind = "service" if record.kind == "service" else "consented"
    return Delivery(
        identity=Identity(
            delivery_id=record.pk.removeprefix("delivery#"),
            visit_id=record.visit_id,
            registration_id=record.registration_id,
            place=None if record.place is None else int(record.place),
            person=record.person,
            step=record.step,
            schedule=int(record.schedule),
            kind=kind,
            message_id=record.message_id,
        ),
        state=State(record.state),
        reason=record.reason,
        created_at=record.created_at,
        changed_at=record.changed_at,
        due_at=record.due_at,
        not_before=record.not_before,
        lease=record.lease,
        refusals=int(record.refusals),
        retried=record.retried,
        message_ids=tuple(record.message_ids),
        proof=int(record.proof),
        version=int(record.version),
        history=tuple(
            Transition(datetime.fromisoformat(at), State(state), reason) for at, state, reason in record.history
        ),
    )
