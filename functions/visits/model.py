"""The visits table.

| item | pk | sk | read by |
|---|---|---|---|
| `Counters`: the line's numbers | ``visit#<visit_id>`` | ``visit`` | key |
| `Details`: what people read about the visit | ``visit#<visit_id>`` | ``visit#details`` | Query, with the above |
| `Place`: a registration, or the tombstone of one | ``visit#<visit_id>`` | ``place#00000042`` | key; ranges by Query |
| the same, outside the line (`visits.by_hand`) | ``visit#<visit_id>`` | ``place#90000001`` and on | as above |
| `Message`: what an organiser wrote to its people | ``visit#<visit_id>`` | ``message#<message_id>`` | key; Query |
| `Guard`: a person's live place on a visit | ``person#<key>`` | ``visit#<visit_id>`` | key; a person's by Query |
| `Erasure`: somebody is to be erased | ``erasures`` | ``<person key>`` | Query, by the sweep |
| `Lookup`: somebody asked for the links of an address | ``person#<key>`` | ``lookup`` | the stream alone |

| index | keys | serves |
|---|---|---|
| ``public-by-start`` | ``listed``, ``starts_at`` | the public list, next first or newest first; the sweep |
| ``all-by-start`` | ``catalogue``, ``starts_at`` | the organisers' list, drafts and all; forgetting |

Only `Details` carries index keys, so that handing out a place never writes to an index. `Counters` stays under 1 KB,
so that it costs one write unit. The guard stands under the person (`docs/decisions/0002`). A registration is found by
its id without an index: the id says the place (`visits.registration_id`).
"""

from dataclasses import dataclass

from pynamodb.attributes import (
    BooleanAttribute,
    JSONAttribute,
    NumberAttribute,
    NumberSetAttribute,
    UnicodeAttribute,
    UTCDateTimeAttribute,
)
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex

from kernel import settings
from kernel.table import Record
from visits import line
from visits.line import Line


@dataclass(frozen=True, slots=True)
class Settings:
    """What this module needs of its environment."""

    visits_table: str


TABLE = settings.read(Settings).visits_table


def visit_pk(visit_id: str) -> str:
    """Return the key everything of a visit stands under."""
    return f"visit#{visit_id}"


def place_sk(place: int) -> str:
    """Return the sort key of a place: fixed width, so that places sort as numbers (at most 99,999,999)."""
    return f"place#{place:08d}"


def message_sk(message_id: str) -> str:
    """Return the sort key of a message."""
    return f"message#{message_id}"


def person_pk(person: str) -> str:
    """Return the key everything of a person stands under."""
    return f"person#{person}"


class Counters(Record):
    """The item ``visit``: what handing out a place reads and changes, in one update."""

    class Meta:
        table_name = TABLE

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default="visit")
    version = NumberAttribute()
    """Raised at every change an organiser makes; `Details` has the same, so a cached copy is known to be stale."""
    sequence = NumberAttribute(default=0)
    """As that of `Details`."""
    shared_at = UTCDateTimeAttribute(null=True)
    """When the recording and the tools were last shared."""
    status = UnicodeAttribute()
    waitlist = UnicodeAttribute()
    opens_at = UTCDateTimeAttribute()
    closes_at = UTCDateTimeAttribute()
    starts_at = UTCDateTimeAttribute()
    ends_at = UTCDateTimeAttribute()
    capacity = NumberAttribute()
    line = NumberAttribute(default=0)
    admitted = NumberAttribute(default=0)
    granted = NumberAttribute(default=0)
    settled_below = NumberAttribute(default=1)
    fence_line = NumberAttribute(default=0)
    fence_at = UTCDateTimeAttribute(null=True)
    written_to = NumberAttribute(default=0)
    extras = NumberAttribute(default=0)
    """How many places outside the line were numbered."""

    @property
    def visit_id(self) -> str:
        """The visit's id."""
        return self.pk.removeprefix("visit#")

    @property
    def numbers(self) -> Line:
        """The line's numbers, for the rules."""
        return Line(
            capacity=int(self.capacity), line=int(self.line), admitted=int(self.admitted), granted=int(self.granted)
        )


class PublicByStart(GlobalSecondaryIndex["Details"]):
    """Published visits by their start."""

    class Meta:
        index_name = "public-by-start"
        projection = AllProjection()

    listed = UnicodeAttribute(hash_key=True)
    starts_at = UTCDateTimeAttribute(range_key=True)


class AllByStart(GlobalSecondaryIndex["Details"]):
    """Every visit by its start."""

    class Meta:
        index_name = "all-by-start"
        projection = AllProjection()

    catalogue = UnicodeAttribute(hash_key=True)
    starts_at = UTCDateTimeAttribute(range_key=True)


class Details(Record):
    """The item ``visit#details``: what people read about a visit, and what organisers wrote."""

    class Meta:
        table_name = TABLE

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default="visit#details")
    public_by_start = PublicByStart()
    all_by_start = AllByStart()
    listed = UnicodeAttribute(null=True)
    catalogue = UnicodeAttribute(default="yes")
    version = NumberAttribute()
    sequence = NumberAttribute(default=0)
    """Raised when the visit moves or is cancelled: the schedule's version, and part of a calendar SEQUENCE."""
    status = UnicodeAttribute()
    title = UnicodeAttribute()
    summary = UnicodeAttribute()
    host = UnicodeAttribute()
    description_markdown = UnicodeAttribute()
    description_html = UnicodeAttribute()
    starts_at = UTCDateTimeAttribute()
    ends_at = UTCDateTimeAttribute()
    timezone = UnicodeAttribute()
    format = UnicodeAttribute()
    venue = UnicodeAttribute()
    room_url = UnicodeAttribute()
    capacity = NumberAttribute()
    waitlist = UnicodeAttribute()
    offer_hours = NumberAttribute()
    opens_at = UTCDateTimeAttribute(null=True)
    closes_at = UTCDateTimeAttribute(null=True)
    audience = UnicodeAttribute()
    questions = JSONAttribute()
    resources = JSONAttribute()
    recording_url = UnicodeAttribute()
    notice = UnicodeAttribute(null=True)
    """The `Message` that goes with the present ``sequence``: what the organiser wrote on moving or cancelling."""
    organisers = JSONAttribute()
    created_by = UnicodeAttribute()
    created_at = UTCDateTimeAttribute()
    changed_at = UTCDateTimeAttribute()
    search_text = UnicodeAttribute()
    attendance_settled_at = UTCDateTimeAttribute(null=True)
    """When an organiser last said that whoever was not marked missed it (`visits.attendance`)."""
    forgotten = UnicodeAttribute(null=True)
    """What was deleted of its registrations so far: ``access needs``, then ``everything`` (`visits.forget`)."""

    @property
    def visit_id(self) -> str:
        """The visit's id."""
        return self.pk.removeprefix("visit#")


class Place(Record):
    """A place in the line. Put only if absent; never deleted, reused or overwritten by another registration."""

    class Meta:
        table_name = TABLE

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    status = UnicodeAttribute()
    """confirmed, waiting, cancelled; or void: handed out and never taken, or moved up to an extra place."""
    released = BooleanAttribute(null=True)
    registration_id = UnicodeAttribute()
    person = UnicodeAttribute(null=True)
    name = UnicodeAttribute(null=True)
    email = UnicodeAttribute(null=True)
    organisation = UnicodeAttribute(null=True)
    job_role = UnicodeAttribute(null=True)
    access_needs = UnicodeAttribute(null=True)
    answers = JSONAttribute(null=True)
    consents = JSONAttribute(null=True)
    timezone = UnicodeAttribute(null=True)
    sequence = NumberAttribute(default=0)
    """Raised at every change that a calendar entry should show."""
    revision = NumberAttribute(null=True)
    """Raised at every change of what the registration says, so that moving it up copies what is true."""
    moved_to = NumberAttribute(null=True)
    """Of a void place: the extra place its registration was moved up to."""
    moved_from = NumberAttribute(null=True)
    """Of an extra place: the place in the line its registration was moved up from."""
    attendance = UnicodeAttribute(null=True)
    """attended or missed; absent while nobody knows."""
    attended_at = UTCDateTimeAttribute(null=True)
    """When the join link was followed first."""
    created_at = UTCDateTimeAttribute()
    confirmed_at = UTCDateTimeAttribute(null=True)
    cancelled_at = UTCDateTimeAttribute(null=True)
    cancelled_by_organiser = BooleanAttribute(null=True)
    pending_email = UnicodeAttribute(null=True)
    pending_since = UTCDateTimeAttribute(null=True)
    previous_email = UnicodeAttribute(null=True)
    email_changed_at = UTCDateTimeAttribute(null=True)
    links_recalled = NumberAttribute(null=True)
    """How often the links to "my place" were recalled: one made before that opens it no more."""

    @property
    def visit_id(self) -> str:
        """The visit's id."""
        return self.pk.removeprefix("visit#")

    @property
    def number(self) -> int:
        """The place's number: in the line, or from `visits.line.FIRST_EXTRA` on outside it."""
        return int(self.sk.removeprefix("place#"))

    @property
    def is_extra(self) -> bool:
        """Whether an organiser made it, outside the line."""
        return line.is_extra(self.number)


class Message(Record):
    """What an organiser wrote to the people of a visit, by itself or on moving or cancelling it. Never changed."""

    class Meta:
        table_name = TABLE

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    kind = UnicodeAttribute()
    """message, rescheduled or cancelled."""
    subject = UnicodeAttribute(null=True)
    """Of a message; the others have subjects of their own."""
    markdown = UnicodeAttribute()
    html = UnicodeAttribute()
    to = JSONAttribute()
    """The statuses of the registrations it is for."""
    moved_from = JSONAttribute(null=True)
    """When the visit was before it was moved: ``{starts_at, ends_at}``, RFC 3339."""
    posted_by = UnicodeAttribute()
    """Person key."""
    posted_at = UTCDateTimeAttribute()

    @property
    def visit_id(self) -> str:
        """The visit's id."""
        return self.pk.removeprefix("visit#")

    @property
    def message_id(self) -> str:
        """The message's id."""
        return self.sk.removeprefix("message#")


class Guard(Record):
    """One live registration a person and visit: points at it while there is one."""

    class Meta:
        table_name = TABLE

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    place = NumberAttribute(null=True)
    """The live place; absent while the guard is free."""
    held = NumberSetAttribute(null=True)
    """Every place this person ever had here."""
    answered = JSONAttribute(null=True)
    """The answers given under an Idempotency-Key, newest last: ``[{key, body, status, position, until}]``."""
    link_requested_at = UTCDateTimeAttribute(null=True)
    expires_at = NumberAttribute(null=True)
    """DynamoDB's time to live, Unix seconds: set once the registration is forgotten (`visits.forget`)."""

    @property
    def visit_id(self) -> str:
        """The visit's id."""
        return self.sk.removeprefix("visit#")


class Lookup(Record):
    """Somebody asked to have the links of an address sent to it. Gone after a day; written for any address."""

    class Meta:
        table_name = TABLE

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default="lookup")
    asked_at = UTCDateTimeAttribute()
    expires_at = NumberAttribute()
    """DynamoDB's time to live, Unix seconds."""


class Erasure(Record):
    """Somebody asked to be erased: kept for a day, so that the sweep can do it once more (`visits.erase`)."""

    class Meta:
        table_name = TABLE

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    requested_at = UTCDateTimeAttribute()
    settled_at = UTCDateTimeAttribute(null=True)
    """When it was repeated after everybody who was registering meanwhile was done."""
    expires_at = NumberAttribute()
    """DynamoDB's time to live, Unix seconds."""
