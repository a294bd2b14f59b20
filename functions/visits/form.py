"""The registration form: posted fields into the contract's request, and back into the form where something is wrong."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from kernel import tokens
from kernel.errors import FieldError, Invalid, LinkExpired, LinkInvalid
from visits.questions import Question

PURPOSE = "form"

FASTEST = timedelta(seconds=1)
"""Nobody fills in the form faster, with the browser's help or without; programs do."""

GOOD_FOR = timedelta(days=7)
"""How long a page may stay open before it is sent."""

HONEYPOT = "website"
CONSENTS = ("follow_ups", "introductions")
TEXTS = ("name", "email", "organisation", "job_role", "access_needs", "timezone")

type Fields = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Form:
    """A form as a template shows it: what was typed, what is wrong with it, and the token it is sent with."""

    values: dict[str, str | list[str]]
    errors: list[FieldError]
    token: str


def token(*, now: datetime, keys: Sequence[str]) -> str:
    """Return a form's token: when it was shown, and one random number that makes sending it twice one request."""
    return tokens.sign(
        PURPOSE,
        [secrets.token_urlsafe(9), int(now.timestamp() * 1000)],
        expires_at=now + GOOD_FOR,
        keys=keys,
    )


def check_sender(fields: Fields, *, now: datetime, keys: Sequence[str]) -> str:
    """Return the form's random number, the Idempotency-Key of sending it.

    Raises:
        Invalid: what programs do and people do not: the hidden field filled in, or the form sent at once. A person
            it happens to has lost nothing, and sending again works.
    """
    if any(fields.get(HONEYPOT, ())):
        raise Invalid(
            errors=[FieldError(HONEYPOT, "A hidden field was filled in, perhaps by your browser. Send again.")]
        )
    try:
        match tokens.read(PURPOSE, first(fields, "form_token"), now=now, keys=keys):
            case [str(number), int(shown)]:
                pass
            case _:
                raise LinkInvalid
    except (LinkInvalid, LinkExpired):
        raise Invalid(
            errors=[FieldError("", "This page was open for a long time. Please send it once more.")]
        ) from None
    if now - datetime.fromtimestamp(shown / 1000, now.tzinfo) < FASTEST:
        raise Invalid(errors=[FieldError("", "That was quicker than people type. Please send it once more.")])
    return number


def request(fields: Fields, questions: Sequence[Question]) -> dict[str, Any]:
    """Return the contract's registration request: what a program would have sent as JSON."""
    asked: dict[str, Any] = {name: first(fields, name) for name in TEXTS if name in fields}
    if not _known_zone(asked.get("timezone", "")):
        asked.pop("timezone", None)  # nobody typed it: a browser's odd word for it must not stop anybody
    asked["answers"] = answers(fields, questions)
    asked["consents"] = {name: bool(first(fields, f"consents.{name}")) for name in CONSENTS}
    return asked


def answers(fields: Fields, questions: Sequence[Question]) -> dict[str, object]:
    """Return the answers that were posted, each as its kind of question wants it."""
    given: dict[str, object] = {}
    for question in questions:
        name = question["question_id"]
        posted = [value for value in fields.get(f"answers.{name}", ()) if value.strip()]
        match question["kind"]:
            case "choices":
                given[name] = posted
            case "yes_no":
                given[name] = {"yes": True, "no": False}.get(posted[0], posted[0]) if posted else None
            case _:
                given[name] = posted[0] if posted else None
    return given


def typed(fields: Fields) -> dict[str, str | list[str]]:
    """Return what was posted, to show it again. The honeypot is not kept: it would catch them for ever."""
    return {
        name: list(values) if len(values) > 1 else values[0]
        for name, values in fields.items()
        if values and name not in {HONEYPOT, "form_token"}
    }


def stored(place: Mapping[str, Any]) -> dict[str, str | list[str]]:
    """Return what a registration (the contract's "my place") puts into the form."""
    values: dict[str, str | list[str]] = {name: place.get(name) or "" for name in TEXTS}
    for name, answer in place["answers"].items():
        values[f"answers.{name}"] = {True: "yes", False: "no"}[answer] if isinstance(answer, bool) else answer
    for name in CONSENTS:
        if place["consents"].get(name):
            values[f"consents.{name}"] = "true"
    return values


def _known_zone(name: str) -> bool:
    try:
        return bool(name) and bool(ZoneInfo(name))
    except (KeyError, ValueError, OSError):
        return False


def first(fields: Fields, name: str) -> str:
    """Return the first value of a posted field, "" where there is none."""
    values = fields.get(name, ())
    return values[0] if values else ""
