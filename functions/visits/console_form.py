"""The organisers' form of a visit: posted fields into what the contract takes, and a visit back into the form.

Pure. Times are typed as the clock on the wall shows them in the visit's zone; twice a year that clock skips an hour or
shows one twice, and both are said rather than guessed.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from kernel.errors import FieldError
from visits.naming import slug
from visits.questions import Question

type Fields = Mapping[str, Sequence[str]]
type Values = dict[str, str]

TEXTS = ("title", "host", "summary", "description_markdown", "format", "venue", "room_url", "waitlist")
SCHEDULE = ("starts_at", "ends_at")
WINDOW = ("registration_opens_at", "registration_closes_at")
MAX_QUESTIONS = 20
KINDS = ("text", "long_text", "choice", "choices", "yes_no")
CHOOSING = frozenset({"choice", "choices"})
PARTS = ("question_id", "label", "kind", "choices", "required", "help")

_AREAS = ("Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
_NOT_A_TIME = "Write a date and a time, like 2026-12-08 14:00."


@dataclass(frozen=True, slots=True)
class Typed:
    """A posted form: the contract's fields, what could not be read, and the times that need a choice."""

    document: dict[str, Any]  # the contract's request: `visits.contract` checks it
    errors: list[FieldError] = field(default_factory=list)
    twice: dict[str, tuple[str, str]] = field(default_factory=dict)


def read(fields: Fields, *, zone: str = "", stored: Sequence[Question] = ()) -> Typed:
    """Return what was posted as the contract's fields.

    Of a published visit the form has no start and end (those are rescheduled): then ``zone`` is the visit's own.
    ``stored`` are the questions it has, retired ones too.
    """
    schedule = "starts_at" in fields
    typed = Typed({name: first(fields, name) for name in TEXTS if name in fields})
    asked = first(fields, "timezone") if schedule else zone
    if schedule:
        typed.document["timezone"] = asked
    times = moments(fields, (*(SCHEDULE if schedule else ()), *WINDOW), known_zone(asked))
    typed.document.update(times.document)
    typed.errors.extend(times.errors)
    typed.twice.update(times.twice)
    typed.document["capacity"] = _number(first(fields, "capacity"))
    typed.document["organisers"] = (
        re.split(r"[\s,;]+", first(fields, "organisers").strip())
        if any(one.strip() for one in fields.get("organisers", ()))
        else []
    )
    typed.document["questions"] = _questions(named(rows(fields), stored))
    return typed


def moments(fields: Fields, names: Iterable[str], zone: ZoneInfo) -> Typed:
    """Return posted times as the contract's; those of the window may be empty."""
    typed = Typed({})
    for name in names:
        _read_moment(fields, name, zone, typed)
    return typed


def _read_moment(fields: Fields, name: str, zone: ZoneInfo, typed: Typed) -> None:
    text = first(fields, name).strip()
    if not text:
        if name in WINDOW:
            typed.document[name] = None
        else:
            typed.errors.append(FieldError(name, "This is needed."))
        return
    found = wall_clock(text, zone, first(fields, f"{name}.fold"))
    if isinstance(found, datetime):
        typed.document[name] = found.isoformat()
    else:
        typed.errors.append(FieldError(name, found.message))
    if options := twice(text, zone):
        typed.twice[name] = options


@dataclass(frozen=True, slots=True)
class NoSuchTime:
    """A time that cannot be taken as it was typed, and what to do about it."""

    message: str


def wall_clock(text: str, zone: ZoneInfo, fold: str = "") -> datetime | NoSuchTime:
    """Return the moment at which the clock on the wall shows ``text``; ``fold`` (0 or 1) says which of two."""
    try:
        typed = datetime.fromisoformat(text)
        if typed.tzinfo is not None or ":" not in text:
            return NoSuchTime(_NOT_A_TIME)
        moment = typed.replace(tzinfo=zone)
        shown = moment.astimezone(UTC).astimezone(zone).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return NoSuchTime(_NOT_A_TIME)
    if shown != typed:
        skipped = f"The clocks go forward that day, and there is no {typed:%H:%M}."
        return NoSuchTime(f"{skipped} Choose another time, perhaps {shown:%H:%M}.")
    if not twice(text, zone):
        return moment
    if fold not in {"0", "1"}:
        return NoSuchTime(f"The clocks go back that day, and {typed:%H:%M} comes twice. Choose which one you mean.")
    return moment.replace(fold=int(fold))


def twice(text: str, zone: ZoneInfo) -> tuple[str, str] | None:
    """Return how the two moments are told apart that the clock shows as ``text``; None where there is one or none."""
    try:
        typed = datetime.fromisoformat(text)
        earlier, later = typed.replace(tzinfo=zone, fold=0), typed.replace(tzinfo=zone, fold=1)
        if typed.tzinfo is not None or earlier.astimezone(UTC) >= later.astimezone(UTC):
            return None
    except (ValueError, OverflowError):
        return None
    return f"{earlier:%H:%M %Z}, the first time", f"{later:%H:%M %Z}, an hour later"


def shown(moment: datetime | None, zone: ZoneInfo, name: str) -> Values:
    """Return the fields that show a moment: as the clock on the wall, and which of two where it shows it twice."""
    if moment is None:
        return {name: ""}
    local = moment.astimezone(zone)
    text = f"{local:%Y-%m-%dT%H:%M}"
    return {name: text, **({f"{name}.fold": str(local.fold)} if twice(text, zone) else {})}


def known_zone(name: str) -> ZoneInfo:
    """Return a zone, UTC where the name is none: the contract's check says that."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


@cache
def zones() -> list[tuple[str, list[str]]]:
    """Return the zones to choose from: (part of the world, names), those that are named after a place, and UTC."""
    names = sorted(available_timezones())
    areas = [(area, [name for name in names if name.startswith(f"{area}/")]) for area in _AREAS]
    return [*areas, ("Everywhere", ["UTC"])]


# --- questions


def rows(fields: Fields) -> list[Values]:
    """Return the questions' rows as they were posted, in order."""
    numbers = sorted({int(found[1]) for name in fields if (found := re.fullmatch(r"questions\.(\d{1,2})\.\w+", name))})
    return [{part: first(fields, f"questions.{number}.{part}") for part in PARTS} for number in numbers]


def rows_of(questions: Iterable[Question]) -> list[Values]:
    """Return stored questions as rows of the form."""
    return [
        {
            "question_id": question["question_id"],
            "label": question["label"],
            "kind": question["kind"],
            "choices": "\n".join(question["choices"]),
            "required": "true" if question["required"] else "",
            "help": question["help"],
        }
        for question in questions
    ]


def flat(rows: Sequence[Values]) -> Values:
    """Return rows as fields of the form, numbered anew."""
    return {f"questions.{number}.{part}": text for number, row in enumerate(rows) for part, text in row.items()}


def arranged(rows: Sequence[Values], do: str, stored: Sequence[Question]) -> list[Values]:
    """Return the rows after one button of the form: add, up.N, down.N, remove.N, back.<question_id>."""
    changed = list(rows)
    verb, _, which = do.partition(".")
    if verb == "add" and len(changed) < MAX_QUESTIONS:
        changed.append(dict.fromkeys(PARTS, "") | {"kind": "text"})
    elif verb == "back" and len(changed) < MAX_QUESTIONS:
        changed += rows_of(question for question in stored if question["question_id"] == which)
    elif verb in {"up", "down", "remove"} and which.isdecimal() and int(which) < len(changed):
        number = int(which)
        row = changed.pop(number)
        if verb != "remove":
            changed.insert(max(0, number + (-1 if verb == "up" else 1)), row)
    return changed


def left_out(rows: Sequence[Values], stored: Sequence[Question]) -> list[Question]:
    """Return the stored questions that are not among the rows: retired, or about to be."""
    kept = {row["question_id"] for row in rows}
    return [question for question in stored if question["question_id"] not in kept]


def named(rows: Sequence[Values], stored: Sequence[Question]) -> list[Values]:
    """Return the rows, each new question with an id of its own, made from its words."""
    taken = {row["question_id"] for row in rows} | {question["question_id"] for question in stored}
    done = []
    for row in rows:
        question_id = row["question_id"]
        if not question_id:
            question_id = _fresh(slug(row["label"], 30, "_") or "question", taken)
            taken.add(question_id)
        done.append(row | {"question_id": question_id})
    return done


def _fresh(wanted: str, taken: set[str]) -> str:
    return next(name for n in range(1, len(taken) + 3) if (name := wanted if n == 1 else f"{wanted}_{n}") not in taken)


def _questions(rows: Sequence[Values]) -> list[dict[str, Any]]:
    return [
        {
            "question_id": row["question_id"],
            "label": row["label"],
            "kind": row["kind"],
            # Choices of a question that offers none stay in the form until it is saved, in case the kind comes back.
            "choices": [line.strip() for line in row["choices"].splitlines() if line.strip()]
            if row["kind"] in CHOOSING
            else [],
            "required": bool(row["required"]),
            "help": row["help"],
        }
        for row in rows
    ]


# --- errors and the rest


def beside_fields(errors: Iterable[FieldError]) -> list[FieldError]:
    """Return errors under the names of the form's fields: one of a list stands beside the whole list."""
    return [FieldError(_beside(error.field), error.message) for error in errors]


def _beside(name: str) -> str:
    if found := re.fullmatch(r"questions\.(\d+)", name):
        return f"questions.{found[1]}.label"
    if found := re.fullmatch(r"(questions\.\d+\.choices|organisers|resources|to)\.\d+", name):
        return found[1]
    return name


def first(fields: Fields, name: str) -> str:
    """Return the first value of a posted field, "" where there is none."""
    values = fields.get(name, ())
    return values[0] if values else ""


def typed(fields: Fields) -> dict[str, str | list[str]]:
    """Return what was posted, to show it again."""
    return {name: list(values) if len(values) > 1 else values[0] for name, values in fields.items() if values}


def _number(text: str) -> int | str | None:
    """Return a capacity as typed: nothing is no limit, and what is no number is left for the check to refuse."""
    text = text.strip().replace(",", "")
    if not text:
        return None
    return int(text) if re.fullmatch(r"\d{1,9}", text) else text
