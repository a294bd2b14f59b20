"""A visit in figures: registrations by day, statuses, attendance, answers. Counted page by page, nothing is kept."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from visits.line import LIVE
from visits.model import Details, Place, visit_pk
from visits.questions import Question

STATUSES = ("confirmed", "waiting", "offered", "cancelled")
ATTENDANCE = ("attended", "missed", "unknown")
CONSENTS = ("follow_ups", "introductions")
_CHOSEN = frozenset({"choice", "choices", "yes_no"})


@dataclass(frozen=True, slots=True)
class Day:
    """A day in the visit's zone: how many people registered on it, and how many had by its end."""

    date: date
    registered: int
    total: int


@dataclass(frozen=True, slots=True)
class AnswerCount:
    """How many people gave an answer."""

    answer: str
    count: int


@dataclass(frozen=True, slots=True)
class QuestionFigures:
    """A question and how it was answered; ``counts`` is None for questions that are answered in words."""

    question_id: str
    label: str
    kind: str
    retired: bool
    answered: int
    counts: list[AnswerCount] | None


@dataclass(frozen=True, slots=True)
class Statistics:
    """A visit in figures.

    Attributes:
        by_day: every day from the first registration to the last, those without one too; cancelled ones counted.
        statuses: registrations by status.
        attendance: of those with a confirmed place.
        extra: confirmed places outside the line.
        questions, consents: of those who are registered now.
        registered: how many those are.
    """

    by_day: list[Day]
    statuses: dict[str, int]
    attendance: dict[str, int]
    extra: int
    registered: int
    questions: list[QuestionFigures]
    consents: dict[str, int]


def statistics(details: Details) -> Statistics:
    """Count a visit's registrations. Reads all of its places, some attributes of each."""
    return count(_places(details.visit_id), details.questions, ZoneInfo(details.timezone))


def count(places: Iterable[Place], questions: list[Question], zone: ZoneInfo) -> Statistics:
    """Count registrations, one at a time; tombstones that were nobody's are not among ``places``."""
    # What somebody wrote in their own words is not counted word by word: it would be kept, however much there is.
    counted = _Counted(frozenset(one["question_id"] for one in questions if one["kind"] in _CHOSEN))
    for place in places:
        counted.add(place, zone)
    return Statistics(
        by_day=list(_days(counted.days)),
        statuses={status: counted.statuses[status] for status in STATUSES},
        attendance={word: counted.attendance[word] for word in ATTENDANCE},
        extra=counted.extra,
        registered=sum(counted.statuses[status] for status in LIVE),
        questions=[_figures(question, counted) for question in questions],
        consents={name: counted.consents[name] for name in CONSENTS},
    )


@dataclass(slots=True)
class _Counted:
    chosen_from: frozenset[str]
    days: Counter[date] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    attendance: Counter[str] = field(default_factory=Counter)
    consents: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    extra: int = 0

    def add(self, place: Place, zone: ZoneInfo) -> None:
        self.days[place.created_at.astimezone(zone).date()] += 1
        self.statuses[place.status] += 1
        if place.status not in LIVE:
            return
        if place.status == "confirmed":
            self.attendance[place.attendance or "unknown"] += 1
            self.extra += place.is_extra
        for name, given in (place.consents or {}).items():
            self.consents[name] += bool(given)
        for name, answer in (place.answers or {}).items():
            self.answered[name] += 1
            if name in self.chosen_from:
                for chosen in _chosen(answer):
                    self.answers[name, chosen] += 1


def _chosen(answer: object) -> Iterator[str]:
    match answer:
        case bool():
            yield "yes" if answer else "no"
        case list():
            yield from (str(one) for one in answer)
        case _:
            yield str(answer)


def _figures(question: Question, counted: _Counted) -> QuestionFigures:
    name, kind = question["question_id"], question["kind"]
    return QuestionFigures(
        question_id=name,
        label=question["label"],
        kind=kind,
        retired=bool(question.get("retired")),
        answered=counted.answered[name],
        counts=_counts(question, counted.answers) if kind in _CHOSEN else None,
    )


def _counts(question: Question, answers: Mapping[tuple[str, str], int]) -> list[AnswerCount]:
    """Every choice there is, in its order; then those that were chosen before somebody took them off the form."""
    name = question["question_id"]
    offered = ["yes", "no"] if question["kind"] == "yes_no" else list(question["choices"])
    gone = sorted({chosen for about, chosen in answers if about == name} - set(offered))
    return [AnswerCount(answer, answers.get((name, answer), 0)) for answer in (*offered, *gone)]


def _days(registered: Mapping[date, int]) -> Iterator[Day]:
    if not registered:
        return
    day, last, total = min(registered), max(registered), 0
    while day <= last:
        total += registered.get(day, 0)
        yield Day(day, registered.get(day, 0), total)
        day += timedelta(days=1)


def _places(visit_id: str) -> Iterator[Place]:
    return iter(
        Place.query(
            visit_pk(visit_id),
            Place.sk.startswith("place#"),
            filter_condition=Place.status.is_in(*STATUSES),
            attributes_to_get=["pk", "sk", "status", "attendance", "answers", "consents", "created_at"],
            consistent_read=True,
        )
    )
