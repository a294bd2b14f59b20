"""When a step is due, held against `zoneinfo` over zones and clock changes."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from followups.due import (
    LONGEST_OFFSET,
    Anchor,
    DurationInvalid,
    Offset,
    When,
    is_due_again,
    is_too_late,
    moment,
    read_offset,
    read_tolerance,
    tolerance_text,
)

LONDON, NEW_YORK = ZoneInfo("Europe/London"), ZoneInfo("America/New_York")

# Half-hour changes, changes at midnight, a skipped day, southern summers, no changes at all.
ZONES = [
    "Europe/London",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Asia/Beirut",
    "Pacific/Apia",
    "Asia/Kathmandu",
    "America/St_Johns",
    "Africa/Casablanca",
    "UTC",
]
zones = st.sampled_from(ZONES).map(ZoneInfo)
instants = st.integers(0, 26 * 365 * 24 * 60).map(lambda n: datetime(2009, 1, 1, tzinfo=UTC) + timedelta(minutes=n))
days = st.integers(-400, 400)
clocks = st.times().map(lambda one: one.replace(second=0, microsecond=0, tzinfo=None))


def due(anchored_at: datetime, zone: ZoneInfo, offset: str = "PT0S", at: time | None = None) -> datetime:
    return moment(When(Anchor.START, read_offset(offset), at), anchored_at, zone)


def exists(wall: datetime, zone: ZoneInfo) -> bool:
    there = wall.replace(tzinfo=zone).astimezone(UTC)
    return there.astimezone(zone).replace(tzinfo=None) == wall


@given(instants, zones, days)
def test_days_are_calendar_days_and_leave_the_wall_clock_as_it_is(anchor: datetime, zone: ZoneInfo, n: int) -> None:
    found = moment(When(Anchor.START, Offset(n)), anchor, zone)
    wall = anchor.astimezone(zone).replace(tzinfo=None) + timedelta(n)
    if n == 0:
        assert found == anchor, "no day on or back is the very instant, also in an hour that comes twice"
    elif exists(wall, zone):
        assert found.astimezone(zone).replace(tzinfo=None) == wall
        earlier = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
        later = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
        assert found == min(earlier, later), "a time that exists twice happens once, the first time"
    else:
        assert found.astimezone(zone).replace(tzinfo=None) > wall, "a time that does not exist moves on"


@given(instants, zones, clocks, days)
def test_a_time_of_day_is_that_of_the_visits_zone_on_the_day_reached(
    anchor: datetime, zone: ZoneInfo, at: time, n: int
) -> None:
    found = moment(When(Anchor.START, Offset(n), at), anchor, zone)
    reached = moment(When(Anchor.START, Offset(n)), anchor, zone).astimezone(zone).date()
    wall = datetime.combine(reached, at)
    if exists(wall, zone):
        assert found.astimezone(zone).replace(tzinfo=None) == wall
    else:
        moved_on = found.astimezone(zone).replace(tzinfo=None) - wall
        before = wall.replace(tzinfo=zone, fold=0).utcoffset()
        after = wall.replace(tzinfo=zone, fold=1).utcoffset()
        assert before is not None
        assert after is not None
        assert moved_on == abs(after - before), "by as much as the clocks do"


@given(instants, zones, st.integers(-10_000, 10_000))
def test_hours_are_elapsed_time_whatever_clocks_do(anchor: datetime, zone: ZoneInfo, minutes: int) -> None:
    offset = Offset(elapsed=timedelta(minutes=minutes))
    assert moment(When(Anchor.START, offset), anchor, zone) - anchor == timedelta(minutes=minutes)


@given(instants, zones, days)
def test_the_zone_an_anchor_is_written_in_makes_no_difference(anchor: datetime, zone: ZoneInfo, n: int) -> None:
    when = When(Anchor.START, Offset(n))
    assert moment(when, anchor, zone) == moment(when, anchor.astimezone(NEW_YORK), zone)


@pytest.mark.parametrize(
    ("anchor", "offset", "at", "expected"),
    [
        # 25 October 2026, 02:00 BST: the clocks go back to 01:00 GMT.
        (datetime(2026, 10, 26, 14, tzinfo=LONDON), "-P1D", None, datetime(2026, 10, 25, 14, tzinfo=UTC)),
        (datetime(2026, 10, 25, 14, tzinfo=LONDON), "-P1D", None, datetime(2026, 10, 24, 13, tzinfo=UTC)),
        (datetime(2026, 10, 25, 14, tzinfo=LONDON), "-PT24H", None, datetime(2026, 10, 24, 14, tzinfo=UTC)),
        (datetime(2026, 10, 24, 14, tzinfo=LONDON), "P1D", time(1, 30), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        # 29 March 2026, 01:00 GMT: they go forward to 02:00 BST, so 01:30 does not exist.
        (datetime(2026, 3, 28, 14, tzinfo=LONDON), "P1D", time(1, 30), datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        (datetime(2026, 3, 30, 9, tzinfo=LONDON), "-P7D", None, datetime(2026, 3, 23, 9, tzinfo=UTC)),
    ],
)
def test_london_across_both_changes(anchor: datetime, offset: str, at: time | None, expected: datetime) -> None:
    assert due(anchor, LONDON, offset, at) == expected


@given(days, st.integers(0, 86_399))
@example(0, 0)
@example(0, 86_399)
def test_an_offset_is_written_as_it_is_read(n: int, seconds: int) -> None:
    if abs(n) == LONGEST_OFFSET.days:
        seconds = 0
    offset = Offset(n, timedelta(seconds=-seconds if n < 0 else seconds))
    assert read_offset(str(offset)) == offset


@given(st.integers(0, 60 * 86_400))
def test_a_tolerance_is_written_as_it_is_read(seconds: int) -> None:
    tolerance = timedelta(seconds=seconds)
    assert read_tolerance(tolerance_text(tolerance)) == tolerance


@pytest.mark.parametrize("text", ["", "P", "PT", "1D", "P1M", "P1Y", "P1DT", "-", "P401D", "PT99999H", "P1D ", "P١D"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(DurationInvalid):
        read_offset(text)


@pytest.mark.parametrize("text", ["-PT1S", "P61D", "never"])
def test_a_tolerance_is_neither_negative_nor_longer_than_two_months(text: str) -> None:
    with pytest.raises(DurationInvalid):
        read_tolerance(text)


def test_a_step_is_too_late_once_its_tolerance_is_over_and_not_before() -> None:
    at = datetime(2026, 10, 1, 9, tzinfo=UTC)
    assert not is_too_late(at, timedelta(hours=6), at + timedelta(hours=6))
    assert is_too_late(at, timedelta(hours=6), at + timedelta(hours=6, seconds=1))


# --- a visit that moves


@st.composite
def lives(draw: st.DrawFn) -> list[tuple[datetime, datetime]]:
    """Moves of a visit, in order: when it was moved, and where its start went."""
    begin = datetime(2026, 1, 5, 9, tzinfo=UTC)
    moves = [(begin, begin + timedelta(days=draw(st.integers(1, 60))))]
    for gap in draw(st.lists(st.integers(1, 20 * 24 * 60), max_size=8)):
        at = moves[-1][0] + timedelta(minutes=gap)
        if at >= moves[-1][1]:
            break  # it has begun: nobody moves it any more
        moves.append((at, at + timedelta(minutes=draw(st.integers(1, 60 * 24 * 60)))))
    return moves


def sendings(moves: list[tuple[datetime, datetime]], when: When, zone: ZoneInfo) -> list[tuple[int, datetime]]:
    """Play a visit's life: which schedule version sends the step at which moment, each version at most once."""
    sent = []
    for version, (moved_at, starts_at) in enumerate(moves):
        until = moves[version + 1][0] if version + 1 < len(moves) else None
        at = moment(when, starts_at, zone)
        if is_due_again(at, moved_at if version else None) and (until is None or at < until):
            sent.append((version, at))
    return sent


@given(lives(), zones, st.sampled_from(["-P7D", "-P1D", "-PT1H", "PT2H"]))
def test_a_visit_moved_back_and_forth_sends_under_its_last_times_alone(
    moves: list[tuple[datetime, datetime]], zone: ZoneInfo, offset: str
) -> None:
    when = When(Anchor.START, read_offset(offset))
    sent = sendings(moves, when, zone)
    last = len(moves) - 1
    last_moment = moment(when, moves[-1][1], zone)
    if last == 0 or last_moment > moves[-1][0]:
        assert (last, last_moment) in sent, "what lies ahead after the last move is sent, and then"
    assert len(sent) == len({version for version, _ in sent}), "once a version"
    for version, at in sent:
        if version:
            assert at > moves[version][0], "never at a moment that lay behind when the visit was moved"
        if version < last:
            assert at < moves[version + 1][0], "never after the visit had moved on"


@given(instants, st.lists(st.integers(1, 30), min_size=1, max_size=6), zones)
def test_moves_within_an_hour_send_each_step_once_at_the_last_time(
    begin: datetime, hops: list[int], zone: ZoneInfo
) -> None:
    when = When(Anchor.START, read_offset("-PT1H"))
    moves = [(begin + timedelta(minutes=n), begin + timedelta(days=hop)) for n, hop in enumerate([10, *hops])]
    assert sendings(moves, when, zone) == [(len(hops), moment(when, moves[-1][1], zone))]
