"""The time it is in stage ``local``: the real one, plus what the clock file says (see `kernel.clock`)."""

from datetime import UTC, datetime, timedelta

from infra.local.folder import Folder
from kernel.clock import parse_duration


def ahead(folder: Folder) -> timedelta:
    """Return how far ahead of real time the stack's clock is."""
    try:
        return parse_duration(folder.clock.read_text(encoding="ascii"))
    except FileNotFoundError:
        return timedelta()


def now(folder: Folder) -> datetime:
    """Return the time on the stack's clock: aware, UTC."""
    return datetime.now(UTC) + ahead(folder)


def set_ahead(folder: Folder, by: timedelta) -> None:
    """Set the clock, for everything at once: functions read the file at each look at the clock."""
    seconds = round(by.total_seconds())
    written = folder.clock.with_suffix(".new")
    written.write_text(f"{'-' if seconds < 0 else ''}PT{abs(seconds)}S", encoding="ascii")
    written.replace(folder.clock)


def advance(folder: Folder, by: timedelta) -> timedelta:
    """Move the clock on, and return how far ahead it is now.

    Raises:
        ValueError: time does not run backwards.
    """
    if by <= timedelta():
        raise ValueError("the clock only moves forward: give a duration such as P1D or PT6H")
    total = ahead(folder) + by
    set_ahead(folder, total)
    return total
