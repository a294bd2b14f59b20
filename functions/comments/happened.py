"""What a change in the comments table means: the events of this context (`events/` has their contracts). Pure.

Events carry ids and plain facts. What somebody wrote stays in the table: whoever needs it reads it there.
"""

from collections.abc import Iterator

from comments.model import REMINDERS, Comment
from kernel.events import Event, Fact
from kernel.publish import Change

SOURCE = "microclimate.comments"

_BECAME = {
    "approved": "comment.approved",
    "rejected": "comment.rejected",
    "spam": "comment.marked_spam",
    "removed": "comment.removed",
    "deleted": "comment.deleted",
}


def happened(change: Change) -> Iterator[Event]:
    """Yield what a change of one item means to the rest of the service."""
    if change.new is None:
        return
    if change.old is None:
        yield from _asked(change)
    if change.key("sk") != "comment":
        return
    new = Comment.from_raw_data(dict(change.new))
    old = Comment.from_raw_data(dict(change.old)) if change.old else None
    facts: dict[str, Fact] = {
        "comment_id": new.comment_id,
        "story_id": new.story_id,
        "version": int(new.version),
    }
    if old is None:
        yield Event("comment.submitted", facts)
    was = old.status if old else "pending"
    if new.status != was:
        if new.status == "pending":
            yield Event("comment.returned", {**facts, "was": was})
        else:
            yield Event(_BECAME[new.status], {**facts, "was": was})
    if old and new.body != old.body and new.status != "deleted":
        yield Event("comment.edited", facts)
    if old and int(new.flags) > int(old.flags):
        yield Event("comment.flagged", facts)


def _asked(change: Change) -> Iterator[Event]:
    """Yield what an item asks for that is never changed once it is there."""
    pk, sk = change.key("pk"), change.key("sk")
    image = change.new or {}
    if pk.startswith("author#") and sk.startswith("message#"):
        about = image.get("comment_id", {}).get("S")
        facts: dict[str, Fact] = {"person": pk.removeprefix("author#"), "message_id": sk.removeprefix("message#")}
        yield Event("author.messaged", {**facts, "comment_id": about})
    if pk == REMINDERS:
        yield Event("comments.waiting", {"day": sk, "waiting": int(image["waiting"]["N"])})
