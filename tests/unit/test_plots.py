"""Plots: what is drawn is as long and as high as what it says."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from visits import plots

COUNTS = st.integers(0, 5000)


@given(st.lists(st.tuples(st.text(max_size=60), COUNTS), max_size=30))
def test_a_bar_is_as_long_as_its_count_beside_the_longest(rows: list[tuple[str, int]]) -> None:
    drawn = plots.bars(rows)
    most = max((count for _, count in rows), default=0)
    for bar, (label, count) in zip(drawn, rows, strict=True):
        assert (bar.full, bar.count) == (label, count)
        assert bar.percent == (round(100 * count / most, 2) if most else 0)
        assert len(bar.label) <= plots.LONGEST_LABEL
    assert [bar.y for bar in drawn] == [number * plots.ROW for number in range(len(rows))]


@given(st.lists(COUNTS, min_size=1, max_size=100))
def test_a_course_stays_in_its_box_and_its_line_never_falls(counts: list[int]) -> None:
    first, total, days = date(2026, 9, 1), 0, []
    for number, count in enumerate(counts):
        total += count
        days.append((first + timedelta(days=number), count, total))
    drawn = plots.course(days)
    assert drawn is not None
    assert (drawn.most, drawn.total) == (max(counts), sum(counts))
    for column in drawn.columns:
        assert 0 <= column.y <= 100
        assert abs(column.y + column.height - 100) < 0.02
        assert 0 <= column.x < drawn.width
    heights = [float(point.split(",")[1]) for point in drawn.line.split()]
    assert heights == sorted(heights, reverse=True)
    assert all(0 <= height <= 100 for height in heights)


def test_nothing_is_drawn_of_nothing() -> None:
    assert plots.course([]) is None
    assert plots.bars([]) == []
    assert plots.bars([("Nobody", 0)])[0].percent == 0
