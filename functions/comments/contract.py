"""What organisers write of stories, and what everybody reads: fields, limits and defaults, as the HTTP contract has it.

Only organisers' routes import this, to read a body; the OpenAPI document is made from it when the service is built.
"""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field, StrictBool, StrictInt, StringConstraints

from kernel.fields import ANY_LINES, ONE_LINE, VISIBLE, Body, refuse

MAX_CLOSE_AFTER = 3650

Mode = Literal["all", "first", "none"]


def _web_address(text: str) -> str:
    parts = urlsplit(text)
    if text and (parts.scheme not in {"http", "https"} or not parts.hostname or " " in text):
        raise refuse("Write a web address that begins with https://.")
    return text


WebAddress = Annotated[str, StringConstraints(max_length=2000), ONE_LINE, AfterValidator(_web_address)]


class CommentSettings(Body):
    """Whether a story takes comments, for how many days, and who waits for a moderator."""

    open: StrictBool = True
    close_after_days: Annotated[StrictInt, Field(ge=1, le=MAX_CLOSE_AFTER)] | None = None
    mode: Mode = "first"


class StoryWritten(Body):
    """A story as an organiser writes it."""

    title: Annotated[str, StringConstraints(min_length=1, max_length=200), ONE_LINE, VISIBLE]
    url: WebAddress = ""
    summary: Annotated[str, StringConstraints(max_length=500), ONE_LINE] = ""
    body_markdown: Annotated[str, StringConstraints(max_length=50_000), ANY_LINES] = ""
    comments: CommentSettings = Field(default_factory=CommentSettings)


class CommentSettingsRead(BaseModel):
    """Whether a story takes comments, for how many days, and who waits for a moderator."""

    open: bool
    close_after_days: int | None
    mode: Mode


class Story(BaseModel):
    """A story, as anybody reads it. ``open`` under ``comments`` is what organisers chose, ``accepts_comments`` now."""

    story_id: str
    title: str
    url: str
    summary: str
    body_html: str
    comments: CommentSettingsRead
    accepts_comments: bool
    count: int
    created_at: str
    changed_at: str


class OrganisersStory(Story):
    """A story, as an organiser reads it."""

    body_markdown: str
    version: int


class PublicComment(BaseModel):
    """An approved comment."""

    comment_id: str
    parent_id: str | None
    author_name: str
    is_member: bool
    html: str
    created_at: str
    edited_at: str | None
    pinned: bool


class CommentList(BaseModel):
    """A page of a story's comments: pinned ones first, and threads together."""

    story: Story
    items: list[PublicComment]
    next: str | None


class Warned(BaseModel):
    """What a moderator would look at, said to the author; spans are characters of the body, start and end."""

    code: str
    message: str
    spans: list[tuple[int, int]]


class CommentReceived(BaseModel):
    """What came of sending a comment. Keep the edit token: it is not shown again."""

    comment_id: str
    status: Literal["pending", "approved"]
    edit_token: str
    warnings: list[Warned]


class Warnings(BaseModel):
    """What screening would warn about."""

    warnings: list[Warned]


class OwnComment(BaseModel):
    """A comment as its author sees it."""

    comment_id: str
    story_id: str
    status: Literal["pending", "approved"]
    author_name: str
    body: str
    html: str
    created_at: str
    edited_at: str | None
    warnings: list[Warned]


class Counts(BaseModel):
    """How many approved comments each story has; none where there is no such story."""

    counts: dict[str, int]


class FlagAnswer(BaseModel):
    """The same words for everybody."""

    message: str
