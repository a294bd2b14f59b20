"""What organisers do through the API: who may, drafts, changes, publishing, and the people who registered."""

from datetime import timedelta
from typing import Any

import pytest

from tests.service import Service, person
from tests.unit.conftest import give_token
from visits.model import Details

WRITTEN = {
    "visit_id": "ward",
    "title": "How one ward halved its falls",
    "host": "Riverside Hospital",
    "starts_at": "2026-10-27T14:00:00Z",
    "ends_at": "2026-10-27T16:30:00Z",
    "timezone": "Europe/London",
}


def created(service: Service, **changes: object) -> Any:
    return service.organise("POST", "/visits", {**WRITTEN, **changes})


# --- who may


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Bearer nobody", "Basic b3JnYW5pc2VyLXRva2Vu", "organiser-token",
     "Bearer " + "x" * 300, "Bearer organiser-token x", "Bearer ü"],
)  # fmt: skip
@pytest.mark.parametrize(("method", "path"), [("GET", "/visits"), ("POST", "/visits"), ("GET", "/visits/ward"),
                                              ("PATCH", "/visits/ward"), ("POST", "/visits/ward/publish"),
                                              ("GET", "/visits/ward/registrations")])  # fmt: skip
def test_without_a_token_of_ours_nothing_is_shown_or_done(
    service: Service, method: str, path: str, authorization: str | None
) -> None:
    headers: dict[str, Any] = {"authorization": authorization}
    answer = service.send(method, f"/api/v1/organiser{path}", "{}" if method != "GET" else None, headers=headers)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.problem["title"] == "Not signed in"


def test_a_header_longer_than_any_token_is_a_bad_request(service: Service) -> None:
    answer = service.api("GET", "/organiser/visits", authorization="Bearer " + "x" * 500)
    assert answer.status == 400


@pytest.mark.parametrize(
    ("roles", "scopes"),
    [(("moderator",), ("organiser",)), (("organiser",), ("moderator",)), ((), ()), (("organiser",), ())],
)
def test_a_token_is_worth_its_persons_role_and_its_own_scope(
    service: Service, roles: tuple[str, ...], scopes: tuple[str, ...]
) -> None:
    give_token("other", service.clock, roles=roles, scopes=scopes)
    assert service.organise("GET", "/visits", authorization="Bearer other").status == 403


def test_an_expired_token_is_no_token_although_the_table_still_holds_it(service: Service) -> None:
    give_token("short", service.clock, expires_at=int((service.clock.now + timedelta(hours=1)).timestamp()))
    assert service.organise("GET", "/visits", authorization="bearer short").status == 200
    service.clock.advance(hours=1)
    assert service.organise("GET", "/visits", authorization="Bearer short").status == 401


def test_tokens_are_stored_as_hashes_alone(service: Service) -> None:
    assert "organiser-token" not in str(service.items("accounts"))


# --- drafts


def test_a_draft_is_created_with_its_defaults_and_nobody_sees_it(service: Service) -> None:
    answer = created(service)
    assert answer.status == 201
    assert answer.headers["Location"] == "/api/v1/organiser/visits/ward"
    assert answer.headers["ETag"] == '"1"'
    shown = answer.json
    assert (shown["status"], shown["version"], shown["capacity"], shown["waitlist"]) == ("draft", 1, None, "automatic")
    assert (shown["offer_hours"], shown["audience"], shown["format"]) == (48, "public", "online")
    assert shown["organisers"] == ["organiser@example.org"]
    assert shown["registration_closes_at"] == shown["starts_at"] == "2026-10-27T14:00:00+00:00"
    assert service.api("GET", "/visits").json["items"] == []
    assert service.api("GET", "/visits/ward").status == 404
    assert service.get("/visits/ward").status == 404
    assert service.get("/visits/ward/calendar.ics").status == 404
    assert service.register(1).status == 404
    assert service.organise("GET", "/visits/ward").json == shown


def test_times_are_shown_in_the_visits_own_offset_across_the_change_of_clocks(service: Service) -> None:
    shown = created(service, starts_at="2026-10-25T00:30:00Z", ends_at="2026-10-25T02:30:00Z").json
    assert (shown["starts_at"], shown["ends_at"]) == ("2026-10-25T01:30:00+01:00", "2026-10-25T02:30:00+00:00")


def test_an_id_is_made_from_the_title_where_none_is_given(service: Service) -> None:
    made = [
        created(service, visit_id=None, title=title).json["visit_id"]
        for title in ("Über Ärzte & Co!", "訪問", "x" * 200)
    ]
    assert made[0].startswith("uber-arzte-co-")
    assert made[1].startswith("visit-")
    assert all(len(visit_id) <= 64 for visit_id in made)


def test_an_id_is_nobodys_twice(service: Service) -> None:
    created(service)
    again = created(service)
    assert (again.status, again.problem["type"]) == (409, "/problems/visit-id-taken")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"visit_id": "A"}, "visit_id"),
        ({"visit_id": "-ward"}, "visit_id"),
        ({"visit_id": "ward\n"}, None),
        ({"visit_id": "w" * 65}, "visit_id"),
        ({"title": ""}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": "a\nb"}, "title"),
        ({"host": None}, "host"),
        ({"summary": "x" * 501}, "summary"),
        ({"description_markdown": "x" * 20_001}, "description_markdown"),
        ({"starts_at": "2026-10-27T14:00:00"}, "starts_at"),
        ({"starts_at": "2026-10-27"}, "starts_at"),
        ({"starts_at": 1790847001}, "starts_at"),
        ({"starts_at": "tomorrow"}, "starts_at"),
        ({"ends_at": "2026-10-27T14:00:00Z"}, "ends_at"),
        ({"ends_at": "2026-11-28T14:00:00Z"}, "ends_at"),
        ({"timezone": "GMT+25"}, "timezone"),
        ({"timezone": ""}, "timezone"),
        ({"format": "hologram"}, "format"),
        ({"venue": "x" * 501}, "venue"),
        ({"room_url": "javascript:alert(1)"}, "room_url"),
        ({"room_url": "https://"}, "room_url"),
        ({"room_url": "https://[x"}, "room_url"),
        ({"capacity": 0}, "capacity"),
        ({"capacity": -1}, "capacity"),
        ({"capacity": 100_001}, "capacity"),
        ({"capacity": 2.0}, "capacity"),
        ({"capacity": "2"}, "capacity"),
        ({"capacity": True}, "capacity"),
        ({"waitlist": "offer"}, "waitlist"),
        ({"waitlist": "x"}, "waitlist"),
        ({"offer_hours": 0}, "offer_hours"),
        ({"audience": "members"}, "audience"),
        ({"registration_opens_at": "2026-10-27T14:00:00Z"}, "registration_opens_at"),
        ({"registration_closes_at": "2026-10-27T14:00:01Z"}, "registration_closes_at"),
        ({"organisers": ["x"]}, "organisers.0"),
        ({"organisers": ["a@example.org"] * 21}, "organisers"),
        ({"questions": [{"question_id": "Q", "label": "L", "kind": "text"}]}, "questions.0.question_id"),
        ({"questions": [{"question_id": "q", "label": "", "kind": "text"}]}, "questions.0.label"),
        ({"questions": [{"question_id": "q", "label": "L", "kind": "date"}]}, "questions.0.kind"),
        ({"questions": [{"question_id": "q", "label": "L", "kind": "choice", "choices": ["a"]}]}, "questions.0"),
        ({"questions": [{"question_id": "q", "label": "L", "kind": "text", "choices": ["a", "b"]}]}, "questions.0"),
        ({"questions": [{"question_id": "q", "label": "L", "kind": "choice", "choices": ["a", "a"]}]}, "questions.0"),
        ({"questions": [{"question_id": "q", "label": "L", "kind": "text"}] * 2}, "questions"),
        ({"questions": [{"question_id": f"q{n}", "label": "L", "kind": "text"} for n in range(21)]}, "questions"),
        ({"status": "published"}, "status"),
        ({"version": 1}, "version"),
        ({"sequence": 1}, "sequence"),
    ],
)  # fmt: skip
def test_a_draft_that_cannot_be_names_the_field_and_says_what_to_do(
    service: Service, changes: dict[str, object], field: str | None
) -> None:
    if field is None:
        assert created(service, **changes).status == 201
        return
    answer = created(service, **changes)
    assert answer.errors.keys() == {field}
    assert all(message[-1] in ".:" and "[" not in message for message in answer.errors.values()), answer.errors
    assert service.items() == []


def test_what_is_needed_is_named(service: Service) -> None:
    answer = service.organise("POST", "/visits", {})
    assert answer.errors == dict.fromkeys(("title", "host", "starts_at", "ends_at", "timezone"), "This is needed.")


# --- changing


def test_a_change_needs_the_version_it_is_based_on(service: Service) -> None:
    created(service)
    assert service.organise("PATCH", "/visits/ward", {"title": "New"}).status == 428
    assert service.organise("PATCH", "/visits/ward", {"title": "New"}, if_match='"7"').status == 412
    assert service.organise("PATCH", "/visits/ward", {"title": "New"}, if_match="1").status == 400
    changed = service.organise("PATCH", "/visits/ward", {"title": "New"}, if_match='"1"')
    assert (changed.status, changed.headers["ETag"], changed.json["title"]) == (200, '"2"', "New")
    assert service.organise("PATCH", "/visits/ward", {"title": "Newer"}, if_match='"1"').status == 412
    assert service.organise("PATCH", "/visits/ward", {"title": "Newer"}, if_match='W/"2"').status == 200


def test_only_what_is_sent_changes(service: Service) -> None:
    before = created(service, summary="A summary.", capacity=5).json
    after = service.organise("PATCH", "/visits/ward", {"capacity": None}, if_match='"1"').json
    assert (after["capacity"], after["seats_left"]) == (None, None)
    changed = {key for key in after if after[key] != before[key]}
    assert changed <= {"capacity", "seats_left", "version", "registration", "registration_opens_at"}


def test_nothing_can_be_changed_that_would_not_fit(service: Service) -> None:
    created(service)
    before = service.items()
    assert service.organise("PATCH", "/visits/ward", {"ends_at": "2026-10-27T13:00:00Z"}, if_match='"1"').status == 422
    assert service.organise("PATCH", "/visits/ward", {"title": None}, if_match='"1"').errors.keys() == {"title"}
    assert service.organise("PATCH", "/visits/ward", {"visit_id": "b"}, if_match='"1"').errors.keys() == {"visit_id"}
    assert service.organise("PATCH", "/visits/nowhere", {"title": "x"}, if_match='"1"').status == 404
    assert service.items() == before


def test_a_published_visits_schedule_is_frozen_and_the_rest_is_not(service: Service) -> None:
    service.visit()
    for field, value in (("starts_at", "2026-12-01T10:00:00Z"), ("timezone", "Europe/Paris")):
        document = {field: value, **({"ends_at": "2026-12-01T11:00:00Z"} if field == "starts_at" else {})}
        errors = service.organise("PATCH", "/visits/ward", document, if_match='"2"').errors
        assert field in errors
        assert "reschedule" in errors[field]
    changed = service.organise("PATCH", "/visits/ward", {"venue": "Room 4", "host": "Elm House"}, if_match='"2"')
    assert changed.status == 200
    assert service.api("GET", "/visits/ward").json["venue"] == "Room 4"


def test_a_cancelled_visit_cannot_be_changed_or_published(service: Service) -> None:
    service.visit()
    details = service.details()
    details.update(actions=[Details.status.set("cancelled")])
    assert service.organise("PATCH", "/visits/ward", {"title": "x"}, if_match='"2"').status == 409
    assert service.organise("POST", "/visits/ward/publish").status == 409


def test_raising_the_capacity_seats_whoever_waits_and_lowering_unseats_nobody(service: Service) -> None:
    service.visit(capacity=1)
    for number in (1, 2, 3):
        service.register(number)
    raised = service.organise("PATCH", "/visits/ward", {"capacity": 2}, if_match='"2"')
    assert raised.status == 200
    service.run_line()
    assert service.statuses() == ["confirmed", "confirmed", "waiting"]
    service.organise("PATCH", "/visits/ward", {"capacity": 1}, if_match='"3"')
    service.run_line()
    service.sweep()
    assert service.statuses() == ["confirmed", "confirmed", "waiting"]
    assert service.register(4).json["status"] == "waiting"
    service.api("DELETE", f"/registrations/{service.link(1)}")
    service.sweep()
    assert service.statuses() == ["cancelled", "confirmed", "waiting", "waiting"], "the seat too many is gone"
    service.organise("PATCH", "/visits/ward", {"capacity": None}, if_match='"4"')
    service.run_line()
    assert service.statuses() == ["cancelled", "confirmed", "confirmed", "confirmed"]


def test_a_change_of_capacity_is_computed_again_when_somebody_took_a_place_meanwhile(service: Service) -> None:
    service.visit(capacity=3)
    service.register(1)
    moved: list[int] = []

    def strike(index: int, operation: str, when: str) -> None:
        if operation == "TransactWriteItems" and when == "before" and not moved:
            moved.append(index)
            service.register(2)

    service.dynamodb.strike = strike
    assert service.organise("PATCH", "/visits/ward", {"capacity": 1}, if_match='"2"').status == 200
    service.dynamodb.strike = None
    service.sweep(times=2)
    counters = service.counters()
    assert (int(counters.capacity), int(counters.admitted), int(counters.granted)) == (1, 1, 2)
    assert service.statuses() == ["confirmed", "confirmed"]


# --- publishing


def test_publishing_says_what_is_missing_and_then_opens_the_visit(service: Service) -> None:
    created(service, format="in_person")
    before = service.items()
    errors = service.organise("POST", "/visits/ward/publish").errors
    assert errors.keys() == {"description_markdown", "venue"}
    assert service.items() == before
    service.organise("PATCH", "/visits/ward", {"description_markdown": "See.", "venue": "Elm House"}, if_match='"1"')
    published = service.organise("POST", "/visits/ward/publish")
    assert (published.status, published.json["status"], published.json["registration"]) == (200, "published", "open")
    assert service.register(1).status == 201


def test_publishing_twice_is_publishing_once_and_loses_nobody(service: Service) -> None:
    service.visit(capacity=1)
    service.register(1)
    before = service.items()
    again = service.organise("POST", "/visits/ward/publish")
    assert (again.status, again.headers["ETag"]) == (200, '"2"')
    assert service.items() == before
    assert service.organise("POST", "/visits/nowhere/publish").status == 404


def test_the_descriptions_html_is_safe(service: Service) -> None:
    text = '# Hi\n<script>alert(1)</script> [x](javascript:alert(1)) ![i](https://x/y.png) **b** <b onclick="x">'
    html = created(service, description_markdown=text).json["description_html"]
    assert "<h3>Hi</h3>" in html
    assert "<strong>b</strong>" in html
    for harm in ("<script", "<b ", "<img", 'href="javascript'):
        assert harm not in html


# --- people


def test_people_stand_in_the_order_of_the_line_with_their_positions(service: Service) -> None:
    service.visit(capacity=1)
    for number in (1, 2, 3, 4):
        service.register(number)
    service.api("DELETE", f"/registrations/{service.link(2)}")
    items = service.organise("GET", "/visits/ward/registrations").json["items"]
    assert [(one["place"], one["status"], one["position"]) for one in items] == [
        (1, "confirmed", None),
        (2, "cancelled", None),
        (3, "waiting", 1),
        (4, "waiting", 2),
    ]
    assert items[0].keys() == {
        "registration_id", "name", "email", "organisation", "job_role", "answers", "consents", "access_needs", "status",
        "place", "position", "attendance", "extra", "registered_at", "cancelled_at",
    }  # fmt: skip
    assert (items[0]["attendance"], items[0]["extra"]) == ("unknown", False)


def test_people_are_found_by_status_and_text_and_come_in_pages(service: Service) -> None:
    service.visit(capacity=2)
    for number in range(1, 6):
        service.register(number, organisation="Elm House" if number % 2 else "Äther")

    def found(**query: str) -> list[int]:
        answer = service.send(
            "GET",
            "/api/v1/organiser/visits/ward/registrations",
            headers={"authorization": "Bearer organiser-token"},
            query=query,
        )
        return [one["place"] for one in answer.json["items"]]

    assert found(status="waiting") == [3, 4, 5]
    assert found(q="ELM") == [1, 3, 5]
    assert found(q="äther", status="confirmed") == [2]
    assert found(q=person(4)["email"]) == [4]
    assert found(q="nobody") == []
    seen: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = service.send(
            "GET",
            "/api/v1/organiser/visits/ward/registrations",
            headers={"authorization": "Bearer organiser-token"},
            query={"limit": "2", **({"cursor": cursor} if cursor else {})},
        )
        seen += [one["place"] for one in answer.json["items"]]
        cursor = answer.json["next"]
    assert seen == [1, 2, 3, 4, 5]


def test_people_are_found_by_attendance(service: Service) -> None:
    service.visit(capacity=3)
    for number in range(1, 5):
        service.register(number)
    ids = [place.registration_id for place in service.places()]
    marks = [{"registration_id": ids[0], "attendance": "attended"}, {"registration_id": ids[1], "attendance": "missed"}]
    service.organise("POST", "/visits/ward/attendance", marks)
    for attendance, places in (("attended", [1]), ("missed", [2]), ("unknown", [3])):
        answer = service.send(
            "GET",
            "/api/v1/organiser/visits/ward/registrations",
            headers={"authorization": "Bearer organiser-token"},
            query={"attendance": attendance},
        )
        assert [one["place"] for one in answer.json["items"]] == places


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"status": "void"}, "status"),
        ({"attendance": "late"}, "attendance"),
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"limit": "x"}, "limit"),
        ({"limit": "٣"}, "limit"),
        ({"q": "x" * 201}, "q"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "bnVsbA"}, "cursor"),
        ({"cursor": "LTE"}, "cursor"),
        ({"cursor": "é"}, "cursor"),
    ],
)
def test_a_list_of_people_that_cannot_be_asked_for_so_says_which_parameter(
    service: Service, query: dict[str, str], field: str
) -> None:
    service.visit()
    answer = service.send(
        "GET",
        "/api/v1/organiser/visits/ward/registrations",
        headers={"authorization": "Bearer organiser-token"},
        query=query,
    )
    assert answer.errors.keys() == {field}


def test_access_needs_are_for_the_visits_own_organisers_alone(service: Service) -> None:
    give_token("colleague", service.clock, email="colleague@example.org")
    service.visit(organisers=["third@example.org"])
    service.register(1, access_needs="A hearing loop")
    own = service.organise("GET", "/visits/ward/registrations").json["items"][0]
    other = service.organise("GET", "/visits/ward/registrations", authorization="Bearer colleague").json["items"][0]
    assert own["access_needs"] == "A hearing loop"
    assert other["access_needs"] is None
    assert {**own, "access_needs": None} == other
    give_token("third", service.clock, email="third@example.org")
    third = service.organise("GET", "/visits/ward/registrations", authorization="Bearer third").json["items"][0]
    assert third["access_needs"] == "A hearing loop"


def test_tombstones_that_were_never_anybodys_are_not_people(service: Service) -> None:
    service.visit()
    counters = service.counters()
    counters.update(actions=[type(counters).line.add(1)])
    service.sweep(times=3)
    assert service.statuses() == ["void"]
    assert service.organise("GET", "/visits/ward/registrations").json == {"items": [], "next": None}
