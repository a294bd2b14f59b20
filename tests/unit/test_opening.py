"""Whether a visit takes registrations: each answer, and which question comes first."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import RegistrationClosed, VisitFull
from visits.line import Line
from visits.opening import REGISTERS, Opening, Window, opening, refusal

OPENS = datetime(2026, 9, 1, 9, tzinfo=UTC)
CLOSES = datetime(2026, 10, 14, 9, tzinfo=UTC)
ENDS = datetime(2026, 10, 15, 16, tzinfo=UTC)
MEANWHILE = OPENS + timedelta(days=1)
MOMENT = timedelta(microseconds=1)

WINDOW = Window(status="published", waitlist="automatic", opens_at=OPENS, closes_at=CLOSES, ends_at=ENDS)
ROOM = Line(capacity=20, line=19, admitted=20, granted=0)
FULL = Line(capacity=20, line=20, admitted=20, granted=0)

EVERY: tuple[Opening, ...] = get_args(Opening.__value__)


@pytest.mark.parametrize(
    ("now", "state"),
    [
        (OPENS - MOMENT, "not_yet"),
        (OPENS, "open"),
        (CLOSES - MOMENT, "open"),
        (CLOSES, "closed"),
        (ENDS - MOMENT, "closed"),
        (ENDS, "ended"),
    ],
)
def test_registration_opens_and_closes_on_the_moment(now: datetime, state: Opening) -> None:
    assert opening(WINDOW, ROOM, now) == state


@pytest.mark.parametrize(
    ("waitlist", "numbers", "state"),
    [
        ("automatic", ROOM, "open"),
        ("off", ROOM, "open"),
        ("automatic", FULL, "waitlist"),
        ("offer", FULL, "waitlist"),
        ("off", FULL, "full"),
    ],
)
def test_without_a_seat_the_waiting_list_decides(waitlist: str, numbers: Line, state: Opening) -> None:
    assert opening(replace(WINDOW, waitlist=waitlist), numbers, MEANWHILE) == state


def test_seats_promised_before_a_lowering_are_no_room_for_newcomers() -> None:
    assert opening(WINDOW, Line(capacity=10, line=20, admitted=10, granted=20), MEANWHILE) == "waitlist"


@pytest.mark.parametrize("now", [OPENS - MOMENT, MEANWHILE, CLOSES, ENDS])
def test_a_cancelled_visit_is_cancelled_before_anything_else(now: datetime) -> None:
    assert opening(replace(WINDOW, status="cancelled"), FULL, now) == "cancelled"


def test_a_visit_that_is_over_has_ended_even_if_registration_never_opened() -> None:
    never = replace(WINDOW, opens_at=ENDS + timedelta(days=1), closes_at=ENDS + timedelta(days=2))

    assert opening(never, ROOM, ENDS) == "ended"


@pytest.mark.parametrize("now", [OPENS - MOMENT, CLOSES])
def test_whether_it_is_full_matters_only_while_registration_is_open(now: datetime) -> None:
    window = replace(WINDOW, waitlist="off")

    assert opening(window, FULL, now) == opening(window, ROOM, now)


@given(
    st.builds(
        Window,
        status=st.sampled_from(["published", "cancelled"]),
        waitlist=st.sampled_from(["off", "automatic", "offer"]),
        opens_at=st.datetimes(timezones=st.just(UTC)),
        closes_at=st.datetimes(timezones=st.just(UTC)),
        ends_at=st.datetimes(timezones=st.just(UTC)),
    ),
    st.builds(Line, *[st.integers(0, 5)] * 4),
    st.datetimes(timezones=st.just(UTC)),
)
def test_somebody_registers_only_at_a_visit_that_stands_while_its_registration_does(
    window: Window, numbers: Line, now: datetime
) -> None:
    registers = opening(window, numbers, now) in REGISTERS

    stands = window.status == "published" and now < window.ends_at
    is_open = window.opens_at <= now < window.closes_at
    assert registers == (stands and is_open and (numbers.line < numbers.admitted or window.waitlist != "off"))


def test_a_full_visit_says_so() -> None:
    assert isinstance(refusal("full"), VisitFull)


@pytest.mark.parametrize("state", [state for state in EVERY if state not in REGISTERS | {"full"}])
def test_every_other_refusal_says_what_to_expect(state: Opening) -> None:
    problem = refusal(state)

    assert isinstance(problem, RegistrationClosed)
    assert problem.detail != RegistrationClosed.default_detail
