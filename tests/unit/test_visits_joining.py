"""The join link: who gets in, when, and where the room's address stands."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kernel.headers import CONTENT_SECURITY_POLICY
from tests.service import Answer, Service
from visits import links, web
from visits.joining import door, is_shown

ROOM = "https://rooms.example.org/j/98765?pwd=sesame"
STARTS = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
ENDS = STARTS + timedelta(hours=2)
HOUR, QUARTER, SECOND = timedelta(hours=1), timedelta(minutes=15), timedelta(seconds=1)


def at(now: datetime, *, status: str = "confirmed", visit: str = "published", room: str = ROOM) -> str:
    return door(status=status, visit_status=visit, starts_at=STARTS, ends_at=ENDS, room_url=room, now=now)


@pytest.mark.parametrize(
    ("now", "found"),
    [
        (STARTS - QUARTER - SECOND, "early"),
        (STARTS - QUARTER, "open"),
        (STARTS, "open"),
        (ENDS - SECOND, "open"),
        (ENDS, "over"),
    ],
)
def test_the_door_is_open_from_a_quarter_of_an_hour_before_until_the_end(now: datetime, found: str) -> None:
    assert at(now) == found


@pytest.mark.parametrize("now", [STARTS - QUARTER, STARTS, ENDS - SECOND])
def test_nobody_without_a_place_gets_in(now: datetime) -> None:
    assert at(now, status="waiting") == "waiting"
    assert at(now, status="offered") == "waiting"
    assert at(now, status="cancelled") == "cancelled"
    assert at(now, visit="cancelled") == "called_off"
    assert at(now, room="") == "no_room"


def test_who_is_early_hears_when_whether_or_not_there_is_a_room_yet() -> None:
    assert at(STARTS - HOUR, room="") == "early"
    assert at(ENDS, status="waiting") == "over"


@pytest.mark.parametrize(
    ("now", "shown"),
    [(STARTS - HOUR - SECOND, False), (STARTS - HOUR, True), (ENDS - SECOND, True), (ENDS, False)],
)
def test_the_link_shows_from_an_hour_before_until_the_end(now: datetime, shown: bool) -> None:
    assert is_shown(status="confirmed", visit_status="published", starts_at=STARTS, ends_at=ENDS, now=now) == shown
    for status, visit in (("waiting", "published"), ("cancelled", "published"), ("confirmed", "cancelled")):
        assert not is_shown(status=status, visit_status=visit, starts_at=STARTS, ends_at=ENDS, now=now)


# --- through the service ----------------------------------------------------------------------------------------------


def a_visit(service: Service, **written: object) -> None:
    chosen: dict[str, Any] = {"capacity": 1, "room_url": ROOM, **written}
    service.visit(**chosen)
    service.register(1)
    service.register(2)


def near_the_start(service: Service, before: timedelta = timedelta(minutes=5)) -> None:
    service.clock.now = service.details().starts_at - before


def token(service: Service, place: int = 1) -> str:
    return links.join_token(links.PlaceRef("ward", place), ends_at=service.details().ends_at, keys=web._keys())


def looked(service: Service, place: int = 1) -> Answer:
    return service.get(f"/join/{token(service, place)}")


def pressed(service: Service, place: int = 1) -> Answer:
    return service.post(f"/join/{token(service, place)}", {})


def test_my_place_leads_to_the_page_and_its_button_into_the_room(service: Service) -> None:
    a_visit(service)
    near_the_start(service)
    join_url = service.api("GET", f"/registrations/{service.link(1)}").json["join_url"]
    assert re.fullmatch(r"https://visits\.example\.org/join/[\w.-]+", join_url)
    path = join_url.removeprefix("https://visits.example.org")
    assert join_url in service.get(f"/places/{service.link(1)}").body

    page = service.get(path)

    assert page.status == 200
    assert page.headers["Cache-Control"] == "no-store"
    assert "How one ward halved its falls" in page.body
    assert service.places()[0].attendance is None, "looking records nothing: scanners follow links"
    went = service.post(path, {})
    assert (went.status, went.headers["Location"]) == (303, ROOM)
    first = service.clock.now
    assert (service.places()[0].attendance, service.places()[0].attended_at) == ("attended", first)
    service.clock.advance(minutes=30)
    assert service.post(path, {}).status == 303  # their connection broke: they come back
    assert service.places()[0].attended_at == first
    assert service.organise("GET", "/visits/ward/registrations").json["items"][0]["attendance"] == "attended"


def test_the_link_shows_only_to_who_has_a_place_and_only_when_it_is_time(service: Service) -> None:
    a_visit(service)

    def join_url(place: int) -> Any:
        return service.api("GET", f"/registrations/{service.link(place)}").json["join_url"]

    assert join_url(1) is None
    assert "one hour before the start" in service.get(f"/places/{service.link(1)}").body
    near_the_start(service, timedelta(hours=1))
    assert join_url(1) is not None
    assert join_url(2) is None
    service.api("DELETE", f"/registrations/{service.link(1)}")
    assert join_url(1) is None
    assert join_url(2) is not None


def test_a_visit_in_person_without_a_room_has_no_link(service: Service) -> None:
    a_visit(service, format="in_person", venue="Elm House", room_url="")
    near_the_start(service)
    assert service.api("GET", f"/registrations/{service.link(1)}").json["join_url"] is None
    assert "Elm House" in looked(service).body


@pytest.mark.parametrize(
    ("before", "place", "said"),
    [
        (timedelta(hours=1), 1, "The button to join appears here"),
        (timedelta(minutes=5), 2, "still waiting for a place"),
        (timedelta(hours=-2), 1, "This visit is over"),
    ],
)
def test_who_cannot_join_hears_why_and_nothing_is_recorded(
    service: Service, before: timedelta, place: int, said: str
) -> None:
    a_visit(service)
    near_the_start(service, before)
    for answer, status in ((looked(service, place), 200), (pressed(service, place), 409)):
        assert answer.status == status
        assert said in " ".join(answer.body.split())
        assert "<button" not in answer.body
        assert "rooms.example.org" not in answer.body + str(answer.headers)
    assert [one.attendance for one in service.places()] == [None, None]


def test_who_cancelled_does_not_get_in(service: Service) -> None:
    a_visit(service)
    service.api("DELETE", f"/registrations/{service.link(1)}")
    near_the_start(service)
    answer = pressed(service)
    assert (answer.status, "was cancelled" in answer.body) == (409, True)
    assert pressed(service, 2).status == 303


def test_without_a_room_the_page_says_whom_to_ask(service: Service) -> None:
    a_visit(service, room_url="")
    near_the_start(service)
    for answer in (looked(service), pressed(service)):
        assert "ask them" in answer.body
        assert "<button" not in answer.body
    assert service.places()[0].attendance is None


def test_the_rooms_address_stands_in_no_page_before_the_button_is_pressed(service: Service) -> None:
    a_visit(service)
    near_the_start(service)
    for path in (f"/join/{token(service)}", f"/places/{service.link(1)}", f"/api/v1/registrations/{service.link(1)}",
                 f"/api/v1/registrations/{service.link(1)}/calendar.ics", "/visits/ward", "/"):  # fmt: skip
        answer = service.get(path)
        assert "rooms.example.org" not in answer.body + str(answer.headers), path


def test_the_pages_form_may_lead_to_a_room_and_no_other_pages_may(service: Service) -> None:
    a_visit(service)
    near_the_start(service)
    policy = looked(service).headers["Content-Security-Policy"]
    assert policy == CONTENT_SECURITY_POLICY.replace("form-action 'self'", "form-action 'self' https:")
    assert pressed(service).headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    assert service.get(f"/places/{service.link(1)}").headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY


def test_a_link_to_my_place_does_not_join_and_a_join_link_opens_no_place(service: Service) -> None:
    a_visit(service)
    near_the_start(service)
    assert service.post(f"/join/{service.link(1)}", {}).status == 404
    assert service.api("GET", f"/registrations/{token(service)}").status == 404
    assert service.post("/join/nonsense", {}).status == 404


def test_who_was_moved_up_joins_with_the_link_of_the_place_they_had(service: Service) -> None:
    a_visit(service)
    waiting = service.places()[1]
    service.organise(
        "POST", f"/visits/ward/registrations/{waiting.registration_id}/move-up", {"reason": "She speaks."}
    )  # fmt: skip
    near_the_start(service)
    assert pressed(service, 2).headers["Location"] == ROOM
    assert service.places()[2].attendance == "attended"


def test_a_recalled_link_joins_no_more(service: Service) -> None:
    a_visit(service)
    old = token(service)
    place = service.places()[0]
    place.update(actions=[type(place).links_recalled.set(1)])
    near_the_start(service)
    assert service.post(f"/join/{old}", {}).status == 404
    join_url = service.api("GET", f"/registrations/{recalled(service)}").json["join_url"]
    assert service.post(join_url.removeprefix("https://visits.example.org"), {}).status == 303


def recalled(service: Service) -> str:
    return links.place_token(links.PlaceRef("ward", 1, 1), ends_at=service.details().ends_at, keys=web._keys())


def test_an_address_that_is_no_plain_url_travels_in_the_header_all_the_same(service: Service) -> None:
    a_visit(service, room_url="https://rooms.example.org/früh?a=b%20c&d=1#top")
    near_the_start(service)
    assert pressed(service).headers["Location"] == "https://rooms.example.org/fr%C3%BCh?a=b%20c&d=1#top"
