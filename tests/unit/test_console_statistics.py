"""The organisers' page of a visit's figures: what it draws is what its tables and the list of people say."""

import re

import pytest

from tests.service import Service
from tests.unit.test_console_visits import Console

PAGE = "/organise/visits/ward/statistics"
QUESTIONS = [
    {"question_id": "setting", "label": "Where do you work?", "kind": "choice", "choices": ["Ward", "Home"]},
    {"question_id": "first", "label": "Your first visit?", "kind": "yes_no"},
    {"question_id": "hope", "label": "What do you hope for?", "kind": "text"},
]


@pytest.fixture
def console(service: Service) -> Console:
    service.visit(capacity=2, questions=QUESTIONS)
    for number, setting in ((1, "Ward"), (2, "Ward"), (3, "Home")):
        service.clock.advance(days=1)
        service.register(number, answers={"setting": setting, "first": number == 1, "hope": "Calm <nights>"})
    return Console(service)


def said(page: str, title: str) -> str:
    found = re.search(rf"<title[^>]*>{re.escape(title)}</title>\s*<desc[^>]*>([^<]*)</desc>", page)
    assert found, title
    return found[1]


def test_plots_say_what_they_show_and_have_a_table_behind(console: Console) -> None:
    page = console.see(PAGE)
    assert "3 people are registered" in page
    assert said(page, "Registrations over time") == (
        "From 02 September 2026 to 04 September 2026: 3 in all, at most 1 on one day."
    )
    assert said(page, "Where people stand") == "Confirmed: 2; Waiting: 1; Cancelled: 0"
    assert said(page, "Attendance") == "Attended: 0; Missed: 0; Not marked: 2"
    assert said(page, "Where do you work?") == "Ward: 2; Home: 1"
    assert said(page, "Your first visit?") == "Yes: 1; No: 2"
    assert '<th scope="row">03 September 2026</th><td>1</td><td>2</td>' in page
    assert '<th scope="row">Home</th><td>1</td>' in page
    assert "3 people answered" in page


def test_answers_in_words_are_counted_and_not_shown(console: Console) -> None:
    assert "Calm" not in console.see(PAGE)


def test_a_visit_without_people_has_figures_of_nothing(console: Console, service: Service) -> None:
    service.visit("empty")
    page = console.see("/organise/visits/empty/statistics")
    assert "Nobody has registered yet." in page
    assert said(page, "Where people stand") == "Confirmed: 0; Waiting: 0; Cancelled: 0"
