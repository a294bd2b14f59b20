"""The questions an organiser adds to the form, and whether answers fit them. Pure rules."""

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired, TypedDict

from kernel.errors import FieldError, Invalid
from kernel.text import NOT_ONE_LINE, NOT_TEXT, is_blank, on_any_lines, on_one_line

type Kind = Literal["text", "long_text", "choice", "choices", "yes_no"]
type Answer = str | bool | list[str]

TEXT_LIMIT = 500
LONG_TEXT_LIMIT = 2000
KEPT = 40
"""How many questions a visit keeps, retired ones included."""
LIMITS = {"text": TEXT_LIMIT, "long_text": LONG_TEXT_LIMIT}


class Question(TypedDict):
    """A question as the contract says it. A retired one is kept for its old answers and asked no more."""

    question_id: str
    label: str
    kind: Kind
    choices: list[str]
    required: bool
    help: str
    retired: NotRequired[bool]


def asked(questions: Sequence[Question]) -> list[Question]:
    """Return the questions that are on the form now."""
    return [question for question in questions if not question.get("retired")]


def retired(questions: Sequence[Question]) -> list[Question]:
    """Return the questions that are asked no more and keep their old answers' labels."""
    return [question for question in questions if question.get("retired")]


def changed(before: Sequence[Question], after: Sequence[Question]) -> list[Question]:
    """Return the questions of a visit that people may have registered for, once ``after`` are to be asked.

    They are asked in the order of ``after``. One that is missing there is retired and stands behind them; naming it
    again brings it back.

    Raises:
        Invalid: a question would become another kind, so that old answers would not fit it; or there are too many.
    """
    kinds = {question["question_id"]: question["kind"] for question in before}
    wrong = [
        FieldError(
            f"questions.{number}.kind",
            "People may have answered this question, so its kind stays. Take it off the form and add another one.",
        )
        for number, question in enumerate(asked(after))
        if kinds.get(question["question_id"], question["kind"]) != question["kind"]
    ]
    on_the_form = {question["question_id"] for question in asked(after)}
    off: list[Question] = [
        {**question, "retired": True} for question in before if question["question_id"] not in on_the_form
    ]
    if len(on_the_form) + len(off) > KEPT:
        wrong.append(
            FieldError("questions", f"A visit keeps {KEPT} questions, those taken off its form included. Reuse one.")
        )
    if wrong:
        raise Invalid(errors=wrong)
    return [*asked(after), *off]


def check(
    questions: Sequence[Question], answers: Mapping[str, object], *, every: bool = True
) -> tuple[dict[str, Answer], list[FieldError]]:
    """Return the answers worth keeping, and what is wrong with the others.

    ``every`` asks for the required ones too; a change of details may send only some. An empty answer is none.
    """
    known = {question["question_id"]: question for question in asked(questions)}
    good: dict[str, Answer] = {}
    bad = [FieldError(f"answers.{name}", "There is no such question.") for name in answers if name not in known]
    for name, question in known.items():
        if name not in answers and not every:
            continue
        value = answers.get(name)
        if value is None or value in ("", []):
            if question["required"]:
                bad.append(FieldError(f"answers.{name}", _missing(question)))
            continue
        answer = _read(question, value)
        if isinstance(answer, FieldError):
            bad.append(answer)
        else:
            good[name] = answer
    return good, bad


def _missing(question: Question) -> str:
    chooses = question["kind"] in {"choice", "choices", "yes_no"}
    return f"{'Choose an answer to' if chooses else 'Answer'} “{question['label']}”."


def _read(question: Question, value: object) -> Answer | FieldError:
    field = f"answers.{question['question_id']}"
    match question["kind"]:
        case "text" | "long_text":
            return _text(question, value, field)
        case "yes_no":
            return value if isinstance(value, bool) else FieldError(field, "Choose yes or no.")
        case "choice":
            chosen = [value] if isinstance(value, str) else None
        case "choices":
            chosen = value if isinstance(value, list) else None
    if chosen is None or not all(choice in question["choices"] for choice in chosen):
        return FieldError(field, "Choose from the answers offered.")
    if question["kind"] == "choice":
        return str(chosen[0])
    return [choice for choice in question["choices"] if choice in chosen]


def _text(question: Question, value: object, field: str) -> str | FieldError:
    if not isinstance(value, str):
        return FieldError(field, "The answer must be text.")
    text, limit = value.strip(), LIMITS[question["kind"]]
    if len(text) > limit:
        return FieldError(field, f"Shorten this answer to {limit:,} characters; it has {len(text):,}.")
    if is_blank(text) and question["required"]:
        return FieldError(field, _missing(question))
    if question["kind"] == "text":
        return text if on_one_line(text) else FieldError(field, NOT_ONE_LINE)
    return text.replace("\r\n", "\n") if on_any_lines(text) else FieldError(field, NOT_TEXT)
