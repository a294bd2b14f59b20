"""Typed settings: one frozen dataclass a function, read once from the environment.

A field ``visits_table: str`` is the environment variable ``VISITS_TABLE``. There are no defaults: a default
would hide a mistake in the template until the first person meets it.
"""

import os
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class SettingMissing(Exception):
    """A function was started without a setting that it needs."""


def read[S: DataclassInstance](kind: type[S], environment: Mapping[str, str] = os.environ) -> S:
    """Read the settings ``kind`` names, all of them text.

    Raises:
        SettingMissing: naming every variable that is absent or empty.
    """
    wanted = {field.name: field.name.upper() for field in fields(kind)}
    missing = sorted(variable for variable in wanted.values() if not environment.get(variable))
    if missing:
        raise SettingMissing(f"{kind.__name__} needs the environment variables {', '.join(missing)}")
    return kind(**{name: environment[variable] for name, variable in wanted.items()})
