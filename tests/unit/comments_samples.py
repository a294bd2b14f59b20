"""What tests of comments begin with: a story, and what its readers send."""

from datetime import timedelta
from typing import Any

from comments import on_submitted
from comments.happened import happened
from kernel.access import COOKIE, Session, session_pk
from kernel.person_key import person_key
from tests.events_seen import change_of
from tests.service import Answer, Context, Service
from tests.unit.conftest import SECRET

STORY: dict[str, Any] = {
    "title": "The ward that went home",
    "url": "https://stories.example.org/ward",
    "summary": "Forty beds, none of them in a building.",
    "body_markdown": "Read *on*.",
    "comments": {"open": True, "close_after_days": None, "mode": "first"},
}


def write_story(service: Service, story_id: str = "ward", **changes: object) -> str:
    """Write a story as an organiser."""
    from tests.service import ORGANISER

    bearer = {"authorization": f"Bearer {ORGANISER}"}
    answer = service.api("PUT", f"/stories/{story_id}", {**STORY, **changes}, **bearer)
    assert answer.status == 200, answer.body
    return story_id


def guest(number: int = 1, **more: object) -> dict[str, Any]:
    """Return what a guest sends."""
    return {
        "author_name": f"Robin {number}",
        "author_email": f"robin{number}@people.example.org",
        "body": f"We tried this on ward {number}, and **it worked** for us.",
        **more,
    }


def send(service: Service, story_id: str = "ward", *, token: str | None = None, **sent: object) -> Answer:
    """Send a comment; ``token`` is the session of somebody signed in."""
    headers = signed_in(token) if token else {}
    return service.api("POST", f"/stories/{story_id}/comments", sent, **headers)


def sent_id(service: Service, number: int = 1, story_id: str = "ward", **more: object) -> str:
    """Send a guest's comment and return its id."""
    answer = send(service, story_id, **guest(number, **more))
    assert answer.status == 202, answer.body
    return str(answer.json["comment_id"])


def screened(service: Service) -> None:
    """Let the comments sent so far be screened, as the stream and the bus do."""
    for record in service.dynamodb.taken():
        for event in happened(change_of(record)):
            if event.name == "comment.submitted":
                on_submitted.handler({"detail": dict(event.detail)}, Context())


def sign_up(service: Service, name: str, *, roles: tuple[str, ...] = ()) -> str:
    """Give somebody an account, sign them in, and return their session."""
    token = f"session-of-{name.lower()}"
    email = f"{name.lower()}@members.example.org"
    Session(
        session_pk(token),
        "session",
        person=person_key(email, SECRET.pepper),
        email=email,
        name=name,
        roles=list(roles),
        created_at=service.clock.now,
        expires_at=int((service.clock.now + timedelta(days=365)).timestamp()),
    ).save()
    return token


def signed_in(token: str) -> dict[str, str]:
    """Return the headers a browser sends for somebody signed in, from our own pages."""
    return {
        "cookie": f"{COOKIE}={token}",
        "sec-fetch-site": "same-origin",
        "origin": "https://visits.example.org",
    }


def shown(service: Service, story_id: str = "ward", **query: str) -> list[dict[str, Any]]:
    """Return a story's comments as the public reads them."""
    answer = service.send("GET", f"/api/v1/stories/{story_id}/comments", query=query)
    assert answer.status == 200, answer.body
    items: list[dict[str, Any]] = answer.json["items"]
    return items
