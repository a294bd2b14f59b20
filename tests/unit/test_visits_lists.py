"""Lists, cursors, calendars and feeds of visits."""

import base64
import json
from datetime import datetime, timedelta
from xml.etree import ElementTree

import pytest
from icalendar import Calendar

from tests.dynamodb_tap import When, refusal
from tests.service import Service


def ids(service: Service, path: str = "/visits", **query: str) -> list[str]:
    answer = service.send("GET", f"/api/v1{path}", query=query)
    assert answer.status == 200, answer.body
    return [one["visit_id"] for one in answer.json["items"]]


@pytest.fixture
def calendar(service: Service) -> Service:
    """Visits one, two and three days from now; one going on; two that are over; a draft."""
    now = service.clock.now
    for name, hours in (
        ("day-3", 72),
        ("day-1", 24),
        ("day-2", 48),
        ("going-on", -1),
        ("over-1", -24),
        ("over-2", -48),
    ):
        starts = now + timedelta(hours=hours)
        service.visit(
            name,
            title=f"Visit {name}",
            starts_at=starts.isoformat(),
            ends_at=(starts + timedelta(hours=2)).isoformat(),
            summary="With a ramp" if name == "day-2" else "",
        )
    service.visit("draft", publish=False)
    return service


def test_coming_visits_come_next_first_and_past_ones_newest_first(calendar: Service) -> None:
    assert ids(calendar) == ["going-on", "day-1", "day-2", "day-3"]
    assert ids(calendar, past="true") == ["over-1", "over-2"]
    assert ids(calendar, past="false") == ids(calendar)


def test_a_visit_moves_to_the_past_when_it_ends(calendar: Service) -> None:
    calendar.clock.advance(minutes=59)
    assert "going-on" in ids(calendar)
    calendar.clock.advance(minutes=1)
    assert "going-on" not in ids(calendar)
    assert ids(calendar, past="true")[0] == "going-on"


def test_a_list_is_bounded_by_when_visits_start(calendar: Service) -> None:
    now = calendar.clock.now
    at = (now + timedelta(days=2)).isoformat()
    assert ids(calendar, **{"from": at}) == ["day-2", "day-3"]
    assert ids(calendar, to=at) == ["going-on", "day-1", "day-2"]
    assert ids(calendar, **{"from": at, "to": at}) == ["day-2"]
    assert ids(calendar, **{"from": at, "to": now.isoformat()}) == []
    assert ids(calendar, past="true", **{"from": (now - timedelta(days=1)).isoformat()}) == ["over-1"]
    assert ids(calendar, **{"from": "2026-09-03"}) == ["day-2", "day-3"]
    assert ids(calendar, **{"from": "0001-01-01"}) == ids(calendar)
    assert ids(calendar, to="9999-12-31") == ids(calendar)
    assert ids(calendar, **{"from": "2026-09-03T10:00:00+01:00"}) == ["day-2", "day-3"]


def test_words_are_found_wherever_they_stand_whatever_their_case(calendar: Service) -> None:
    assert ids(calendar, q="RAMP") == ["day-2"]
    assert ids(calendar, q="visit riverside") == ids(calendar)
    assert ids(calendar, q="visit nowhere") == []


def test_pages_follow_one_another_without_a_gap_or_a_repetition(calendar: Service) -> None:
    for path, headers in (("/visits", {}), ("/organiser/visits", {"authorization": "Bearer organiser-token"})):
        whole = calendar.api("GET", path, **headers).json["items"]
        for limit in (1, 2, 3, 100):
            seen: list[str] = []
            query = {"limit": str(limit)}
            while True:
                sent: dict[str, str | None] = dict(headers)
                page = calendar.send("GET", f"/api/v1{path}", headers=sent, query=query).json
                assert len(page["items"]) <= limit
                seen += [one["visit_id"] for one in page["items"]]
                if page["next"] is None:
                    break
                query["cursor"] = page["next"]
            assert seen == [one["visit_id"] for one in whole]


def test_organisers_see_drafts_too_the_latest_first(calendar: Service) -> None:
    items = calendar.organise("GET", "/visits").json["items"]
    assert [one["visit_id"] for one in items][:2] == ["draft", "day-3"]
    assert {one["status"] for one in items} == {"draft", "published", "ended"}


def cursor(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


GOOD = "2026-09-02T09:00:00.000000+0000"


@pytest.mark.parametrize(
    "forged",
    ["x", "é", "====", "bnVsbA", cursor(1), cursor([]), cursor([GOOD]), cursor([GOOD, 1]), cursor([1, "day-1"]),
     cursor({"a": 1}), cursor(["x" * 31, "day-1"]), cursor([GOOD, "day-1", "x"]), cursor([GOOD, "\ud800"]),
     cursor([GOOD, "x" * 3000]), cursor([GOOD, ""]), cursor([[[]], "a"]), cursor([GOOD.replace("2", "x"), "b-c"])],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/visits", "/organiser/visits"])
def test_a_forged_cursor_is_refused_by_name(service: Service, path: str, forged: str) -> None:
    headers: dict[str, str | None] = {"authorization": "Bearer organiser-token"}
    answer = service.send("GET", f"/api/v1{path}", headers=headers, query={"cursor": forged})
    assert answer.errors == {"cursor": "This cursor is none of ours: begin without one."}


@pytest.mark.parametrize("path", ["/api/v1/visits", "/"])
def test_a_cursor_the_database_cannot_begin_at_is_no_fault_of_ours(service: Service, path: str) -> None:
    """AWS refuses a key outside the bounds of the query, which a cursor kept for weeks is."""

    def strike(index: int, operation: str, when: When) -> None:
        if operation == "Query" and "ExclusiveStartKey" in service.dynamodb.calls[index][1]:
            raise refusal("ValidationException", operation)

    service.dynamodb.strike = strike
    answer = service.send("GET", path, query={"cursor": cursor([GOOD, "day-1"])})
    assert answer.status == 422


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"limit": "1e1"}, "limit"),
        ({"limit": "½"}, "limit"),
        ({"from": "yesterday"}, "from"),
        ({"to": "2026-13-01"}, "to"),
        ({"to": "0001-01-01T00:00:00+14:00"}, "to"),
        ({"q": "x" * 201}, "q"),
    ],
)
def test_what_cannot_be_read_names_its_parameter(service: Service, query: dict[str, str], field: str) -> None:
    assert service.send("GET", "/api/v1/visits", query=query).errors.keys() == {field}
    assert service.send("GET", "/", query=query).status == 422


def test_a_visit_shows_at_once_what_a_request_changed(service: Service) -> None:
    service.visit(capacity=2)
    shown = [service.api("GET", "/visits/ward").json]
    for number in (1, 2, 3):
        service.register(number)
        shown.append(service.api("GET", "/visits/ward").json)
    service.api("DELETE", f"/registrations/{service.link(1)}")
    shown.append(service.api("GET", "/visits/ward").json)
    assert [(one["seats_left"], one["waiting"], one["registration"]) for one in shown] == [
        (2, 0, "open"),
        (1, 0, "open"),
        (0, 0, "waitlist"),
        (0, 1, "waitlist"),
        (0, 0, "waitlist"),
    ]
    assert service.api("GET", "/visits").json["items"] == [shown[-1]]


def test_the_registration_word_follows_the_visits_life(service: Service) -> None:
    now = service.clock.now
    service.visit(
        capacity=1,
        waitlist="off",
        registration_opens_at=(now + timedelta(days=1)).isoformat(),
        registration_closes_at=(now + timedelta(days=29)).isoformat(),
    )
    words = []
    for days in (0, 1, 29, 31):
        service.clock.now = now + timedelta(days=days)
        words.append(service.api("GET", "/visits/ward").json["registration"])
        if days == 1:
            service.register(1)
            words.append(service.api("GET", "/visits/ward").json["registration"])
    assert words == ["not_yet", "open", "full", "closed", "ended"]
    assert service.api("GET", "/visits/ward").json["status"] == "ended"


def test_nothing_public_holds_a_room_an_organiser_or_a_person(service: Service) -> None:
    service.visit(room_url="https://rooms.example.org/secret")
    service.register(1, access_needs="A ramp")
    for path in ("/api/v1/visits", "/api/v1/visits/ward", "/", "/visits/ward", "/visits/ward/calendar.ics",
                 "/calendar.ics", "/visits.atom"):  # fmt: skip
        body = service.get(path).body
        for secret in ("rooms.example.org", "organiser@example.org", "Quillfeather", "people.example.org", "ramp"):
            assert secret not in body, (path, secret)


@pytest.mark.parametrize("prefix", ["", "/api/v1"])
def test_calendars_and_feeds_answer_at_the_root_and_under_the_api(calendar: Service, prefix: str) -> None:
    whole = calendar.get(f"{prefix}/calendar.ics")
    assert whole.headers["Content-Type"] == "text/calendar; charset=utf-8"
    entries = Calendar.from_ical(whole.body).walk("VEVENT")
    assert [str(entry["SUMMARY"]) for entry in entries] == [
        f"Visit {n}" for n in ("going-on", "day-1", "day-2", "day-3")
    ]
    one = Calendar.from_ical(calendar.get(f"{prefix}/visits/day-1/calendar.ics").body)
    assert [str(entry["UID"]) for entry in one.walk("VEVENT")] == ["day-1@visits.example.org"]
    assert str(one["METHOD"]) == "PUBLISH"
    feed = calendar.get(f"{prefix}/visits.atom")
    assert feed.headers["Content-Type"] == "application/atom+xml; charset=utf-8"
    atom = {"a": "http://www.w3.org/2005/Atom"}
    root = ElementTree.fromstring(feed.body)
    assert [e.text for e in root.findall("a:entry/a:title", atom)] == [
        f"Visit {n}" for n in ("going-on", "day-1", "day-2", "day-3")
    ]
    for updated in root.findall(".//a:updated", atom):
        assert datetime.fromisoformat(updated.text or "").tzinfo


def test_texts_with_every_kind_of_character_make_whole_feeds(service: Service) -> None:
    odd = 'A & B <c> "d" 👩\u200d⚕️ ]]> עברית end'
    service.visit(title=odd, summary=odd, host=odd, description_markdown=f"{odd}\n\n* {odd}\t\n")
    root = ElementTree.fromstring(service.get("/visits.atom").body)
    assert root.findtext(".//{http://www.w3.org/2005/Atom}entry/{http://www.w3.org/2005/Atom}title") == odd
    [entry] = Calendar.from_ical(service.get("/calendar.ics").body).walk("VEVENT")
    assert str(entry["SUMMARY"]) == odd


def test_the_page_of_the_list_keeps_what_was_searched_for_on_the_next_one(service: Service) -> None:
    for number in range(3):
        service.visit(f"visit-{number}", title=f"A & B {number}")
    page = service.send("GET", "/", query={"q": "a & b", "limit": "2"})
    assert "q=a+%26+b" in page.body
    assert "cursor=" in page.body
