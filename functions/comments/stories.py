"""Stories: writing, reading and listing them, and counting the comments of many at once."""

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from pynamodb.attributes import UTCDateTimeAttribute
from pynamodb.exceptions import DoesNotExist, TransactWriteError
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from comments import standing
from comments.model import STORY, Story, story_pk
from kernel import audit
from kernel.access import Actor
from kernel.errors import FieldError, Invalid, NotFound, Unavailable
from kernel.table import past_conflicts, refused

STORY_ID = re.compile(r"[a-z0-9][a-z0-9-]{2,63}")
ATTEMPTS = 8
MAX_COUNTED = 100
LISTED = 20

type Json = dict[str, Any]  # the contract's documents: shapes are in `comments.contract`


@dataclass(frozen=True, slots=True)
class Written:
    """A story as an organiser wrote it."""

    title: str
    url: str
    summary: str
    body_markdown: str
    open: bool
    close_after_days: int | None
    mode: str


def find(story_id: str) -> Story:
    """Return a story as it is at this moment.

    Raises:
        NotFound: there is none.
    """
    if not STORY_ID.fullmatch(story_id):
        raise NotFound
    try:
        return Story.get(story_pk(story_id), STORY, consistent_read=True)
    except DoesNotExist:
        raise NotFound from None


def write(story_id: str, written: Written, actor: Actor, *, now: datetime) -> Story:
    """Write a story, or write it anew; its comments stay.

    Raises:
        Invalid: an id that no story can have.
        Unavailable: others wrote it again and again meanwhile.
    """
    if not STORY_ID.fullmatch(story_id):
        told = "Use 3 to 64 small letters, digits and hyphens, beginning with a letter or digit."
        raise Invalid(errors=[FieldError("story_id", told)])
    for _ in range(ATTEMPTS):
        if _written(story_id, written, actor, now):
            return find(story_id)
    raise Unavailable


def _written(story_id: str, written: Written, actor: Actor, now: datetime) -> bool:
    from kernel import markdown

    try:
        before = find(story_id)
    except NotFound:
        before = None
    version = int(before.version) if before else 0
    fields: Json = {
        "title": written.title,
        "url": written.url,
        "summary": written.summary,
        "body_markdown": written.body_markdown,
        "body_html": markdown.render(written.body_markdown),
        "open": written.open,
        "close_after_days": written.close_after_days,
        "mode": written.mode,
        "version": version + 1,
        "changed_at": now,
    }
    done = "story.written" if before is None else "story.changed"
    entries = audit.entries(actor, done, f"story:{story_id}", now=now, facts={"version": version + 1})

    def together() -> None:
        with TransactWrite(connection=Story.connection()) as transaction:
            if before is None:
                made = Story(story_pk(story_id), created_by=actor.person, created_at=now, **fields)
                transaction.save(made, condition=Story.pk.does_not_exist())
            else:
                transaction.update(
                    Story(before.pk, STORY), actions=_actions(fields), condition=Story.version == version
                )
            audit.write(transaction, entries)

    try:
        past_conflicts(together)
    except TransactWriteError as error:
        if refused(error):
            return False
        raise
    return True


def _actions(fields: Json) -> list[Action]:
    attributes = Story.get_attributes()
    return [
        attributes[name].remove() if value is None else attributes[name].set(value) for name, value in fields.items()
    ]


def counts(story_ids: Sequence[str]) -> dict[str, int]:
    """Return how many approved comments stories have, in one call; 0 where there is no such story.

    Raises:
        Invalid: more than a hundred, or none.
    """
    asked = list(dict.fromkeys(story_ids))
    if not 1 <= len(asked) <= MAX_COUNTED:
        raise Invalid(errors=[FieldError("story", f"Name from 1 to {MAX_COUNTED} stories: ?story=a&story=b.")])
    keys = [(story_pk(one), STORY) for one in asked if STORY_ID.fullmatch(one)]
    found = {one.story_id: int(one.comments) for one in Story.batch_get(keys, consistent_read=True)} if keys else {}
    return {one: found.get(one, 0) for one in asked}


def listing(cursor: str | None) -> tuple[list[Story], str | None]:
    """Return stories, newest first, and the cursor to those that follow.

    Raises:
        Invalid: a cursor that is nobody's.
    """
    start = None
    if cursor:
        created_at, story_id = _read_cursor(cursor)
        start = {
            "listed": {"S": "yes"},
            "created_at": {"S": created_at},
            "pk": {"S": story_pk(story_id)},
            "sk": {"S": STORY},
        }
    query = Story.stories_by_time.query("yes", scan_index_forward=False, last_evaluated_key=start, limit=LISTED + 1)
    found = list(islice(query, LISTED + 1))
    if len(found) <= LISTED:
        return found, None
    last = found[LISTED - 1]
    text = json.dumps([UTCDateTimeAttribute().serialize(last.created_at), last.story_id])
    return found[:LISTED], base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def accepts(story: Story, now: datetime) -> bool:
    """Tell whether a story takes comments at this moment."""
    days = None if story.close_after_days is None else int(story.close_after_days)
    return standing.is_open(bool(story.open), story.created_at, days, now)


def story_json(story: Story, now: datetime) -> Json:
    """Return the contract's story, as anybody reads it."""
    return {
        "story_id": story.story_id,
        "title": story.title,
        "url": story.url,
        "summary": story.summary,
        "body_html": story.body_html,
        "comments": {
            "open": bool(story.open),
            "close_after_days": None if story.close_after_days is None else int(story.close_after_days),
            "mode": story.mode,
        },
        "accepts_comments": accepts(story, now),
        "count": int(story.comments),
        "created_at": story.created_at.isoformat(timespec="seconds"),
        "changed_at": story.changed_at.isoformat(timespec="seconds"),
    }


def organisers_story_json(story: Story, now: datetime) -> Json:
    """Return the contract's story, as an organiser reads it."""
    return story_json(story, now) | {"body_markdown": story.body_markdown, "version": int(story.version)}


_CREATED = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}\+0000")


def _read_cursor(cursor: str) -> tuple[str, str]:
    try:
        match json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))):
            case [str(created_at), str(story_id)] if _CREATED.fullmatch(created_at) and STORY_ID.fullmatch(story_id):
                return created_at, story_id
    except (ValueError, RecursionError):
        pass
    raise Invalid(errors=[FieldError("cursor", "This cursor is none of ours: begin without one.")])
