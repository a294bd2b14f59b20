"""The HTTP contract, asked of the running service as `curl` would ask: codes, headers, problems, keys and calendars."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any
from xml.etree import ElementTree

import pytest

from infra.local import tokens
from kernel import pages
from tests.e2e.calendars import event, events
from tests.e2e.service import Answer, Person, Service, a_person

pytestmark = pytest.mark.stack

VISIT_FIELDS = {
    "visit_id", "title", "summary", "description_html", "host", "starts_at", "ends_at", "timezone", "sessions",
    "format", "venue", "capacity", "seats_left", "waiting", "waitlist", "registration", "registration_opens_at",
    "registration_closes_at", "audience", "questions", "resources", "recording_url", "status", "sequence",
}  # fmt: skip
PLACE_FIELDS = {
    "visit", "registration_id", "name", "email", "organisation", "job_role", "access_needs", "answers", "consents",
    "status", "position", "offer_expires_at", "join_url", "cancelled_at",
}  # fmt: skip


def registrations(service: Service, visit_id: str) -> str:
    return f"{service.api}/visits/{visit_id}/registrations"


def body(person: Person, **more: object) -> dict[str, object]:
    return {"name": person.name, "email": person.email, **more}


# --- throughout ------------------------------------------------------------------------------------------------------


def test_every_answer_carries_its_id_and_is_safe_to_show(service: Service) -> None:
    seen = set()
    for path in ("/", "/visits/none", "/api/v1/visits", "/api/v1/visits/none", "/healthz", "/api/v1/organiser/visits"):
        answer = service.get(path)
        seen.add(answer.headers["X-Request-Id"])
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["Strict-Transport-Security"]
        assert answer.headers["Set-Cookie"] is None
    assert len(seen - {None}) == 6


def test_the_service_says_that_it_is_well_and_which_version_it_is(service: Service) -> None:
    answer = service.get("/healthz")
    assert (answer.status, answer.json["status"]) == (200, "ok")
    assert answer.json["version"]


def test_caches_may_hold_public_answers_for_ten_seconds_and_others_not_at_all(service: Service) -> None:
    visit_id = service.a_visit()
    person = a_person()
    service.register(visit_id, person)
    token = service.place_token(person)
    for path in ("/", f"/visits/{visit_id}", f"/api/v1/visits/{visit_id}", "/calendar.ics", "/api/v1/visits"):
        assert service.get(path).headers["Cache-Control"] == "public, max-age=10"
    for path in (f"/places/{token}", f"/api/v1/registrations/{token}", "/visits/none", "/api/v1/visits/none"):
        assert service.get(path).headers["Cache-Control"] == "no-store"
    asset = service.get(pages.asset("site.css"))
    assert asset.headers["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/calendar.ics", "/api/v1/visits", "/api/v1/openapi.json", "/nowhere"]
)
def test_head_is_get_without_a_body(service: Service, path: str) -> None:
    get, head = service.get(path), service.ask("HEAD", path)
    assert head.status == get.status
    assert head.body == b""
    for name in ("Content-Type", "Cache-Control", "Content-Security-Policy"):
        assert head.headers[name] == get.headers[name]


def test_what_is_not_there_and_what_cannot_be_done_there_are_told_apart(service: Service) -> None:
    gone = service.get("/api/v1/nothing")
    assert gone.status == 404
    assert gone.problem["title"] == "Not found"
    refused = service.ask("DELETE", "/api/v1/visits")
    assert refused.status == 405
    assert refused.problem
    assert refused.headers["Allow"] == "GET, HEAD"
    page = service.ask("POST", "/privacy", b"")
    assert (page.status, page.headers.get_content_type()) == (405, "text/html")
    refused = service.ask("PUT", "/api/v1/organiser/visits", {}, token=tokens.ORGANISER.token)
    assert (refused.status, refused.headers["Allow"]) == (405, "GET, HEAD, POST")


def test_a_body_that_cannot_be_read_is_refused_for_what_is_wrong_with_it(service: Service) -> None:
    url = registrations(service, service.a_visit())
    sent_as_json = {"Content-Type": "application/json"}
    for broken in (b"{", b"[]", b'"text"', b"null", b"\xff{}", b'{"name": "\\ud800"}'):
        answer = service.ask("POST", url, broken, headers=sent_as_json)
        assert answer.status == 400, broken
        assert answer.problem
    assert service.ask("POST", url, b"name=x", headers={"Content-Type": "text/plain"}).status == 400
    person = a_person()
    large = service.ask("POST", url, body(person, access_needs="x" * 70_000))
    assert large.status == 413
    assert large.problem["title"] == "Too large"
    assert service.ask("POST", f"/visits/{url.split('/')[-2]}/registrations", b"name=" + b"x" * 70_000).status == 413
    assert service.ask("POST", url, body(person, access_needs="x" * 1001)).fields == {"access_needs"}


def test_who_goes_round_the_front_door_is_refused(service: Service) -> None:
    stack = service.stack
    answer = service.get(f"{stack.emulator.endpoint}/_aws/execute-api/{stack.deployment['ApiId']}/$default/healthz")
    assert answer.status == 403


# --- visits ----------------------------------------------------------------------------------------------------------


def test_a_visit_reads_as_the_contract_says(service: Service) -> None:
    starts_at, ends_at = "2031-12-09T14:00:00+00:00", "2031-12-09T16:30:00+00:00"
    visit_id = service.a_visit(starts_at=starts_at, ends_at="2031-12-09T17:30:00+01:00", capacity=2)
    visit = service.get(f"{service.api}/visits/{visit_id}").json
    assert visit.keys() == VISIT_FIELDS
    assert (visit["starts_at"], visit["ends_at"], visit["timezone"]) == (starts_at, ends_at, "Europe/London")
    assert [(one["starts_at"], one["ends_at"]) for one in visit["sessions"]] == [(starts_at, ends_at)]
    assert (visit["capacity"], visit["seats_left"], visit["waiting"]) == (2, 2, 0)
    assert (visit["registration"], visit["status"], visit["sequence"]) == ("open", "published", 0)
    assert "<em>walk</em>" in visit["description_html"]
    unlimited = service.get(f"{service.api}/visits/{service.a_visit(capacity=None)}").json
    assert (unlimited["capacity"], unlimited["seats_left"]) == (None, None)


def test_a_draft_is_nobodys_business(service: Service) -> None:
    draft = service.a_draft()["visit_id"]
    for path in (f"/visits/{draft}", f"/visits/{draft}/calendar.ics"):
        for answer in (service.get(path), service.get(f"/api/v1{path}")):
            assert answer.status == 404
    assert service.ask("POST", registrations(service, draft), body(a_person())).status == 404


def test_lists_go_forward_page_by_page_and_can_be_searched_and_bounded(service: Service) -> None:
    word = f"heron{datetime.now(UTC):%H%M%S%f}"
    starts = [datetime(2032, 5, day, 10, tzinfo=UTC) for day in (1, 2, 3)]
    ids = [
        service.a_visit(
            title=f"Day {n} with {word}", starts_at=s.isoformat(), ends_at=(s + timedelta(hours=1)).isoformat()
        )
        for n, s in reversed(list(enumerate(starts)))
    ][::-1]

    def listed(query: str) -> tuple[list[str], str | None]:
        answer = service.get(f"{service.api}/visits?q={word.upper()}&{query}")
        assert answer.json.keys() == {"items", "next"}
        return [one["visit_id"] for one in answer.json["items"]], answer.json["next"]

    assert listed("") == (ids, None)
    first, cursor = listed("limit=2")
    assert first == ids[:2]
    assert listed(f"limit=2&cursor={cursor}") == (ids[2:], None)
    assert listed("from=2032-05-02") == (ids[1:], None)
    assert listed("from=2032-05-02T00:00:00Z&to=2032-05-02T23:00:00%2B00:00") == (ids[1:2], None)
    assert listed("past=true") == ([], None)
    assert service.get(f"{service.api}/visits?q=no{word}").json == {"items": [], "next": None}
    for query, field in (("limit=0", "limit"), ("limit=101", "limit"), ("limit=x", "limit"), ("cursor=x", "cursor"),
                         ("from=soon", "from"), ("to=2031-13-01", "to")):  # fmt: skip
        assert service.get(f"{service.api}/visits?{query}").fields == {field}


def test_feeds_and_calendars_answer_at_the_root_and_under_the_api(service: Service) -> None:
    title = "Letters, answered; “all” of them\\n"
    visit_id = service.a_visit(title=title)
    for path, kind in (
        ("/calendar.ics", "text/calendar"),
        ("/visits.atom", "application/atom+xml"),
        (f"/visits/{visit_id}/calendar.ics", "text/calendar"),
    ):
        root, api = service.get(path), service.get(f"/api/v1{path}")
        assert root.status == api.status == 200
        assert root.headers.get_content_type() == api.headers.get_content_type() == kind
        assert root.headers.get_content_charset() == "utf-8"
    one = event(service.get(f"/visits/{visit_id}/calendar.ics").text)
    assert (one.method, one.summary) == ("PUBLISH", title)
    assert one.uid in {each.uid for each in events(service.get("/calendar.ics").text)}
    feed = ElementTree.fromstring(service.get("/visits.atom").text)
    titles = [entry.findtext("{*}title") for entry in feed.findall("{*}entry")]
    assert title in titles


# --- registering -----------------------------------------------------------------------------------------------------


def test_registering_answers_201_with_the_place_in_the_line_and_never_with_the_link(service: Service) -> None:
    visit_id = service.a_visit(capacity=1)
    told = [service.ask("POST", registrations(service, visit_id), body(a_person())) for _ in range(3)]
    assert [answer.status for answer in told] == [201, 201, 201]
    assert [(answer.json["status"], answer.json["position"]) for answer in told] == [
        ("confirmed", None),
        ("waiting", 1),
        ("waiting", 2),
    ]
    assert all(answer.json.keys() == {"status", "position", "message"} for answer in told)
    assert all("/places/" not in answer.text for answer in told)
    assert service.get(f"{service.api}/visits/{visit_id}").json["waiting"] == 2


def test_what_is_wrong_is_said_field_by_field_and_all_at_once(service: Service) -> None:
    questions = [
        {"question_id": "setting", "label": "Where?", "kind": "choice", "choices": ["Ward", "Home"], "required": True},
        {"question_id": "first", "label": "First?", "kind": "yes_no"},
    ]
    url = registrations(service, service.a_visit(questions=questions))
    wrong = {
        "email": "nobody",
        "colour": "blue",
        "timezone": "Mars/Base",
        "consents": {"follow_ups": "yes"},
        "answers": {"setting": "Moon", "first": "perhaps", "shoe": "42"},
    }
    fields = {"name", "email", "colour", "timezone", "consents.follow_ups"}
    answers = {"answers.setting", "answers.first", "answers.shoe"}
    assert service.ask("POST", url, wrong).fields == fields | answers
    assert service.ask("POST", url, body(a_person())).fields == {"answers.setting"}


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Zoë.Test+1@Example.ORG", "Zoë.Test+1@example.org"),
        ("zoe@münchen.example.org", "zoe@münchen.example.org"),
        ("zoe@xn--mnchen-3ya.example.org", "zoe@münchen.example.org"),
    ],
)
def test_addresses_are_normalised_also_international_ones(service: Service, typed: str, kept: str) -> None:
    visit_id = service.a_visit()
    assert service.ask("POST", registrations(service, visit_id), body(Person("Zoë", typed))).status == 201
    people = service.organise("GET", f"/visits/{visit_id}/registrations")
    assert [one["email"] for one in people["items"]] == [kept]


def test_a_key_gives_the_same_answer_to_the_same_body_and_refuses_another(service: Service) -> None:
    visit_id = service.a_visit(capacity=1)
    first, second = a_person(), a_person()
    url, key = registrations(service, visit_id), {"Idempotency-Key": "the-same"}
    answers = [service.ask("POST", url, body(first), headers=key) for _ in range(3)]
    assert {(answer.status, answer.body) for answer in answers} == {(201, answers[0].body)}
    another = service.ask("POST", url, body(first, organisation="Other"), headers=key)
    assert another.status == 422
    assert another.problem["type"] == "/problems/idempotency-key-reused"
    # The key's scope is the visit and the person.
    assert service.ask("POST", url, body(second), headers=key).json["position"] == 1
    # Without it, they are answered as a newcomer is now.
    assert service.ask("POST", url, body(first)).json == service.ask("POST", url, body(first)).json
    assert service.ask("POST", url, body(first)).json["position"] == 2
    assert service.get(f"{service.api}/visits/{visit_id}").json["waiting"] == 1
    assert service.ask("POST", url, body(first), headers={"Idempotency-Key": "x" * 201}).status == 400


def test_refusals_have_the_contracts_types(service: Service) -> None:
    full = service.a_visit(capacity=1, waitlist="off")
    holder = a_person()
    service.register(full, holder)
    for person in (a_person(), holder):  # one who is in learns no more than one who is not
        refused = service.ask("POST", registrations(service, full), body(person))
        assert (refused.status, refused.problem["type"]) == (409, "/problems/visit-full")
    unknown = service.ask("POST", registrations(service, "no-such-visit"), body(a_person()))
    assert unknown.status == 404
    assert unknown.problem


def test_looking_up_an_address_tells_nobody_anything(service: Service) -> None:
    known = a_person()
    service.register(service.a_visit(), known)
    answers = [
        service.ask("POST", f"{service.api}/registrations/lookup", {"email": one.email}) for one in (known, a_person())
    ]
    assert [answer.status for answer in answers] == [202, 202]
    assert answers[0].body == answers[1].body
    assert service.ask("POST", f"{service.api}/registrations/lookup", {"email": "x"}).fields == {"email"}
    assert service.email(known.email, "Your visits with")


# --- my place --------------------------------------------------------------------------------------------------------


def test_my_place_can_be_read_changed_and_cancelled_by_its_link(service: Service) -> None:
    visit_id = service.a_visit(capacity=1)
    mine, next_one = a_person(), a_person()
    service.register(visit_id, mine, organisation="Mill", access_needs="A ramp")
    service.register(visit_id, next_one)
    url = f"{service.api}/registrations/{service.place_token(mine)}"
    place = service.get(url).json
    assert place.keys() == PLACE_FIELDS
    assert place["visit"].keys() == VISIT_FIELDS
    assert (place["status"], place["position"], place["access_needs"]) == ("confirmed", None, "A ramp")

    changed = service.ask("PATCH", url, {"organisation": None, "job_role": "Nurse"})
    assert changed.status == 200
    assert (changed.json["organisation"], changed.json["job_role"]) == ("", "Nurse")
    assert service.get(url).json == changed.json
    assert service.ask("PATCH", url, {"status": "cancelled"}).fields == {"status"}
    moved = service.ask("PATCH", url, {"email": a_person().email})
    assert moved.status == 202
    assert moved.json["email"] == mine.email

    waiting = f"{service.api}/registrations/{service.place_token(next_one)}"
    assert (service.get(waiting).json["status"], service.get(waiting).json["position"]) == ("waiting", 1)
    assert service.get(f"{waiting}/calendar.ics").status == 409

    for _ in range(2):
        gone = service.ask("DELETE", url)
        assert (gone.status, gone.body) == (204, b"")
    after = service.get(url).json
    assert after["status"] == "cancelled"
    assert datetime.fromisoformat(after["cancelled_at"]).tzinfo
    refused = service.ask("PATCH", url, {"job_role": "None"})
    assert (refused.status, refused.problem["title"]) == (409, "Not possible now")
    service.email(next_one.email, "A place for you")
    assert service.get(waiting).json["status"] == "confirmed"


def test_a_link_that_was_cut_or_made_up_is_not_found(service: Service) -> None:
    person = a_person()
    service.register(service.a_visit(), person)
    token = service.place_token(person)
    for broken in (token[:-4], token + "x", "x", "a.b.c", "%00", "..", "x" * 3000):
        for method in ("GET", "PATCH", "DELETE"):
            answer = service.ask(method, f"{service.api}/registrations/{broken}", {} if method == "PATCH" else None)
            assert answer.status == 404, (method, broken)
            assert token not in answer.text
    assert service.get(f"{service.api}/registrations/{token[:-4]}").problem["type"] == "/problems/link-invalid"


def test_no_get_changes_anything(service: Service) -> None:
    """Mail scanners open every link they find."""
    visit_id = service.a_visit(capacity=1)
    mine, new = a_person(), a_person()
    service.register(visit_id, mine)
    token = service.place_token(mine)
    url = f"{service.api}/registrations/{token}"
    service.ask("PATCH", url, {"email": new.email})
    confirm = service.email(new.email, "Is this your new").link("addresses")

    def opened(*links: str) -> None:
        before = list(items(service, visit_id))
        for link in links:
            for method in ("GET", "HEAD"):
                assert service.ask(method, link).status == 200, link
        assert list(items(service, visit_id)) == before

    places = [f"/places/{token}", f"/places/{token}/calendar.ics", url, f"{url}/calendar.ics"]
    opened(*places, confirm)
    assert service.ask("POST", confirm, b"").status == 200
    undo = service.email(mine.email, "Your email address was changed").link("addresses/undo")
    opened(*places, confirm, undo)
    assert service.get(f"/places/{token}/cancel").status == 405
    assert service.get(url).json["status"] == "confirmed"


def items(service: Service, visit_id: str) -> Iterator[dict[str, Any]]:
    """Everything the visits table holds about a visit."""
    found = service.stack.emulator.session.client("dynamodb", **service.stack.emulator.connection).query(
        TableName=service.stack.deployment["VisitsTableName"],
        KeyConditionExpression="pk = :visit",
        ExpressionAttributeValues={":visit": {"S": f"visit#{visit_id}"}},
        ConsistentRead=True,
    )
    yield from found["Items"]


# --- organising ------------------------------------------------------------------------------------------------------


def test_organising_needs_an_organisers_token(service: Service) -> None:
    url = f"{service.api}/organiser/visits"
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic bG9jYWw6b3JnYW5pc2Vy"}):
        unknown = service.get(url, headers=headers)
        assert unknown.status == 401
        assert unknown.problem
        assert unknown.headers["WWW-Authenticate"] == "Bearer"
    moderator = service.get(url, token=tokens.MODERATORS[0].token)
    assert (moderator.status, moderator.problem["title"]) == (403, "Not allowed")
    assert service.get(url, token=tokens.ORGANISER.token).status == 200


def test_a_visit_is_changed_only_by_who_knows_its_version(service: Service) -> None:
    draft = service.a_draft()
    url = f"{service.api}/organiser/visits/{draft['visit_id']}"

    def patch(document: object, **headers: str) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return service.ask("PATCH", url, document, headers=sent, token=tokens.ORGANISER.token)

    read = service.get(url, token=tokens.ORGANISER.token)
    assert read.json.keys() == VISIT_FIELDS | {
        "description_markdown",
        "room_url",
        "offer_hours",
        "organisers",
        "version",
    }
    assert (read.json["status"], read.json["organisers"]) == ("draft", [tokens.ORGANISER.email])
    etag = read.headers["ETag"]
    assert etag == f'"{read.json["version"]}"'
    assert patch({"title": "A"}).status == 428
    assert patch({"title": "A"}, If_Match="3").status == 400
    changed = patch({"title": "A better title"}, If_Match=etag)
    assert (changed.status, changed.json["title"]) == (200, "A better title")
    assert changed.headers["ETag"] != etag
    stale = patch({"title": "B"}, If_Match=etag)
    assert (stale.status, stale.problem["title"]) == (412, "Changed meanwhile")
    etag = changed.headers["ETag"]
    assert patch({"capacity": 0, "colour": 1, "title": None}, If_Match=etag).fields == {"capacity", "colour", "title"}
    assert patch({"visit_id": "another"}, If_Match=etag).fields == {"visit_id"}
    assert service.get(url, token=tokens.ORGANISER.token).headers["ETag"] == etag


def test_creating_and_publishing_a_visit(service: Service) -> None:
    draft = service.a_draft(description_markdown="", format="in_person")
    again = service.ask(
        "POST",
        f"{service.api}/organiser/visits",
        {name: draft[name] for name in ("visit_id", "title", "host", "starts_at", "ends_at", "timezone")},
        token=tokens.ORGANISER.token,
    )
    assert (again.status, again.problem["type"]) == (409, "/problems/visit-id-taken")
    publish = f"{service.api}/organiser/visits/{draft['visit_id']}/publish"
    missing = service.ask("POST", publish, {}, token=tokens.ORGANISER.token)
    assert missing.fields == {"description_markdown", "venue"}
    url = f"/visits/{draft['visit_id']}"
    mend = {"description_markdown": "See it.", "venue": "The mill"}
    service.organise("PATCH", url, mend, headers={"If-Match": f'"{draft["version"]}"'})
    assert service.organise("POST", f"{url}/publish")["status"] == "published"
    assert service.organise("POST", f"{url}/publish")["status"] == "published"
    assert service.get(f"{service.api}{url}").status == 200
    assert (
        service.ask("POST", f"{service.api}/organiser/visits/none/publish", token=tokens.ORGANISER.token).status == 404
    )
    refused = service.ask("POST", f"{service.api}/organiser/visits", {"title": ""}, token=tokens.ORGANISER.token)
    assert refused.fields == {"title", "host", "starts_at", "ends_at", "timezone"}


def test_capacity_may_change_and_what_people_were_promised_stays(service: Service) -> None:
    visit_id = service.a_visit(capacity=2)
    people = [a_person() for _ in range(4)]
    for person in people:
        service.register(visit_id, person)

    def resized(capacity: int) -> None:
        version = service.organise("GET", f"/visits/{visit_id}")["version"]
        service.organise("PATCH", f"/visits/{visit_id}", {"capacity": capacity}, headers={"If-Match": f'"{version}"'})

    resized(1)
    statuses = [one["status"] for one in service.organise("GET", f"/visits/{visit_id}/registrations")["items"]]
    assert statuses == ["confirmed", "confirmed", "waiting", "waiting"]
    resized(3)
    service.email(people[2].email, "A place for you")
    service.nothing_is_under_way(visit_id)
    statuses = [one["status"] for one in service.organise("GET", f"/visits/{visit_id}/registrations")["items"]]
    assert statuses == ["confirmed", "confirmed", "confirmed", "waiting"]


def test_organisers_see_who_registered_in_the_order_of_the_line(service: Service) -> None:
    visit_id = service.a_visit(capacity=1)
    people = [a_person(name) for name in ("Abe Zander", "Bee Young", "Cee Xu")]
    for person in people:
        service.register(visit_id, person, access_needs="Captions")
    url = f"/visits/{visit_id}/registrations"
    listed = service.organise("GET", url)
    assert [one["name"] for one in listed["items"]] == [one.name for one in people]
    assert [(one["status"], one["place"], one["position"]) for one in listed["items"]] == [
        ("confirmed", 1, None),
        ("waiting", 2, 1),
        ("waiting", 3, 2),
    ]
    assert {one["access_needs"] for one in listed["items"]} == {"Captions"}  # it is their own visit
    assert [one["name"] for one in service.organise("GET", f"{url}?status=waiting&limit=1")["items"]] == ["Bee Young"]
    assert [one["name"] for one in service.organise("GET", f"{url}?q=young")["items"]] == ["Bee Young"]
    page = service.organise("GET", f"{url}?limit=2")
    rest = service.organise("GET", f"{url}?limit=2&cursor={page['next']}")
    assert [one["name"] for one in page["items"] + rest["items"]] == [one.name for one in people]
    assert rest["next"] is None
    refused = service.get(f"{service.api}/organiser{url}?status=gone", token=tokens.ORGANISER.token)
    assert refused.fields == {"status"}


# --- calendars -------------------------------------------------------------------------------------------------------


def test_a_calendar_entry_keeps_its_uid_and_counts_up_from_registering_to_cancelling(service: Service) -> None:
    visit_id = service.a_visit(capacity=1)
    first, second = a_person("Ann “Annie” O’Dea, RN"), a_person("Ben; Ünal")
    service.register(visit_id, first)
    service.register(visit_id, second)
    mails = [service.email(first.email, "You have a place")]
    tokens_ = {one: service.place_token(one) for one in (first, second)}

    def download(person: Person) -> str:
        return service.get(f"{service.api}/registrations/{tokens_[person]}/calendar.ics").text

    invited, downloaded = event(mails[0].calendar or ""), event(download(first))
    assert (invited.method, invited.status) == ("REQUEST", "CONFIRMED")
    assert downloaded == invited
    service.ask("DELETE", f"{service.api}/registrations/{tokens_[first]}")
    mails.append(service.email(first.email, "Your place is cancelled"))
    withdrawn, downloaded = event(mails[1].calendar or ""), event(download(first))
    assert (withdrawn.method, withdrawn.status) == ("CANCEL", "CANCELLED")
    assert downloaded == withdrawn
    assert withdrawn.uid == invited.uid
    assert withdrawn.sequence > invited.sequence
    assert (withdrawn.starts_at, withdrawn.ends_at) == (invited.starts_at, invited.ends_at)

    mails.append(service.email(second.email, "A place for you"))
    admitted = event(mails[2].calendar or "")
    assert admitted.method == "REQUEST"
    assert admitted.uid != invited.uid
    assert event(download(second)) == admitted
    for mail, method in zip(mails, ("REQUEST", "CANCEL", "REQUEST"), strict=True):
        part = calendar_part(mail.parsed)
        assert part.get_param("method") == method
        assert part.get_content_charset() == "utf-8"


def calendar_part(message: EmailMessage) -> EmailMessage:
    """The calendar part, as one of the alternatives a mail program chooses from (RFC 6047, 2.4)."""
    assert message.get_content_type() == "multipart/alternative"
    kinds = [part.get_content_type() for part in message.iter_parts()]
    assert kinds == ["text/plain", "text/html", "text/calendar"]
    found = list(message.iter_parts())[2]
    assert isinstance(found, EmailMessage)
    return found


@pytest.mark.parametrize(
    ("starts_at", "clock", "utc"),
    [
        # On 26 October 2031 clocks in London go back at 01:00 UTC, and the hour from 01:00 occurs twice.
        ("2031-10-25T14:00:00+01:00", "2031-10-25 14:00", datetime(2031, 10, 25, 13, tzinfo=UTC)),
        ("2031-10-26T00:30:00+01:00", "2031-10-26 00:30", datetime(2031, 10, 25, 23, 30, tzinfo=UTC)),
        ("2031-10-26T01:30:00+01:00", "2031-10-26 00:30", datetime(2031, 10, 26, 0, 30, tzinfo=UTC)),
        ("2031-10-26T01:30:00+00:00", "2031-10-26 01:30", datetime(2031, 10, 26, 1, 30, tzinfo=UTC)),
        ("2031-10-26T14:00:00+00:00", "2031-10-26 14:00", datetime(2031, 10, 26, 14, tzinfo=UTC)),
    ],
)
def test_around_the_october_clock_change_calendars_show_the_right_hour(
    service: Service, starts_at: str, clock: str, utc: datetime
) -> None:
    ends_at = (datetime.fromisoformat(starts_at) + timedelta(hours=4)).isoformat()
    visit_id = service.a_visit(starts_at=starts_at, ends_at=ends_at)
    person = a_person()
    service.register(visit_id, person)
    mail = service.email(person.email, "You have a place")
    for text in (mail.calendar or "", service.get(f"/visits/{visit_id}/calendar.ics").text):
        one = event(text)
        assert (one.starts_at, one.ends_at - one.starts_at) == (utc, timedelta(hours=4))
        assert one.clock == clock  # in UTC where the zone's clock shows an hour twice
    assert f"{datetime.fromisoformat(starts_at):%H:%M}" in mail.text


def test_the_document_of_the_api_is_served_and_has_a_page(service: Service) -> None:
    document = service.get("/api/v1/openapi.json")
    assert document.json["openapi"].startswith("3.")
    assert document.json == json.loads((pages.FUNCTIONS / "kernel" / "openapi.json").read_text())
    page = service.get("/api/v1/docs")
    assert page.headers.get_content_type() == "text/html"
    for path in document.json["paths"]:
        assert path in page.text
