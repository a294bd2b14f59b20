"""The organisers' pages of who came: marked by a tap, with htmx and without, and settled."""

import pytest

from tests.html_form import SentForm, forms_of
from tests.service import Service
from tests.unit.test_console_visits import Console

ATTENDANCE = "/organise/visits/ward/attendance"


@pytest.fixture
def console(service: Service) -> Console:
    service.visit(capacity=3)
    for number in (1, 2, 3, 4):
        service.register(number)
    return Console(service)


def row(console: Console, number: int, **query: str) -> SentForm:
    [found] = [
        form
        for form in forms_of(console.see(ATTENDANCE, **query))
        if form.fields.get("registration_id") == [console.service.places()[number - 1].registration_id]
    ]
    return found


def marks(service: Service) -> list[str | None]:
    return [place.attendance for place in service.places()]


def test_people_who_have_a_place_are_marked_by_a_tap_and_a_second_takes_it_back(
    console: Console, service: Service
) -> None:
    assert "Ada Quillfeather 4" not in console.see(ATTENDANCE)  # she waits
    for number, word in ((1, "attended"), (2, "missed")):
        answer = console.send(ATTENDANCE, {**row(console, number).fields, "attendance": word})
        assert answer.status == 303
        assert answer.headers["Location"].startswith(f"{ATTENDANCE}#person-")
    assert marks(service) == ["attended", "missed", None, None]
    page = console.see(ATTENDANCE)
    assert "<strong>1</strong> attended, <strong>1</strong> missed, <strong>1</strong> not marked" in page
    console.send(ATTENDANCE, {**row(console, 1).fields, "attendance": "unknown"})
    assert marks(service) == [None, "missed", None, None]


def test_who_was_looked_for_is_still_shown_after_the_tap(console: Console) -> None:
    form = row(console, 2, q="ada2")
    answer = console.send(ATTENDANCE, {**form.fields, "attendance": "attended"})
    assert answer.headers["Location"] == f"{ATTENDANCE}?q=ada2"


def test_htmx_gets_the_row_alone_and_the_count(console: Console, service: Service) -> None:
    console.headers["hx-request"] = "true"
    answer = console.send(ATTENDANCE, {**row(console, 1).fields, "attendance": "attended"})
    assert answer.status == 200
    assert "<html" not in answer.body
    assert 'aria-pressed="true"' in answer.body
    assert 'hx-swap-oob="true"' in answer.body
    assert "<strong>1</strong> attended" in answer.body


def test_somebody_who_cancelled_meanwhile_is_not_marked_and_the_page_says_so(
    console: Console, service: Service
) -> None:
    form = row(console, 1)
    registration_id = service.places()[0].registration_id
    console.send(f"/organise/visits/ward/people/{registration_id}/cancel", {})
    answer = console.send(ATTENDANCE, {**form.fields, "attendance": "attended"})
    assert answer.status == 409
    assert "has no place here any more" in answer.body
    console.headers["hx-request"] = "true"
    refreshed = console.send(ATTENDANCE, {**form.fields, "attendance": "attended"})
    assert (refreshed.status, refreshed.headers["HX-Refresh"]) == (200, "true")
    assert marks(service)[0] is None


def test_settling_says_how_many_become_missed_and_then_marks_them(console: Console, service: Service) -> None:
    console.send(ATTENDANCE, {**row(console, 1).fields, "attendance": "attended"})
    page = console.see(f"{ATTENDANCE}/settle")
    assert "2 people become “missed”" in page
    assert "not over yet" in page
    assert marks(service)[1] is None
    answer = console.send(f"{ATTENDANCE}/settle", {})
    assert answer.headers["Location"] == f"{ATTENDANCE}?said=settled"
    assert marks(service) == ["attended", "missed", "missed", None]
    assert "Everybody who has a place is marked" in console.see(f"{ATTENDANCE}/settle")


def test_a_draft_cannot_be_settled(console: Console, service: Service) -> None:
    service.visit("draft", publish=False)
    answer = console.send("/organise/visits/draft/attendance/settle", {})
    assert answer.status == 409
    assert "nobody can have come" in answer.body
