"""A visit in figures."""

from datetime import UTC, datetime
from typing import Any

from tests.service import Service, person
from visits.model import Place, place_sk, visit_pk
from visits.questions import Question
from visits.statistics import count

QUESTIONS = [
    {"question_id": "diet", "label": "Diet?", "kind": "choice", "choices": ["all", "vegan", "none"]},
    {"question_id": "topics", "label": "Topics?", "kind": "choices", "choices": ["Falls", "Sleep"]},
    {"question_id": "first", "label": "First time?", "kind": "yes_no"},
    {"question_id": "hope", "label": "Hope?", "kind": "long_text"},
]


def figures(service: Service) -> dict[str, Any]:
    answer = service.organise("GET", "/visits/ward/statistics")
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json
    return found


def counts(question: dict[str, Any]) -> dict[str, int]:
    return {one["answer"]: one["count"] for one in question["counts"]}


def test_a_visit_is_counted_by_day_status_attendance_and_answer(service: Service) -> None:
    service.visit(capacity=3, questions=QUESTIONS)
    service.register(
        1, answers={"diet": "all", "topics": ["Falls", "Sleep"], "first": True, "hope": "x"},
        consents={"follow_ups": True},
    )  # fmt: skip
    service.register(2, answers={"diet": "all", "topics": ["Sleep"], "first": False})
    service.clock.advance(days=2)
    service.register(3, answers={"diet": "vegan", "hope": "y"})
    service.register(4)
    service.register(5)
    service.organise("POST", "/visits/ward/registrations", person(9))
    service.api("DELETE", f"/registrations/{service.link(2)}")
    service.run_line()
    first, _, third, *_ = service.places()
    marks = [
        {"registration_id": first.registration_id, "attendance": "attended"},
        {"registration_id": third.registration_id, "attendance": "missed"},
    ]
    service.organise("POST", "/visits/ward/attendance", marks)

    found = figures(service)

    assert found["by_day"] == [
        {"date": "2026-09-01", "registered": 2, "total": 2},
        {"date": "2026-09-02", "registered": 0, "total": 2},
        {"date": "2026-09-03", "registered": 4, "total": 6},
    ]
    assert found["statuses"] == {"confirmed": 4, "waiting": 1, "offered": 0, "cancelled": 1}
    assert found["attendance"] == {"attended": 1, "missed": 1, "unknown": 2}
    assert (found["extra"], found["registered"]) == (1, 5)
    diet, topics, first_time, hope = found["questions"]
    assert (diet["answered"], counts(diet)) == (2, {"all": 1, "vegan": 1, "none": 0})
    assert (topics["answered"], counts(topics)) == (1, {"Falls": 1, "Sleep": 1})
    assert (first_time["answered"], counts(first_time)) == (1, {"yes": 1, "no": 0})
    assert (hope["answered"], hope["counts"]) == (2, None)
    assert found["consents"] == {"follow_ups": 1, "introductions": 0}


def test_a_visit_without_people_has_figures_too(service: Service) -> None:
    service.visit(questions=QUESTIONS)
    found = figures(service)
    assert found["by_day"] == []
    assert set(found["statuses"].values()) == {0}
    assert [one["answered"] for one in found["questions"]] == [0, 0, 0, 0]


def test_days_are_those_of_the_visits_zone(service: Service) -> None:
    service.visit(timezone="Pacific/Auckland")
    service.register(1)  # 9:00 UTC is the evening there
    service.clock.advance(hours=4)
    service.register(2)
    assert [(day["date"], day["registered"]) for day in figures(service)["by_day"]] == [
        ("2026-09-01", 1),
        ("2026-09-02", 1),
    ]


def test_who_was_moved_up_is_counted_once_on_the_day_they_registered(service: Service) -> None:
    service.visit(capacity=1)
    service.register(1)
    service.register(2)
    service.clock.advance(days=3)
    second = service.places()[1].registration_id
    service.organise("POST", f"/visits/ward/registrations/{second}/move-up", {"reason": "She speaks."})
    found = figures(service)
    assert found["by_day"] == [{"date": "2026-09-01", "registered": 2, "total": 2}]
    assert found["statuses"]["confirmed"] == 2


def test_answers_to_choices_that_are_offered_no_more_are_still_counted() -> None:
    from zoneinfo import ZoneInfo

    place = Place(
        visit_pk("ward"), place_sk(1), status="confirmed", registration_id="x", person="y",
        answers={"diet": "fish"}, created_at=datetime(2026, 9, 1, tzinfo=UTC),
    )  # fmt: skip
    gone: Question = {
        "question_id": "diet", "label": "Diet?", "kind": "choice", "choices": ["all", "vegan", "none"],
        "required": False, "help": "", "retired": True,
    }  # fmt: skip
    [diet] = count([place], [gone], ZoneInfo("Europe/London")).questions  # fmt: skip
    assert (diet.retired, [(one.answer, one.count) for one in diet.counts or []]) == (
        True, [("all", 0), ("vegan", 0), ("none", 0), ("fish", 1)],
    )  # fmt: skip


def test_figures_stay_when_people_are_forgotten(service: Service) -> None:
    from visits.forget import forget

    service.visit()
    service.register(1)
    service.clock.advance(days=500)
    assert forget(now=service.clock.now) == 1
    found = figures(service)
    assert found["statuses"]["confirmed"] == 1
    assert found["by_day"] == [{"date": "2026-09-01", "registered": 1, "total": 1}]


def test_figures_hold_nothing_that_names_anybody(service: Service) -> None:
    service.visit(questions=QUESTIONS)
    service.register(1, answers={"hope": "That Ada Quillfeather sleeps"}, organisation="Elm House")
    body = service.organise("GET", "/visits/ward/statistics").body
    for word in ("Quillfeather", "example.org", "Elm House", "sleeps"):
        assert word not in body
