"""Every operation of the OpenAPI document, asked well and badly: what it answers is always documented.

Small and without chance: the same requests every time, made from the document and not from what is behind it.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import jsonschema
import pytest

from infra.local import tokens
from kernel import pages
from tests.e2e.service import Answer, Person, Service, a_person

pytestmark = pytest.mark.stack

DOCUMENT: dict[str, Any] = json.loads((pages.FUNCTIONS / "kernel" / "openapi.json").read_text())
OPERATIONS = [
    (method, path) for path, methods in DOCUMENT["paths"].items() for method in methods if method != "parameters"
]
ENDINGS = (
    "/unpublish",
    "/cancel",
    "/reschedule",
    "/share",
    "/messages",
    "/registrations",
    "/plan",
    "/pause",
    "/send-now",
)
"""What is asked of a visit of its own: it does not suit everybody's, or everybody's does not suit it."""

ODD_TEXTS = ("", " ", "0", "-1", "'\"<>&", "…\u202e\U0001f9ea", "a\x00b", "../..", "x" * 1000)
ODD_VALUES: tuple[object, ...] = (None, True, -1, 1e30, "", " ", "\x00", "x" * 5000, [], [{}], {}, {"a": {"b": []}})


@pytest.fixture(scope="module")
def known(service: Service) -> dict[str, str]:
    """What the path's parameters may name: a visit, and a place on it."""
    visit_id, person = service.a_visit(), a_person()
    service.register(visit_id, person)
    made = service.organise("POST", "/tokens", {"name": "A token of the fuzz", "scopes": ["organiser:read"]})
    return {
        "visit_id": visit_id,
        "token": service.place_token(person),
        "token_id": made["token_id"],
        "registration_id": last_registered(service, visit_id),
        "step": "reminder_day",
        "delivery_id": "00000000-0000-4000-8000-000000000000",
        "person": person_of(service, person),
        "story_id": (story_id := a_story(service)),
        "comment_id": a_comment(service, story_id, person)["comment_id"],
    }


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_an_operation_answers_what_its_document_says(
    service: Service, known: dict[str, str], method: str, path: str
) -> None:
    operation = DOCUMENT["paths"][path][method]
    if path.endswith(ENDINGS):
        known = known | {"visit_id": service.a_visit()}
    if "{registration_id}" in path:
        known = known | the_last_of_two(service, capacity=1)
    if path.endswith("/retry"):
        known = known | {"delivery_id": a_failed_delivery(service)}
    if path.endswith("/attendance"):
        known = known | the_last_of_two(service, capacity=2)
    own: dict[str, str] = {}
    if "{comment_id}" in path:
        comment = a_comment(service, known["story_id"], a_person())
        known, own = known | {"comment_id": comment["comment_id"]}, {"X-Edit-Token": comment["edit_token"]}
    if path.endswith("/flags"):
        approved = {"decisions": [{"comment_id": known["comment_id"], "version": 1, "action": "approve"}]}
        service.ask("POST", "/api/v1/moderation/decisions", approved, token=tokens.MODERATORS[0].token)
    if (method, path) == ("delete", "/api/v1/organiser/people/{person}"):
        known = known | {"person": somebody_registered(service)}
    statuses = set()
    token = asker(path) if operation.get("security") else None
    written = plain_values(known)
    if path.endswith(("/settings", "/rules", "/dry-run")):  # everybody's: what is there is put back
        written |= service.get(path.removesuffix("/dry-run"), token=token).json
    versioned = any(one["name"] == "If-Match" for one in operation.get("parameters", []))
    etag = service.get(path.format(**known), token=token).headers["ETag"] if versioned else None
    for filled, query, headers, body in requests(path, operation, known, written):
        url = f"{filled}?{query}" if query else filled
        sent = {**own, "If-Match": etag, **headers} if etag else {**own, **headers}
        answer = service.ask(method.upper(), url, body, headers=sent, token=token)
        asked = (method, path, query[:200], str(body)[:200])
        check(operation["responses"], answer, asked)
        statuses.add(answer.status)
        etag = etag and (answer.headers["ETag"] or etag)
    assert any(status < 400 for status in statuses), f"nothing was ever answered well: {statuses}"


def asker(path: str) -> str:
    """Return the token of somebody who may ask for a path."""
    return tokens.MODERATORS[0].token if path.startswith("/api/v1/moderation/") else tokens.ORGANISER.token


def a_story(service: Service) -> str:
    answer = service.ask(
        "PUT", "/api/v1/stories/story-of-the-fuzz", {"title": "A story of the fuzz"}, token=tokens.ORGANISER.token
    )
    assert answer.status in {200, 201}, answer.text[:500]
    return "story-of-the-fuzz"


def a_comment(service: Service, story_id: str, person: Person) -> dict[str, str]:
    """Return a comment that waits, with what lets its author change it."""
    written = {"author_name": person.name, "author_email": person.email, "body": f"I liked it. {uuid4()}"}
    answer = service.ask("POST", f"/api/v1/stories/{story_id}/comments", written)
    assert answer.status == 202, answer.text[:500]
    return {name: answer.json[name] for name in ("comment_id", "edit_token")}


def person_of(service: Service, person: Person) -> str:
    """Return the key of somebody who is registered."""
    found = service.organise("POST", "/people/search", {"email": person.email})
    return str(found["items"][0]["person"])


def somebody_registered(service: Service) -> str:
    person = a_person()
    service.register(service.a_visit(), person)
    return person_of(service, person)


def the_last_of_two(service: Service, *, capacity: int) -> dict[str, str]:
    """Return a visit of its own, and the registration of the second person on it, who waits if there is one place."""
    visit_id = service.a_visit(capacity=capacity)
    for _ in range(2):
        service.register(visit_id, a_person())
    return {"visit_id": visit_id, "registration_id": last_registered(service, visit_id)}


def a_failed_delivery(service: Service) -> str:
    """Return a delivery that failed: what SES refused for good, written into its row."""
    visit_id, person = service.a_visit(), a_person()
    service.register(visit_id, person)
    service.email(person.email, "You have a place")
    service.nothing_is_under_way(visit_id)
    [delivery] = service.deliveries(visit_id)
    dynamodb = service.stack.emulator.session.client("dynamodb", **service.stack.emulator.connection)
    dynamodb.update_item(
        TableName=service.stack.deployment["FollowupsTableName"],
        Key={"pk": {"S": delivery["pk"]}, "sk": {"S": delivery["sk"]}},
        UpdateExpression="SET #state = :failed, proof = :none REMOVE due, due_at",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":failed": {"S": "failed"}, ":none": {"N": "0"}},
    )
    return str(delivery["pk"]).removeprefix("delivery#")


def last_registered(service: Service, visit_id: str) -> str:
    return str(service.organise("GET", f"/visits/{visit_id}/registrations")["items"][-1]["registration_id"])


def requests(
    path: str, operation: Mapping[str, Any], known: Mapping[str, str], written: Mapping[str, Any]
) -> Iterator[tuple[str, str, dict[str, str], object]]:
    """Yield path, query, headers and body: a plain one first, then each part odd in its turn."""
    parameters = operation.get("parameters", [])
    plain = path.format(**known)
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema")
    body: object = {} if schema else None
    yield plain, "", {}, example(schema, written) if schema else None
    for parameter in parameters:
        name = parameter["name"]
        match parameter["in"]:
            case "path":
                for text in ODD_TEXTS[1:]:
                    yield path.format(**{**known, name: quote(text, safe="")}), "", {}, body
            case "query":
                value = known.get(f"{name}_id") or plain_value(parameter["schema"])
                yield plain, f"{name}={quote(str(value))}", {}, body
                for text in ODD_TEXTS:
                    yield plain, f"{name}={quote(text)}", {}, body
            case "header":
                for text in ("", '"1"', 'W/"1"', "*", "x", "x" * 201):
                    yield plain, "", {name: text}, body
    if schema:
        documents: tuple[object, ...] = (None, [], "text", 1, {"no_such_field": 1})
        for document in documents:
            yield plain, "", {}, json.dumps(document).encode()
        for odd in odd_bodies(schema, written):
            yield plain, "", {}, odd


def odd_bodies(schema: Mapping[str, Any], written: Mapping[str, Any]) -> Iterator[object]:
    """Yield bodies with one odd value each; of a list, with one such item."""
    shape = resolved(schema)
    if shape.get("type") == "array":
        yield from ([odd] for odd in odd_bodies(shape["items"], written))
        return
    for number, name in enumerate(shape["properties"]):
        for value in ODD_VALUES[number % 3 :: 3]:  # a third for each: together they meet every one
            yield {**example(schema, written), name: value}


def plain_values(known: Mapping[str, str]) -> dict[str, Any]:
    """Return the plainest value of every field that some body must have."""
    return {
        "title": "A visit of the fuzz",
        "host": "Nobody",
        "name": "Ines Halloran",
        "scopes": ["organiser:read"],
        "email": "ines.halloran@example.org",
        "starts_at": "2031-12-09T14:00:00+00:00",
        "ends_at": "2031-12-09T16:00:00+00:00",
        "timezone": "Europe/London",
        "subject": "To everybody",
        "body_markdown": "Bring boots.",
        "to": ["confirmed"],
        "recording_url": "https://video.example.org/1",
        "reason": "She speaks at the visit.",
        "registration_id": known["registration_id"],
        "attendance": "attended",
        "steps": [],
        "body": "What a lovely visit.",
        "author_name": "Ines Halloran",
        "author_email": "ines.halloran@example.org",
        "version": 1,
        "decisions": [{"comment_id": known["comment_id"], "version": 1, "action": "approve"}],
    }


def example(schema: Mapping[str, Any], written: Mapping[str, Any]) -> Any:
    """Return a body the schema allows: required fields alone, each with its plainest value; a list of one."""
    shape = resolved(schema)
    if shape.get("type") == "array":
        return [example(shape["items"], written)]
    also = {"recording_url", "author_name", "author_email"} & set(shape["properties"])
    also |= {"body", "version"} & set(shape["properties"]) if "required" not in shape else set()
    wanted = [*shape.get("required", []), *also]
    return {name: shape["properties"][name].get("enum", [written.get(name)])[0] for name in dict.fromkeys(wanted)}


def plain_value(schema: Mapping[str, Any]) -> object:
    if "enum" in schema:
        return schema["enum"][0]
    if "examples" in schema:
        return schema["examples"][0]
    return {"integer": schema.get("default", 1), "boolean": "true"}.get(schema.get("type", "string"), "2031-12-09")


def resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in schema:
        return schema
    found: Mapping[str, Any] = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def check(responses: Mapping[str, Any], answer: Answer, asked: object) -> None:
    """Hold an answer to the document: its status, its media type and its JSON."""
    assert answer.status < 500, (asked, answer.status, answer.text[:500])
    assert str(answer.status) in responses, (asked, answer.status, answer.text[:500])
    response = responses[str(answer.status)]
    if "$ref" in response:
        response = DOCUMENT["components"]["responses"][response["$ref"].rpartition("/")[2]]
    content = response.get("content", {})
    if not content:
        assert answer.body == b"", asked
        return
    kind = answer.headers.get_content_type()
    assert kind in content, (asked, kind)
    if kind.endswith("json") and "schema" in content[kind]:
        jsonschema.validate(json.loads(answer.body), {**content[kind]["schema"], "components": DOCUMENT["components"]})
