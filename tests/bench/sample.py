"""The service in this process with one visit of an ordinary size, and the requests that are measured."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest

from kernel import secrets
from tests import tables
from tests.dynamodb_tap import tapped
from tests.service import ORGANISER, Clock, Service, event
from tests.unit.conftest import give_token
from visits import register

SECRET = '{"signing_keys": [], "pepper": "a pepper for measuring alone"}'

VISIT: dict[str, Any] = {
    "capacity": 40,
    "description_markdown": "You will see **the huddle**, and what became of it.\n\n- bring a question\n" * 12,
    "questions": [
        {"question_id": "diet", "label": "What do you eat?", "kind": "choice", "choices": ["all", "vegan"]},
        {"question_id": "hope", "label": "What do you hope to take home?", "kind": "long_text", "required": True},
    ],
}
ADA = {
    "name": "Ada Quillfeather",
    "email": "ada@people.example.org",
    "organisation": "Riverside Hospital",
    "job_role": "Ward manager",
    "access_needs": "Live captions, please",
    "answers": {"diet": "vegan", "hope": "Ideas for our own ward, and somebody to ring up about them."},
    "consents": {"follow_ups": True},
    "timezone": "Europe/London",
}


@dataclass(frozen=True)
class Measured:
    """A request that is held against the floor.

    Attributes:
        calls: of DynamoDB, in a warm container: the floor makes one.
        cold_budget, warm_budget: ratios to the floor, the second for each of those calls; None where the design
            sets none.
    """

    name: str
    event: dict[str, Any]
    calls: int
    cold_budget: float
    warm_budget: float | None


@contextmanager
def service() -> Iterator[Service]:
    """The service on an empty database in memory, and the real time."""
    clock = Clock(datetime.now(UTC))
    with (
        pytest.MonkeyPatch.context() as patch,
        tables.in_memory(),
        tapped(patch, clock) as tap,
        redirect_stdout(StringIO()),  # metrics and logs
    ):
        patch.setattr(secrets, "load", lambda secret_id: secrets.parse(SECRET))
        patch.setattr(register, "_known_details", {})
        give_token(ORGANISER, clock)
        yield Service(clock, tap)


def requests() -> list[Measured]:
    """Return the requests that are measured, with the design's budgets ("Fast")."""
    return [
        Measured("GET /api/v1/visits/{id}", _get("/api/v1/visits/ward"), 1, 1.4, 1.7),
        Measured("GET /api/v1/visits", _get("/api/v1/visits"), 2, 1.4, 1.7),
        Measured("GET /visits/{id} (page)", _get("/visits/ward"), 1, 1.4, 1.7),
        Measured("POST …/registrations", _post("/api/v1/visits/ward/registrations", ADA), 3, 1.7, None),
    ]


_HEADERS = {
    "x-origin-secret": "test",
    "host": "api.example.org",
    "user-agent": "Amazon CloudFront",
    "accept": "*/*",
    "accept-encoding": "gzip",
    "via": "2.0 edge.cloudfront.net (CloudFront)",
    "x-forwarded-for": "192.0.2.1",
    "x-forwarded-port": "443",
    "x-forwarded-proto": "https",
    "cloudfront-viewer-address": "192.0.2.1:50000",
}


def _get(path: str) -> dict[str, Any]:
    return event("GET", path, None, _HEADERS, "", "request-1")


def _post(path: str, document: object) -> dict[str, Any]:
    return event("POST", path, json.dumps(document), _HEADERS | {"content-type": "application/json"}, "", "request-1")
