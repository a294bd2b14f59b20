"""What all routes have in common: who may ask, headers, methods, problems, and that reading changes nothing."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from kernel import pages, theme, tokens
from kernel.http import Operation
from tests import tables
from tests.dynamodb_tap import Strike, When, refusal
from tests.log_check import Lines
from tests.service import ORGANISER, Answer, Service
from visits import links, listing, organise, web

EDGES = {"web": web.edge, "organise": organise.edge}
ROUTES = [(name, operation) for name, edge in EDGES.items() for operation in edge.operations]
READING = [(name, operation) for name, operation in ROUTES if operation.method == "GET"]


def route_id(value: object) -> str:
    return f"{value.method} {value.path}" if isinstance(value, Operation) else str(value)


def every_route(routes: list[tuple[str, Operation]] = ROUTES) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("edge", "operation"), routes, ids=route_id)


@pytest.fixture
def lived_in(service: Service) -> Service:
    """A service with a visit, somebody confirmed, somebody waiting, and a change of address under way."""
    if _LIVED_IN:
        tables.put("visits", _LIVED_IN)
        return service
    service.visit(capacity=1)
    service.register(1)
    service.register(2)
    service.api("PATCH", f"/registrations/{service.link(1)}", {"email": "new1@people.example.org"})
    service.api("POST", "/registrations/lookup", {"email": "ada1@people.example.org"})
    service.dynamodb.forget()
    _LIVED_IN.extend(service.items())
    return service


_LIVED_IN: list[dict[str, Any]] = []
"""What such a service holds: made once."""


def path_of(service: Service, operation: Operation) -> str:
    """Return a path on which the operation finds something."""
    receipt = tokens.sign(links.RECEIPT, ["ward", "confirmed", 0], expires_at=None, keys=web._keys())
    purpose = links.ADDRESS_UNDO if "/undo/" in operation.path else links.ADDRESS
    address = links.address_token(
        purpose,
        links.PlaceRef("ward", 1),
        "ada1@people.example.org" if purpose == links.ADDRESS_UNDO else "new1@people.example.org",
        expires_at=service.clock.now.replace(year=2030),
        keys=web._keys(),
    )
    mine = service.link(1)
    join = links.join_token(links.PlaceRef("ward", 1), ends_at=service.details().ends_at, keys=web._keys())
    values = {
        "visit_id": "ward",
        "receipt": receipt,
        "colours": str(theme.path("#5b2a86")).removeprefix("/theme-").removesuffix(".css"),
        "name": pages.asset("site.css").rpartition("/")[2],
        "token": address if "/addresses/" in operation.path else join if "/join/" in operation.path else mine,
    }
    return re.sub(r"<(\w+)>", lambda match: values[match[1]], operation.path)


def ask(service: Service, operation: Operation, method: str | None = None, **headers: str | None) -> Answer:
    """Send a request to a route, as somebody who may."""
    body = "{}" if operation.path.startswith("/api/") else ""
    content_type = "application/json" if operation.path.startswith("/api/") else "application/x-www-form-urlencoded"
    sent: dict[str, str | None] = {"authorization": f"Bearer {ORGANISER}", "if-match": '"2"', **headers}
    return service.send(
        method or operation.method,
        path_of(service, operation),
        None if (method or operation.method) in {"GET", "HEAD", "DELETE"} else body,
        content_type=content_type,
        headers=sent,
    )


def content(service: Service) -> list[object]:
    return [service.items(table) for table in ("visits", "followups", "accounts")]


@every_route(READING)
def test_reading_answers_and_changes_nothing(lived_in: Service, edge: str, operation: Operation) -> None:
    before = content(lived_in)
    answer = ask(lived_in, operation)
    assert answer.status == 200, (answer.status, answer.body[:300])
    assert answer.body
    assert content(lived_in) == before


@every_route(READING)
def test_head_answers_as_get_does_without_the_body_and_changes_nothing(
    lived_in: Service, edge: str, operation: Operation
) -> None:
    before = content(lived_in)
    with_body, without = ask(lived_in, operation), ask(lived_in, operation, "HEAD")
    assert (without.status, without.body) == (with_body.status, "")
    varying = {"X-Request-Id"}
    assert {k: v for k, v in without.headers.items() if k not in varying} == {
        k: v for k, v in with_body.headers.items() if k not in varying
    }
    assert content(lived_in) == before


@every_route()
def test_every_answer_is_protected_and_names_its_request(lived_in: Service, edge: str, operation: Operation) -> None:
    answer = ask(lived_in, operation)
    assert answer.status < 500, answer.body[:300]
    assert_protected(answer)
    assert answer.headers["X-Request-Id"] == f"request-{lived_in.requests}"
    if operation.method != "GET" or "<token>" in operation.path or operation.path.startswith("/api/v1/organiser"):
        assert answer.headers["Cache-Control"] == "no-store"
    else:
        age = re.search(r"max-age=(\d+)", answer.headers["Cache-Control"])
        assert (
            answer.headers["Cache-Control"] == "no-store"
            or operation.path.startswith(("/assets/", "/theme-"))
            or (age is not None and int(age[1]) <= 10)
        )


def assert_protected(answer: Answer) -> None:
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["base-uri"] == "'none'"
    assert policy["form-action"] == "'self'"
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert int(answer.headers["Strict-Transport-Security"].split(";")[0].removeprefix("max-age=")) >= 31_536_000
    assert "Permissions-Policy" in answer.headers
    assert "Cache-Control" in answer.headers


@every_route()
def test_nobody_comes_past_the_front(lived_in: Service, edge: str, operation: Operation) -> None:
    before = content(lived_in)
    for secret in (None, "", "tset", "test ", "Test", "ü"):
        answer = ask(lived_in, operation, **{"x-origin-secret": secret})
        assert answer.status == 403
        assert_protected(answer)
        if operation.path.startswith("/api/"):
            assert answer.problem["title"] == "Not allowed"
    assert lived_in.dynamodb.calls == []
    assert content(lived_in) == before


@every_route()
def test_a_method_that_a_path_does_not_take_is_refused_with_those_it_does(
    lived_in: Service, edge: str, operation: Operation
) -> None:
    path = path_of(lived_in, operation)
    taken = {other.method for name, other in ROUTES if name == edge and other.pattern.fullmatch(path)}
    before = content(lived_in)
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} - taken:
        answer = ask(lived_in, operation, method)
        assert answer.status == 405, method
        assert set(answer.headers["Allow"].split(", ")) == taken | ({"HEAD"} if "GET" in taken else set())
        assert_protected(answer)
    assert content(lived_in) == before


@pytest.mark.parametrize("path", ["/nope", "/api/v1/nope", "/api/v1/organiser/nope", "/visits/a/b/c", "//", "/visits/",
                                  '/visits/"', "/visits/a#b", "/visits/\x00", "/visits/💚", "/api/v1/visits/`",
                                  "/api/v1/registrations/a?b"])  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_is_not_there_is_not_found_whatever_stands_in_the_path(service: Service, method: str, path: str) -> None:
    answer = service.send(method, path, headers={"authorization": f"Bearer {ORGANISER}"})
    assert answer.status == 404
    assert_protected(answer)


@pytest.mark.parametrize("path", ["/", "/api/v1/visits", "/places", "/visits.atom"])
def test_too_many_parameters_are_a_bad_request_and_no_fault_of_ours(service: Service, path: str) -> None:
    request = service.send("GET", path, query={f"x{number}": "1" for number in range(300)})
    assert request.status in {200, 400}


@pytest.mark.parametrize("fields", ["&".join(["a=1"] * 201), "a=%ff", b"\xff\xfe"])
@pytest.mark.parametrize("path", ["/visits/ward/registrations", "/places"])
def test_a_form_that_cannot_be_read_is_a_bad_request(service: Service, path: str, fields: str | bytes) -> None:
    service.visit()
    answer = service.send("POST", path, fields, content_type="application/x-www-form-urlencoded")
    assert answer.status == 400


def test_broken_base64_is_a_bad_request(service: Service) -> None:
    from tests.service import event

    request = event("POST", "/api/v1/registrations/lookup", b"{}", service.headers, "", "r")
    request["body"] = "é"
    assert service.handle(request).status == 400


FAULTS: dict[str, Callable[[str], Exception]] = {
    "throttled": lambda operation: refusal("ProvisionedThroughputExceededException", operation),
    "internal": lambda operation: refusal("InternalServerError", operation),
    "denied": lambda operation: refusal("AccessDeniedException", operation),
    "slow": lambda operation: ReadTimeoutError(endpoint_url="https://dynamodb"),
    "no connection": lambda operation: ConnectTimeoutError(endpoint_url="https://dynamodb"),
    "no network": lambda operation: EndpointConnectionError(endpoint_url="https://dynamodb"),
}


def fault_everywhere(kind: str) -> Strike:
    def strike(index: int, operation: str, when: When) -> None:
        if when == "before":
            raise FAULTS[kind](operation)

    return strike


@every_route()
def test_a_database_that_fails_is_a_busy_service_on_every_route_that_needs_it(
    lived_in: Service, edge: str, operation: Operation
) -> None:
    from urllib.parse import urlencode

    from tests.service import person

    path, is_api = path_of(lived_in, operation), operation.path.startswith("/api/")
    document = {**person(7), "timezone": "Europe/London"}
    bodies = {"/registrations/lookup": {"email": "a@example.org"}, "/registrations/<token>": {"name": "Ada"}}
    for ending, body in bodies.items():
        document = body if operation.path.endswith(ending) else document
    lived_in.dynamodb.strike = fault_everywhere("internal")
    answer = lived_in.send(
        operation.method,
        path,
        None if operation.method == "GET" else json.dumps(document) if is_api else urlencode(person(7)),
        content_type="application/json" if is_api else "application/x-www-form-urlencoded",
        headers={"authorization": f"Bearer {ORGANISER}", "if-match": '"2"'},
    )
    # A page does not fail for want of the community's name and colour.
    called = any(call.get("Key", {}).get("pk") != {"S": "settings"} for _, call in lived_in.dynamodb.calls)
    assert answer.status == (503 if called else answer.status)
    assert answer.status in {200, 503}
    assert_protected(answer)
    if answer.status == 503 and is_api:
        assert "try again" in answer.problem["detail"]


@pytest.mark.parametrize("kind", FAULTS)
def test_every_kind_of_fault_reads_the_same(lived_in: Service, kind: str) -> None:
    lived_in.dynamodb.strike = fault_everywhere(kind)
    answer = lived_in.api("GET", "/visits/ward")
    assert answer.status == 503
    assert answer.problem["title"] == "Busy right now"
    assert kind not in answer.body


def test_a_bug_of_ours_says_nothing_internal(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("ada1@people.example.org divided by zero")

    monkeypatch.setattr(listing, "public_visits", broken)
    for answer in (service.api("GET", "/visits"), service.get("/")):
        assert answer.status == 500
        assert "divi" not in answer.body
        assert_protected(answer)
    assert service.api("GET", "/visits").problem["title"] == "Something went wrong"


def test_a_request_id_stands_in_every_log_line(
    service: Service, monkeypatch: pytest.MonkeyPatch, log_lines: Lines
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(listing, "public_visits", broken)
    answer = service.api("GET", "/visits")
    assert [json.loads(line)["request_id"] for line in log_lines.written] == [answer.headers["X-Request-Id"]]


def test_problems_are_pages_for_people_and_documents_for_programs(service: Service) -> None:
    assert service.get("/visits/nowhere").headers["Content-Type"] == "text/html; charset=utf-8"
    assert service.api("GET", "/visits/nowhere").problem["status"] == 404


def test_a_problem_never_repeats_the_path_a_capability_may_stand_in(service: Service) -> None:
    answer = service.api("GET", "/registrations/something-secret")
    assert answer.status == 404
    assert "something-secret" not in answer.body + json.dumps(dict(answer.headers))


def test_every_described_operation_says_what_it_does_answers_and_refuses() -> None:
    for _, operation in ROUTES:
        if operation.tag != "pages":
            assert operation.summary, operation
            assert operation.answers, operation
            assert operation.problems or operation.who == "anybody", operation


@pytest.mark.parametrize(
    ("viewer", "network"),
    [
        ("198.51.100.7:443", "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6:51000", "2001:db8:1:2"),
        (None, None),
        ("", None),
        ("nonsense", None),
    ],
)
def test_a_network_is_an_address_or_the_half_of_one_that_a_household_shares(
    viewer: str | None, network: str | None
) -> None:
    from kernel.http import Request
    from tests.service import event

    headers = {} if viewer is None else {"CloudFront-Viewer-Address": viewer}
    assert Request(event("GET", "/", None, headers, "", "r")).network == network
