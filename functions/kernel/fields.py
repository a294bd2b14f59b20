"""Requests read into models: what is wrong is said field by field, in words that say what to do.

A model holds the limits; this module turns pydantic's findings into the contract's ``errors``. Import it only where
a body is read: pydantic is what such a function's first caller waits for.
"""

import os
from collections.abc import Mapping
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    ValidationError,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from kernel.email_address import AddressInvalid, normalise
from kernel.errors import FieldError, Invalid
from kernel.text import NOT_ONE_LINE, NOT_TEXT, is_blank, on_any_lines, on_one_line

# pydantic would read every installed package's metadata for plugins; there are none, and a first caller would wait.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


class Body(BaseModel):
    """What every request body is: trimmed text and no unknown fields."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, defer_build=True)


def read[B: BaseModel](kind: type[B], data: Mapping[str, Any] | list[Any]) -> B:
    """Return the body as a ``kind``.

    Raises:
        Invalid: with one error a field.
    """
    try:
        return kind.model_validate(data)
    except ValidationError as wrong:
        raise Invalid(errors=[_field_error(one) for one in wrong.errors(include_url=False)]) from None


def refuse(message: str) -> PydanticCustomError:
    """Return the error a validator raises to say ``message`` beside its field."""
    return PydanticCustomError("refused", "{said}", {"said": message})


def _address(typed: str) -> str:
    try:
        return normalise(typed)
    except AddressInvalid as wrong:
        raise refuse(str(wrong)) from wrong


def _moment(written: object) -> object:
    if not isinstance(written, str):
        raise refuse(_MOMENT)
    return written


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, not a name, or the name of a folder
        raise refuse(_ZONE) from None
    return name


def _one_line(text: str) -> str:
    if not on_one_line(text):
        raise refuse(NOT_ONE_LINE)
    return text


def _any_lines(text: str) -> str:
    if not on_any_lines(text):
        raise refuse(NOT_TEXT)
    return text.replace("\r\n", "\n")


def _seen(text: str) -> str:
    if is_blank(text):
        raise refuse(_NEEDED)
    return text


EmailAddress = Annotated[str, AfterValidator(_address)]
"""An email address, normalised."""
ONE_LINE = AfterValidator(_one_line)
"""Text on one line: nothing a header or a calendar could take for its own. Limits stand before it, not after."""
ANY_LINES = AfterValidator(_any_lines)
"""Text of any number of lines."""
VISIBLE = AfterValidator(_seen)
"""Text that shows something."""

Moment = Annotated[AwareDatetime, BeforeValidator(_moment)]
"""A moment: RFC 3339 text with its offset."""
Zone = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_zone)]
"""The IANA name of a time zone."""

_MOMENT = "Write a date and time with its offset, like 2026-12-08T14:00:00+00:00."
_ZONE = "Write the IANA name of a time zone, like Europe/London."

_NEEDED = "This is needed."

_SAID = {
    "missing": _NEEDED,
    "extra_forbidden": "There is no such field.",
    "string_type": "This must be text.",
    "bool_type": "This must be true or false.",
    "int_type": "This must be a whole number.",
    "int_from_float": "This must be a whole number.",
    "list_type": "This must be a list.",
    "dict_type": "This must be an object.",
    "model_type": "This must be an object.",
    "datetime_parsing": _MOMENT,
    "datetime_from_date_parsing": _MOMENT,
    "timezone_aware": _MOMENT,
}


def _field_error(error: ErrorDetails) -> FieldError:
    field = ".".join(str(part) for part in error["loc"]) or "body"
    return FieldError(field, _said(error))


_LIMITS = {
    "string_too_long": "Shorten this to {max_length:,} characters.",
    "string_too_short": "Use at least {min_length} characters.",
    "too_long": "{max_length:,} at most.",
    "greater_than_equal": "This must be {ge:,} or more.",
    "less_than_equal": "This must be {le:,} or less.",
    "literal_error": "This must be one of {expected}.",
}


def _said(error: ErrorDetails) -> str:
    kind, limits = error["type"], error.get("ctx", {})
    if kind == "refused":
        return error["msg"]
    if kind == "string_too_short" and limits["min_length"] == 1:
        return _SAID["missing"]
    if kind in _LIMITS:
        return _LIMITS[kind].format(**limits)
    return _SAID.get(kind, "This cannot be read. Check how it is written.")
