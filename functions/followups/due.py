"""When a step is due. Pure: no I/O, no clock; the time is handed in.

A step counts from an *anchor*: something that happens to a visit (`start`, `end`, `shared`) or to one registration
(`registered`, `admitted`, …). The rule, in the order it is applied:

1. The days of the offset are calendar days in the visit's zone: the wall clock stays as it is, however long those
   days were. "A day before 14:00" is 14:00, also over a clock change.
2. The hours, minutes and seconds of the offset are elapsed time. "An hour before" is an hour, whatever clocks say.
3. With ``at``, the step is due at that wall-clock time of the day reached by then, in the visit's zone.

A wall-clock time that does not exist (clocks go forward) moves on by as much as they do; one that exists twice (clocks
go back) happens once, the first time.

A step whose moment has passed by more than its tolerance is not sent any more. Whoever joins late gets a step as long
as that tolerance lasts, and is recorded as skipped after it.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

LONGEST_OFFSET: Final = timedelta(days=400)
LONGEST_TOLERANCE: Final = timedelta(days=60)


class Anchor(StrEnum):
    """What a step counts from."""

    REGISTERED = "registered"
    WAITING = "waiting"
    ADMITTED = "admitted"
    OFFERED = "offered"
    CHANGED = "changed"
    CANCELLED = "cancelled"
    START = "start"
    END = "end"
    SHARED = "shared"
    PLEDGED = "pledged"


OF_THE_VISIT: Final = frozenset({Anchor.START, Anchor.END, Anchor.SHARED})
"""Anchors that are one moment for everybody; the others are each person's own."""


class DurationInvalid(ValueError):
    """A text is no ISO 8601 duration of weeks, days, hours, minutes and seconds."""


@dataclass(frozen=True, slots=True)
class Offset:
    """How far from its anchor a step is: calendar days, and elapsed time on top of them, both with the same sign."""

    days: int = 0
    elapsed: timedelta = timedelta()

    def __str__(self) -> str:
        sign = "-" if self.days < 0 or self.elapsed < timedelta() else ""
        return sign + _written(abs(self.days), abs(self.elapsed))


@dataclass(frozen=True, slots=True)
class When:
    """When a step is due: the contract's ``when``. ``at`` is a wall-clock time in the visit's zone."""

    anchor: Anchor
    offset: Offset = Offset()
    at: time | None = None
    tolerance: timedelta = timedelta(hours=6)


_DURATION: Final = re.compile(
    r"(?P<sign>[+-]?)P(?:(?P<weeks>\d{1,4})W)?(?:(?P<days>\d{1,5})D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d{1,5})H)?(?:(?P<minutes>\d{1,6})M)?(?:(?P<seconds>\d{1,8})S)?)?",
    re.ASCII,
)


def read_offset(text: str) -> Offset:
    """Read an offset such as ``-P1D``, ``PT2H`` or ``P1DT9H``.

    Raises:
        DurationInvalid: it is none, or longer than `LONGEST_OFFSET`.
    """
    match = _DURATION.fullmatch(text)
    parts = {} if match is None else {k: int(v) for k, v in match.groupdict().items() if k != "sign" and v}
    if match is None or not parts:
        raise DurationInvalid("Write a duration like -P1D, PT2H or P5D.")
    days = 7 * parts.get("weeks", 0) + parts.get("days", 0)
    elapsed = timedelta(hours=parts.get("hours", 0), minutes=parts.get("minutes", 0), seconds=parts.get("seconds", 0))
    if timedelta(days) + elapsed > LONGEST_OFFSET:
        raise DurationInvalid(f"Choose a duration of {LONGEST_OFFSET.days} days at most.")
    return Offset(-days, -elapsed) if match["sign"] == "-" else Offset(days, elapsed)


def read_tolerance(text: str) -> timedelta:
    """Read a tolerance, elapsed time: a day is 24 hours.

    Raises:
        DurationInvalid: it is no duration, negative, or longer than `LONGEST_TOLERANCE`.
    """
    offset = read_offset(text)
    tolerance = timedelta(offset.days) + offset.elapsed
    if not timedelta() <= tolerance <= LONGEST_TOLERANCE:
        raise DurationInvalid(f"Choose a tolerance from PT0S to P{LONGEST_TOLERANCE.days}D.")
    return tolerance


def tolerance_text(tolerance: timedelta) -> str:
    """Return a tolerance as ISO 8601 text."""
    return _written(tolerance.days, timedelta(seconds=tolerance.seconds))


def moment(when: When, anchored_at: datetime, zone: ZoneInfo) -> datetime:
    """Return when a step is due, UTC, by the rule at the top of this module; ``anchored_at`` is aware."""
    moved = anchored_at.astimezone(UTC)
    if when.offset.days:
        local = moved.astimezone(zone)
        moved = _instant(local.replace(tzinfo=None) + timedelta(when.offset.days), zone)
    moved += when.offset.elapsed
    if when.at is not None:
        moved = _instant(datetime.combine(moved.astimezone(zone).date(), when.at), zone)
    return moved


def is_too_late(due: datetime, tolerance: timedelta, now: datetime) -> bool:
    """Tell whether a step's moment has passed by more than its tolerance."""
    return now > due + tolerance


def is_due_again(due: datetime, moved_at: datetime | None) -> bool:
    """Tell whether a step is due under the present schedule of a visit; ``moved_at`` is when that came to be.

    None: the visit was never moved. After a move, only what lies ahead is due again: the rest was sent, or was too
    late already, under the schedule before.
    """
    return moved_at is None or due > moved_at


def _instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """The instant of a wall-clock time. With ``fold=0`` zoneinfo takes the offset before a change (PEP 495).

    That is the first of two, and, for a time that was left out, as far after the change as it is after the gap began.
    """
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)


def _written(days: int, elapsed: timedelta) -> str:
    seconds = int(elapsed.total_seconds())
    hours, minutes, seconds = seconds // 3600, seconds % 3600 // 60, seconds % 60
    clock = "".join(f"{n}{unit}" for n, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if n)
    text = (f"{days}D" if days else "") + (f"T{clock}" if clock else "")
    return f"P{text}" if text else "PT0S"
