"""Lists: visits by start on an index, a visit's people in the order of the line; a page at a time, with cursors."""

import base64
import json
import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Literal

from pynamodb.attributes import UTCDateTimeAttribute
from pynamodb.exceptions import QueryError
from pynamodb.expressions.condition import Condition

from kernel.errors import FieldError, Invalid
from visits import line, query
from visits.line import LIVE
from visits.model import Counters, Details, Place, place_sk, visit_pk

MAX_LIMIT = 100
DEFAULT_LIMIT = 50
MAX_QUERY = 200

LONGEST = timedelta(days=31)
"""A visit that began longer ago has ended (`visits.edit.MAX_LENGTH`)."""


@dataclass(frozen=True, slots=True)
class Page[T]:
    """Some items, and the cursor to those that follow, or None."""

    items: list[T]
    next: str | None


@dataclass(frozen=True, slots=True)
class Asked:
    """Which visits are asked for. ``first`` and ``last`` bound the start; ``words`` stand in title, host or summary."""

    limit: int = DEFAULT_LIMIT
    cursor: str | None = None
    past: bool = False
    first: datetime | None = None
    last: datetime | None = None
    words: str = ""


def asked(parameters: dict[str, str]) -> Asked:
    """Read the query parameters of a list.

    Raises:
        Invalid: naming the parameter that cannot be read.
    """
    words = parameters.get("q", "").strip()
    if len(words) > MAX_QUERY:
        raise Invalid(errors=[FieldError("q", f"Search for {MAX_QUERY} characters at most.")])
    return Asked(
        limit=_limit(parameters.get("limit", str(DEFAULT_LIMIT))),
        cursor=parameters.get("cursor"),
        past=parameters.get("past", "").lower() in {"true", "1"},
        first=_moment("from", parameters.get("from")),
        last=_moment("to", parameters.get("to")),
        words=words,
    )


def public_visits(wanted: Asked, *, now: datetime) -> Page[tuple[Counters, Details]]:
    """Return published visits: the coming ones, next first; or the past ones, newest first.

    Raises:
        Invalid: a cursor that is nobody's.
    """
    over: Condition = Details.ends_at <= now
    condition = over if wanted.past else ~over
    first, last = _bounds(
        wanted, not_before=None if wanted.past else now - LONGEST, not_after=now if wanted.past else None
    )
    if first and last and first > last:
        return Page([], None)
    found = Details.public_by_start.query(
        "yes",
        _between(first, last),
        filter_condition=_search(wanted, condition),
        scan_index_forward=not wanted.past,
        last_evaluated_key=_start(wanted.cursor, "listed"),
    )
    return _with_counters(_page(found, wanted))


def all_visits(wanted: Asked) -> Page[tuple[Counters, Details]]:
    """Return every visit, drafts and all, the latest start first.

    Raises:
        Invalid: a cursor that is nobody's.
    """
    first, last = _bounds(wanted, not_before=None, not_after=None)
    if first and last and first > last:
        return Page([], None)
    found = Details.all_by_start.query(
        "yes",
        _between(first, last),
        filter_condition=_search(wanted, None),
        scan_index_forward=False,
        last_evaluated_key=_start(wanted.cursor, "catalogue"),
    )
    return _with_counters(_page(found, wanted))


type Which = Literal["coming", "past", "drafts"]


def organisers_visits(wanted: Asked, which: Which, *, now: datetime) -> Page[tuple[Counters, Details]]:
    """Return the organisers' visits: the coming ones, next first; the past ones or the drafts, latest start first.

    A cancelled visit stands where it would have stood.

    Raises:
        Invalid: a cursor that is nobody's.
    """
    draft: Condition = Details.status == "draft"
    over: Condition = Details.ends_at <= now
    condition = draft if which == "drafts" else ~draft & (over if which == "past" else ~over)
    first, last = _bounds(
        wanted,
        not_before=now - LONGEST if which == "coming" else None,
        not_after=now if which == "past" else None,
    )
    found = Details.all_by_start.query(
        "yes",
        _between(first, last),
        filter_condition=_search(wanted, condition),
        scan_index_forward=which == "coming",
        last_evaluated_key=_start(wanted.cursor, "catalogue"),
    )
    return _with_counters(_page(found, wanted))


@dataclass(frozen=True, slots=True)
class AskedPeople:
    """Which registrations are asked for; ``words`` stand in name, address or organisation.

    ``attendance`` is ``attended``, ``missed``, ``unknown`` (of those with a confirmed place), or empty for any.
    """

    limit: int = DEFAULT_LIMIT
    after: int = 0
    statuses: frozenset[str] = field(default_factory=frozenset)
    words: str = ""
    attendance: str = ""

    @property
    def everybody(self) -> bool:
        """Whether nobody is left out, so that a page needs no more reading than it shows."""
        return not (self.statuses or self.words or self.attendance)


def asked_people(parameters: dict[str, str]) -> AskedPeople:
    """Read the query parameters of a list of registrations.

    Raises:
        Invalid: naming the parameter that cannot be read.
    """
    wanted = asked({key: value for key, value in parameters.items() if key in {"limit", "q"}})
    status = parameters.get("status", "")
    if status and status not in LIVE | {"cancelled"}:
        raise Invalid(errors=[FieldError("status", "This must be confirmed, waiting, offered or cancelled.")])
    attendance = parameters.get("attendance", "")
    if attendance and attendance not in {"attended", "missed", "unknown"}:
        raise Invalid(errors=[FieldError("attendance", "This must be attended, missed or unknown.")])
    after = _decoded(parameters["cursor"]) if parameters.get("cursor") else 0
    if not isinstance(after, int) or not 0 <= after < 10**8:
        raise Invalid(errors=[_NO_CURSOR])
    return AskedPeople(wanted.limit, after, frozenset({status} if status else ()), wanted.words.casefold(), attendance)


def people(visit_id: str, wanted: AskedPeople) -> Page[Place]:
    """Return registrations of a visit in the order of the line. Tombstones that were never anybody's are left out."""
    keys = Place.sk.between(place_sk(wanted.after + 1), place_sk(10**8 - 1))
    # Of people looked for, DynamoDB reads a megabyte at a time; of everybody, no more than the page holds.
    at_once = wanted.limit + 1 if wanted.everybody else None
    found = Place.query(visit_pk(visit_id), keys, Place.person.exists(), consistent_read=True, page_size=at_once)
    fitting = (place for place in found if _fits(place, wanted))
    items = list(islice(fitting, wanted.limit + 1))
    more = len(items) > wanted.limit
    items = items[: wanted.limit]
    return Page(items, _encoded(items[-1].number) if more else None)


def positions(items: list[Place], counters: Counters) -> dict[int, int]:
    """Return the position of each of ``items`` who waits, by place; ``items`` are in the order of the line."""
    waiting = [place.number for place in items if place.status == "waiting"]
    if not waiting:
        return {}
    bound = counters.numbers.bound
    gone = query.gone_places(counters.visit_id, bound + 1, waiting[-1])
    return {number: line.position(number, bound, bisect_left(gone, number)) for number in waiting}


def _fits(place: Place, wanted: AskedPeople) -> bool:
    text = f"{place.name} {place.email} {place.organisation or ''}".casefold()
    if wanted.attendance and (place.status != "confirmed" or (place.attendance or "unknown") != wanted.attendance):
        return False
    return (not wanted.statuses or place.status in wanted.statuses) and wanted.words in text


def _bounds(
    wanted: Asked, *, not_before: datetime | None, not_after: datetime | None
) -> tuple[datetime | None, datetime | None]:
    first = max((moment for moment in (wanted.first, not_before) if moment), default=None)
    last = min((moment for moment in (wanted.last, not_after) if moment), default=None)
    return first, last


def _between(first: datetime | None, last: datetime | None) -> Condition | None:
    if first and last:
        return Details.starts_at.between(first, last)
    if first:
        return Details.starts_at >= first
    return Details.starts_at <= last if last else None


def _search(wanted: Asked, condition: Condition | None) -> Condition | None:
    for word in wanted.words.casefold().split():
        has_it = Details.search_text.contains(word)
        condition = has_it if condition is None else condition & has_it
    return condition


def _page(found: Iterator[Details], wanted: Asked) -> Page[Details]:
    limit = wanted.limit
    try:
        items = list(islice(found, limit + 1))
    except QueryError as error:
        # A cursor that lies outside what the query asks for by now: kept for weeks, or sent with other bounds.
        if wanted.cursor and error.cause_response_code == "ValidationException":
            raise Invalid(errors=[_NO_CURSOR]) from error
        raise
    if len(items) <= limit:
        return Page(items, None)
    last = items[limit - 1]
    return Page(items[:limit], _encoded([_STARTS_AT.serialize(last.starts_at), last.visit_id]))


def _with_counters(page: Page[Details]) -> Page[tuple[Counters, Details]]:
    keys = [(details.pk, "visit") for details in page.items]
    counters = {item.pk: item for item in Counters.batch_get(keys, consistent_read=True)} if keys else {}
    return Page([(counters[one.pk], one) for one in page.items if one.pk in counters], page.next)


_CURSOR = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}\+0000 [a-z0-9][a-z0-9-]{2,63}")
_STARTS_AT = UTCDateTimeAttribute()
_NO_CURSOR = FieldError("cursor", "This cursor is none of ours: begin without one.")


def _start(cursor: str | None, index_key: str) -> dict[str, dict[str, str]] | None:
    """Return where a query on an index goes on: DynamoDB's key of the last item seen."""
    if not cursor:
        return None
    match _decoded(cursor):
        case [str(starts_at), str(visit_id)] if _CURSOR.fullmatch(f"{starts_at} {visit_id}"):
            key = {index_key: "yes", "starts_at": starts_at, "pk": visit_pk(visit_id), "sk": "visit#details"}
            return {name: {"S": value} for name, value in key.items()}
        case _:
            raise Invalid(errors=[_NO_CURSOR])


def _encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).rstrip(b"=").decode()


def _decoded(cursor: str) -> object:
    try:
        value: object = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return value
    except (ValueError, RecursionError):
        raise Invalid(errors=[_NO_CURSOR]) from None


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= MAX_LIMIT):
        raise Invalid(errors=[FieldError("limit", f"This must be a number from 1 to {MAX_LIMIT}.")])
    return int(text)


def _moment(name: str, text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        # A "+" that nobody encoded arrives as a space.
        moment = datetime.fromisoformat(text.replace(" ", "+"))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid(errors=[FieldError(name, "Write a date, or a time with its offset (RFC 3339).")]) from None
