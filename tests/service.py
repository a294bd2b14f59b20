"""The visits service in this process: its functions called as API Gateway, the stream and the schedule call them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any
from urllib.parse import urlencode

from accounts import me
from accounts import organise as accounts_organise
from accounts import web as accounts
from comments import moderate as comments_moderate
from comments import room as comments_room
from comments import web as comments_web
from followups import organise as followups_organise
from tests import tables
from tests.dynamodb_tap import Tap
from visits import console, links, on_stream, organise, people, register, sweep, web
from visits.model import Counters, Details, Guard, Place

ORGANISER = "organiser-token"
SURNAME = "Quillfeather"
"""Everybody's in these tests, so that a name is found wherever it does not belong."""


_MADE: dict[tuple[object, ...], list[dict[str, Any]]] = {}


@dataclass
class Clock:
    """The time, which moves when a test moves it."""

    now: datetime = datetime(2026, 9, 1, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass(frozen=True)
class Answer:
    """What a function answered API Gateway."""

    status: int
    headers: Mapping[str, str]
    body: str
    cookies: Sequence[str] = ()

    @property
    def json(self) -> Any:
        """The body, which must say that it is JSON."""
        assert self.headers["Content-Type"] == "application/json", (self.status, self.headers, self.body[:500])
        return json.loads(self.body)

    @property
    def problem(self) -> dict[str, Any]:
        """The problem, which must be one as the contract says (RFC 9457)."""
        assert self.headers["Content-Type"] == "application/problem+json", (self.status, self.body[:500])
        document: dict[str, Any] = json.loads(self.body)
        assert document.keys() <= {"type", "title", "status", "detail", "instance", "errors"}, document
        assert document["status"] == self.status
        assert document["title"]
        assert document["detail"]
        assert document["instance"] == f"urn:request:{self.headers['X-Request-Id']}"
        return document

    @property
    def errors(self) -> dict[str, str]:
        """The messages of a 422, by field."""
        assert self.status == 422, (self.status, self.body[:500])
        return {error["field"]: error["message"] for error in self.problem["errors"]}


class Context:
    """What Lambda hands every function besides the event."""

    function_name = "visits-web"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-west-2:123456789012:function:visits-web"
    aws_request_id = "lambda-request"

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


@dataclass
class Service:
    """The functions, the clock they read and the tap on their database."""

    clock: Clock
    dynamodb: Tap
    requests: int = 0
    headers: dict[str, str] = field(default_factory=lambda: {"x-origin-secret": "test"})

    # --- as API Gateway calls it

    def send(
        self,
        method: str,
        path: str,
        body: str | bytes | None = None,
        *,
        content_type: str = "application/json",
        headers: Mapping[str, str | None] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request to whichever function the API routes it to."""
        sent: dict[str, str | None] = {**self.headers, **({"content-type": content_type} if body is not None else {})}
        sent |= headers or {}
        return self.handle(
            event(
                method, path, body, {k: v for k, v in sent.items() if v is not None}, urlencode(query or {}), self._id()
            )
        )

    def handle(self, request: dict[str, Any]) -> Answer:
        """Have one API Gateway event answered."""
        function = _function(request["rawPath"])
        answer = function.handler(request, Context())
        return Answer(answer["statusCode"], answer["headers"], answer.get("body") or "", answer.get("cookies", ()))

    def handle_query(self, path: str, query: list[tuple[str, str]]) -> Answer:
        """Get a path with parameters that may be repeated."""
        return self.handle(event("GET", path, None, self.headers, urlencode(query), self._id()))

    def get(self, path: str, **query: str) -> Answer:
        return self.send("GET", path, query=query)

    def api(self, method: str, path: str, document: object = None, **headers: str) -> Answer:
        """Call the API with JSON; header names with ``_`` for ``-``."""
        body = None if document is None else json.dumps(document)
        sent: dict[str, str | None] = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send(method, f"/api/v1{path}", body, headers=sent)

    def organise(self, method: str, path: str, document: object = None, **headers: str) -> Answer:
        """Call the organisers' API as an organiser."""
        return self.api(method, f"/organiser{path}", document, **{"authorization": f"Bearer {ORGANISER}", **headers})

    def post(self, path: str, fields: Mapping[str, str | list[str]]) -> Answer:
        """Send a form."""
        return self.send("POST", path, urlencode(fields, doseq=True), content_type="application/x-www-form-urlencoded")

    def _id(self) -> str:
        self.requests += 1
        return f"request-{self.requests}"

    # --- what tests begin with

    def visit(self, visit_id: str = "ward", *, publish: bool = True, **written: object) -> str:
        """Create a visit in a month's time, open now, and publish it; made once, then copied, which is faster."""
        what = (visit_id, publish, json.dumps(written, sort_keys=True), self.clock.now)
        if what in _MADE:
            tables.put("visits", _MADE[what])
            return visit_id
        before, recorded, accounts = self.items(), len(self.dynamodb.records), self.items("accounts")
        self.make_visit(visit_id, publish=publish, written=written)
        tables.table("accounts").items.clear()  # a copy comes without what the audit log has about its making
        tables.put("accounts", accounts)
        _MADE[what] = [item for item in self.items() if item not in before]
        del self.dynamodb.records[recorded:]
        return visit_id

    def make_visit(self, visit_id: str = "ward", *, publish: bool = True, written: Mapping[str, object]) -> None:
        """Create a visit, with all the calls and records that belong to it."""
        starts = self.clock.now + timedelta(days=30)
        document = {
            "visit_id": visit_id,
            "title": "How one ward halved its falls",
            "host": "Riverside Hospital",
            "summary": "An afternoon with the team.",
            "description_markdown": "You will see **the huddle**.",
            "starts_at": starts.isoformat(),
            "ends_at": (starts + timedelta(hours=2)).isoformat(),
            "timezone": "Europe/London",
            "capacity": 2,
            **written,
        }
        created = self.organise("POST", "/visits", document)
        assert created.status == 201, created.body
        if publish:
            published = self.organise("POST", f"/visits/{visit_id}/publish")
            assert published.status == 200, published.body

    def register(self, number: int = 1, visit_id: str = "ward", *, key: str | None = None, **more: object) -> Answer:
        """Register person ``number`` through the API."""
        headers = {} if key is None else {"idempotency_key": key}
        return self.api("POST", f"/visits/{visit_id}/registrations", {**person(number), **more}, **headers)

    def link(self, place: int = 1, visit_id: str = "ward") -> str:
        """Return the token of "my place" that stands in the emails of whoever holds a place."""
        ref = links.PlaceRef(visit_id, place)
        return links.place_token(ref, ends_at=self.details(visit_id).ends_at, keys=web._keys())

    # --- what happens behind requests

    def run_line(self) -> None:
        """Hand the stream's records to the function that moves the line, until there are none."""
        while records := self.dynamodb.taken():
            assert on_stream.handler({"Records": records}, Context()) == {"batchItemFailures": []}

    def sweep(self, times: int = 1) -> None:
        """Let five minutes pass and sweep, so many times."""
        for _ in range(times):
            self.clock.advance(minutes=5)
            sweep.handler({}, Context())

    # --- what is stored

    def empty(self) -> None:
        """Forget every visit and everybody."""
        tables.table("visits").items.clear()
        register._known_details.clear()

    def items(self, table: str = "visits") -> list[dict[str, Any]]:
        """Return everything a table holds, in an order of its own, without a call that counts."""
        return sorted((item.to_json()["Attributes"] for item in tables.table(table).all_items()), key=_key)

    def places(self, visit_id: str = "ward") -> list[Place]:
        """Return the written places of a visit, in order."""
        rows = [i for i in self.items() if i["pk"]["S"] == f"visit#{visit_id}" and i["sk"]["S"].startswith("place#")]
        return [Place.from_raw_data(row) for row in rows]

    def statuses(self, visit_id: str = "ward") -> list[str]:
        """Return the status of each written place of a visit, in order."""
        return [place.status for place in self.places(visit_id)]

    def counters(self, visit_id: str = "ward") -> Counters:
        """Return the line's numbers."""
        [row] = [i for i in self.items() if i["pk"]["S"] == f"visit#{visit_id}" and i["sk"]["S"] == "visit"]
        return Counters.from_raw_data(row)

    def details(self, visit_id: str = "ward") -> Details:
        """Return what people read about a visit."""
        [row] = [i for i in self.items() if i["pk"]["S"] == f"visit#{visit_id}" and i["sk"]["S"] == "visit#details"]
        return Details.from_raw_data(row)

    def guards(self, visit_id: str = "ward") -> list[Guard]:
        """Return everybody's guard on a visit."""
        return [Guard.from_raw_data(i) for i in self.items() if i["sk"]["S"] == f"visit#{visit_id}"]


def _function(path: str) -> ModuleType:
    """Return the edge that the template's routes lead a path to (`tests/infra/test_http.py`)."""
    about_people = ("registrations", "registrations.csv", "registrations.xlsx", "attendance", "statistics")
    match path.removeprefix("/").split("/"):
        case ["api", "v1", "organiser", "visits", _, part, *_] if part in about_people:
            return people
        case ["api", "v1", "organiser", "settings" | "audit" | "people", *_] | [
            "organise",
            "settings" | "audit" | "people",
            *_,
        ]:
            return accounts_organise
        case ["api", "v1", "me", *_] | ["me", *_]:
            return me
        case ["sign-in" | "sign-out"] | ["auth", *_] | ["organise", "tokens", *_]:
            return accounts
        case ["api", "v1", "organiser", "tokens", *_]:
            return accounts
        case ["api", "v1", "organiser", "visits", _, "plan" | "deliveries", *_]:
            return followups_organise
        case ["api", "v1", "organiser", "deliveries", *_] | ["organise", "visits", _, "plan", *_]:
            return followups_organise
        case ["api", "v1", "organiser", *_]:
            return organise
        case ["stories" | "comments" | "comments-policy" | "comment-counts", *_]:
            return comments_web
        case ["api", "v1", "stories" | "comments" | "comment-counts", *_]:
            return comments_web
        case ["api", "v1", "moderation", *_]:
            return comments_moderate
        case ["moderate", *_]:
            return comments_room
        case ["organise", *_]:
            return console
        case _:
            return web


def event(
    method: str, path: str, body: str | bytes | None, headers: Mapping[str, str], query: str, request_id: str
) -> dict[str, Any]:
    """Return the event API Gateway makes of a request (HTTP API, payload 2.0)."""
    import base64

    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": dict(headers),
        "requestContext": {
            "http": {"method": method, "path": path, "sourceIp": "192.0.2.1", "protocol": "HTTP/1.1"},
            "requestId": request_id,
            "stage": "$default",
        },
        "body": base64.b64encode(body).decode() if isinstance(body, bytes) else body,
        "isBase64Encoded": isinstance(body, bytes),
    }


def person(number: int) -> dict[str, str]:
    """Return what person ``number`` types."""
    return {"name": f"Ada {SURNAME} {number}", "email": f"ada{number}@people.example.org"}


def _key(item: Mapping[str, Any]) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]
