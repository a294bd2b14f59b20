"""The comments table.

| item | pk | sk | read by |
|---|---|---|---|
| `Story`: a page people comment on, and how many approved comments it has | ``story#<story_id>`` | ``story`` | key |
| `PinnedComment`: a copy of a pinned comment, as the public reads it | ``story#<story_id>`` | ``story#pinned#<comment_id>`` | Query, with the story |
| `PublicComment`: an approved comment, as the public reads it | ``story#<story_id>`` | ``thread#<root>/<child>/<grandchild>`` | Query: a page of a story |
| `Comment`: the whole truth about a comment | ``comment#<comment_id>`` | ``comment`` | key |
| `HistoryEntry`: what happened to a comment | ``comment#<comment_id>`` | ``history#<UUIDv7>`` | Query: a comment's |
| `Flag`: a reader's report | ``comment#<comment_id>`` | ``flag#<who>`` | Query: a comment's |
| `Author`: the record of a person who comments | ``author#<person key>`` | ``author`` | key |
| `Text`: a comment had this text lately | ``text#<SHA-256 of its words>`` | ``<comment_id>`` | Query: how often |
| `Sending`: what came of sending a form, so that twice is once | ``form#<SHA-256 of what was sent>`` | ``form`` | key |
| `RulesRecord`: what screening goes by | ``settings`` | ``rules`` | key |
| `AuthorMessage`: what moderators wrote to an author | ``author#<person key>`` | ``message#<UUIDv7>`` | key |
| `ModeratorSeen`: somebody who decided something lately | ``moderators`` | ``<person key>`` | Query: all |
| `Reminder`: that moderators are reminded of what waits | ``reminders`` | ``<day>`` | key |
| `QueueCounts`: how many comments stand in each queue, one sixteenth | ``counts`` | ``shard#<0-f>`` | Query: all |

| index | keys | serves |
|---|---|---|
| ``by-queue`` | ``queue``, ``comment_id`` | a moderators' queue by arrival; sparse: who is deleted is in none |
| ``by-person`` | ``person``, ``comment_id`` | what somebody wrote: their record, download, erasure |
| ``stories-by-time`` | ``listed``, ``created_at`` | the list of stories, newest first |

A comment's id is a UUIDv7, so ids sort by arrival, and a thread's sort keys, ids joined by ``/``, stand together in
the order people talked. Public items exist exactly while their comment is approved: the transaction that approves puts
them, the one that takes down deletes them (`docs/decisions/0022`). Queues are counted in sixteen shards, each moved in
the transaction that moves the comment (`docs/decisions/0023`).
"""  # noqa: E501  a table

from dataclasses import dataclass

from pynamodb.attributes import (
    BooleanAttribute,
    JSONAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UTCDateTimeAttribute,
)
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex

from kernel import settings
from kernel.table import Record


@dataclass(frozen=True, slots=True)
class Settings:
    """What this module needs of its environment."""

    comments_table: str


TABLE = settings.read(Settings).comments_table

STORY = "story"
PINNED = "story#pinned#"
THREAD = "thread#"
COUNTS = "counts"
MODERATORS = "moderators"
REMINDERS = "reminders"


def story_pk(story_id: str) -> str:
    """Return the key a story and its public comments stand under."""
    return f"story#{story_id}"


def comment_pk(comment_id: str) -> str:
    """Return the key everything about a comment stands under."""
    return f"comment#{comment_id}"


def author_pk(person: str) -> str:
    """Return the key of an author's record."""
    return f"author#{person}"


def text_pk(fingerprint: str) -> str:
    """Return the key a text is remembered under."""
    return f"text#{fingerprint}"


def shard_sk(comment_id: str) -> str:
    """Return the shard that counts a comment: by the last digit of its id, which is random (RFC 9562, 5.7)."""
    return f"shard#{comment_id[-1]}"


class StoriesByTime(GlobalSecondaryIndex["Story"]):
    """Every story by when it was first written."""

    class Meta:
        index_name = "stories-by-time"
        projection = AllProjection()

    listed = UnicodeAttribute(hash_key=True)
    created_at = UTCDateTimeAttribute(range_key=True)


class Story(Record):
    """A page people comment on."""

    class Meta:
        table_name = TABLE

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default=STORY)
    stories_by_time = StoriesByTime()
    listed = UnicodeAttribute(default="yes")
    version = NumberAttribute()
    """Raised at every change an organiser makes; comments do not raise it."""
    title = UnicodeAttribute()
    url = UnicodeAttribute()
    summary = UnicodeAttribute()
    body_markdown = UnicodeAttribute()
    body_html = UnicodeAttribute()
    open = BooleanAttribute()
    close_after_days = NumberAttribute(null=True)
    mode = UnicodeAttribute()
    """Who waits for a moderator: ``all``, ``first`` (known authors do not), ``none``."""
    comments = NumberAttribute(default=0)
    """How many are approved."""
    pinned = NumberAttribute(default=0)
    created_by = UnicodeAttribute()
    created_at = UTCDateTimeAttribute()
    changed_at = UTCDateTimeAttribute()

    @property
    def story_id(self) -> str:
        """The story's id."""
        return self.pk.removeprefix("story#")


class PublicComment(Record):
    """An approved comment as the public reads it: the contract's JSON, written when the comment was approved."""

    class Meta:
        table_name = TABLE

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    entry = UnicodeAttribute()
    """The contract's item as JSON text: reading a page joins these, and neither renders nor sanitises (0022)."""


class ByQueue(GlobalSecondaryIndex["Comment"]):
    """Comments by the queue they stand in."""

    class Meta:
        index_name = "by-queue"
        projection = AllProjection()

    queue = UnicodeAttribute(hash_key=True)
    comment_id = UnicodeAttribute(range_key=True)


class ByPerson(GlobalSecondaryIndex["Comment"]):
    """Comments by who wrote them."""

    class Meta:
        index_name = "by-person"
        projection = AllProjection()

    person = UnicodeAttribute(hash_key=True)
    comment_id = UnicodeAttribute(range_key=True)


class Comment(Record):
    """A comment: what was written, by whom, and what became of it."""

    class Meta:
        table_name = TABLE

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default="comment")
    by_queue = ByQueue()
    by_person = ByPerson()
    comment_id = UnicodeAttribute()
    story_id = UnicodeAttribute()
    path = UnicodeAttribute()
    """The ids from the thread's first comment to this one, joined by ``/``; three at most."""
    person = UnicodeAttribute(null=True)
    """The author's person key; absent once they deleted it or were erased."""
    author_name = UnicodeAttribute()
    author_email = UnicodeAttribute(null=True)
    is_member = BooleanAttribute()
    """Sent by somebody signed in: a guest could type anybody's address."""
    is_staff = BooleanAttribute(default=False)
    body = UnicodeAttribute()
    html = UnicodeAttribute()
    original_body = UnicodeAttribute(null=True)
    """What the author wrote, where a moderator has changed it since."""
    status = UnicodeAttribute()
    """pending, approved, rejected, spam, removed; or deleted, by its author (`comments.standing`)."""
    before = UnicodeAttribute(null=True)
    """The status before the last decision: what restoring goes back to."""
    queue = UnicodeAttribute(null=True)
    version = NumberAttribute()
    """Raised whenever text or status change: a decision holds for the version a moderator saw."""
    signals = JSONAttribute()
    """Why screening wants a person to look: ``[{code, message, score, spans}]``."""
    flags = NumberAttribute(default=0)
    """Readers' reports nobody has dealt with."""
    pinned = BooleanAttribute(default=False)
    notify_replies = BooleanAttribute(default=False)
    created_at = UTCDateTimeAttribute()
    edited_at = UTCDateTimeAttribute(null=True)
    screened_at = UTCDateTimeAttribute(null=True)
    """When the checks that need history were made; until then nothing of a guest's appears."""
    decided_at = UTCDateTimeAttribute(null=True)
    decided_by = UnicodeAttribute(null=True)
    """The person key of the moderator who decided last."""
    decided_by_name = UnicodeAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    invited = BooleanAttribute(null=True)
    """Rejected with an invitation to edit and try again."""

    @property
    def parent_id(self) -> str | None:
        """The comment this one answers, None for one that begins a thread."""
        above = self.path.split("/")[:-1]
        return above[-1] if above else None


class HistoryEntry(Record):
    """Something that happened to a comment."""

    class Meta:
        table_name = TABLE

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    at = UTCDateTimeAttribute()
    what = UnicodeAttribute()
    """Past tense: submitted, screened, edited, flagged, approved, rejected, marked_spam, removed, restored, …"""
    by = UnicodeAttribute(null=True)
    """The person key of the moderator; absent where the author or the service did it."""
    by_name = UnicodeAttribute(null=True)
    was = UnicodeAttribute(null=True)
    became = UnicodeAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    message = UnicodeAttribute(null=True)
    """What the author was told."""
    note = UnicodeAttribute(null=True)
    """For moderators alone."""
    body = UnicodeAttribute(null=True)
    """The text before an edit."""
    version = NumberAttribute(null=True)


class Flag(Record):
    """A reader's report of a comment; one a reader."""

    class Meta:
        table_name = TABLE

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    reason = UnicodeAttribute()
    note = UnicodeAttribute()
    at = UTCDateTimeAttribute()


class Author(Record):
    """The record of somebody who comments, signed in or not, under their person key."""

    class Meta:
        table_name = TABLE

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default="author")
    approved = NumberAttribute(default=0)
    """This and the next four: how many of theirs stand so now."""
    rejected = NumberAttribute(default=0)
    spam = NumberAttribute(default=0)
    members_approved = NumberAttribute(default=0)
    """Of the approved, those sent signed in: what makes a known author. A guest could type anybody's address."""
    members_rejected = NumberAttribute(default=0)
    rejected_at = UTCDateTimeAttribute(null=True)
    """The last rejection of something sent signed in, be it restored since."""
    trusted = BooleanAttribute(default=False)
    held = BooleanAttribute(default=False)
    banned_until = UTCDateTimeAttribute(null=True)
    notes = JSONAttribute(null=True)
    """Moderators' notes: ``[{at, by, by_name, text}]``."""
    version = NumberAttribute(default=0)
    """Raised by what moderators write here."""

    @property
    def person(self) -> str:
        """The author's person key."""
        return self.pk.removeprefix("author#")


class Text(Record):
    """A comment had this text; as many items as comments had it, each put by its own comment, however often."""

    class Meta:
        table_name = TABLE

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    expires_at = NumberAttribute()
    """DynamoDB's time to live, Unix seconds."""


class Sending(Record):
    """A form that was sent: sent again, it is the same comment."""

    class Meta:
        table_name = TABLE

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default="form")
    comment_id = UnicodeAttribute()
    expires_at = NumberAttribute()
    """DynamoDB's time to live, Unix seconds."""


class RulesRecord(Record):
    """What screening goes by, as moderators wrote it; absent while nobody did."""

    class Meta:
        table_name = TABLE

    pk = UnicodeAttribute(hash_key=True, default="settings")
    sk = UnicodeAttribute(range_key=True, default="rules")
    rules = JSONAttribute()
    """Fields of `comments.screening.Rules`."""
    version = NumberAttribute()
    changed_at = UTCDateTimeAttribute()


class AuthorMessage(Record):
    """Something moderators wrote to an author, which goes out by email; put with the decision it belongs to."""

    class Meta:
        table_name = TABLE

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    at = UTCDateTimeAttribute()
    by = UnicodeAttribute()
    by_name = UnicodeAttribute()
    to_name = UnicodeAttribute()
    to_email = UnicodeAttribute()
    body = UnicodeAttribute()
    comment_id = UnicodeAttribute(null=True)
    """The comment it is about; absent where it is about none."""
    version = NumberAttribute(null=True)
    """Of that comment once it was rejected: what happened to it since makes the message moot."""
    reason = UnicodeAttribute(null=True)
    expires_at = NumberAttribute()
    """DynamoDB's time to live, Unix seconds."""


class ModeratorSeen(Record):
    """Somebody who decided something lately, and so is reminded of what waits."""

    class Meta:
        table_name = TABLE

    pk = UnicodeAttribute(hash_key=True, default=MODERATORS)
    sk = UnicodeAttribute(range_key=True)
    email = UnicodeAttribute()
    name = UnicodeAttribute()
    seen_at = UTCDateTimeAttribute()
    expires_at = NumberAttribute()
    """DynamoDB's time to live, Unix seconds."""


class Reminder(Record):
    """That moderators are to be reminded of what waits: one a day."""

    class Meta:
        table_name = TABLE

    pk = UnicodeAttribute(hash_key=True, default=REMINDERS)
    sk = UnicodeAttribute(range_key=True)
    """The day, in UTC."""
    waiting = NumberAttribute()
    at = UTCDateTimeAttribute()
    expires_at = NumberAttribute()
    """DynamoDB's time to live, Unix seconds."""


class QueueCounts(Record):
    """How many comments stand in each queue: one of sixteen shards."""

    class Meta:
        table_name = TABLE

    pk = UnicodeAttribute(hash_key=True, default=COUNTS)
    sk = UnicodeAttribute(range_key=True)
    pending = NumberAttribute(default=0)
    flagged = NumberAttribute(default=0)
    spam = NumberAttribute(default=0)
    approved = NumberAttribute(default=0)
    rejected = NumberAttribute(default=0)
