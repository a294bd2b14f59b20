"""Calendar data as another library (vobject) reads it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import vobject
from hypothesis import given
from hypothesis import strategies as st

from kernel import calendar
from kernel.calendar import Contact, Entry

STAMP = datetime(2026, 10, 1, 9, tzinfo=UTC)
START = datetime(2026, 10, 27, 14, tzinfo=UTC)
LONDON, NEW_YORK = ZoneInfo("Europe/London"), ZoneInfo("America/New_York")

ENTRY = Entry(
    uid="r1@visits.example.org",
    sequence=0,
    starts_at=START,
    ends_at=START + timedelta(hours=2),
    timezone="Europe/London",
    summary="Inside the virtual ward",
    description="An afternoon.\n\nBring a question.",
    location="Online",
    url="https://visits.example.org/visits/virtual-ward",
    organizer=Contact("Community of Practice", "mailto:visits@example.org"),
    attendee=Contact("Zoë Okafor", "mailto:zoe@example.org"),
)


@pytest.fixture(autouse=True)
def _no_time_zone_is_known_yet() -> None:
    """vobject remembers the first VTIMEZONE it reads under a name, and ours are cut to their dates."""
    known = vars(vobject.icalendar)["__tzidMap"]
    for name in [name for name in known if name != "UTC"]:
        del known[name]


def read(text: str) -> vobject.base.Component:
    return vobject.readOne(text)


def test_an_invitation_says_request_and_its_withdrawal_cancel_with_the_same_uid() -> None:
    invited = read(calendar.invitation(ENTRY, stamp=STAMP))
    withdrawn = read(calendar.invitation(replace(ENTRY, sequence=1, cancelled=True), stamp=STAMP))
    assert (invited.method.value, withdrawn.method.value) == ("REQUEST", "CANCEL")
    assert invited.vevent.uid.value == withdrawn.vevent.uid.value == "r1@visits.example.org"
    assert (invited.vevent.sequence.value, withdrawn.vevent.sequence.value) == ("0", "1")
    assert (invited.vevent.status.value, withdrawn.vevent.status.value) == ("CONFIRMED", "CANCELLED")


def test_an_invitation_names_its_organiser_and_its_attendee_who_has_answered_already() -> None:
    event = read(calendar.invitation(ENTRY, stamp=STAMP)).vevent
    assert event.organizer.value == "mailto:visits@example.org"
    assert event.attendee.value == "mailto:zoe@example.org"
    assert event.attendee.params["CN"] == ["Zoë Okafor"]
    assert event.attendee.params["PARTSTAT"] == ["ACCEPTED"]
    assert event.attendee.params["RSVP"] == ["FALSE"]
    assert event.dtstamp.value == STAMP


@pytest.mark.parametrize(
    ("start", "london", "new_york"),
    [
        # Both before their changes; London after its own on 25 October; both after New York's on 1 November.
        (datetime(2026, 10, 20, 13, tzinfo=UTC), "14:00", "09:00"),
        (datetime(2026, 10, 27, 14, tzinfo=UTC), "14:00", "10:00"),
        (datetime(2026, 11, 3, 14, tzinfo=UTC), "14:00", "09:00"),
    ],
)
@pytest.mark.parametrize("zone", ["Europe/London", "America/New_York"])
def test_a_visit_around_the_october_clock_change_is_shown_at_the_right_hour(
    start: datetime, london: str, new_york: str, zone: str
) -> None:
    entry = replace(ENTRY, starts_at=start, ends_at=start + timedelta(hours=2), timezone=zone)
    # By the VTIMEZONE in the file alone, whatever this machine believes about the zone.
    shown = read(calendar.invitation(entry, stamp=STAMP)).vevent.dtstart.value
    assert shown.strftime("%H:%M") == (london if zone == "Europe/London" else new_york)
    assert shown.astimezone(LONDON).strftime("%H:%M") == london
    assert shown.astimezone(NEW_YORK).strftime("%H:%M") == new_york


@pytest.mark.parametrize("minutes", range(-180, 181, 30))
@pytest.mark.parametrize(
    ("zone", "change"),
    [
        ("Europe/London", datetime(2026, 10, 25, 1, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC)),
        ("Europe/London", datetime(2027, 3, 28, 1, tzinfo=UTC)),
    ],
)
def test_a_visit_across_the_change_itself_starts_and_ends_when_it_should(
    zone: str, change: datetime, minutes: int
) -> None:
    start = change + timedelta(minutes=minutes)
    entry = replace(ENTRY, starts_at=start, ends_at=start + timedelta(hours=2), timezone=zone)
    event = read(calendar.invitation(entry, stamp=STAMP)).vevent
    assert event.dtstart.value.astimezone(UTC) == start
    assert event.dtend.value.astimezone(UTC) == start + timedelta(hours=2)


def test_the_time_zone_is_cut_to_the_dates() -> None:
    text = calendar.invitation(ENTRY, stamp=STAMP)
    assert "TZID:Europe/London" in text
    assert text.count("BEGIN:STANDARD") + text.count("BEGIN:DAYLIGHT") == 1
    assert "19" not in {line[8:10] for line in text.splitlines() if line.startswith("DTSTART:")}


def test_a_visit_in_utc_needs_no_time_zone() -> None:
    assert "VTIMEZONE" not in calendar.invitation(replace(ENTRY, timezone="UTC"), stamp=STAMP)


def test_lines_end_in_crlf_and_are_folded_at_75_octets() -> None:
    text = calendar.invitation(replace(ENTRY, summary="Café „Wärme“ 名前 " * 20), stamp=STAMP)
    assert text.count("\n") == text.count("\r\n")
    assert max(len(line.encode()) for line in text.split("\r\n")) <= 75
    assert read(text).vevent.summary.value == "Café „Wärme“ 名前 " * 20


def test_a_public_calendar_has_no_attendee_and_shows_a_cancelled_visit_as_such() -> None:
    public = replace(ENTRY, uid="virtual-ward@visits.example.org", attendee=None)
    other = replace(public, uid="bridge@visits.example.org", timezone="America/New_York", cancelled=True)
    parsed = read(calendar.published([public, other], name="Visits, all", stamp=STAMP))
    assert parsed.method.value == "PUBLISH"
    assert parsed.contents["x-wr-calname"][0].value == "Visits, all"
    assert [event.status.value for event in parsed.vevent_list] == ["CONFIRMED", "CANCELLED"]
    assert all("attendee" not in event.contents for event in parsed.vevent_list)
    assert {zone.tzid.value for zone in parsed.vtimezone_list} == {"Europe/London", "America/New_York"}


def test_a_calendar_of_no_visits_is_still_one() -> None:
    assert read(calendar.published([], name="Visits", stamp=STAMP)).version.value == "2.0"


def test_uids_come_from_the_id_and_our_host() -> None:
    assert calendar.registration_uid("r1", "https://visits.example.org") == "r1@visits.example.org"
    assert calendar.visit_uid("virtual-ward", "http://localhost:8000") == "virtual-ward@localhost"


def test_an_address_beyond_ascii_is_a_valid_uri() -> None:
    assert calendar.mailto("zoë+x@bücher.example") == "mailto:zo%C3%AB+x@b%C3%BCcher.example"


@given(name=st.text(max_size=60), title=st.text(max_size=200), description=st.text(max_size=400))
def test_no_text_breaks_out_of_its_property(name: str, title: str, description: str) -> None:
    entry = replace(ENTRY, summary=title, description=description, attendee=Contact(name, "mailto:zoe@example.org"))
    text = calendar.invitation(entry, stamp=STAMP)
    names = [line.partition(":")[0].partition(";")[0] for line in text.replace("\r\n ", "").split("\r\n")]
    assert names.count("BEGIN") == 3 + 1, "VCALENDAR, VTIMEZONE, one observance, VEVENT"
    assert [n for n in names if n == "ATTENDEE"] == ["ATTENDEE"]
    assert "\n" not in text.replace("\r\n", "")
