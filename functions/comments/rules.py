"""The rules screening goes by: what moderators wrote, else the defaults."""

from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from comments.model import RulesRecord
from comments.screening import DEFAULT_RULES, Rules

KEPT_FOR = timedelta(seconds=10)
"""How long a container goes by the rules it has read: a change of rules is nothing anybody waits for."""

_read: dict[str, tuple[datetime, Rules]] = {}


def current(now: datetime) -> Rules:
    """Return the rules of this moment, at most ten seconds old."""
    known = _read.get("rules")
    if known is None or not timedelta() <= now - known[0] < KEPT_FOR:
        known = _read["rules"] = (now, stored()[0])
    return known[1]


def stored() -> tuple[Rules, int]:
    """Return the rules as they are stored, and their version: 0 while nobody wrote any."""
    try:
        found = RulesRecord.get("settings", "rules", consistent_read=True)
    except RulesRecord.DoesNotExist:
        return DEFAULT_RULES, 0
    known = {field.name for field in fields(Rules)}
    written: dict[str, Any] = {name: value for name, value in found.rules.items() if name in known}
    given: Any = {name: tuple(value) if isinstance(value, list) else value for name, value in written.items()}
    return Rules(**given), int(found.version)
