"""What moderators send and read: fields and limits as the HTTP contract has them.

Only moderators' routes import this, to read a body; the OpenAPI document is made from it when the service is built.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from comments import patterns
from comments.requests import ABSENT, MAX_BODY
from comments.screening import CODES
from kernel.fields import ANY_LINES, ONE_LINE, VISIBLE, Body, Moment, refuse

MAX_DECISIONS = 100
MAX_MESSAGE = 2_000
MAX_DOMAINS = 1_000

Action = Literal["approve", "reject", "spam", "remove", "restore"]
Reason = Literal[
    "off_topic", "offensive", "personal_data", "patient_identifiable", "promotional", "spam", "duplicate", "other"
]
Status = Literal["pending", "approved", "rejected", "spam", "removed", "deleted"]
Queue = Literal["pending", "flagged", "spam", "approved", "rejected"]
Effect = Literal["none", "hold", "spam", "refuse"]
Message = Annotated[str, StringConstraints(max_length=MAX_MESSAGE), ANY_LINES]


class DecisionSent(Body):
    """What a moderator decided about a comment as they saw it: ``version`` says which they saw."""

    comment_id: Annotated[str, StringConstraints(min_length=1, max_length=36), ONE_LINE]
    version: Annotated[StrictInt, Field(ge=1)]
    action: Action
    reason: Annotated[Reason | None, Field(validate_default=True)] = None
    message_to_author: Message = ""
    note: Message = ""

    @field_validator("reason")
    @classmethod
    def _says_why(cls, reason: str | None, info: ValidationInfo) -> str | None:
        if reason is None and info.data.get("action") == "reject":
            raise refuse("Choose a reason: the author may be told, and the next moderator will want to know.")
        return reason

    @field_validator("message_to_author")
    @classmethod
    def _goes_with_a_rejection(cls, message: str, info: ValidationInfo) -> str:
        if message and info.data.get("action") not in {None, "reject"}:
            raise refuse("A message goes to the author of a comment that is rejected.")
        return message


class Decisions(Body):
    """Up to a hundred decisions."""

    decisions: Annotated[list[DecisionSent], Field(min_length=1, max_length=MAX_DECISIONS)]


class OutcomeRead(BaseModel):
    """What became of a decision: of a ``conflict``, who had decided what."""

    comment_id: str
    outcome: Literal["done", "conflict", "invalid"]
    version: int | None
    decided_by: str | None
    decided_at: str | None
    status: Status | None


class Outcomes(BaseModel):
    """An outcome a decision, in their order."""

    outcomes: list[OutcomeRead]


class CommentWritten(Body):
    """A moderator changes a comment: its text (with the ``version`` they saw), its pin, or adds a note."""

    body: Annotated[str, StringConstraints(min_length=1, max_length=MAX_BODY), ANY_LINES, VISIBLE] = ABSENT
    version: Annotated[StrictInt | None, Field(ge=1, validate_default=True)] = None
    pinned: StrictBool = ABSENT
    note: Annotated[str, StringConstraints(min_length=1, max_length=MAX_MESSAGE), ANY_LINES, VISIBLE] = ABSENT

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set & {"body", "pinned", "note"}:
            raise refuse("Send a body, pinned or a note.")
        return self

    @field_validator("version")
    @classmethod
    def _comes_with_a_text(cls, version: int | None, info: ValidationInfo) -> int | None:
        if version is None and info.data.get("body") is not None:
            raise refuse("Send the version you read with the text, so that nobody's change is lost.")
        return version


class AuthorWritten(Body):
    """What moderators settle about an author. What is absent stays; a ``banned_until`` of null lifts the ban.

    A ``message`` goes to them by email.
    """

    trusted: StrictBool = ABSENT
    held: StrictBool = ABSENT
    banned_until: Moment | None = ABSENT
    note: Annotated[str, StringConstraints(min_length=1, max_length=MAX_MESSAGE), ANY_LINES, VISIBLE] = ABSENT

    message: Annotated[str, StringConstraints(min_length=1, max_length=MAX_MESSAGE), ANY_LINES, VISIBLE] = ABSENT

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise refuse("Send trusted, held, banned_until, a note or a message.")
        return self


def _patterns(written: list[str]) -> list[str]:
    wrong = patterns.why_not(written)
    if wrong:
        raise refuse(wrong)
    return list(dict.fromkeys(written))


def _domains(written: list[str]) -> list[str]:
    for domain in written:
        if "." not in domain or not all(label.replace("-", "").isalnum() for label in domain.strip(".").split(".")):
            raise refuse(f"“{domain[:60]}” is not a domain like example.org.")
    return list(dict.fromkeys(domain.strip(".").casefold() for domain in written))


def _effects(written: dict[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(written) - set(CODES))
    if unknown:
        raise refuse(f"There is no signal called “{unknown[0][:60]}”.")
    return written


Patterns = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=patterns.MAX_LENGTH), ONE_LINE]],
    Field(max_length=patterns.MAX_PATTERNS),
    AfterValidator(_patterns),
]


class RulesWritten(Body):
    """What screening goes by: what `GET` gives, `PUT` takes. ``version`` is the one they read; a dry run needs none.

    Patterns are words with ``*`` for any letters within one; an effect is what a signal does, by its code.
    """

    link_limit: Annotated[StrictInt, Field(ge=0, le=50)]
    hold_words: Patterns
    refuse_words: Patterns
    domains: Annotated[
        list[Annotated[str, StringConstraints(min_length=1, max_length=253), ONE_LINE]],
        Field(max_length=MAX_DOMAINS),
        AfterValidator(_domains),
    ]
    effects: Annotated[dict[str, Effect], AfterValidator(_effects)]
    spam_from: Annotated[StrictFloat | StrictInt, Field(ge=0.5, le=100)]
    version: Annotated[StrictInt, Field(ge=0)] = 0


class RulesRead(BaseModel):
    """What screening goes by."""

    link_limit: int
    hold_words: list[str]
    refuse_words: list[str]
    domains: list[str]
    effects: dict[str, Effect]
    spam_from: float
    version: int


class WouldBe(BaseModel):
    """What one rule would have found; ``pattern`` is the word, link limit or domain, where the rule has one."""

    code: str
    message: str
    pattern: str | None
    found: int
    of_these_approved: int
    examples: list[str]


class DryRun(BaseModel):
    """What rules would have done to the comments of lately; ``verdicts`` count them by the most a rule does."""

    looked_at: int
    since: str | None
    verdicts: dict[str, int]
    rules: list[WouldBe]


class CountsRead(BaseModel):
    """Live counts a queue, and how long the oldest comment waits, in seconds."""

    counts: dict[str, int]
    oldest_waiting_at: str | None
    oldest_waiting_seconds: int | None
    target_seconds: int


class SignalRead(BaseModel):
    """Why screening wants a person to look; spans are characters of the body, start and end."""

    code: str
    message: str
    score: float
    spans: list[tuple[int, int]]


class StoryOfCard(BaseModel):
    """The story a comment stands under."""

    story_id: str
    title: str


class Above(BaseModel):
    """A comment that another answers."""

    comment_id: str
    author_name: str
    status: Status
    html: str
    created_at: str


class Note(BaseModel):
    """A moderator's note about an author."""

    at: str
    by: str
    by_name: str
    text: str


class RecordRead(BaseModel):
    """An author's record: how many of their comments stand so now, and what moderators have settled."""

    person: str
    approved: int
    rejected: int
    spam: int
    trusted: bool
    held: bool
    banned_until: str | None
    notes: list[Note]


class LinkRead(BaseModel):
    """A link of a comment, spelled out."""

    url: str
    domain: str


class FlagRead(BaseModel):
    """A reader's report."""

    reason: str
    note: str
    at: str


class Happened(BaseModel):
    """Something that happened to a comment; ``body`` is the text before an edit."""

    at: str
    what: str
    by: str | None
    was: Status | None
    became: Status | None
    reason: str | None
    message: str | None
    note: str | None
    body: str | None


class CardRead(BaseModel):
    """A comment with all that a decision about it needs. ``thread`` are the comments above, the first one first."""

    comment_id: str
    version: int
    status: Status
    queue: Queue | None
    story: StoryOfCard
    parent: Above | None
    thread: list[Above]
    body: str
    html: str
    original_body: str | None
    author_name: str
    author_email: str | None
    is_member: bool
    author: RecordRead | None
    created_at: str
    edited_at: str | None
    pinned: bool
    signals: list[SignalRead]
    links: list[LinkRead]
    flags: list[FlagRead]
    decided_by: str | None
    decided_at: str | None
    reason: str | None
    decisions: list[Happened]


class Cards(BaseModel):
    """A page of a queue."""

    items: list[CardRead]
    next: str | None


class Settled(BaseModel):
    """What became of a comment."""

    comment_id: str
    version: int
    status: Status
    queue: Queue | None
    decided_by: str | None
    decided_at: str | None
    reason: str | None


class News(BaseModel):
    """What happened while somebody looks at a queue: counts, new arrivals, and the comments they look at, as of now."""

    counts: dict[str, int]
    oldest_waiting_seconds: int | None
    new: int
    comments: list[Settled]


class OwnOfAuthor(BaseModel):
    """A comment in the list of what its author wrote."""

    comment_id: str
    story_id: str
    status: Status
    created_at: str
    excerpt: str


class AuthorRead(RecordRead):
    """An author, with what they wrote last."""

    author_name: str | None
    author_email: str | None
    comments: list[OwnOfAuthor]


class HistoryRead(BaseModel):
    """What happened to a comment, newest first."""

    items: list[Happened]
    next: str | None
