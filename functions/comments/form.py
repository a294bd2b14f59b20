"""The form for a comment: posted fields into the contract's request, and back into the form if something is wrong."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from kernel import tokens
from kernel.errors import FieldError, Invalid, LinkExpired, LinkInvalid

PURPOSE = "comment-form"

GOOD_FOR = timedelta(days=7)
"""How long a page may stay open before it is sent."""

HONEYPOT = "website"
TEXTS = ("author_name", "author_email", "body", "parent_id")

type Fields = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Form:
    """A form as a template shows it: what was typed, what is wrong with it, and the token it is sent with."""

    values: dict[str, str]
    errors: list[FieldError]
    token: str


@dataclass(frozen=True, slots=True)
class Sender:
    """What a form tells of how it was filled in: its number, for how long, and whether as only programs do."""

    number: str
    seconds: float
    honeypot: bool


def token(*, now: datetime, keys: Sequence[str]) -> str:
    """Return a form's token: when it was shown, and a random number that makes sending it twice one comment."""
    return tokens.sign(
        PURPOSE, [secrets.token_urlsafe(9), int(now.timestamp() * 1000)], expires_at=now + GOOD_FOR, keys=keys
    )


def sender(fields: Fields, *, now: datetime, keys: Sequence[str]) -> Sender:
    """Return what a form tells of its sender. Screening judges that; nobody is refused for it.

    Raises:
        Invalid: the form was open for too long, or is none of ours.
    """
    try:
        match tokens.read(PURPOSE, first(fields, "form_token"), now=now, keys=keys):
            case [str(number), int(shown)]:
                seconds = now.timestamp() - shown / 1000
                return Sender(number, max(0.0, seconds), any(fields.get(HONEYPOT, ())))
            case _:
                raise LinkInvalid
    except (LinkInvalid, LinkExpired):
        told = "This page was open for a long time. Please send it once more."
        raise Invalid(errors=[FieldError("", told)]) from None


def request(fields: Fields, *, member: bool) -> dict[str, Any]:
    """Return the contract's request, as a program would have sent it. What the signed in leave empty is known."""
    asked: dict[str, Any] = {name: first(fields, name) for name in ("author_name", "author_email", "body")}
    if member:
        asked = {name: text for name, text in asked.items() if text.strip() or name == "body"}
    if parent_id := first(fields, "parent_id"):
        asked["parent_id"] = parent_id
    asked["notify_replies"] = bool(first(fields, "notify_replies"))
    return asked


def typed(fields: Fields) -> dict[str, str]:
    """Return what was posted, to show it again. The honeypot is not kept: it would catch them for ever."""
    kept = (*TEXTS, "notify_replies", "reason", "note")
    return {name: values[0] for name, values in fields.items() if values and name in kept}


def first(fields: Fields, name: str) -> str:
    """Return the first value of a posted field, "" where there is none."""
    values = fields.get(name, ())
    return values[0] if values else ""
