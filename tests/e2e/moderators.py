"""Moderators in browsers, and stories with comments that wait for them."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from playwright.sync_api import Page

from infra.local import tokens
from kernel.access import COOKIE
from kernel.person_key import person_key
from tests.e2e.conftest import OpenPage
from tests.e2e.service import Service, wait_for


def session(service: Service, name: str, *roles: str) -> str:
    """Store a session as signing in does; return its cookie."""
    stack, cookie = service.stack, uuid4().hex
    now, email = datetime.now(UTC), f"{name.lower()}@example.org"
    pepper = tokens.pepper(stack.emulator, stack.deployment["SecretIdName"])
    row: dict[str, Any] = {
        "pk": {"S": f"session#{hashlib.sha256(cookie.encode()).hexdigest()}"},
        "sk": {"S": "session"},
        "person": {"S": person_key(email, pepper)},
        "email": {"S": email},
        "name": {"S": name},
        "roles": {"S": json.dumps(list(roles))},
        "created_at": {"S": f"{now:%Y-%m-%dT%H:%M:%S.%f+0000}"},
        "expires_at": {"N": str(int((now + timedelta(hours=8)).timestamp()))},
    }
    client = stack.emulator.session.client("dynamodb", **stack.emulator.connection)
    client.put_item(TableName=stack.deployment["AccountsTableName"], Item=row)
    return cookie


def moderator(visitor: OpenPage, service: Service, name: str, **settings: Any) -> Page:
    """Open a page for somebody who is signed in and moderates."""
    page = visitor(**settings)
    sign_in(page, service, name)
    return page


def sign_in(page: Page, service: Service, name: str, *roles: str) -> None:
    """Give a page's browser the session of a moderator, or of somebody with other roles."""
    value = session(service, name, *(roles or ("moderator",)))
    cookie: Any = {"name": COOKIE, "value": value, "url": service.base_url.replace("http:", "https:"), "secure": True}
    page.context.add_cookies([cookie])


def a_story(service: Service, **fields: object) -> str:
    """Write a story; return its id."""
    story_id = f"story-{uuid4().hex[:8]}"
    written = {"title": "The ward that went home", "body_markdown": "Forty beds, none in a building.", **fields}
    answer = service.ask("PUT", f"{service.api}/stories/{story_id}", written, token=tokens.ORGANISER.token)
    assert answer.status == 200, (answer.status, answer.text)
    return story_id


def comment(service: Service, story_id: str, body: str, name: str = "Ines Halloran") -> str:
    """Send a guest's comment; return its id."""
    email = f"{name.lower().replace(' ', '.')}.{uuid4().hex[:6]}@example.org"
    sent = {"author_name": name, "author_email": email, "body": body}
    answer = service.ask("POST", f"{service.api}/stories/{story_id}/comments", sent)
    assert answer.status == 202, (answer.status, answer.text)
    return str(answer.json["comment_id"])


def moderate(service: Service, method: str, path: str, body: object = None, *, number: int = 0) -> Any:
    """Ask the moderators' API as one of the local moderators, who must succeed."""
    token = tokens.MODERATORS[number].token
    answer = service.ask(method, f"{service.api}/moderation{path}", body, token=token)
    assert answer.status == 200, (answer.status, answer.text)
    return answer.json


def waiting(service: Service, story_id: str, number: int) -> list[dict[str, Any]]:
    """Wait until so many comments of a story wait and are screened; return their cards."""

    def there() -> list[dict[str, Any]] | None:
        cards = moderate(service, "GET", f"/queue?limit=100&story={story_id}")["items"]
        return cards if len(cards) == number else None

    found: list[dict[str, Any]] = wait_for(there, lambda: f"{number} comments waiting under {story_id}")
    return found
