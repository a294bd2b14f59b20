"""What organisers write about a visit: create, change, publish. Both its items change together or not at all.

What they do to a visit that people have heard of is in `visits.lifecycle`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from dataclasses import fields as dataclass_fields
from datetime import datetime, timedelta
from typing import Any

from pynamodb.exceptions import TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from kernel import audit, markdown
from kernel.access import Actor
from kernel.errors import ChangedMeanwhile, Conflict, FieldError, Invalid, NotFound, Unavailable, VisitIdTaken
from kernel.table import past_conflicts, refused
from visits import line, query, questions
from visits.line import NO_LIMIT
from visits.model import Counters, Details, Message, visit_pk
from visits.questions import Question
from visits.reconcile import reconcile_soon

ATTEMPTS = 12
"""How often a change of capacity is computed again because somebody took a place meanwhile."""

MAX_LENGTH = timedelta(days=31)

FIXED = ("starts_at", "ends_at", "timezone")
"""What people have in their calendars: once published it changes only by rescheduling, which tells them."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A visit as an organiser wrote it, fields checked one by one; times are aware."""

    title: str
    host: str
    summary: str
    description_markdown: str
    starts_at: datetime
    ends_at: datetime
    timezone: str
    format: str
    venue: str
    room_url: str
    capacity: int | None
    waitlist: str
    offer_hours: int
    registration_opens_at: datetime | None
    registration_closes_at: datetime | None
    audience: str
    questions: list[Question]
    organisers: list[str]


def create(
    visit_id: str, plan: Plan, *, actor: Actor, now: datetime, cloned_from: str | None = None
) -> tuple[Counters, Details]:
    """Create a draft; ``cloned_from`` is the visit it was made from, for the audit log.

    Raises:
        Invalid: fields that do not fit together.
        VisitIdTaken: another visit has this id.
    """
    check(plan)
    made = audit.entries(
        actor,
        "visit.cloned" if cloned_from else "visit.created",
        f"visit:{visit_id}",
        now=now,
        facts={"from": cloned_from} if cloned_from else {},
    )
    details = Details(
        visit_pk(visit_id),
        version=1,
        status="draft",
        resources=[],
        recording_url="",
        created_by=actor.person,
        created_at=now,
        **_details(plan, now),
    )
    counters = Counters(visit_pk(visit_id), version=1, status="draft", **_counters(plan, now))
    counters.capacity = _capacity(plan)
    try:
        with TransactWrite(connection=Details.connection()) as transaction:
            transaction.save(details, condition=Details.pk.does_not_exist())
            transaction.save(counters, condition=Counters.pk.does_not_exist())
            audit.write(transaction, made)
    except TransactWriteError as error:
        if refused(error):
            raise VisitIdTaken from error
        raise
    return counters, details


def change(
    visit_id: str, version: int, changes: Mapping[str, object], *, actor: Actor, now: datetime
) -> tuple[Counters, Details]:
    """Change a visit somebody read at ``version``; ``changes`` are fields of `Plan`.

    A question that people may have answered is retired rather than taken away (`visits.questions.changed`). What
    changes nothing leaves the visit at its version.

    Raises:
        NotFound: no such visit.
        ChangedMeanwhile: it has another version by now.
        Invalid: fields that do not fit together, or that only rescheduling may change.
        Conflict: the visit was cancelled.
    """
    for _ in range(ATTEMPTS):
        counters, details = read(visit_id)
        if int(details.version) != version:
            raise ChangedMeanwhile
        if details.status == "cancelled":
            raise Conflict("This visit was cancelled, so it can no longer be changed.")
        before = plan_of(details)
        plan = Plan(**(asdict(before) | dict(changes)))
        if details.status == "published":
            keep = questions.changed(before.questions, plan.questions)
            plan = replace(plan, questions=keep)
        check(plan)
        if details.status == "published":
            _keep_the_schedule(details, plan)
        if plan == before:
            return counters, details
        if _saved(counters, details, plan, actor=actor, now=now):
            if details.status == "published":
                reconcile_soon(visit_id, now=now)  # a raised capacity has seats for who waits
            return read(visit_id)
    raise Unavailable


def publish(visit_id: str, *, actor: Actor, now: datetime) -> tuple[Counters, Details]:
    """Publish a draft; the line begins. A published visit stays as it is.

    Raises:
        NotFound: no such visit.
        Invalid: with what is missing, field by field.
        Conflict: the visit was cancelled.
    """
    counters, details = read(visit_id)
    if details.status == "published":
        return counters, details
    if details.status == "cancelled":
        raise Conflict("This visit was cancelled. Clone it to hold it again.")
    if missing := what_is_missing(plan_of(details)):
        raise Invalid("The visit cannot be published yet. Nothing was changed.", errors=missing)
    numbers = line.published(int(counters.capacity))
    done = write(
        counters,
        details,
        of_details=[Details.status.set("published"), Details.listed.set("yes")],
        of_counters=[
            Counters.status.set("published"),
            Counters.line.set(numbers.line),
            Counters.admitted.set(numbers.admitted),
            Counters.granted.set(numbers.granted),
            Counters.opens_at.set(details.opens_at or now),
        ],
        now=now,
        made=audit.entries(actor, "visit.published", f"visit:{visit_id}", now=now),
        only_if=Counters.status == "draft",
    )
    if not done:
        raise ChangedMeanwhile
    return read(visit_id)


def what_is_missing(plan: Plan) -> list[FieldError]:
    """Return what a visit needs before people may see it."""
    missing = []
    if not plan.description_markdown:
        missing.append(FieldError("description_markdown", "Say what people will see and do: write a description."))
    if plan.format in {"in_person", "hybrid"} and not plan.venue:
        missing.append(FieldError("venue", "Say where the visit takes place."))
    return missing


def plan_of(details: Details) -> Plan:
    """Return a visit as it was written."""
    capacity = int(details.capacity)
    return Plan(
        title=details.title,
        host=details.host,
        summary=details.summary,
        description_markdown=details.description_markdown,
        starts_at=details.starts_at,
        ends_at=details.ends_at,
        timezone=details.timezone,
        format=details.format,
        venue=details.venue,
        room_url=details.room_url,
        capacity=None if capacity >= NO_LIMIT else capacity,
        waitlist=details.waitlist,
        offer_hours=int(details.offer_hours),
        registration_opens_at=details.opens_at,
        registration_closes_at=details.closes_at,
        audience=details.audience,
        questions=details.questions,
        organisers=details.organisers,
    )


def check(plan: Plan) -> None:
    """Refuse fields that do not fit together.

    Raises:
        Invalid: naming each.
    """
    wrong = []
    if plan.ends_at <= plan.starts_at:
        wrong.append(FieldError("ends_at", "The end must come after the start."))
    elif plan.ends_at - plan.starts_at > MAX_LENGTH:
        wrong.append(FieldError("ends_at", f"A visit lasts {MAX_LENGTH.days} days at most."))
    opens, closes = plan.registration_opens_at, plan.registration_closes_at
    if closes is not None and closes > plan.starts_at:
        # From the start on nobody is admitted: somebody new could then take a seat before who waits for it.
        wrong.append(FieldError("registration_closes_at", "Registration must close by the start of the visit."))
    if opens is not None and opens >= (closes or plan.starts_at):
        wrong.append(FieldError("registration_opens_at", "Registration must open before it closes."))
    if wrong:
        raise Invalid(errors=wrong)


def _keep_the_schedule(details: Details, plan: Plan) -> None:
    moved = [name for name in FIXED if getattr(details, name) != getattr(plan, name)]
    if moved:
        told = "People have this in their calendars: reschedule the visit instead, so that everybody is told."
        raise Invalid(errors=[FieldError(name, told) for name in moved])


def _saved(counters: Counters, details: Details, plan: Plan, *, actor: Actor, now: datetime) -> bool:
    """Write a plan unless somebody took a place or changed the visit since it was read."""
    before, after = counters.numbers, _resized(counters, plan)
    of_counters = [getattr(Counters, name).set(value) for name, value in _counters(plan, now, counters).items()]
    only_if = None
    if after != before:
        of_counters += [
            Counters.capacity.set(after.capacity),
            Counters.admitted.set(after.admitted),
            Counters.granted.set(after.granted),
        ]
        only_if = (
            (Counters.capacity == before.capacity)
            & (Counters.admitted == before.admitted)
            & (Counters.granted == before.granted)
            & (Counters.line == before.line)
        )
    return write(
        counters,
        details,
        of_details=written(plan, now),
        of_counters=of_counters,
        now=now,
        made=audit.entries(
            actor,
            "visit.changed",
            f"visit:{details.visit_id}",
            now=now,
            facts=_what_changed(plan_of(details), plan),
        ),
        only_if=only_if,
    )


def write(
    counters: Counters,
    details: Details,
    *,
    of_details: Sequence[Action],
    of_counters: Sequence[Action],
    now: datetime,
    made: Sequence[audit.AuditEntry],
    only_if: Condition | None = None,
    message: Message | None = None,
) -> bool:
    """Change both items of a visit, raise their version and keep what was done in the audit log: all or nothing.

    Returns False, with nothing changed, where somebody changed the visit since both were read, or ``only_if`` no
    longer holds of the counters. ``message`` is what the organiser writes to people about it.
    """
    version = int(details.version)
    same = Counters.version == version

    def all_of_it() -> None:
        with TransactWrite(connection=Details.connection()) as transaction:
            transaction.update(
                details,
                actions=[*of_details, Details.version.set(version + 1), Details.changed_at.set(now)],
                condition=Details.version == version,
            )
            transaction.update(
                counters,
                actions=[*of_counters, Counters.version.set(version + 1)],
                condition=same if only_if is None else same & only_if,
            )
            if message is not None:
                transaction.save(message)
            audit.write(transaction, made)

    try:
        past_conflicts(all_of_it)
    except TransactWriteError as error:
        if refused(error):
            return False
        raise
    return True


def _what_changed(before: Plan, after: Plan) -> dict[str, object]:
    """Return the facts of a change for the audit log: names of fields, and numbers; never what was written."""
    fields = [
        field.name for field in dataclass_fields(Plan) if getattr(before, field.name) != getattr(after, field.name)
    ]
    facts: dict[str, object] = {"fields": fields}
    if "capacity" in fields:
        facts |= {"capacity_before": before.capacity, "capacity_after": after.capacity}
    return facts


def _resized(counters: Counters, plan: Plan) -> line.Line:
    numbers = counters.numbers
    if counters.status == "draft":
        return line.Line(_capacity(plan), numbers.line, numbers.admitted, numbers.granted)
    return line.resized(numbers, _capacity(plan))


def _capacity(plan: Plan) -> int:
    return NO_LIMIT if plan.capacity is None else plan.capacity


def written(plan: Plan, now: datetime) -> list[Action]:
    """Return what puts a plan into a visit's details."""
    return [
        getattr(Details, name).remove() if value is None else getattr(Details, name).set(value)
        for name, value in _details(plan, now).items()
        if name != "changed_at"
    ]


def _details(plan: Plan, now: datetime) -> dict[str, Any]:  # attributes of many types, as PynamoDB takes them
    return {
        "title": plan.title,
        "host": plan.host,
        "summary": plan.summary,
        "description_markdown": plan.description_markdown,
        "description_html": markdown.render(plan.description_markdown),
        "starts_at": plan.starts_at,
        "ends_at": plan.ends_at,
        "timezone": plan.timezone,
        "format": plan.format,
        "venue": plan.venue,
        "room_url": plan.room_url,
        "capacity": _capacity(plan),
        "waitlist": plan.waitlist,
        "offer_hours": plan.offer_hours,
        "opens_at": plan.registration_opens_at,
        "closes_at": plan.registration_closes_at,
        "audience": plan.audience,
        "questions": plan.questions,
        "organisers": plan.organisers,
        "changed_at": now,
        "search_text": f"{plan.title} {plan.host} {plan.summary}".casefold(),
    }


def _counters(plan: Plan, now: datetime, counters: Counters | None = None) -> dict[str, Any]:
    # "From now on" keeps the moment it was first said: a later change must not close what is open.
    opened = counters.opens_at if counters is not None and plan.registration_opens_at is None else now
    return {
        "waitlist": plan.waitlist,
        "opens_at": plan.registration_opens_at or min(opened, now),
        "closes_at": plan.registration_closes_at or plan.starts_at,
        "starts_at": plan.starts_at,
        "ends_at": plan.ends_at,
    }


def read(visit_id: str) -> tuple[Counters, Details]:
    """Return both items of a visit, consistently.

    Raises:
        NotFound: no such visit.
    """
    found = query.counters_and_details(visit_id)
    if found is None:
        raise NotFound
    return found
