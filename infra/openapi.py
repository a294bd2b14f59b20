"""The OpenAPI document: made from the routes and models when the service is built, never while it runs.

`functions/kernel/openapi.json` is committed, so that a change of the contract is seen in review; ``--check`` fails
where it is not what the code says.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import sys
from collections.abc import Iterable
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

if TYPE_CHECKING:
    from kernel.errors import Problem
    from kernel.http import Operation

FUNCTIONS: Final = Path(__file__).resolve().parent.parent / "functions"
DOCUMENT: Final = FUNCTIONS / "kernel" / "openapi.json"
EDGES: Final = (
    *("visits.web", "visits.organise", "visits.people", "followups.organise"),
    *("accounts.web", "accounts.organise", "accounts.me"),
    *("comments.web", "comments.moderate"),
)

type Json = dict[str, Any]  # OpenAPI's own shapes

_SETTINGS: Final = (
    "VISITS_TABLE",
    "FOLLOWUPS_TABLE",
    "COMMENTS_TABLE",
    "DELIVERIES_QUEUE_URL",
    "ACCOUNTS_TABLE",
    "USER_POOL_ID",
    "SIGN_IN_URL",
    "SIGN_IN_CLIENT_ID",
    "SIGN_IN_ISSUER",
    "SIGN_IN_KEYS_URL",
    "BASE_URL",
    "SECRET_ID",
    "EXPORTS_BUCKET",
    "ORIGIN_SECRET",
    "COMMUNITY_NAME",
    "SENDER",
    "RATE_LIMITS",
)

_PATH_PARAMETERS: Final[dict[str, Json]] = {
    "story_id": {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{2,63}$"},
    "comment_id": {"type": "string", "maxLength": 36, "description": "A UUIDv7."},
    "visit_id": {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{2,63}$"},
    "registration_id": {"type": "string", "format": "uuid"},
    "token_id": {"type": "string", "format": "uuid"},
    "person": {
        "type": "string",
        "pattern": "^[A-Za-z0-9_-]{43}$",
        "description": "A person key, as a search finds it.",
    },
    "step": {"type": "string", "pattern": "^[a-z][a-z0-9_]{1,39}$", "description": "A step of the plan."},
    "delivery_id": {"type": "string", "format": "uuid"},
    "token": {"type": "string", "maxLength": 1024, "description": "The signed link from an email."},
}

_PROBLEM: Final[Json] = {
    "title": "Problem",
    "description": "What was refused, and what to do next (RFC 9457).",
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "description": "Names the request: quote it when you ask for help."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}


def _unreadable(operation: Operation) -> list[type[Problem]]:
    """Return how a request can fail to be read: its body, or its query, which has too many parameters."""
    from kernel.errors import MalformedRequest, TooLarge

    if operation.body:
        return [MalformedRequest, TooLarge]
    return [MalformedRequest] if operation.query else []


def document() -> Json:
    """Return the OpenAPI 3.1 document of every edge there is."""
    from kernel.errors import TooManyRequests, Unavailable
    from visits.web import VERSION

    operations = [one for edge in EDGES for one in importlib.import_module(edge).edge.operations if one.tag != "pages"]
    schemas = _Schemas(operations)
    paths: Json = {}
    for one in operations:
        always: list[type[Problem]] = [TooManyRequests, Unavailable, *_unreadable(one)]
        path = re.sub(r"<(\w+)>", r"{\1}", one.path)
        paths.setdefault(path, {})[one.method.lower()] = _operation(one, schemas, [*one.problems, *always])
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Microclimate",
            "version": VERSION,
            "description": "Visits of a learning community: find one, register, look after your place.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(one.tag for one in operations)],
        "paths": paths,
        "components": {
            "schemas": {"Problem": _PROBLEM, **schemas.definitions},
            "securitySchemes": {"apiToken": {"type": "http", "scheme": "bearer"}},
        },
    }


class _Schemas:
    """The models that operations name, as JSON Schemas that refer to each other."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        bodies = {one.body for one in operations if one.body}
        answers = {answer for one in operations for answer in one.answers.values() if answer and ":" in answer}
        named: list[tuple[str, type[BaseModel], JsonSchemaMode]] = []
        named += [(name, _model(name), "validation") for name in sorted(bodies)]
        named += [(name, _model(name), "serialization") for name in sorted(answers)]
        found, schema = models_json_schema(
            [(model, mode) for _, model, mode in named], ref_template="#/components/schemas/{model}"
        )
        self._references = {name: found[model, mode] for name, model, mode in named}
        self.definitions: Json = {name: _without_made_up_defaults(one) for name, one in schema["$defs"].items()}

    def of(self, name: str) -> Json:
        """Return the reference to a model's schema."""
        reference: Json = self._references[name]
        return reference


def _without_made_up_defaults(schema: Json) -> Json:
    """Leave out a null default where null is refused: it stands for "leave it as it is" and is never sent."""
    for field in schema.get("properties", {}).values():
        takes_null = any(option.get("type") == "null" for option in field.get("anyOf", ()))
        if field.get("default", "") is None and not takes_null:
            del field["default"]
    return schema


def _model(name: str) -> type[BaseModel]:
    module, _, kind = name.partition(":")
    model: type[BaseModel] = getattr(importlib.import_module(module), kind)
    return model


def _operation(one: Operation, schemas: _Schemas, problems: Iterable[type[Any]]) -> Json:
    described: Json = {
        "operationId": re.sub(r"\W+", "_", f"{one.method.lower()}_{one.path.removeprefix('/api/v1/')}").strip("_"),
        "summary": one.summary,
        "tags": [one.tag],
        "parameters": _parameters(one),
        "responses": {str(status): _answer(status, answer, schemas) for status, answer in one.answers.items()},
    }
    if one.body:
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": schemas.of(one.body)}}}
    if one.who not in {"anybody", "link"}:
        described["security"] = [{"apiToken": []}]
    for problem in problems:
        _add_problem(described["responses"], problem)
    described["responses"] = dict(sorted(described["responses"].items()))
    return described


def _parameters(one: Operation) -> list[Json]:
    inside = [
        {"name": name, "in": "path", "required": True, "schema": dict(_PATH_PARAMETERS[name])}
        for name in re.findall(r"<(\w+)>", one.path)
    ]
    beside = [
        {
            "name": each.name,
            "in": place,
            "required": False,
            "description": each.description,
            "schema": dict(each.schema),
        }
        for place, several in (("query", one.query), ("header", one.headers))
        for each in several
    ]
    return [*inside, *beside]


def _answer(status: int, answer: str | None, schemas: _Schemas) -> Json:
    described: Json = {"description": HTTPStatus(status).phrase}
    if answer and ":" in answer:
        described["content"] = {"application/json": {"schema": schemas.of(answer)}}
    elif answer:
        described["content"] = {answer: {"schema": {"type": "string" if answer != "application/json" else "object"}}}
    return described


def _add_problem(responses: Json, problem: type[Any]) -> None:
    entry = responses.setdefault(str(problem.status), {"description": problem.title, "content": {}})
    if problem.title not in entry["description"]:
        entry["description"] += f"; {problem.title[0].lower()}{problem.title[1:]}"
    entry["content"]["application/problem+json"] = {"schema": {"$ref": "#/components/schemas/Problem"}}
    if problem.status == HTTPStatus.TOO_MANY_REQUESTS:
        entry["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait."}}


def _ready() -> None:
    """Let the edges be imported: they read settings when they are, and here none of them matters."""
    sys.path.insert(0, str(FUNCTIONS))
    for name in _SETTINGS:
        os.environ.setdefault(name, "openapi")


def main(arguments: list[str]) -> int:
    """Write the document, or with ``--check`` say whether the committed one is right; return the exit code."""
    _ready()
    text = json.dumps(document(), indent=2, ensure_ascii=False) + "\n"
    if "--check" not in arguments:
        DOCUMENT.write_text(text, encoding="utf-8")
        return 0
    if DOCUMENT.exists() and DOCUMENT.read_text(encoding="utf-8") == text:
        return 0
    print("functions/kernel/openapi.json is not what the code says: run `make openapi` and look at what changed.")
    return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
