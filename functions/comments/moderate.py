"""Lambda `comments-moderate`: what moderators read and decide, through the API."""

from dataclasses import asdict, dataclass
from functools import partial

from comments import authors, card, decide, moderators, queues, rulebook, rules, standing
from comments.card import card_json, moment
from comments.decide import Decision, Outcome
from comments.reword import reword
from kernel import access, settings
from kernel.access import Actor
from kernel.errors import ChangedMeanwhile, Conflict, FieldError, Forbidden, Invalid, NotFound, NotSignedIn, Unavailable
from kernel.http import Answer, Edge, Operation, Parameter, json_answer
from kernel.problem_page import problem_page

API = "/api/v1/moderation"


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function needs of its environment."""

    base_url: str
    origin_secret: str
    community_name: str


_SETTINGS = settings.read(Settings)

edge = Edge(
    origin_secret=_SETTINGS.origin_secret,
    problem_page=problem_page(community=_SETTINGS.community_name, base_url=_SETTINGS.base_url),
    who_is=partial(access.actor, base_url=_SETTINGS.base_url),
)
handler = edge.handler

_REFUSED = (NotSignedIn, Forbidden)
_TAG = "Moderating"
_STATUS = Parameter("status", "Which queue.", {"enum": list(standing.QUEUES), "default": "pending"})


# --- queues


@edge.route(
    Operation(
        "GET",
        f"{API}/queue",
        "A queue, as cards with all that a decision needs",
        _TAG,
        query=(
            _STATUS,
            Parameter("story", "Only under this story."),
            Parameter("signal", "Only with this signal."),
            Parameter("q", "Words to find in text, name or address."),
            Parameter("order", "Which come first.", {"enum": ["oldest", "newest"]}),
            Parameter("limit", "How many.", {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}),
            Parameter("cursor", "The `next` of the page before."),
        ),
        answers={200: "comments.moderating:Cards"},
        problems=(*_REFUSED, Invalid),
        who="moderator",
    )
)
def read_queue() -> Answer:
    """Return a page of a queue. It may hold fewer cards than asked for, and still go on."""
    page = queues.page(queues.asked(edge.request.query))
    items = [card_json(one, edge.request.now) for one in page.cards]
    return json_answer(200, {"items": items, "next": page.next})


@edge.route(
    Operation(
        "GET",
        f"{API}/counts",
        "How many comments stand in each queue, and how long the oldest waits",
        _TAG,
        answers={200: "comments.moderating:CountsRead"},
        problems=_REFUSED,
        who="moderator",
    )
)
def read_counts() -> Answer:
    """Return live counts."""
    counts = queues.counts()
    return json_answer(
        200,
        {
            "counts": counts.queues,
            "oldest_waiting_at": moment(counts.oldest_waiting_at),
            "oldest_waiting_seconds": _waits(counts),
            "target_seconds": int(queues.TARGET.total_seconds()),
        },
    )


@edge.route(
    Operation(
        "GET",
        f"{API}/news",
        "What happened while somebody looks at a queue",
        _TAG,
        query=(
            _STATUS,
            Parameter("since", "The newest comment_id they know: later ones are counted, 50 at most."),
            Parameter("watch", "The comment_ids they look at, with commas between; 100 at most."),
        ),
        answers={200: "comments.moderating:News"},
        problems=(*_REFUSED, Invalid),
        who="moderator",
    )
)
def read_news() -> Answer:
    """Return counts, how many arrived since, and what became of the comments somebody looks at."""
    query = edge.request.query
    wanted = queues.asked({"status": query.get("status", "pending")})
    since = query.get("since", "")
    if since and not queues.is_id(since):
        raise Invalid(errors=[FieldError("since", "Send the comment_id of a comment.")])
    counts = queues.counts()
    return json_answer(
        200,
        {
            "counts": counts.queues,
            "oldest_waiting_seconds": _waits(counts),
            "new": queues.new_since(wanted.queue, since) if since else counts.queues[wanted.queue],
            "comments": [card.settled_json(one) for one in queues.watched(query.get("watch", ""))],
        },
    )


def _waits(counts: queues.Counts) -> int | None:
    oldest = counts.oldest_waiting_at
    return None if oldest is None else max(0, int((edge.request.now - oldest).total_seconds()))


# --- decisions


@edge.route(
    Operation(
        "POST",
        f"{API}/decisions",
        "Decide about comments, each as it was seen",
        _TAG,
        body="comments.moderating:Decisions",
        answers={200: "comments.moderating:Outcomes"},
        problems=(*_REFUSED, Invalid),
        who="moderator",
    )
)
def decide_all() -> Answer:
    """Carry out decisions one by one: a conflict of one is no other's concern. Sending them again changes nothing."""
    from comments.moderating import Decisions
    from kernel import fields

    sent = fields.read(Decisions, edge.request.json())
    decisions = [
        Decision(
            one.comment_id,
            one.version,
            one.action,
            reason=one.reason,
            message_to_author=one.message_to_author or None,
            note=one.note or None,
        )
        for one in sent.decisions
    ]
    outcomes = [_decided(one, edge.actor) for one in decisions]
    moderators.decided(edge.actor, edge.request.now)
    return json_answer(200, {"outcomes": [_outcome_json(one) for one in outcomes]})


_TRIES = 3


def _decided(decision: Decision, actor: Actor) -> Outcome:
    """Decide, again where the database was too busy: of a hundred decisions none should be lost to that."""
    for left in reversed(range(_TRIES)):
        try:
            return decide.decide(decision, actor, now=edge.request.now)
        except Unavailable:
            if not left:
                raise
    raise Unavailable


def _outcome_json(outcome: Outcome) -> dict[str, object]:
    return {**asdict(outcome), "decided_at": moment(outcome.decided_at)}


@edge.route(
    Operation(
        "GET",
        f"{API}/comments/<comment_id>",
        "One comment's card, with its whole history",
        _TAG,
        answers={200: "comments.moderating:CardRead"},
        problems=(*_REFUSED, NotFound),
        who="moderator",
    )
)
def read_comment(comment_id: str) -> Answer:
    """Return a comment's card."""
    return json_answer(200, card_json(queues.card(comment_id), edge.request.now))


@edge.route(
    Operation(
        "PATCH",
        f"{API}/comments/<comment_id>",
        "Edit a comment (the original is kept), pin it, unpin it, or note something",
        _TAG,
        body="comments.moderating:CommentWritten",
        answers={200: "comments.moderating:CardRead"},
        problems=(*_REFUSED, NotFound, Conflict, ChangedMeanwhile, Invalid),
        who="moderator",
    )
)
def change_comment(comment_id: str) -> Answer:
    """Change a comment as a moderator."""
    from comments.moderating import CommentWritten
    from kernel import fields

    queues.found(comment_id)
    asked = fields.read(CommentWritten, edge.request.json())
    sent = asked.model_fields_set
    if "body" in sent:
        reword(comment_id, asked.version or 0, asked.body, edge.actor, now=edge.request.now)
    if "note" in sent:
        decide.note(comment_id, asked.note, edge.actor, now=edge.request.now)
    if "pinned" in sent:
        decide.pin(comment_id, asked.pinned, edge.actor, now=edge.request.now)
    return read_comment(comment_id)


@edge.route(
    Operation(
        "GET",
        f"{API}/audit",
        "What happened to a comment, newest first",
        _TAG,
        query=(
            Parameter("comment", "The comment_id."),
            Parameter("cursor", "The `next` of the page before."),
        ),
        answers={200: "comments.moderating:HistoryRead"},
        problems=(*_REFUSED, NotFound, Invalid),
        who="moderator",
    )
)
def read_audit() -> Answer:
    """Return a comment's history."""
    query = edge.request.query
    before = query.get("cursor") or None
    if before and not queues.is_id(before):
        raise Invalid(errors=[FieldError("cursor", "This cursor is none of ours: begin without one.")])
    comment_id = query.get("comment", "")
    found = queues.comment(comment_id) if queues.is_id(comment_id) else None
    if found is None:
        raise NotFound
    entries, more = queues.history(comment_id, before=before)
    items = [card.history_json(one) for one in entries]
    return json_answer(200, {"items": items if more else [*items, card.submitted_json(found)], "next": more})


# --- authors


@edge.route(
    Operation(
        "GET",
        f"{API}/authors/<person>",
        "An author's record, and what they wrote last",
        _TAG,
        answers={200: "comments.moderating:AuthorRead"},
        problems=(*_REFUSED, NotFound),
        who="moderator",
    )
)
def read_author(person: str) -> Answer:
    """Return an author."""
    return json_answer(200, card.whole_author_json(authors.found(person), queues.written_by(person), edge.request.now))


@edge.route(
    Operation(
        "POST",
        f"{API}/authors/<person>",
        "Trust an author, hold what they send, ban them until some time, note something, or write to them",
        _TAG,
        body="comments.moderating:AuthorWritten",
        answers={200: "comments.moderating:AuthorRead"},
        problems=(*_REFUSED, NotFound, Invalid),
        who="moderator",
    )
)
def change_author(person: str) -> Answer:
    """Settle something about an author."""
    from comments.moderating import AuthorWritten
    from kernel import fields

    authors.found(person)
    asked = fields.read(AuthorWritten, edge.request.json())
    sent = asked.model_fields_set
    wanted = authors.Change(
        trusted=asked.trusted if "trusted" in sent else None,
        held=asked.held if "held" in sent else None,
        bans="banned_until" in sent,
        banned_until=asked.banned_until if "banned_until" in sent else None,
        note=asked.note if "note" in sent else "",
        message=asked.message if "message" in sent else "",
    )
    authors.change(person, wanted, edge.actor, now=edge.request.now)
    return read_author(person)


@edge.route(
    Operation(
        "DELETE",
        f"{API}/authors/<person>",
        "Take back all that moderators settled about an author: trust, hold, ban and notes",
        _TAG,
        answers={204: None},
        problems=(*_REFUSED, NotFound),
        who="moderator",
    )
)
def forget_author(person: str) -> Answer:
    """Start afresh with an author. Their comments stay where they are."""
    from kernel.http import no_content

    authors.change(person, authors.Change(forget=True), edge.actor, now=edge.request.now)
    return no_content()


# --- rules


@edge.route(
    Operation(
        "GET",
        f"{API}/rules",
        "What screening goes by",
        _TAG,
        answers={200: "comments.moderating:RulesRead"},
        problems=_REFUSED,
        who="moderator",
    )
)
def read_rules() -> Answer:
    """Return the rules."""
    return json_answer(200, rulebook.rules_json(*rules.stored()))


@edge.route(
    Operation(
        "PUT",
        f"{API}/rules",
        "Change what screening goes by, from now on",
        _TAG,
        body="comments.moderating:RulesWritten",
        answers={200: "comments.moderating:RulesRead"},
        problems=(*_REFUSED, ChangedMeanwhile, Invalid),
        who="moderator",
    )
)
def write_rules() -> Answer:
    """Write the rules, if nobody changed them meanwhile."""
    from comments.moderating import RulesWritten
    from kernel import fields

    asked = fields.read(RulesWritten, edge.request.json())
    written = asked.model_dump(exclude={"version"})
    rulebook.write(written, asked.version, edge.actor, now=edge.request.now)
    return read_rules()


@edge.route(
    Operation(
        "POST",
        f"{API}/rules/dry-run",
        "What rules would have done to the last 1,000 comments",
        _TAG,
        body="comments.moderating:RulesWritten",
        answers={200: "comments.moderating:DryRun"},
        problems=(*_REFUSED, Invalid),
        who="moderator",
    )
)
def try_rules() -> Answer:
    """Try rules out; nothing changes."""
    from comments.moderating import RulesWritten
    from kernel import fields

    asked = fields.read(RulesWritten, edge.request.json())
    tried = rulebook.tried(rulebook.rules_of(asked.model_dump(exclude={"version"})))
    return json_answer(200, rulebook.tried_json(tried))
