"""The running service as its users meet it: HTTP, the mailbox, and what an organiser sets up for a test.

Every test makes visits and people of its own, so that none depends on another's.
"""

import email
import email.policy
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage, Message
from functools import cached_property
from itertools import count
from typing import Any
from uuid import uuid4

from infra.local import tokens
from infra.local.stack import LocalStack

ARRIVES_WITHIN = 45.0
"""Seconds: far beyond what an email takes, so that only one that never comes is missed."""

_LOOK_AGAIN = 0.1
_numbers = count(1)


@dataclass(frozen=True)
class Answer:
    """What a request was answered. Redirects are not followed."""

    status: int
    headers: Message
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        """The body, which must say that it is JSON."""
        assert self.headers.get_content_type() == "application/json", (self.status, self.body[:500])
        return json.loads(self.body)

    @property
    def problem(self) -> dict[str, Any]:
        """The problem, which must be one as the contract says (RFC 9457)."""
        assert self.headers.get_content_type() == "application/problem+json", (self.status, self.body[:500])
        document: dict[str, Any] = json.loads(self.body)
        assert document.keys() <= {"type", "title", "status", "detail", "instance", "errors"}, document
        assert document["status"] == self.status
        assert document["title"]
        assert document["detail"]
        return document

    @property
    def fields(self) -> set[str]:
        """The fields that a 422 names, each with what to do about it."""
        assert self.status == 422, (self.status, self.body[:500])
        errors = self.problem["errors"]
        assert all(error["message"] for error in errors)
        return {error["field"] for error in errors}


@dataclass(frozen=True)
class Email:
    """An email as ``/mailbox.json`` shows it."""

    document: Mapping[str, Any]

    @property
    def subject(self) -> str:
        return str(self.document["subject"])

    @property
    def text(self) -> str:
        return str(self.document["text"])

    @property
    def delivery_id(self) -> str:
        return str(self.document["headers"]["X-Delivery-Id"])

    @property
    def calendar(self) -> str | None:
        """The calendar part's text, None where there is none."""
        parts = [part for part in self.document["attachments"] if part["type"] == "text/calendar"]
        assert len(parts) <= 1
        return str(parts[0]["text"]) if parts else None

    @cached_property
    def parsed(self) -> EmailMessage:
        """The message itself, parts and headers and all."""
        message = email.message_from_string(self.document["raw"], policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        return message

    def link(self, kind: str) -> str:
        """The one link of a kind: ``places``, ``addresses``, ``addresses/undo``, ``visits``."""
        found = set(re.findall(rf"https?://\S+?/{kind}/[^\s/]+(?=\s|$)", self.text))
        assert len(found) == 1, (kind, found)
        return str(found.pop())


@dataclass(frozen=True)
class Person:
    """Somebody who registers."""

    name: str
    email: str


def a_person(name: str = "Ines Halloran") -> Person:
    """Return somebody nobody has met: their address is theirs alone."""
    local = re.sub(r"[^a-z]+", ".", name.lower()).strip(".")
    return Person(name, f"{local}.{uuid4().hex[:10]}@example.org")


class Service:
    """The service behind its front door."""

    def __init__(self, stack: LocalStack) -> None:
        self.stack = stack
        self.base_url = stack.base_url
        self.api = f"{stack.base_url}/api/v1"

    # --- HTTP ---------------------------------------------------------------------------------------------------

    def ask(
        self,
        method: str,
        url: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
    ) -> Answer:
        """Ask, with ``body`` as JSON unless it is bytes; ``url`` may be a path."""
        sent = dict(headers or {})
        if token:
            sent["Authorization"] = f"Bearer {token}"
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        request = urllib.request.Request(self.base_url + url if url.startswith("/") else url, body, sent, method=method)
        try:
            with _OPENER.open(request, timeout=35) as response:
                return Answer(response.status, response.headers, response.read())
        except urllib.error.HTTPError as refusal:
            with refusal:
                return Answer(refusal.code, refusal.headers, refusal.read())

    def get(self, url: str, **more: Any) -> Answer:
        return self.ask("GET", url, **more)

    def organise(self, method: str, path: str, body: object = None, *, headers: Mapping[str, str] | None = None) -> Any:
        """Do something as the organiser, who must succeed; return the answer's JSON."""
        answer = self.ask(method, f"{self.api}/organiser{path}", body, headers=headers, token=tokens.ORGANISER.token)
        assert 200 <= answer.status < 300, (answer.status, answer.text)
        return answer.json

    # --- what an organiser sets up ------------------------------------------------------------------------------

    def a_draft(self, **fields: object) -> dict[str, Any]:
        """Create a draft, with ``fields`` instead of what it has by itself."""
        number = next(_numbers)
        starts_at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=20, minutes=number)
        written: dict[str, object] = {
            "visit_id": f"visit-{number}-{uuid4().hex[:8]}",
            "title": f"Visit number {number} to the mill",
            "host": "Harbour Mill Practice",
            "summary": "See how a small practice answers every letter on the day it comes.",
            "description_markdown": "We *walk* along with one letter, from the door to its answer.",
            "starts_at": starts_at.isoformat(),
            "ends_at": (starts_at + timedelta(hours=2)).isoformat(),
            "timezone": "Europe/London",
            "capacity": 12,
        }
        created: dict[str, Any] = self.organise("POST", "/visits", written | fields)
        return created

    def a_visit(self, **fields: object) -> str:
        """Create and publish a visit; return its id."""
        draft = self.a_draft(**fields)
        self.organise("POST", f"/visits/{draft['visit_id']}/publish", {})
        return str(draft["visit_id"])

    def cancel_visit(self, visit_id: str) -> None:
        """Call a visit off."""
        self.organise("POST", f"/visits/{visit_id}/cancel", {"message": ""})

    def register(self, visit_id: str, person: Person, **fields: object) -> dict[str, Any]:
        """Register somebody, who must succeed; return the answer."""
        body = {"name": person.name, "email": person.email, **fields}
        answer = self.ask("POST", f"{self.api}/visits/{visit_id}/registrations", body)
        assert answer.status == 201, (answer.status, answer.text)
        told: dict[str, Any] = answer.json
        return told

    # --- the mailbox --------------------------------------------------------------------------------------------

    def emails(self, to: str) -> list[Email]:
        """Return what an address was sent, oldest first."""
        answer = self.get(f"/mailbox.json?to={urllib.parse.quote(to)}")
        return [Email(one) for one in answer.json]

    def email(self, to: str, subject: str) -> Email:
        """Wait for an address's email whose subject has these words."""

        def arrived() -> Email | None:
            return next((one for one in self.emails(to) if subject in one.subject), None)

        return wait_for(arrived, lambda: f"“{subject}” to {to}; there: {[one.subject for one in self.emails(to)]}")

    def place_token(self, person: Person, subject: str = "You ") -> str:
        """Return the token of a person's place, from their email."""
        return self.email(person.email, subject).link("places").rpartition("/")[2]

    def nothing_is_under_way(self, *visit_ids: str) -> None:
        """Wait until every email that is planned about these visits was sent, or will not be."""
        wait_for(
            lambda: all(one["state"] not in {"ready", "sending"} for one in self.deliveries(*visit_ids)),
            lambda: str(self.deliveries(*visit_ids)),
        )

    def deliveries(self, *visit_ids: str) -> list[dict[str, Any]]:
        """Return what is planned or sent about visits: the items of the table, as plain values."""
        dynamodb = self.stack.emulator.session.client("dynamodb", **self.stack.emulator.connection)
        found = [
            item
            for visit_id in visit_ids
            for item in dynamodb.query(
                TableName=self.stack.deployment["FollowupsTableName"],
                IndexName="by-visit",
                KeyConditionExpression="visit_id = :visit",
                ExpressionAttributeValues={":visit": {"S": visit_id}},
            )["Items"]
        ]
        return [{name: next(iter(value.values())) for name, value in item.items()} for item in found]


def wait_for[T](look: Callable[[], T | None], missing: Callable[[], str], within: float = ARRIVES_WITHIN) -> T:
    """Look until there is something (truthy), and return it.

    Raises:
        AssertionError: nothing within so many seconds; ``missing`` says what there is instead.
    """
    deadline = time.monotonic() + within
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {within:.0f} s: {missing()}"
        time.sleep(_LOOK_AGAIN)
    return found


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object, **__: object) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirects, urllib.request.ProxyHandler({}))
