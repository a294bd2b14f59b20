"""Sample stories and comments, written for this project: two stories, talk under the first, and comments that wait.

Through the service's own API, like all samples. The talk comes while the story lets everybody in at once; then the
story is written anew, and what comes from then on waits for a moderator, some of it for a reason.
"""

import json
import urllib.request
from time import monotonic, sleep
from typing import Any

from infra.local import tokens
from infra.local.stack import LocalStack

_ANSWER_WITHIN = 30.0
_APPEAR_WITHIN = 60.0

WARD = "ward-that-went-home-a-year-on"
TRAYS = "what-the-trays-told-us"

_WARD_STORY: dict[str, Any] = {
    "title": "The ward that went home, a year on",
    "summary": "What was left of a good afternoon when nobody was looking any more: three habits, one failure.",
    "url": "",
    "body_markdown": """\
A year ago forty of us sat in on the morning round of a ward without a building. We rang nine of them to ask what had
become of it.

### What stayed

Six of nine still begin the day with **one call of ten minutes**. Nobody remembers who suggested the kitchen timer.

### What did not

The kit list. Everybody copied it, nobody used it as it was, and three teams told us the same thing: *write your own,
with the people who carry it.*
""",
}

_TRAYS_STORY: dict[str, Any] = {
    "title": "What the trays told us",
    "summary": "A hospital kitchen asked one question at another time of day, and threw away half as much.",
    "url": "",
    "body_markdown": "The question had always been asked: *what would you like tomorrow?* Now it is asked at **noon**, "
    "when people are hungry, and about supper.",
}

_TALK: tuple[tuple[str, str, int | None], ...] = (
    (
        "Amara Nwosu",
        "The timer was us! It came from the school next door. We have had **three** since; they wear out.",
        None,
    ),
    ("Tomasz Zielinski", "What do you do on the days when ten minutes are not enough?", 0),
    ("Amara Nwosu", "We stop all the same, and whoever is left over stays on the line. Usually it is two people.", 1),
    (
        "Gwen Parry",
        "We wrote our own kit list with two carers:\n\n- fewer things\n- bigger letters\n- one number to ring",
        None,
    ),
    ("Leila Haddad", "Could you share the one with bigger letters?", 3),
)

_WAITING: tuple[tuple[str, str], ...] = (
    ("Daniel Osei", "Did anybody measure what it did for the *evenings*? Ours got quieter, and I cannot say why."),
    ("Fiona MacRae", "I can send our list to whoever writes to me: fiona.macrae@example.org."),
    ("Marcus Bell", "My patient Mr Hill in bed 4, born 3 May 1950, would have loved this."),
    ("Best Deals", "Check out my channel! https://deals.example.org https://more.example.org https://win.example.org"),
    ("Sunita Desai", "Thank you for saying what did *not* work. That is the part I printed out."),
)


def write(local: LocalStack) -> None:
    """Write the stories, the talk, and what waits.

    Raises:
        TimeoutError: the talk did not appear.
    """
    _send(local, "PUT", f"/stories/{TRAYS}", {**_TRAYS_STORY, "comments": {"mode": "all"}})
    _send(local, "PUT", f"/stories/{WARD}", {**_WARD_STORY, "comments": {"mode": "none"}})
    ids: list[str] = []
    for name, body, answers in _TALK:
        ids.append(_comment(local, name, body, None if answers is None else ids[answers]))
        _wait_for(local, len(ids))  # only what can be read can be answered
    _send(local, "PUT", f"/stories/{WARD}", {**_WARD_STORY, "comments": {"mode": "first"}})
    for name, body in _WAITING:
        _comment(local, name, body, None)


def _comment(local: LocalStack, name: str, body: str, parent_id: str | None) -> str:
    email = f"{name.lower().replace(' ', '.')}@example.org"
    sent = {"author_name": name, "author_email": email, "body": body, "parent_id": parent_id}
    return str(_send(local, "POST", f"/stories/{WARD}/comments", sent)["comment_id"])


def _wait_for(local: LocalStack, count: int) -> None:
    deadline = monotonic() + _APPEAR_WITHIN
    while int(_send(local, "GET", f"/stories/{WARD}")["count"]) < count:
        if monotonic() > deadline:
            raise TimeoutError(f"{count} sample comments were sent, and did not all appear")
        sleep(0.2)


def _send(local: LocalStack, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    headers = {"Content-Type": "application/json"}
    if method == "PUT":
        headers["Authorization"] = f"Bearer {tokens.ORGANISER.token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{local.base_url}/api/v1{path}", data, headers, method=method)  # noqa: S310
    with urllib.request.urlopen(request, timeout=_ANSWER_WITHIN) as answer:  # noqa: S310  our own address
        document: dict[str, Any] = json.loads(answer.read())
    return document
