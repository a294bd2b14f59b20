"""What organisers write and read about follow-ups: fields and limits, as the HTTP contract has them.

Only routes that read a body import this; the OpenAPI document is made from it when the service is built.
"""

import re
from collections import Counter
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, StrictBool, StringConstraints

from followups import words
from followups.due import Anchor, DurationInvalid, Offset, read_offset, read_tolerance
from followups.steps import OF_EVENTS, RESERVED, PlanStep, from_json, of_event
from kernel.errors import FieldError, Invalid
from kernel.fields import ANY_LINES, ONE_LINE, Body, EmailAddress, refuse

MAX_STEPS = 30
STEP = r"^[a-z][a-z0-9_]{1,39}$"


def _offset(text: str) -> str:
    try:
        return str(read_offset(text))
    except DurationInvalid as wrong:
        raise refuse(str(wrong)) from wrong


def _tolerance(text: str) -> str:
    try:
        read_tolerance(text)
    except DurationInvalid as wrong:
        raise refuse(str(wrong)) from wrong
    return text


def _clock(text: str) -> str:
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", text):
        raise refuse("Write a time of day like 09:00.")
    return text


def _step(text: str) -> str:
    if not re.fullmatch(STEP, text):
        raise refuse("Use 2 to 40 small letters, digits and underscores, beginning with a letter.")
    return text


def _known_names(text: str) -> str:
    unknown = words.unknown_names(text)
    if unknown:
        named = ", ".join(f"{{{{ {name[:40]} }}}}" for name in unknown[:5])
        raise refuse(f"There is no {named}. See the list of variables, or write it differently.")
    return text


def _service_only(kind: str) -> str:
    if kind == "consented":
        raise refuse("Emails by consent cannot be part of a plan yet: choose service.")
    return kind


AnchorName = Literal[
    "registered", "waiting", "admitted", "offered", "changed", "cancelled", "start", "end", "shared", "pledged"
]
StepName = Annotated[str, AfterValidator(_step), Field(json_schema_extra={"pattern": STEP})]
_Duration = StringConstraints(max_length=40)


class WhenWritten(Body):
    """When a step is due: days of the offset are calendar days in the visit's zone, hours are elapsed time."""

    anchor: AnchorName
    offset: Annotated[str, _Duration, AfterValidator(_offset)] = "PT0S"
    at: Annotated[str, StringConstraints(max_length=5), AfterValidator(_clock)] | None = None
    tolerance: Annotated[str, _Duration, AfterValidator(_tolerance)] = "PT6H"


class ToWritten(Body):
    """Whom a step is for. An empty list of attendances asks for none."""

    statuses: Annotated[
        list[Literal["confirmed", "waiting", "offered", "cancelled"]], Field(min_length=1, max_length=4)
    ]
    attendance: Annotated[list[Literal["unknown", "attended", "missed"]], Field(max_length=3)] = []
    answers: Annotated[
        dict[
            Annotated[str, StringConstraints(max_length=64)],
            Annotated[list[Annotated[str, StringConstraints(max_length=500)]], Field(min_length=1, max_length=30)],
        ],
        Field(max_length=20),
    ] = {}


class StepWritten(Body):
    """One step of a plan. What the service makes (``sends_at``, ``counts``, ``paused``) is taken and ignored."""

    step: StepName
    when: WhenWritten
    to: ToWritten
    kind: Annotated[Literal["service", "consented"], AfterValidator(_service_only)] = "service"
    subject: Annotated[str, StringConstraints(max_length=200), ONE_LINE, AfterValidator(_known_names)] = ""
    body_markdown: Annotated[str, StringConstraints(max_length=10_000), ANY_LINES, AfterValidator(_known_names)] = ""
    enabled: StrictBool = True
    paused: Any = None
    sends_at: Any = None
    counts: Any = None


class PlanWritten(Body):
    """A visit's plan, whole. What GET gives, PUT takes."""

    steps: Annotated[list[StepWritten], Field(max_length=MAX_STEPS)]
    version: Any = None


class TestSend(Body):
    """Where a sample of a step goes."""

    email: EmailAddress


class Counts(BaseModel):
    """A step's deliveries by state, under every schedule of the visit."""

    planned: int
    sent: int
    delivered: int
    bounced: int
    complained: int
    skipped: int
    unknown: int
    failed: int


class When(BaseModel):
    """When a step is due."""

    anchor: AnchorName
    offset: str
    at: str | None
    tolerance: str


class To(BaseModel):
    """Whom a step is for."""

    statuses: list[str]
    attendance: list[str]
    answers: dict[str, list[str]]


class Step(BaseModel):
    """One step of a plan, as an organiser reads it."""

    step: str
    when: When
    to: To
    kind: Literal["service", "consented"]
    subject: str
    body_markdown: str
    enabled: bool
    paused: bool
    sends_at: str | None
    counts: Counts


class Plan(BaseModel):
    """A visit's plan. The version is its ETag too; 0 says that it is the default, untouched."""

    steps: list[Step]
    version: int


class Variable(BaseModel):
    """A name that texts may use between two pairs of braces."""

    name: str
    says: str
    example: str


class Variables(BaseModel):
    """The whole list."""

    items: list[Variable]


class Preview(BaseModel):
    """A step as an email: for a real registration, or a made-up one."""

    step: str
    subject: str
    text: str
    html: str


class Accepted(BaseModel):
    """A step is on its way to so many people."""

    step: str
    people: int


class Happening(BaseModel):
    """One line of a delivery's history."""

    at: str
    state: str
    reason: str


class Delivery(BaseModel):
    """One email to one person, where it stands and why; ``sends_at`` where it waits for a moment."""

    delivery_id: str
    visit_id: str | None
    registration_id: str | None
    person: str
    name: str | None
    step: str
    kind: Literal["service", "consented"]
    state: Literal["ready", "sending", "sent", "delivered", "bounced", "complained", "skipped", "unknown", "failed"]
    reason: str
    created_at: str
    changed_at: str
    sends_at: str | None
    history: list[Happening]


class Deliveries(BaseModel):
    """A page of a visit's deliveries, the newest first."""

    items: list[Delivery]
    next: str | None


class TimelineStep(BaseModel):
    """What goes to how many, and when. ``people`` counts whom it is for as things are now."""

    step: str
    subject: str
    sends_at: str | None
    state: Literal["off", "paused", "by_event", "not_known_yet", "ahead", "due", "passed"]
    people: int
    counts: Counts


class Timeline(BaseModel):
    """A visit's steps in the order of their moments; those without one come last."""

    items: list[TimelineStep]


def read_plan(asked: PlanWritten) -> list[PlanStep]:
    """Return the steps of a request, checked as a whole.

    Raises:
        Invalid: naming each field that does not fit.
    """
    wrong = []
    names = Counter(one.step for one in asked.steps)
    steps = []
    for number, one in enumerate(asked.steps):
        step = from_json(one.model_dump())
        steps.append(step)
        if names[one.step] > 1:
            wrong.append(FieldError(f"steps.{number}.step", "Two steps have this name: give each its own."))
        wrong += _of_event(number, step) if step.step in OF_EVENTS else _of_its_own(number, step)
    if wrong:
        raise Invalid(errors=wrong)
    return steps


def _of_event(number: int, step: PlanStep) -> list[FieldError]:
    usual = of_event(step.step)
    wrong = []
    if (step.when.anchor, step.when.offset, step.when.at) != (usual.when.anchor, Offset(), None):
        told = f"This email goes at once: its anchor is {usual.when.anchor.value}, without offset or time of day."
        wrong.append(FieldError(f"steps.{number}.when", told))
    if step.to != usual.to:
        told = f"This email is for {' and '.join(sorted(usual.to.statuses))} registrations, all of them."
        wrong.append(FieldError(f"steps.{number}.to", told))
    if not step.enabled:
        wrong.append(FieldError(f"steps.{number}.enabled", "People rely on this email, so it cannot be switched off."))
    return wrong


def _of_its_own(number: int, step: PlanStep) -> list[FieldError]:
    wrong = []
    if step.step in RESERVED:
        wrong.append(FieldError(f"steps.{number}.step", "The service uses this name itself: choose another one."))
    if not step.subject:
        wrong.append(FieldError(f"steps.{number}.subject", "Write a subject."))
    if not step.body_markdown:
        wrong.append(FieldError(f"steps.{number}.body_markdown", "Write what the email says."))
    if step.when.anchor in {Anchor.CHANGED, Anchor.OFFERED}:
        wrong.append(FieldError(f"steps.{number}.when.anchor", "Only the service's own emails go by this anchor."))
    return wrong
