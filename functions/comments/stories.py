"""Stories: finding and listing them, and counting the comments of many at once."""

import base64
import json
import re
from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from pynamodb.attributes import UTCDateTimeAttribute
from pynamodb.exceptions import DoesNotExist

from comments import standing
from comments.model import STORY, Story, story_pk
from kernel.errors import FieldError, Invalid, NotFound

STORY_ID = re.compile(r"[a-z0-9][a-z0-9-]{2,63}")
MAX_COUNTED = 100
LISTED = 20

type Json = dict[str, Any]  # the contract's documents: shapes are in `comments.contract`


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
