"""An OpenAPI 3.1 document as a reference people can read: what the page ``/api/v1/docs`` shows.

Made on the server, so the page needs no script and nothing from anybody else.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

METHODS = ("get", "post", "put", "patch", "delete")

type Node = Mapping[str, Any]
"""A part of an OpenAPI document, as JSON gives it."""


@dataclass(frozen=True)
class Field:
    """A parameter, or a property of a body."""

    name: str
    place: str
    """Where it stands: path, query, header or body."""
    kind: str
    required: bool
    description: str


@dataclass(frozen=True)
class Answer:
    """One way the service may answer."""

    status: str
    description: str
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Endpoint:
    """A method on a path."""

    anchor: str
    method: str
    path: str
    summary: str
    description: str
    fields: tuple[Field, ...]
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Group:
    """The endpoints that share a tag."""

    anchor: str
    title: str
    endpoints: tuple[Endpoint, ...]


def reference(openapi: Node) -> tuple[Group, ...]:
    """The document's endpoints in its own order, grouped by their first tag."""
    groups: dict[str, list[Endpoint]] = {}
    for path, item in openapi.get("paths", {}).items():
        for method in METHODS:
            if method in item:
                tag = (item[method].get("tags") or ["Everything else"])[0]
                groups.setdefault(tag, []).append(_endpoint(openapi, path, method, item))
    return tuple(Group(_anchor(tag), tag, tuple(endpoints)) for tag, endpoints in groups.items())


def _endpoint(openapi: Node, path: str, method: str, item: Node) -> Endpoint:
    operation: Node = item[method]
    parameters = [*item.get("parameters", []), *operation.get("parameters", [])]
    summary = operation.get("summary") or ""
    return Endpoint(
        anchor=_anchor(f"{method}-{path}"),
        method=method.upper(),
        path=path,
        summary=summary,
        description=operation.get("description") or "",
        fields=(
            *(_parameter(openapi, _resolved(openapi, one)) for one in parameters),
            *_body(openapi, operation.get("requestBody")),
        ),
        answers=tuple(
            Answer(status, answer.get("description") or "", tuple(_content(openapi, answer)))
            for status, answer in (
                (status, _resolved(openapi, answer)) for status, answer in operation.get("responses", {}).items()
            )
        ),
    )


def _parameter(openapi: Node, parameter: Node) -> Field:
    schema = parameter.get("schema", {})
    return Field(
        name=parameter["name"],
        place=parameter["in"],
        kind=_kind(openapi, schema),
        required=parameter.get("required", False),
        description=parameter.get("description") or _described(openapi, schema),
    )


def _body(openapi: Node, body: Node | None) -> Iterator[Field]:
    if body is not None:
        yield from _content(openapi, _resolved(openapi, body))


def _content(openapi: Node, holder: Node) -> Iterator[Field]:
    """The properties of what a body or an answer holds; the first media type stands for all."""
    for media in list(holder.get("content", {}).values())[:1]:
        yield from _properties(openapi, media.get("schema", {}))


def _properties(openapi: Node, schema: Node) -> Iterator[Field]:
    schema = _resolved(openapi, schema)
    for part in schema.get("allOf", []):
        yield from _properties(openapi, part)
    for name, property_ in schema.get("properties", {}).items():
        yield Field(
            name=name,
            place="body",
            kind=_kind(openapi, property_),
            required=name in schema.get("required", []),
            description=_described(openapi, property_),
        )


def _kind(openapi: Node, schema: Node) -> str:
    """A schema's type in a few words: "text", "list of text", "one of a, b", "text or null"."""
    if "$ref" in schema:
        target = _resolved(openapi, schema)
        return _kind(openapi, target) if "enum" in target else schema["$ref"].rsplit("/", 1)[-1]
    if "const" in schema or "enum" in schema:
        return "one of " + ", ".join(str(value) for value in schema.get("enum", [schema.get("const")]))
    if alternatives := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
        return " or ".join(dict.fromkeys(_kind(openapi, one) for one in alternatives))
    return _type(openapi, schema)


_WORDS = {"string": "text", "integer": "whole number", "boolean": "true or false"}


def _type(openapi: Node, schema: Node) -> str:
    type_ = schema.get("type", "anything")
    if isinstance(type_, list):
        return " or ".join(_type(openapi, {**schema, "type": one}) for one in type_)
    if type_ == "array":
        return f"list of {_kind(openapi, schema.get('items', {}))}"
    return str(schema.get("format") or _WORDS.get(type_, type_)) if type_ != "null" else "null"


_LIMITS = (
    ("minLength", "at least {} characters"),
    ("maxLength", "at most {} characters"),
    ("minimum", "at least {}"),
    ("maximum", "at most {}"),
    ("minItems", "at least {} items"),
    ("maxItems", "at most {} items"),
    ("pattern", "matches {}"),
)


def _described(openapi: Node, schema: Node) -> str:
    """What a schema says of itself, and its limits."""
    target = {**_resolved(openapi, schema), **schema}
    limits = [words.format(target[key]) for key, words in _LIMITS if key in target]
    if target.get("default") not in (None, "", [], {}):
        limits.append(f"{json.dumps(target['default'], ensure_ascii=False)} unless given")
    return " ".join(part for part in (target.get("description") or "", _sentence(limits)) if part)


def _sentence(parts: list[str]) -> str:
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _resolved(openapi: Node, node: Node) -> Node:
    """What a local `$ref` points at; a node without one is itself."""
    if "$ref" not in node:
        return node
    target: Node = openapi
    for step in node["$ref"].removeprefix("#/").split("/"):
        target = target[step.replace("~1", "/").replace("~0", "~")]
    return _resolved(openapi, target)


def _anchor(text: str) -> str:
    words = "".join(letter if letter.isalnum() else "-" for letter in text.lower())
    return "-".join(word for word in words.split("-") if word)
