"""What moderators read: queues with their counts, cards with all that a decision needs, and a comment's history.

A page of a queue is one Query; what belongs to its cards (the comments above, stories, authors) is one BatchGet each,
and reports and earlier decisions are asked for only where there are any.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from comments.model import (
    COUNTS,
    STORY,
    Author,
    Comment,
    Flag,
    HistoryEntry,
    QueueCounts,
    Story,
    author_pk,
    comment_pk,
    story_pk,
)
from comments.screening import CODES
from comments.standing import QUEUES, Queue
from kernel.errors import FieldError, Invalid, NotFound

MAX_LIMIT = 100
DEFAULT_LIMIT = 20
MAX_QUERY = 200

LOOKED_THROUGH = 400
"""So many comments of a queue one request looks through for a word or a signal; the cursor goes on from there."""

MOST_NEW = 50
"""New arrivals are counted up to here: more is "many"."""

MOST_WATCHED = 100
TARGET = timedelta(hours=24)
"""How long a comment should wait at most."""

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_NEWEST_FIRST = frozenset({"spam", "approved", "rejected"})


@dataclass(frozen=True, slots=True)
class Asked:
    """Which cards are asked for; ``after`` is the id of the last one seen, ``words`` stand in text, name or address."""

    queue: Queue = "pending"
    story: str = ""
    signal: str = ""
    words: str = ""
    newest_first: bool = False
    limit: int = DEFAULT_LIMIT
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """A comment with all that a decision about it needs.

    Attributes:
        thread: the comments above it, the first one first.
        flags: readers' reports.
        history: what happened to it, newest first; read where somebody has decided or changed something before.
    """

    comment: Comment
    story: Story | None
    thread: Sequence[Comment]
    author: Author | None
    flags: Sequence[Flag] = ()
    history: Sequence[HistoryEntry] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Some cards, and the id to go on after, or None."""

    cards: list[Card]
    next: str | None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many comments stand in each queue, and since when the oldest waits."""

    queues: Mapping[str, int]
    oldest_waiting_at: datetime | None = None


def asked(parameters: Mapping[str, str]) -> Asked:
    """Read the query parameters of a queue.

    Raises:
        Invalid: naming the parameter that cannot be read.
    """
    wrong: list[FieldError] = []
    queue = next((one for one in QUEUES if one == parameters.get("status", "pending")), None)
    if queue is None:
        wrong.append(FieldError("status", f"This must be one of {', '.join(QUEUES)}."))
    signal = parameters.get("signal", "")
    if signal and signal not in CODES:
        wrong.append(FieldError("signal", "There is no such signal."))
    order = parameters.get("order") or ("newest" if queue in _NEWEST_FIRST else "oldest")
    if order not in {"oldest", "newest"}:
        wrong.append(FieldError("order", "This must be oldest or newest."))
    limit = parameters.get("limit") or str(DEFAULT_LIMIT)
    if not (limit.isascii() and limit.isdigit() and len(limit) <= 3 and 1 <= int(limit) <= MAX_LIMIT):
        wrong.append(FieldError("limit", f"This must be a number from 1 to {MAX_LIMIT}."))
    words = parameters.get("q", "").strip()
    if len(words) > MAX_QUERY:
        wrong.append(FieldError("q", f"Search for {MAX_QUERY} characters at most."))
    after = parameters.get("cursor") or None
    if after and not _UUID.fullmatch(after):
        wrong.append(FieldError("cursor", "This cursor is none of ours: begin without one."))
    if wrong or queue is None:
        raise Invalid(errors=wrong)
    story = parameters.get("story", "")[:100]
    return Asked(queue, story, signal, words, order == "newest", int(limit), after)


def page(wanted: Asked) -> Page:
    """Return a page of a queue."""
    found = _in_order(wanted)
    items: list[Comment] = []
    seen = 0
    last: str | None = None
    for one in found:
        if len(items) == wanted.limit or seen == LOOKED_THROUGH:
            return Page(cards(_still_there(items, wanted.queue)), last)
        seen, last = seen + 1, one.comment_id
        if _fits(one, wanted):
            items.append(one)
    return Page(cards(_still_there(items, wanted.queue)), None)


def _still_there(items: Sequence[Comment], queue: Queue) -> list[Comment]:
    """Return comments as they are now, those that stand in the queue no longer left out: the index lags behind."""
    now = {one.comment_id: one for one in _comments({one.comment_id for one in items}, consistent=True)}
    return [now[one.comment_id] for one in items if one.comment_id in now and now[one.comment_id].queue == queue]


def found(comment_id: str) -> Comment:
    """Return a comment that moderators may look at.

    Raises:
        NotFound: there is no such comment, or its author deleted it.
    """
    one = comment(comment_id) if is_id(comment_id) else None
    if one is None or one.status == "deleted":
        raise NotFound
    return one


def card(comment_id: str) -> Card:
    """Return one comment's card.

    Raises:
        NotFound: there is no such comment, or its author deleted it.
    """
    return cards([found(comment_id)], whole_history=True)[0]


def comment(comment_id: str) -> Comment | None:
    """Return a comment as it is now, or None."""
    try:
        return Comment.get(comment_pk(comment_id), "comment", consistent_read=True)
    except Comment.DoesNotExist:
        return None


def cards(items: Sequence[Comment], *, whole_history: bool = False) -> list[Card]:
    """Return comments with what belongs to them."""
    above = {one.comment_id: one.path.split("/")[:-1] for one in items}
    parents = {one.comment_id: one for one in _comments({uid for ids in above.values() for uid in ids})}
    stories = {one.story_id: one for one in _stories({one.story_id for one in items})}
    authors = {one.person: one for one in _authors({one.person for one in items if one.person})}
    return [
        Card(
            comment=one,
            story=stories.get(one.story_id),
            thread=[parents[uid] for uid in above[one.comment_id] if uid in parents],
            author=authors.get(one.person) if one.person else None,
            flags=flags(one.comment_id) if int(one.flags) or whole_history else (),
            history=history(one.comment_id, limit=DEFAULT_LIMIT)[0] if int(one.version) > 1 or whole_history else (),
        )
        for one in items
    ]


def flags(comment_id: str) -> list[Flag]:
    """Return readers' reports of a comment, fifty at most."""
    found = Flag.query(comment_pk(comment_id), Flag.sk.startswith("flag#"), limit=MOST_NEW, consistent_read=True)
    return sorted(islice(found, MOST_NEW), key=lambda flag: flag.at)


def history(
    comment_id: str, *, limit: int = MAX_LIMIT, before: str | None = None
) -> tuple[list[HistoryEntry], str | None]:
    """Return what happened to a comment, newest first, and what to go on before, or None."""
    condition = (
        HistoryEntry.sk.between("history#", f"history#{before}") if before else HistoryEntry.sk.startswith("history#")
    )
    found = HistoryEntry.query(
        comment_pk(comment_id), condition, scan_index_forward=False, limit=limit + 2, consistent_read=True
    )
    items = [one for one in islice(found, limit + 2) if one.sk != f"history#{before}"]
    more = len(items) > limit
    return items[:limit], items[limit - 1].sk.removeprefix("history#") if more else None


def counts() -> Counts:
    """Return the counts of all queues, and since when the oldest comment waits."""
    queues: dict[str, int] = dict.fromkeys(QUEUES, 0)
    for shard in QueueCounts.query(COUNTS, consistent_read=True):
        for name in queues:
            queues[name] += int(getattr(shard, name))
    oldest = next(iter(Comment.by_queue.query("pending", limit=1)), None)
    return Counts(queues, oldest.created_at if oldest else None)


def new_since(queue: Queue, comment_id: str) -> int:
    """Count what came into a queue after a comment, up to `MOST_NEW`."""
    found = Comment.by_queue.query(queue, Comment.comment_id > comment_id, limit=MOST_NEW, attributes_to_get=["pk"])
    return len(list(islice(found, MOST_NEW)))


def arrived_after(queue: Queue, comment_id: str) -> list[Card]:
    """Return the cards of what came into a queue after a comment, the oldest first, a page of them."""
    found = Comment.by_queue.query(queue, Comment.comment_id > comment_id, limit=DEFAULT_LIMIT)
    return cards(list(islice(found, DEFAULT_LIMIT)))


def watched(text: str) -> list[Comment]:
    """Return comments as they are now, by their ids with commas between.

    Raises:
        Invalid: that is no list of ids, or too long a one.
    """
    ids = [one for one in text.split(",") if one]
    if len(ids) > MOST_WATCHED or not all(_UUID.fullmatch(one) for one in ids):
        raise Invalid(errors=[FieldError("watch", f"Send ids with commas between, {MOST_WATCHED} at most.")])
    return _comments(set(ids), consistent=True)


def is_id(text: str) -> bool:
    """Tell whether text is what a comment's id looks like."""
    return bool(_UUID.fullmatch(text))


def newest(most: int) -> Iterator[Comment]:
    """Yield the newest comments of all queues, newest first, ``most`` at most."""
    import heapq

    queues: Iterable[Iterator[Comment]] = [
        iter(Comment.by_queue.query(queue, scan_index_forward=False, page_size=100)) for queue in QUEUES
    ]
    return islice(heapq.merge(*queues, key=lambda one: one.comment_id, reverse=True), most)


def written_by(person: str, *, limit: int = DEFAULT_LIMIT) -> list[Comment]:
    """Return what somebody wrote, newest first."""
    found = Comment.by_person.query(person, scan_index_forward=False, limit=limit)
    return list(islice(found, limit))


def _in_order(wanted: Asked) -> Iterator[Comment]:
    condition = None
    if wanted.after:
        id_ = Comment.comment_id
        condition = id_ < wanted.after if wanted.newest_first else id_ > wanted.after
    found = Comment.by_queue.query(
        wanted.queue, condition, scan_index_forward=not wanted.newest_first, page_size=max(wanted.limit + 1, 25)
    )
    return iter(found)


def _fits(one: Comment, wanted: Asked) -> bool:
    if wanted.story and one.story_id != wanted.story:
        return False
    if wanted.signal and wanted.signal not in {signal["code"] for signal in one.signals}:
        return False
    if not wanted.words:
        return True
    text = f"{one.body} {one.author_name} {one.author_email or ''}".casefold()
    return all(word in text for word in wanted.words.casefold().split())


def _comments(ids: set[str], *, consistent: bool = False) -> list[Comment]:
    return list(Comment.batch_get([(comment_pk(one), "comment") for one in sorted(ids)], consistent)) if ids else []


def _stories(ids: set[str]) -> list[Story]:
    return list(Story.batch_get([(story_pk(one), STORY) for one in sorted(ids)])) if ids else []


def _authors(people: set[str]) -> list[Author]:
    return list(Author.batch_get([(author_pk(one), "author") for one in sorted(people)])) if people else []
