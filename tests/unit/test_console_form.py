"""The organisers' form: times on the wall across clock changes, questions in rows, and two people's changes merged."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visits import console_form, naming
from visits.console_form import NoSuchTime, arranged, flat, left_out, named, read, rows, rows_of, wall_clock
from visits.questions import Question

LONDON = ZoneInfo("Europe/London")
NEW_YORK = ZoneInfo("America/New_York")
EARLY = datetime(1990, 1, 1, tzinfo=UTC).replace(tzinfo=None)


def question(question_id: str, label: str = "What do you hope for?") -> Question:
    return {
        "question_id": question_id,
        "label": label,
        "kind": "choice",
        "choices": ["A", "B"],
        "required": True,
        "help": "",
    }


def utc(text: str, zone: ZoneInfo, fold: str = "") -> datetime:
    found = wall_clock(text, zone, fold)
    assert isinstance(found, datetime), found
    return found.astimezone(UTC)


# --- times


@pytest.mark.parametrize(
    ("text", "zone", "instant"),
    [
        ("2026-12-08T14:00", LONDON, datetime(2026, 12, 8, 14, tzinfo=UTC)),
        ("2026-07-08 14:00", LONDON, datetime(2026, 7, 8, 13, tzinfo=UTC)),
        ("2026-12-08T14:00:00", NEW_YORK, datetime(2026, 12, 8, 19, tzinfo=UTC)),
    ],
)
def test_a_time_is_what_the_clock_on_the_wall_shows_there(text: str, zone: ZoneInfo, instant: datetime) -> None:
    assert utc(text, zone) == instant


def test_a_time_the_clock_skips_is_refused_with_one_that_exists() -> None:
    found = wall_clock("2027-03-28T01:30", LONDON)
    assert isinstance(found, NoSuchTime)
    assert "no 01:30" in found.message
    assert "perhaps 02:30" in found.message


def test_a_time_the_clock_shows_twice_asks_which_one_and_takes_the_answer() -> None:
    found = wall_clock("2026-10-25T01:30", LONDON)
    assert isinstance(found, NoSuchTime)
    assert "comes twice" in found.message
    assert console_form.twice("2026-10-25T01:30", LONDON) == ("01:30 BST, the first time", "01:30 GMT, an hour later")
    assert utc("2026-10-25T01:30", LONDON, "0") == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert utc("2026-10-25T01:30", LONDON, "1") == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert console_form.twice("2026-10-25T01:30", NEW_YORK) is None


@pytest.mark.parametrize("text", ["soon", "2026-12-08", "2026-12-08T14:00Z", "9999-12-31T23:59", "14:00"])
def test_what_is_no_time_on_a_wall_is_refused(text: str) -> None:
    found = wall_clock(text, NEW_YORK)
    assert isinstance(found, NoSuchTime)


@given(
    st.datetimes(EARLY, EARLY.replace(year=2090), timezones=st.just(UTC)),
    st.sampled_from([LONDON, NEW_YORK]),
)
def test_every_moment_comes_back_from_its_fields(moment: datetime, zone: ZoneInfo) -> None:
    moment = moment.replace(second=0, microsecond=0)
    values = console_form.shown(moment, zone, "starts_at")
    assert utc(values["starts_at"], zone, values.get("starts_at.fold", "")) == moment


def test_a_field_that_asks_for_a_time_twice_says_so_beside_it() -> None:
    typed = read({"starts_at": ["2026-10-25T01:30"], "ends_at": [""], "timezone": ["Europe/London"]})
    assert [error.field for error in typed.errors] == ["starts_at", "ends_at"]
    assert set(typed.twice) == {"starts_at"}


def test_zones_to_choose_from_are_named_after_places() -> None:
    areas = dict(console_form.zones())
    assert "Europe/London" in areas["Europe"]
    assert "UTC" in areas["Everywhere"]
    assert not any(name.startswith("Etc/") for names in areas.values() for name in names)


# --- the other fields


def test_empty_places_are_no_limit_and_words_are_left_for_the_check_to_refuse() -> None:
    for text, capacity in (("", None), ("1,200", 1200), (" 12 ", 12), ("a dozen", "a dozen")):
        assert read({"capacity": [text]}, zone="UTC").document["capacity"] == capacity


def test_organisers_are_read_line_by_line() -> None:
    fields = {"organisers": ["a@example.org\n b@example.org, c@example.org\n"]}
    assert read(fields, zone="UTC").document["organisers"] == ["a@example.org", "b@example.org", "c@example.org"]
    assert read({"organisers": [" "]}, zone="UTC").document["organisers"] == []


# --- questions


def posted(*labels: str) -> console_form.Fields:
    return {
        name: [text] for name, text in flat(rows_of(question(f"q{n}", one) for n, one in enumerate(labels))).items()
    }


def labels(given: list[dict[str, str]]) -> list[str]:
    return [row["label"] for row in given]


@pytest.mark.parametrize(
    ("do", "after"),
    [
        ("up.1", ["B", "A", "C"]),
        ("up.0", ["A", "B", "C"]),
        ("down.1", ["A", "C", "B"]),
        ("down.2", ["A", "B", "C"]),
        ("remove.1", ["A", "C"]),
        ("add", ["A", "B", "C", ""]),
        ("back.q9", ["A", "B", "C", "Old"]),
        ("back.unknown", ["A", "B", "C"]),
        ("up.7", ["A", "B", "C"]),
        ("up.x", ["A", "B", "C"]),
        ("nonsense", ["A", "B", "C"]),
    ],
)
def test_a_button_beside_a_question_does_what_it_says(do: str, after: list[str]) -> None:
    stored = [question("q9", "Old")]
    assert labels(arranged(rows(posted("A", "B", "C")), do, stored)) == after


def test_there_is_no_twenty_first_question() -> None:
    twenty = rows(posted(*"ABCDEFGHIJKLMNOPQRST"))
    assert len(arranged(twenty, "add", [])) == 20
    assert len(arranged(twenty, "back.q99", [question("q99")])) == 20


def test_questions_not_in_the_form_are_offered_to_be_asked_again() -> None:
    stored = [question("q0"), question("q1")]
    assert left_out(rows(posted("A")), stored) == [stored[1]]


def test_a_new_question_is_named_after_its_words_and_never_like_another() -> None:
    new = {"question_id": "", "label": "Où travaillez-vous?", "kind": "text", "choices": "", "required": "", "help": ""}
    done = named([new, new, {**new, "label": "何?"}], [question("ou_travaillez_vous")])
    assert [row["question_id"] for row in done] == ["ou_travaillez_vous_2", "ou_travaillez_vous_3", "question"]


def test_choices_of_a_kind_that_offers_none_are_not_sent() -> None:
    fields = {**posted("A"), "questions.0.kind": ["text"]}
    assert read(fields, zone="UTC").document["questions"][0]["choices"] == []


def test_an_id_of_a_visit_reads_like_its_title() -> None:
    assert naming.visit_id("Égalité & co: a Visit!").startswith("egalite-co-a-visit-")
    assert naming.visit_id("何").startswith("visit-")
