"""Reading a story's comments: one Query over text that was rendered when it was written.

Nothing is parsed, rendered or sanitised on the way out: an item holds the contract's JSON, and a page of the API is
those texts, joined. It asks botocore rather than PynamoDB, since a page of a hundred comments is most of what readers
cost (`docs/decisions/0022`).
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

from comments import stories
from comments.model import PINNED, STORY, TABLE, THREAD, Story, story_pk
from comments.standing import MOST_PINNED
from kernel import aws
from kernel.errors import FieldError, Invalid, NotFound

MAX_LIMIT = 100
DEFAULT_LIMIT = 50

type Order = Literal["oldest", "newest"]

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"
_CURSOR = re.compile(rf"(oldest|newest) ({_UUID}(?:/{_UUID}){{0,2}})")
_LAST = "\U0010ffff"

type Item = dict[str, dict[str, Any]]  # DynamoDB's own shape


@dataclass(frozen=True, slots=True)
class Asked:
    """Which comments are asked for; ``after`` is the path of the last one seen."""

    order: Order = "oldest"
    limit: int = DEFAULT_LIMIT
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A story with some of its comments, as JSON texts: those pinned, with the first page, and the conversation.

    Threads stand together, each comment before the answers to it; ``newest`` turns round the threads, not the talk
    in them. A thread that is longer than a page is cut.
    """

    story: Story
    pinned: Sequence[str]
    thread: Sequence[str]
    next: str | None


def asked(parameters: dict[str, str]) -> Asked:
    """Read the query parameters.

    Raises:
        Invalid: naming the parameter that cannot be read.
    """
    order = parameters.get("order", "oldest")
    if order not in {"oldest", "newest"}:
        raise Invalid(errors=[FieldError("order", "This must be oldest or newest.")])
    limit = parameters.get("limit", str(DEFAULT_LIMIT))
    if not (limit.isascii() and limit.isdigit() and len(limit) <= 3 and 1 <= int(limit) <= MAX_LIMIT):
        raise Invalid(errors=[FieldError("limit", f"This must be a number from 1 to {MAX_LIMIT}.")])
    after = _read_cursor(parameters["cursor"], order) if parameters.get("cursor") else None
    return Asked("oldest" if order == "oldest" else "newest", int(limit), after)


def page(story_id: str, wanted: Asked) -> Page:
    """Return a page of a story's comments.

    Raises:
        NotFound: there is no such story.
    """
    if not stories.STORY_ID.fullmatch(story_id):
        raise NotFound
    if wanted.order == "oldest" and wanted.after is None:
        return _first_page(story_id, wanted)
    # The story stands before its threads, so coming from their other end it takes a call of its own.
    above = _query(story_id, STORY, PINNED + _LAST, 1 + MOST_PINNED) if wanted.after is None else None
    story = stories.find(story_id) if above is None else _story(above)
    pinned = _entries(above[1:]) if above else []
    found = _query(
        story_id,
        THREAD,
        THREAD + _LAST,
        wanted.limit + 1,
        forward=wanted.order == "oldest",
        after=wanted.after,
    )
    rows, after = _cut(found, wanted)
    return Page(story, pinned, _entries(rows), after)


def _first_page(story_id: str, wanted: Asked) -> Page:
    found = _query(story_id, STORY, THREAD + _LAST, 1 + MOST_PINNED + wanted.limit + 1)
    story = _story(found)
    above = [item for item in found[1:] if item["sk"]["S"].startswith(PINNED)]
    rows, after = _cut(found[1 + len(above) :], wanted)
    return Page(story, _entries(above), _entries(rows), after)


def _story(found: Sequence[Item]) -> Story:
    if not found or found[0]["sk"]["S"] != STORY:
        raise NotFound
    return Story.from_raw_data(dict(found[0]))


def _entries(rows: Sequence[Item]) -> list[str]:
    return [row["entry"]["S"] for row in rows]


def _query(
    story_id: str, first: str, last: str, limit: int, *, forward: bool = True, after: str | None = None
) -> list[Item]:
    """Return items of a story in the order of their keys; more calls only where a page is over DynamoDB's megabyte."""
    pk = {"S": story_pk(story_id)}
    asked_for: dict[str, Any] = {
        "TableName": TABLE,
        "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :last",
        "ExpressionAttributeValues": {":pk": pk, ":first": {"S": first}, ":last": {"S": last}},
        "ScanIndexForward": forward,
        "ConsistentRead": True,
    }
    if after is not None:
        asked_for["ExclusiveStartKey"] = {"pk": pk, "sk": {"S": THREAD + after}}
    items: list[Item] = []
    while len(items) < limit:
        answer: dict[str, Any] = aws.client("dynamodb").query(**asked_for, Limit=limit - len(items))  # type: ignore[attr-defined]
        items += answer["Items"]
        if "LastEvaluatedKey" not in answer:
            break
        asked_for["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
    return items


def _cut(found: Sequence[Item], wanted: Asked) -> tuple[list[Item], str | None]:
    """Return the items of a page in reading order, and the cursor to the next; ``found`` has one more to look at."""
    rows, more = list(found[: wanted.limit]), len(found) > wanted.limit
    if wanted.order == "oldest":
        return rows, _cursor(wanted.order, rows[-1]) if more else None
    threads = [list(thread) for _, thread in groupby(rows, _root)]
    if more and len(threads) > 1 and _root(found[wanted.limit]) == _root(rows[-1]):
        threads.pop()  # its beginning is on the next page, and so is all of it
    after = _cursor(wanted.order, threads[-1][-1]) if more else None
    return [row for thread in threads for row in reversed(thread)], after


def _path(row: Item) -> str:
    return str(row["sk"]["S"]).removeprefix(THREAD)


def _root(row: Item) -> str:
    return _path(row).partition("/")[0]


def _cursor(order: str, row: Item) -> str:
    return base64.urlsafe_b64encode(f"{order} {_path(row)}".encode()).rstrip(b"=").decode()


def _read_cursor(cursor: str, order: str) -> str:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except ValueError:
        text = ""
    match = _CURSOR.fullmatch(text)
    if match is None or match[1] != order:
        raise Invalid(errors=[FieldError("cursor", "This cursor is none of ours: begin without one.")])
    return match[2]
