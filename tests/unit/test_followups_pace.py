"""A sender's pace: its share of the account's rate, held and not overrun."""

from itertools import pairwise

import pytest

from followups.pace import Pace


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def turns(a_second: float, works: list[float]) -> list[float]:
    """When each of a sender's emails goes out; ``works``: seconds that each takes to write and to hand over."""
    time = Time()
    pace = Pace(a_second, monotonic=time.monotonic, sleep=time.sleep)
    found = []
    for work in works:
        pace.wait()
        found.append(time.now)
        time.now += work
    return found


@pytest.mark.parametrize("a_second", [0.5, 7, 25])
def test_emails_go_out_at_the_rate_and_never_closer_together(a_second: float) -> None:
    found = turns(a_second, [0.3 / a_second] * 1000)
    assert all(later - earlier >= 0.999 / a_second for earlier, later in pairwise(found))
    assert 999 / (found[-1] - found[0]) >= 0.95 * a_second


def test_a_slow_one_is_not_made_up_for_by_a_burst() -> None:
    found = turns(10, [0.01, 5.0, 0.01, 0.01])
    assert [round(later - earlier, 3) for earlier, later in pairwise(found)] == [0.1, 5.0, 0.1]


def test_the_first_goes_at_once() -> None:
    assert turns(0.5, [0.1]) == [100.0]
