"""What organisers do to stories: write them, and write them anew."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pynamodb.exceptions import TransactWriteError
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from comments.model import STORY, Story, story_pk
from comments.stories import STORY_ID, find
from kernel import audit
from kernel.access import Actor
from kernel.errors import FieldError, Invalid, NotFound, Unavailable
from kernel.table import past_conflicts, refused

ATTEMPTS = 8

type Json = dict[str, Any]  # fields of `Story`, of many types


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
