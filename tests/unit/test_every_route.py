"""Every route there is, walked: whoever may not is refused before anything is read, shown or done.

New routes are found by themselves. What a route needs in its path or body to come as far as its permissions stands
in `PARAMETERS` and `BODIES`.
"""

import importlib
import json
import re
from collections.abc import Iterator

import pytest

from kernel import pages
from kernel.http import Operation
from tests.service import Answer, Service
from tests.unit.test_who_is_asking import OURS, sign_in

EDGES = sorted(
    f"{path.parent.name}.{path.stem}"
    for path in pages.FUNCTIONS.glob("*/*.py")
    if re.search(r"^edge = Edge\(", path.read_text(), re.MULTILINE)
)
OPERATIONS = [one for edge in EDGES for one in importlib.import_module(edge).edge.operations]
GUARDED = [one for one in OPERATIONS if one.who not in {"anybody", "link"}]
ROLES = {"organiser", "moderator"}

# Paths that are somebody's by their very name; nothing under them may be for anybody.
NOT_PUBLIC = re.compile(r"(/api/v1)?/(organiser|organise|moderation|moderate|me)(/|$)")


def named(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


def filled(operation: Operation, **parameters: str) -> str:
    return re.sub(r"<(\w+)>", lambda found: parameters.get(found[1], "unknown-to-all"), operation.path)


def ask(service: Service, operation: Operation, headers: dict[str, str], path: str | None = None) -> Answer:
    body = None if operation.method == "GET" else "{}"
    kind = "application/json" if operation.path.startswith("/api/") else "application/x-www-form-urlencoded"
    if body and kind != "application/json":
        body = "x=1"
    return service.send(operation.method, path or filled(operation), body, content_type=kind, headers=headers)


def everything(service: Service) -> str:
    return json.dumps([service.items(table) for table in ("visits", "comments", "accounts")])


def roles_for(operation: Operation) -> Iterator[str]:
    yield from (ROLES if operation.who == "me" else operation.who.split(" or "))


def test_the_walk_meets_every_edge() -> None:
    assert {"visits.web", "visits.organise", "visits.people", "visits.console_site"} <= set(EDGES)
    assert len(GUARDED) >= 7


@pytest.mark.parametrize("operation", OPERATIONS, ids=named)
def test_no_route_below_somebodys_path_is_for_anybody(operation: Operation) -> None:
    if NOT_PUBLIC.match(operation.path):
        assert operation.who not in {"anybody", "link"}


@pytest.mark.parametrize("operation", GUARDED, ids=named)
def test_a_route_refuses_whoever_is_not_signed_in(service: Service, operation: Operation) -> None:
    service.visit()
    before = everything(service)
    for headers in ({}, {"cookie": "__Host-session=nobody's"}, {"authorization": "Bearer nobody"}):
        answer = ask(service, operation, {**OURS, **headers}, filled(operation, visit_id="ward"))
        if operation.method == "GET" and not operation.path.startswith("/api/"):
            assert (answer.status, answer.headers["Location"].partition("?")[0]) == (303, "/sign-in"), headers
        else:
            assert answer.status == 401, (headers, answer.body[:300])
        assert "How one ward halved its falls" not in answer.body
    assert everything(service) == before


@pytest.mark.parametrize("operation", [one for one in GUARDED if one.who != "me"], ids=named)
def test_a_route_refuses_whoever_has_another_role(service: Service, operation: Operation) -> None:
    service.visit()
    other = sign_in(service, *(ROLES - set(operation.who.split(" or "))))
    before = everything(service)
    answer = ask(service, operation, {**OURS, **other}, filled(operation, visit_id="ward"))
    assert answer.status == 403, answer.body[:300]
    assert everything(service) == before


@pytest.mark.parametrize("operation", [one for one in GUARDED if one.method != "GET"], ids=named)
def test_a_route_that_changes_something_refuses_what_another_site_sends(service: Service, operation: Operation) -> None:
    service.visit()
    theirs = sign_in(service, *roles_for(operation))
    before = everything(service)
    foreign = {"origin": "https://elsewhere.example", "sec-fetch-site": "cross-site"}
    for headers in (foreign, {}):
        answer = ask(service, operation, {**theirs, **headers}, filled(operation, visit_id="ward"))
        assert answer.status == 403, (headers, answer.body[:300])
    assert everything(service) == before


@pytest.mark.parametrize("operation", GUARDED, ids=named)
def test_the_control_a_route_lets_in_whoever_may(service: Service, operation: Operation) -> None:
    service.visit()
    theirs = sign_in(service, *roles_for(operation))
    answer = ask(service, operation, {**theirs, **OURS}, filled(operation, visit_id="ward"))
    assert answer.status not in {401, 403}, answer.body[:300]
    assert answer.status < 500, answer.body[:300]


BODIES: dict[str, object] = {
    "/attendance": [{"registration_id": "01998e2a-3c40-7c11-9a3e-5d2b88000063", "attendance": "missed"}],
    "/reschedule": {"starts_at": "2026-12-01T14:00:00Z", "ends_at": "2026-12-01T16:00:00Z"},
    "/clone": {"starts_at": "2026-12-01T14:00:00Z"},
    "/messages": {"subject": "Parking", "body_markdown": "Use gate 3.", "to": ["confirmed"]},
}
"""What a route must be sent to look for what its path names, by the end of the path."""


MAKES = {"PUT /api/v1/stories/<story_id>"}
"""What puts there what is not there."""


@pytest.mark.parametrize(
    "operation", [one for one in GUARDED if "<" in one.path and named(one) not in MAKES], ids=named
)
def test_a_route_knows_nothing_of_what_is_not_there_or_somebody_elses(service: Service, operation: Operation) -> None:
    service.visit("ward", capacity=5)
    service.visit("elsewhere", capacity=5)
    service.register(1, "ward")
    service.register(2, "elsewhere")
    others = service.places("elsewhere")[0].registration_id
    theirs = sign_in(service, *roles_for(operation), email="stranger@example.org")
    ends = next((end for end in BODIES if operation.path.endswith(end)), "")
    before = everything(service)
    for parameters in ({"visit_id": "nowhere"}, {"visit_id": "ward", "registration_id": others}):
        if "registration_id" in parameters and "<registration_id>" not in operation.path:
            continue
        path = filled(operation, **parameters)
        body = None if operation.method == "GET" else json.dumps(BODIES.get(ends, {}))
        if operation.path.startswith("/api/"):
            answer = service.send(operation.method, path, body, headers={**theirs, **OURS, "if-match": '"1"'})
        else:
            answer = ask(service, operation, {**theirs, **OURS}, path)
        assert answer.status == 404, (path, answer.status, answer.body[:300])
    assert everything(service) == before
