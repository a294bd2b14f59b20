"""Plots of a visit's figures: where each bar and each day stands. Pure; templates draw them as SVG.

Rows of bars are laid out in pixels and percents, so that their words stay as large as those around them on any screen.
A course of days is drawn in a box of its own units, which stretches: no words stand in it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

ROW = 46
"""The height of a bar with its label, in pixels."""

LONGEST_LABEL = 28
"""What fits beside a count on a phone. The table behind a plot has labels in full."""

FEWEST = 14
"""How many days a course has room for at least, so that a single day is no wall."""

HEIGHT = 100.0
DAY = 10.0


@dataclass(frozen=True, slots=True)
class Bar:
    """A row of a bar plot. ``percent`` is its length, of the longest; ``y`` its top in pixels."""

    label: str
    full: str
    count: int
    percent: float
    y: int


@dataclass(frozen=True, slots=True)
class Column:
    """A day's column, in the units of the box; and what it says."""

    x: float
    y: float
    height: float
    date: date
    count: int
    total: int


@dataclass(frozen=True, slots=True)
class Course:
    """Days in a row, and the line of how many there were in all by the end of each.

    Attributes:
        width: of the box; it is `HEIGHT` high.
        line: the points of an SVG polyline.
        most: the most on one day, as high as the box.
        total: the end of the line, as high as the box.
    """

    columns: list[Column]
    width: float
    line: str
    most: int
    total: int


def bars(rows: Iterable[tuple[str, int]]) -> list[Bar]:
    """Return bars as long as their counts; all of no length where every count is 0."""
    rows = list(rows)
    most = max((count for _, count in rows), default=0)
    return [
        Bar(_short(label), label, count, round(100 * count / most, 2) if most else 0, number * ROW)
        for number, (label, count) in enumerate(rows)
    ]


def course(days: Sequence[tuple[date, int, int]]) -> Course | None:
    """Return the course of (day, how many on it, how many by its end); None where there is none."""
    if not days:
        return None
    most, total = max(count for _, count, _ in days), max(1, days[-1][2])
    columns = [
        Column(number * DAY, *_from_the_top(count, most), date=day, count=count, total=by_then)
        for number, (day, count, by_then) in enumerate(days)
    ]
    points = " ".join(
        f"{number * DAY + DAY / 2:g},{_from_the_top(by_then, total)[0]:g}"
        for number, (_, _, by_then) in enumerate(days)
    )
    return Course(columns, max(len(days), FEWEST) * DAY, points, most, days[-1][2])


def _from_the_top(count: int, most: int) -> tuple[float, float]:
    """Return how far from the top of the box something so high begins, and its height."""
    height = round(HEIGHT * count / most, 2) if most else 0.0
    return round(HEIGHT - height, 2), height


def _short(label: str) -> str:
    return label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 1].rstrip()}…"
