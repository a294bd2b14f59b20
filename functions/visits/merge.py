"""Two people change the same thing at once: what each of them did, put together. Pure.

A form carries, for each field, a short hash of what it was filled with (`fingerprints`). When it comes back and the
thing has changed meanwhile, the hashes tell whose each difference is, without anybody keeping old versions.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field that both changed, to different things."""

    field: str
    typed: object
    current: object


@dataclass(frozen=True, slots=True)
class Merge:
    """What came of it.

    Attributes:
        merged: every field: theirs where only they changed it; in a conflict what was typed, so that nothing is lost.
        conflicts: what the two must decide, in the form's order.
        theirs: the fields that others changed.
        yours: the fields that whoever typed changed.
    """

    merged: Mapping[str, object]
    conflicts: tuple[Conflict, ...]
    theirs: tuple[str, ...]
    yours: tuple[str, ...]


def fingerprint(value: object) -> str:
    """Return a short hash of a field's value: of what JSON makes of it, keys in order."""
    said = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def fingerprints(values: Mapping[str, object]) -> dict[str, str]:
    """Return the hash of each field, for a form to carry."""
    return {name: fingerprint(value) for name, value in values.items()}


def merge(base: Mapping[str, str], typed: Mapping[str, object], current: Mapping[str, object]) -> Merge:
    """Put together what was typed and what is there by now; ``base`` are the hashes the form was filled with.

    The three speak of fields in the same form: what a form would show. A field without a hash counts as unchanged by
    others, and one that was not typed stays as it is now.
    """
    merged: dict[str, object] = {}
    conflicts, theirs, yours = [], [], []
    for name, now in current.items():
        mine = typed.get(name, now)
        before = base.get(name, fingerprint(now))
        they, you = fingerprint(now) != before, name in typed and fingerprint(mine) != before
        if they:
            theirs.append(name)
        if you:
            yours.append(name)
        if they and you and fingerprint(mine) != fingerprint(now):
            conflicts.append(Conflict(name, mine, now))
        merged[name] = mine if you else now
    return Merge(merged, tuple(conflicts), tuple(theirs), tuple(yours))
