"""What others may read of the visits: a visit, a registration, a person's registrations. All reads are consistent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from kernel.text import greeting, one_line
from visits import line, links
from visits.links import PlaceRef
from visits.model import Counters, Details, Guard, Message, Place, message_sk, person_pk, place_sk, visit_pk
from visits.opening import Opening, Window, opening
from visits.registration_id import place_in

if TYPE_CHECKING:
    from kernel import calendar


@dataclass(frozen=True, slots=True)
class SessionView:
    """One session of a visit; times are aware, UTC."""

    starts_at: datetime
    ends_at: datetime
    title: str


@dataclass(frozen=True, slots=True)
class VisitView:
    """A visit as an email speaks of it.

    Attributes:
        sequence: the version of its schedule.
        notice: the id of the message that goes with that version; None for a visit that never moved.
    """

    visit_id: str
    title: str
    host: str
    summary: str
    starts_at: datetime
    ends_at: datetime
    timezone: str
    sessions: tuple[SessionView, ...]
    format: str
    venue: str
    status: str
    sequence: int
    notice: str | None = None
    recording_url: str = ""
    resources: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class MessageView:
    """What an organiser wrote to the people of a visit.

    Attributes:
        kind: message, rescheduled or cancelled.
        markdown, html: the same text; both are empty where the organiser wrote nothing.
        to: the statuses of the registrations it is for.
        moved_from: when the visit was before it was moved, from and to; aware.
    """

    message_id: str
    kind: str
    subject: str
    markdown: str
    html: str
    to: frozenset[str]
    moved_from: tuple[datetime, datetime] | None = None


LONGEST = timedelta(days=31)
"""A visit that began longer ago has ended (`visits.edit.MAX_LENGTH`)."""

SLACK = timedelta(hours=1)
"""How far the order of places and that of their times may differ: far more than a function runs."""

NAMED = 50
"""How many people a digest names of one visit; the others are counted."""


@dataclass(frozen=True, slots=True)
class Newcomers:
    """Who registered for a visit in some span, by what they have now; ``names`` are of those still registered."""

    visit: VisitView
    confirmed: int
    waiting: int
    cancelled: int
    names: tuple[str, ...]

    @property
    def people(self) -> int:
        """How many registered."""
        return self.confirmed + self.waiting + self.cancelled


@dataclass(frozen=True, slots=True)
class RegistrationView:
    """A registration as an email speaks of it.

    Attributes:
        position: people waiting ahead, plus one; None unless waiting.
        sequence: raised at every change that a calendar entry should show.
        was_confirmed: it held a seat at some time, so a calendar entry was sent.
        pending_email: the address somebody asked to change to and has not confirmed yet.
        previous_email: the address it had before the last change.
        links_recalled: how often the links to it were recalled.
        cancelled_by_organiser: an organiser cancelled it, not its person.
    """

    visit_id: str
    registration_id: str
    place: int
    person: str
    name: str
    email: str
    status: str
    position: int | None
    sequence: int
    was_confirmed: bool
    pending_email: str | None
    previous_email: str | None
    links_recalled: int = 0
    cancelled_by_organiser: bool = False
    attendance: str = "unknown"
    answers: Mapping[str, object] = field(default_factory=dict)
    consents: Mapping[str, object] = field(default_factory=dict)
    registered_at: datetime | None = None
    confirmed_at: datetime | None = None
    cancelled_at: datetime | None = None


def visit(visit_id: str) -> VisitView | None:
    """Return a visit, or None."""
    details = details_of(visit_id)
    return None if details is None else visit_view(details)


def registration(visit_id: str, place: int) -> RegistrationView | None:
    """Return the registration at a place; None where nobody ever took it."""
    found = registration_at(visit_id, place)
    return None if found is None else registration_view(found, position_of(found))


@dataclass(frozen=True, slots=True)
class Milestones:
    """What happened to a visit that emails are timed by; aware, None where it has not happened.

    Attributes:
        moved_at: when the present version of its schedule came to be, by moving or calling it off.
        shared_at: when something to take home was shared last.
        settled_at: when attendance was settled.
    """

    moved_at: datetime | None
    shared_at: datetime | None
    settled_at: datetime | None


def milestones(visit_id: str) -> Milestones:
    """Return what happened to a visit so far; of an unknown one, nothing."""
    found = counters_and_details(visit_id)
    if found is None:
        return Milestones(None, None, None)
    counters, details = found
    moved_at = None
    if details.notice is not None:
        moved_at = Message.get(visit_pk(visit_id), message_sk(details.notice), consistent_read=True).posted_at
    return Milestones(moved_at=moved_at, shared_at=counters.shared_at, settled_at=details.attendance_settled_at)


def message(visit_id: str, message_id: str) -> MessageView | None:
    """Return what an organiser wrote to a visit's people, or None."""
    try:
        found = Message.get(visit_pk(visit_id), message_sk(message_id), consistent_read=True)
    except Message.DoesNotExist:
        return None
    moved = found.moved_from
    return MessageView(
        message_id=message_id,
        kind=found.kind,
        subject=found.subject or "",
        markdown=found.markdown,
        html=found.html,
        to=frozenset(found.to),
        moved_from=(datetime.fromisoformat(moved["starts_at"]), datetime.fromisoformat(moved["ends_at"]))
        if moved
        else None,
    )


def people_after(visit_id: str, place: int, limit: int) -> list[RegistrationView]:
    """Return the next registrations of a visit in the order of the line, cancelled ones too; without positions.

    Fewer than ``limit`` means that there are no more. Reads as much and no more.
    """
    found = Place.query(
        visit_pk(visit_id),
        Place.sk.between(place_sk(place + 1), place_sk(10**8 - 1)),
        filter_condition=Place.person.exists(),
        consistent_read=True,
        limit=limit,
        page_size=limit,
    )
    return [registration_view(one, None) for one in found]


def newcomers(organiser: str, since: datetime, until: datetime) -> list[Newcomers]:
    """Return who registered in a span for the visits that ``organiser`` (an email address) organises, soonest first.

    Visits are read from an index, of each the places handed out last; both as far back as the span reaches.
    """
    visits = Details.all_by_start.query(
        "yes",
        Details.starts_at >= since - LONGEST,
        filter_condition=(Details.ends_at > since) & (Details.status != "draft"),
    )
    found = (_newcomers(details, since, until) for details in visits if organiser in details.organisers)
    return [one for one in found if one.people]


def _newcomers(details: Details, since: datetime, until: datetime) -> Newcomers:
    new = [place for place in _latest(details.visit_id, since) if since <= place.created_at < until]
    counts = Counter(place.status for place in new)
    live = [place for place in reversed(new) if place.status in line.LIVE]
    return Newcomers(
        visit=visit_view(details),
        confirmed=counts["confirmed"],
        waiting=counts["waiting"] + counts["offered"],
        cancelled=counts["cancelled"],
        names=tuple(place.name or "" for place in live[:NAMED]),
    )


def _latest(visit_id: str, since: datetime) -> Iterator[Place]:
    """Yield registrations, the last handed out first, until those are met that were surely made before."""
    keys = Place.sk.startswith("place#")
    person = Place.person.exists()
    for place in Place.query(
        visit_pk(visit_id), keys, filter_condition=person, consistent_read=True, scan_index_forward=False, page_size=100
    ):
        if place.created_at < since - SLACK and not place.is_extra:
            return
        yield place


def registrations_of(person: str) -> list[RegistrationView]:
    """Return a person's live registrations, in no particular order."""
    guards = Guard.query(person_pk(person), Guard.sk.startswith("visit#"), consistent_read=True)
    found = (registration(guard.visit_id, int(guard.place)) for guard in guards if guard.place is not None)
    return [one for one in found if one is not None]


def place_link(registration: RegistrationView, *, visit: VisitView, base_url: str, keys: Sequence[str]) -> str:
    """Return the link to "my place"."""
    ref = PlaceRef(registration.visit_id, registration.place, registration.links_recalled)
    return f"{base_url}/places/{links.place_token(ref, ends_at=visit.ends_at, keys=keys)}"


def join_link(registration: RegistrationView, *, visit: VisitView, base_url: str, keys: Sequence[str]) -> str:
    """Return a person's own link into an online visit; it opens shortly before the start."""
    ref = PlaceRef(registration.visit_id, registration.place, registration.links_recalled)
    return f"{base_url}/join/{links.join_token(ref, ends_at=visit.ends_at, keys=keys)}"


def names_at(visit_id: str, places: Collection[int]) -> Mapping[int, str]:
    """Return the names of who holds, or held, some places: a hundred at most."""
    keys = [(visit_pk(visit_id), place_sk(place)) for place in sorted(set(places))]
    return {place.number: place.name or "" for place in Place.batch_get(keys, consistent_read=True)} if keys else {}


def address_link(
    registration: RegistrationView, email: str, *, now: datetime, base_url: str, keys: Sequence[str]
) -> str:
    """Return the link by which somebody proves that the new address is theirs."""
    ref = PlaceRef(registration.visit_id, registration.place)
    token = links.address_token(links.ADDRESS, ref, email, expires_at=now + links.ADDRESS_GOOD_FOR, keys=keys)
    return f"{base_url}/addresses/{token}"


def address_undo_link(
    registration: RegistrationView, email: str, *, now: datetime, base_url: str, keys: Sequence[str]
) -> str:
    """Return the link by which the owner of the old address takes the change back."""
    ref = PlaceRef(registration.visit_id, registration.place)
    token = links.address_token(links.ADDRESS_UNDO, ref, email, expires_at=now + links.UNDO_GOOD_FOR, keys=keys)
    return f"{base_url}/addresses/undo/{token}"


@dataclass(frozen=True, slots=True)
class Publisher:
    """Who calendars name as the organiser: the service's address, the community, the mailbox it writes from."""

    base_url: str
    community: str
    name: str
    email: str


def calendar_entry(visit: VisitView, registration: RegistrationView | None, publisher: Publisher) -> calendar.Entry:
    """Return the entry of a registration, the same wherever it is written; without one, the visit's public entry."""
    from kernel import calendar

    page = f"{publisher.base_url}/visits/{visit.visit_id}"
    attendee = None
    if registration is not None:
        attendee = calendar.Contact(greeting(registration.name) or "", calendar.mailto(registration.email))
    how = f"To change your details or give your place back, use the link in your email from {publisher.community}."
    return calendar.Entry(
        uid=calendar.registration_uid(registration.registration_id, publisher.base_url)
        if registration
        else calendar.visit_uid(visit.visit_id, publisher.base_url),
        sequence=visit.sequence + (registration.sequence if registration else 0),
        starts_at=visit.starts_at,
        ends_at=visit.ends_at,
        timezone=visit.timezone,
        summary=one_line(visit.title),
        description="\n".join([visit.summary, "", *([how] if registration else []), page]).strip(),
        location=where(visit),
        url=page,
        organizer=calendar.Contact(publisher.name or publisher.community, calendar.mailto(publisher.email)),
        attendee=attendee,
        cancelled=visit.status == "cancelled" or (registration is not None and registration.status == "cancelled"),
    )


def where(visit: VisitView) -> str:
    """Return where a visit takes place, in words; never the address of an online room."""
    venue = one_line(visit.venue) or one_line(visit.host)
    return {"online": "Online", "in_person": venue, "hybrid": f"{venue}, or online"}[visit.format]


def counters_and_details(visit_id: str) -> tuple[Counters, Details] | None:
    """Return both items of a visit, by one query; None for an unknown visit."""
    answer = Counters.connection().query(
        Counters.Meta.table_name,
        visit_pk(visit_id),
        range_key_condition=Counters.sk.startswith("visit"),
        consistent_read=True,
    )
    items = {item["sk"]["S"]: item for item in answer["Items"]}
    if "visit" not in items or "visit#details" not in items:
        return None
    return Counters.from_raw_data(items["visit"]), Details.from_raw_data(items["visit#details"])


def counters_of(visit_id: str) -> Counters | None:
    """Return the line's item, or None."""
    return _get(Counters, visit_pk(visit_id), "visit")


def details_of(visit_id: str) -> Details | None:
    """Return the details item, or None."""
    return _get(Details, visit_pk(visit_id), "visit#details")


def place_at(visit_id: str, place: int) -> Place | None:
    """Return the item of a place, or None where nothing is written."""
    return _get(Place, visit_pk(visit_id), place_sk(place))


def registration_at(visit_id: str, place: int) -> Place | None:
    """Return the registration that has, or had, a place; wherever it was moved up to. None where nobody took it."""
    found = place_at(visit_id, place)
    if found is not None and found.moved_to is not None:
        found = place_at(visit_id, int(found.moved_to))
    return None if found is None or found.person is None else found


def registration_of(visit_id: str, registration_id: str) -> Place | None:
    """Return a visit's registration by its id, None where this visit has no such one."""
    place = place_in(registration_id)
    found = None if place is None else registration_at(visit_id, place)
    return found if found is not None and found.registration_id == registration_id else None


def guard_of(person: str, visit_id: str) -> Guard | None:
    """Return a person's guard on a visit, or None."""
    return _get(Guard, person_pk(person), visit_pk(visit_id))


def gone_places(visit_id: str, first: int, last: int) -> list[int]:
    """Return the cancelled and void places from ``first`` to ``last``, in order."""
    if first > last:
        return []
    gone = Place.query(
        visit_pk(visit_id),
        Place.sk.between(place_sk(first), place_sk(last)),
        filter_condition=Place.status.is_in(*sorted(line.GONE)),
        attributes_to_get=["pk", "sk"],
        consistent_read=True,
    )
    return [place.number for place in gone]


def opening_of(counters: Counters, now: datetime) -> Opening:
    """Return what a newcomer meets at a visit now."""
    window = Window(counters.status, counters.waitlist, counters.opens_at, counters.closes_at, counters.ends_at)
    return opening(window, counters.numbers, now)


def waiting_at(counters: Counters) -> int:
    """Count the people who wait."""
    numbers = counters.numbers
    if numbers.line <= numbers.bound:
        return 0
    return line.waiting(numbers, len(gone_places(counters.visit_id, numbers.bound + 1, numbers.line)))


def position_at(counters: Counters, place: int) -> int:
    """Return the position of somebody who waits at ``place``, or would if it were handed out next."""
    bound = counters.numbers.bound
    return line.position(place, bound, len(gone_places(counters.visit_id, bound + 1, place - 1)))


def position_of(place: Place) -> int | None:
    """Return the position of a waiting registration, None for any other."""
    if place.status != "waiting":
        return None
    counters = counters_of(place.visit_id)
    return None if counters is None else position_at(counters, place.number)


def _get[R: (Counters, Details, Place, Guard)](kind: type[R], pk: str, sk: str) -> R | None:
    try:
        return kind.get(pk, sk, consistent_read=True)
    except kind.DoesNotExist:
        return None


def visit_view(details: Details) -> VisitView:
    """Return an item as others see it."""
    return VisitView(
        visit_id=details.visit_id,
        title=details.title,
        host=details.host,
        summary=details.summary,
        starts_at=details.starts_at,
        ends_at=details.ends_at,
        timezone=details.timezone,
        sessions=(SessionView(details.starts_at, details.ends_at, details.title),),
        format=details.format,
        venue=details.venue,
        status=details.status,
        sequence=int(details.sequence),
        notice=details.notice,
        recording_url=details.recording_url,
        resources=tuple((one["title"], one["url"]) for one in details.resources),
    )


def registration_view(place: Place, position: int | None) -> RegistrationView:
    """Return an item as others see it; ``position`` is None unless it waits."""
    return RegistrationView(
        visit_id=place.visit_id,
        registration_id=place.registration_id,
        place=place.number,
        person=place.person or "",
        name=place.name or "",
        email=place.email or "",
        status=place.status,
        position=position,
        sequence=int(place.sequence),
        was_confirmed=place.confirmed_at is not None,
        pending_email=place.pending_email,
        previous_email=place.previous_email,
        links_recalled=int(place.links_recalled or 0),
        cancelled_by_organiser=bool(place.cancelled_by_organiser),
        attendance=place.attendance or "unknown",
        answers=place.answers or {},
        consents=place.consents or {},
        registered_at=place.created_at,
        confirmed_at=place.confirmed_at,
        cancelled_at=place.cancelled_at,
    )


@dataclass(frozen=True, slots=True)
class Holding:
    """A registration with all that is held about it, and its visit, for whom it is about to see.

    Attributes:
        organisers: addresses of the visit's organisers, who alone see access needs.
        answers: by question id; ``questions`` says how each was asked.
        stored: every attribute of the registration, as stored.
    """

    visit: VisitView
    registration: RegistrationView
    organisation: str
    job_role: str
    attendance: str
    registered_at: datetime
    organisers: tuple[str, ...]
    stored: Mapping[str, object]

    @property
    def name(self) -> str:
        """The name they gave."""
        return self.registration.name

    @property
    def email(self) -> str:
        """The address they gave."""
        return self.registration.email

    def as_json(self, *, access_needs: bool) -> dict[str, object]:
        """Return everything held of it as JSON; ``access_needs`` says whether the reader may see those."""
        held = {name: _plain(value) for name, value in self.stored.items() if name not in {"pk", "sk", "person"}}
        if not access_needs and "access_needs" in held:
            held["access_needs"] = None
        return {
            "visit": {
                "visit_id": self.visit.visit_id,
                "title": self.visit.title,
                "host": self.visit.host,
                "starts_at": self.visit.starts_at.isoformat(),
                "ends_at": self.visit.ends_at.isoformat(),
                "timezone": self.visit.timezone,
                "status": self.visit.status,
            },
            "place": self.registration.place,
            **held,
        }


def held_by(person: str) -> list[Holding]:
    """Return every registration of a person that is not erased, cancelled ones too, by the visit's start."""
    found = []
    for guard in Guard.query(person_pk(person), Guard.sk.startswith("visit#"), consistent_read=True):
        numbers = {int(number) for number in guard.held or ()} | ({int(guard.place)} if guard.place else set())
        keys = [(visit_pk(guard.visit_id), place_sk(number)) for number in sorted(numbers)]
        theirs = [place for place in Place.batch_get(keys, consistent_read=True) if place.person == person]
        details = details_of(guard.visit_id) if theirs else None
        if details is not None:
            found += [_holding(place, details) for place in theirs if place.status != "void"]
    return sorted(found, key=lambda one: (one.visit.starts_at, one.visit.visit_id, one.registration.place))


def _holding(place: Place, details: Details) -> Holding:
    return Holding(
        visit=visit_view(details),
        registration=registration_view(place, position_of(place)),
        organisation=place.organisation or "",
        job_role=place.job_role or "",
        attendance=place.attendance or "unknown",
        registered_at=place.created_at,
        organisers=tuple(details.organisers),
        stored=dict(place.attribute_values),
    )


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
