"""The only place that knows what time it is.

Rules take the time as an argument; edges ask here. In stage ``local`` the variable ``CLOCK_FILE`` names a file
that holds an ISO 8601 duration by which the clock is ahead, so that ``make advance BY=P1D`` can play a visit's
whole life in a minute. No other stage sets it.
"""

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

_DURATION = re.compile(
    r"(?P<sign>[+-]?)P(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?"
)


def parse_duration(text: str) -> timedelta:
    """Read an ISO 8601 duration of weeks, days, hours, minutes and seconds (``P1DT2H``, ``-PT30M``).

    Months and years are refused: how long they are depends on when they begin.

    Raises:
        ValueError: the text is no such duration.
    """
    match = _DURATION.fullmatch(text.strip())
    parts = {} if match is None else {k: int(v) for k, v in match.groupdict().items() if k != "sign" and v}
    if match is None or not parts:
        raise ValueError(f"not a duration such as P1DT2H: {text!r}")
    length = timedelta(**parts)
    return -length if match["sign"] == "-" else length


def now() -> datetime:
    """Return the present moment: aware, UTC."""
    return datetime.now(UTC) + _ahead(os.environ.get("CLOCK_FILE"))


def unmoved() -> datetime:
    """Return the moment as other services date what they send us: they know nothing of a local clock set ahead."""
    return datetime.now(UTC)


def _ahead(clock_file: str | None) -> timedelta:
    if not clock_file:
        return timedelta()
    try:
        return parse_duration(Path(clock_file).read_text(encoding="ascii"))
    except FileNotFoundError:
        return timedelta()
