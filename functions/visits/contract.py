"""What organisers write and everybody reads about visits: fields, limits and defaults, as the HTTP contract has them.

Only organisers' routes import this, to read a body; the OpenAPI document is made from it when the service is built.
What people send about their own registrations is in `visits.requests`.
"""

import re
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    RootModel,
    StrictBool,
    StrictInt,
    StringConstraints,
    model_validator,
)

from kernel.fields import ANY_LINES, ONE_LINE, VISIBLE, Body, EmailAddress, Moment, Zone, refuse
from visits.requests import ABSENT, MAX_QUESTIONS, AccessNeeds, Answers, Consents, Name, Short

VISIT_ID = r"^[a-z0-9][a-z0-9-]{2,63}$"
MAX_CAPACITY = 100_000
MAX_CHOICES = 30
MOST_MARKS = 500
_UUID: Any = {"format": "uuid"}


def _web_address(text: str) -> str:
    parts = urlsplit(text)
    if text and (parts.scheme not in {"http", "https"} or not parts.hostname or " " in text):
        raise refuse("Write a web address that begins with https://.")
    return text


def _visit_id(text: str) -> str:
    if not re.fullmatch(VISIT_ID, text):
        raise refuse("Use 3 to 64 small letters, digits and hyphens, beginning with a letter or digit.")
    return text


def _available_waitlist(chosen: str) -> str:
    if chosen == "offer":
        raise refuse("A waiting list with offers is not available yet: choose automatic or off.")
    return chosen


def _available_audience(chosen: str) -> str:
    if chosen != "public":
        raise refuse("Visits for members or invited people are not available yet: choose public.")
    return chosen


Waitlist = Literal["off", "automatic", "offer"]
Audience = Literal["public", "members", "invited"]
WebAddress = Annotated[str, StringConstraints(max_length=2000), ONE_LINE, AfterValidator(_web_address)]
VisitId = Annotated[str, AfterValidator(_visit_id), Field(json_schema_extra={"pattern": VISIT_ID})]


class RegistrationAnswer(BaseModel):
    """What came of registering. The link to manage it goes by email only."""

    status: Literal["confirmed", "waiting"]
    position: int | None
    message: str


class LookupAnswer(BaseModel):
    """The same words for everybody: nobody learns whether an address is registered."""

    message: str


class QuestionWritten(Body):
    """A question on the form."""

    question_id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
    label: Annotated[str, StringConstraints(min_length=1, max_length=300), ONE_LINE]
    kind: Literal["text", "long_text", "choice", "choices", "yes_no"]
    choices: Annotated[list[Name], Field(max_length=MAX_CHOICES)] = []
    required: StrictBool = False
    help: Annotated[str, StringConstraints(max_length=500), ONE_LINE] = ""

    @model_validator(mode="after")
    def _has_the_choices_it_needs(self) -> Self:
        needs = self.kind in {"choice", "choices"}
        if needs and len(self.choices) < 2:
            raise refuse("Give at least two choices.")
        if not needs and self.choices:
            raise refuse("Only questions of the kinds choice and choices have choices.")
        if len(set(self.choices)) != len(self.choices):
            raise refuse("Two of the choices are the same.")
        return self


def _told_apart(questions: list[QuestionWritten]) -> list[QuestionWritten]:
    if len({question.question_id for question in questions}) != len(questions):
        raise refuse("Two questions have the same question_id.")
    return questions


Questions = Annotated[list[QuestionWritten], Field(max_length=MAX_QUESTIONS), AfterValidator(_told_apart)]


class _VisitFields(Body):
    """What creating and changing a visit share."""

    summary: Annotated[str, StringConstraints(max_length=500), ONE_LINE] = ""
    description_markdown: Annotated[str, StringConstraints(max_length=20_000), ANY_LINES] = ""
    format: Literal["online", "in_person", "hybrid"] = "online"
    venue: Annotated[str, StringConstraints(max_length=500), ONE_LINE] = ""
    room_url: WebAddress = ""
    capacity: Annotated[StrictInt, Field(ge=1, le=MAX_CAPACITY)] | None = None
    waitlist: Annotated[Waitlist, AfterValidator(_available_waitlist)] = "automatic"
    offer_hours: Annotated[StrictInt, Field(ge=1, le=720)] = 48
    registration_opens_at: Moment | None = None
    registration_closes_at: Moment | None = None
    audience: Annotated[Audience, AfterValidator(_available_audience)] = "public"
    questions: Questions = []
    organisers: Annotated[list[EmailAddress], Field(max_length=20)] = []


class VisitWritten(_VisitFields):
    """A visit as an organiser writes it."""

    visit_id: VisitId | None = None
    title: Name
    host: Name
    starts_at: Moment
    ends_at: Moment
    timezone: Zone


class VisitChange(_VisitFields):
    """A change of a visit: what is absent stays as it is."""

    title: Name = ABSENT
    host: Name = ABSENT
    starts_at: Moment = ABSENT
    ends_at: Moment = ABSENT
    timezone: Zone = ABSENT


def _no_sessions(_: object) -> None:
    raise refuse("Visits of several sessions are not available yet: send starts_at and ends_at.")


def _named(url: str) -> str:
    if not url:
        raise refuse("Write a web address that begins with https://.")
    return url


OrganisersText = Annotated[str, StringConstraints(max_length=5_000), ANY_LINES]


class VisitCancelled(Body):
    """Calling a visit off, with what everybody registered is told besides (Markdown)."""

    message: OrganisersText = ""


class VisitMoved(Body):
    """Moving a visit, with what everybody registered is told besides (Markdown)."""

    starts_at: Moment
    ends_at: Moment
    sessions: Annotated[Any, AfterValidator(_no_sessions)] = None
    message: OrganisersText = ""


class VisitCloned(Body):
    """Making a draft like another visit."""

    visit_id: VisitId | None = None
    starts_at: Moment


class ResourceWritten(Body):
    """Something to take home from a visit."""

    title: Name
    url: Annotated[WebAddress, AfterValidator(_named)]


class VisitShared(Body):
    """What came of a visit. What is absent stays as it is; null or an empty list takes it away."""

    recording_url: WebAddress | None = None
    resources: Annotated[list[ResourceWritten], Field(max_length=50)] | None = None


class MessageWritten(Body):
    """A message to the people of a visit, about it."""

    subject: Name
    body_markdown: Annotated[str, StringConstraints(min_length=1, max_length=5_000), ANY_LINES, VISIBLE]
    to: Annotated[list[Literal["confirmed", "waiting", "offered"]], Field(min_length=1, max_length=3)]


class MessagePosted(BaseModel):
    """A message that is on its way."""

    message_id: str
    subject: str
    body_markdown: str
    html: str
    to: list[Literal["confirmed", "waiting", "offered"]]
    people: int
    posted_at: str


class Session(BaseModel):
    """One session of a visit."""

    starts_at: str
    ends_at: str
    title: str


class Question(BaseModel):
    """A question on the form."""

    question_id: str
    label: str
    kind: Literal["text", "long_text", "choice", "choices", "yes_no"]
    choices: list[str]
    required: bool
    help: str


class Resource(BaseModel):
    """Something to take home from a visit."""

    title: str
    url: str


class Visit(BaseModel):
    """A visit, as anybody reads it. Times are RFC 3339 in the visit's own offset."""

    visit_id: str
    title: str
    summary: str
    description_html: str
    host: str
    starts_at: str
    ends_at: str
    timezone: str
    sessions: list[Session]
    format: Literal["online", "in_person", "hybrid"]
    venue: str
    capacity: int | None
    seats_left: int | None
    waiting: int
    waitlist: Waitlist
    registration: Literal["not_yet", "open", "waitlist", "full", "closed", "cancelled", "ended"]
    registration_opens_at: str
    registration_closes_at: str
    audience: Audience
    questions: list[Question]
    resources: list[Resource]
    recording_url: str | None
    status: Literal["published", "cancelled", "ended"]
    sequence: int


class VisitList(BaseModel):
    """A page of visits."""

    items: list[Visit]
    next: str | None


class OrganisersVisit(Visit):
    """A visit, as an organiser reads it."""

    status: Literal["draft", "published", "cancelled", "ended"]  # type: ignore[assignment]
    description_markdown: str
    room_url: str
    offer_hours: int
    organisers: list[str]
    version: int


class OrganisersVisitList(BaseModel):
    """A page of visits, drafts and all."""

    items: list[OrganisersVisit]
    next: str | None


class MyPlace(BaseModel):
    """My place on a visit."""

    visit: Visit
    registration_id: str
    name: str
    email: str
    organisation: str
    job_role: str
    access_needs: str
    answers: dict[str, Any]
    consents: Consents
    status: Literal["confirmed", "waiting", "offered", "cancelled"]
    position: int | None
    offer_expires_at: str | None
    join_url: str | None
    cancelled_at: str | None


class Person(BaseModel):
    """A registration, as an organiser reads it. Access needs are there for the visit's own organisers only.

    ``place`` is the number in the line; an extra place stands outside the line and has none.
    """

    registration_id: str
    name: str
    email: str
    organisation: str
    job_role: str
    access_needs: str | None
    answers: dict[str, Any]
    consents: Consents
    status: Literal["confirmed", "waiting", "offered", "cancelled"]
    place: int | None
    position: int | None
    attendance: Literal["unknown", "attended", "missed"]
    extra: bool
    registered_at: str
    cancelled_at: str | None


class AddedByHand(Body):
    """Somebody an organiser registers. Required questions may stay unanswered."""

    name: Name
    email: EmailAddress
    organisation: Short | None = ""
    job_role: Short | None = ""
    access_needs: AccessNeeds | None = ""
    answers: Answers = {}
    consents: Consents = Consents()
    timezone: Zone | None = None


class Correction(Body):
    """What an organiser puts right: what is absent stays as it is, null takes it away."""

    name: Name = ABSENT
    email: EmailAddress = ABSENT
    organisation: Short | None = None
    job_role: Short | None = None
    access_needs: AccessNeeds | None = None
    answers: Answers | None = None


class MoveUp(Body):
    """Why somebody gets a place past everybody who waits: it is kept in the audit log."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=500), ANY_LINES, VISIBLE]


class AttendanceMark(Body):
    """What an organiser says of one registration."""

    registration_id: Annotated[str, StringConstraints(min_length=1, max_length=36), Field(json_schema_extra=_UUID)]
    attendance: Literal["attended", "missed", "unknown"]


class AttendanceMarks(RootModel[Annotated[list[AttendanceMark], Field(min_length=1, max_length=MOST_MARKS)]]):
    """Marks, 500 at most; each registration once."""


class AttendanceMarked(BaseModel):
    """The marks, as they stand now."""

    items: list[AttendanceMark]


class AttendanceSettled(BaseModel):
    """How many people were marked as missed just now. Where it is not complete, send the request again to go on."""

    marked: int
    complete: bool


class Day(BaseModel):
    """A day in the visit's zone: how many people registered on it, and how many had by its end."""

    date: str
    registered: int
    total: int


class AnswerCount(BaseModel):
    """How many people gave an answer."""

    answer: str
    count: int


class QuestionFigures(BaseModel):
    """A question and how it was answered; ``counts`` is null for questions that are answered in words."""

    question_id: str
    label: str
    kind: Literal["text", "long_text", "choice", "choices", "yes_no"]
    retired: bool
    answered: int
    counts: list[AnswerCount] | None


class Statistics(BaseModel):
    """A visit in figures. Attendance is of those with a confirmed place, answers of who is registered now."""

    by_day: list[Day]
    statuses: dict[Literal["confirmed", "waiting", "offered", "cancelled"], int]
    attendance: dict[Literal["attended", "missed", "unknown"], int]
    extra: int
    registered: int
    questions: list[QuestionFigures]
    consents: dict[Literal["follow_ups", "introductions"], int]


class People(BaseModel):
    """A page of a visit's registrations, in the order of the line."""

    items: list[Person]
    next: str | None
