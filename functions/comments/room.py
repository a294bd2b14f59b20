"""Lambda `comments-room`: the moderators' pages. Everything on them works without their script."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlencode

from comments import authors, card, decide, moderators, queues, rulebook, rules, screening, standing
from comments.card import REASONS, card_json
from comments.decide import Decision, Outcome
from comments.model import Comment
from comments.reword import reword
from kernel import access, pages, settings, site
from kernel.errors import ChangedMeanwhile, FieldError, Invalid, Problem
from kernel.http import Answer, Edge, page_answer, see_other
from kernel.problem_page import problem_page

ZONE = "Europe/London"
"""Where the community's clock hangs."""

BANS = (("7", "a week"), ("30", "a month"), ("365", "a year"), ("36500", "good"))
MOST_UNDONE = 20
"""Decisions a page offers to undo at once; more are put back from their queue."""

MOST_CHOSEN = 100

KIND_WORDS: Mapping[str, str] = {
    "off_topic": "Your comment is about something else than this story, so we have not put it up here.",
    "offensive": "Some of your words could hurt somebody who reads them, so we have not put your comment up.",
    "personal_data": "Your comment holds personal details, such as a number or an address, that everybody could read.",
    "patient_identifiable": "Your comment says enough about somebody in care that they could be recognised.",
    "promotional": "Your comment reads like an advertisement, and we keep these pages free of them.",
    "spam": "Your comment looked to us like one that is sent to many pages.",
    "duplicate": "You have said this here already, and once is enough for it to be read.",
    "other": "We have not put your comment up.",
}
"""What an author is told where the moderator has no words of their own."""

SAID: Mapping[str, str] = {
    "edited": "The text is saved. What its author wrote is kept.",
    "noted": "The note is saved.",
    "pinned": "The comment is pinned above the conversation.",
    "unpinned": "The comment is no longer pinned.",
    "settled": "That is settled.",
    "written": "Your message is on its way.",
    "saved": "The rules are saved, and hold for every comment from now on.",
}
"""What a page says of what was just done, by the word in its address: nothing else is ever shown from there."""

_DONE = {
    "approve": "Approved",
    "reject": "Rejected",
    "spam": "Marked as spam",
    "remove": "Removed",
    "restore": "Put back",
}
_KEPT = ("status", "story", "signal", "q", "order", "one")


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


# --- the queue


@edge.page("GET", "/moderate", who="moderator")
def queue_page() -> Answer:
    """Show a queue: a page of it, or with ``since`` or ``only`` just the cards that the page's script asks for."""
    query = edge.request.query
    wanted = queues.asked({name: value for name, value in query.items() if name in {*_KEPT, "cursor"}})
    since, only = query.get("since", ""), query.get("only", "")
    if queues.is_id(since):
        found = queues.Page(queues.arrived_after(wanted.queue, since), None)
    elif queues.is_id(only):
        found = queues.Page([queues.card(only)], None)
    else:
        found = queues.page(wanted)
    counts = queues.counts()
    waits = edge.request.now - counts.oldest_waiting_at if counts.oldest_waiting_at else None
    back = _address({name: query.get(name, "") for name in _KEPT} | {"status": wanted.queue})
    return _show(
        "room.html",
        counts=counts.queues,
        waits=_in_words(waits) if waits is not None else None,
        late=waits is not None and waits > queues.TARGET,
        queue=wanted.queue,
        cards=[_shown(one) for one in found.cards],
        newest=max((one.comment.comment_id for one in found.cards), default=""),
        next_url=_address(_queue_of(back) | {"cursor": found.next}) if found.next else None,
        back=back,
        filters={"q": wanted.words, "signal": wanted.signal, "story": wanted.story, "order": query.get("order", "")},
        signals=screening.CODES,
        reasons=REASONS,
        kind_words=KIND_WORDS,
        other_order="oldest" if wanted.newest_first else "newest",
        one=bool(query.get("one")),
        done=_done(query),
    )


@edge.page("POST", "/moderate/decisions", who="moderator")
def decide_page() -> Answer:
    """Decide about what was chosen, then show the queue again, with what came of it and a way to take it back."""
    form = edge.request.form()
    action = next((one for one in standing.ACTIONS if one == _first(form, "action")), None)
    chosen = [_chosen(text) for text in form.get("chosen", ())[:MOST_CHOSEN]]
    back = _safe_back(_first(form, "back"))
    if action is None or not chosen:
        return see_other(f"{back}{'&' if '?' in back else '?'}{urlencode({'done': 'nothing'})}")
    reason = _first(form, "reason")
    if action == "reject" and reason not in REASONS:
        raise Invalid("Choose a reason for rejecting it: go back, and the comment is still there.")
    outcomes = []
    for comment_id, version in chosen:
        decision = Decision(
            comment_id,
            version,
            action,
            reason=reason if action == "reject" else None,
            message_to_author=_message(form, reason) if action == "reject" else None,
            note=_first(form, "note")[:2000].strip() or None,
        )
        outcomes.append(decide.decide(decision, edge.actor, now=edge.request.now))
    moderators.decided(edge.actor, edge.request.now)
    return see_other(back + ("&" if "?" in back else "?") + urlencode(_what_came_of(action, outcomes)))


def _what_came_of(action: str, outcomes: Sequence[Outcome]) -> dict[str, str]:
    """Return the parameters by which the next page says what was decided: ids and versions, and nothing else."""
    done = [one for one in outcomes if one.outcome == "done"]
    missed = [one.comment_id for one in outcomes if one.outcome != "done"]
    said = {"done": action, "n": str(len(done)), "missed": ",".join(missed[:MOST_UNDONE])}
    if action != "restore":
        said["undo"] = ",".join(f"{one.comment_id}:{one.version}" for one in done[:MOST_UNDONE])
    return {name: value for name, value in said.items() if value}


def _done(query: Mapping[str, str]) -> dict[str, Any] | None:
    """Return what to say of what was just decided; of what somebody else was faster with, what that is now."""
    done, number = query.get("done", ""), query.get("n", "")
    if done == "nothing":
        return {"words": "Choose at least one comment first.", "undo": [], "missed": []}
    if done not in _DONE:
        return None
    how_many = number if number.isascii() and number.isdigit() and len(number) <= 3 else "0"
    words = f"{_DONE[done]}: {how_many} comment{'' if how_many == '1' else 's'}." if how_many != "0" else ""
    undo = [one for one in query.get("undo", "").split(",") if _is_chosen(one)]
    missed = [one for one in query.get("missed", "").split(",") if queues.is_id(one)]
    faster = queues.watched(",".join(missed[:MOST_UNDONE])) if missed else []
    return {"words": words, "undo": undo[:MOST_UNDONE], "missed": [_who_was_faster(one) for one in faster]}


def _who_was_faster(one: Comment) -> str:
    status = {"approved": "approved", "rejected": "rejected", "spam": "marked as spam", "removed": "removed"}
    what = status.get(one.status)
    if what is None or one.decided_by_name is None or one.decided_at is None:
        return f"The comment by {one.author_name} changed meanwhile. Look at it again before you decide."
    ago = _in_words(edge.request.now - one.decided_at)
    return f"{one.decided_by_name} {what} the comment by {one.author_name} {ago} ago, so yours was not needed."


# --- one comment


@edge.page("GET", "/moderate/comments/<comment_id>", who="moderator")
def comment_page(comment_id: str) -> Answer:
    """Show one comment with its history."""
    return _comment(comment_id)


@edge.page("POST", "/moderate/comments/<comment_id>", who="moderator")
def change_comment_page(comment_id: str) -> Answer:
    """Edit a comment, pin it, or note something."""
    queues.found(comment_id)
    form = edge.request.form()
    now, actor = edge.request.now, edge.actor
    try:
        match _first(form, "do"):
            case "edit":
                from comments.moderating import CommentWritten
                from kernel import fields

                version = _first(form, "version")
                asked = fields.read(
                    CommentWritten,
                    {"body": _first(form, "body"), "version": int(version) if version.isdecimal() else None},
                )
                reword(comment_id, asked.version or 0, asked.body, actor, now=now)
                said = "edited"
            case "note":
                from comments.moderating import CommentWritten
                from kernel import fields

                decide.note(
                    comment_id, fields.read(CommentWritten, {"note": _first(form, "note")}).note, actor, now=now
                )
                said = "noted"
            case "pin":
                decide.pin(comment_id, True, actor, now=now)
                said = "pinned"
            case _:
                decide.pin(comment_id, False, actor, now=now)
                said = "unpinned"
    except (Invalid, ChangedMeanwhile) as wrong:
        return _comment(comment_id, form=form, wrong=wrong)
    return see_other(f"/moderate/comments/{comment_id}?said={said}")


def _comment(
    comment_id: str, *, form: Mapping[str, Sequence[str]] | None = None, wrong: Problem | None = None
) -> Answer:
    found = queues.card(comment_id)
    shown = _shown(found)
    entries, _ = queues.history(comment_id)
    typed = {"body": shown["body"], "note": ""} | {name: _first(form or {}, name) for name in (form or {})}
    if isinstance(wrong, ChangedMeanwhile):
        # What was typed stays, and goes on top of what is there now if they send it again having looked.
        typed["version"] = str(shown["version"])
    return _show(
        "room_comment.html",
        status=wrong.status if wrong else 200,
        card=shown,
        history=[*[card.history_json(one) for one in entries], card.submitted_json(found.comment)],
        reasons=REASONS,
        kind_words=KIND_WORDS,
        form=_form(typed, wrong),
        notice=SAID.get(edge.request.query.get("said", "")),
        back=f"/moderate?status={shown['queue'] or 'pending'}",
    )


# --- authors


@edge.page("GET", "/moderate/authors/<person>", who="moderator")
def author_page(person: str) -> Answer:
    """Show an author's record."""
    return _author(person)


@edge.page("POST", "/moderate/authors/<person>", who="moderator")
def change_author_page(person: str) -> Answer:
    """Settle something about an author."""
    authors.found(person)
    form = edge.request.form()
    now = edge.request.now
    match _first(form, "do"):
        case "note" | "message" as do:
            from comments.moderating import AuthorWritten
            from kernel import fields

            try:
                written = fields.read(AuthorWritten, {do: _first(form, do)})
                wanted = authors.Change(note=written.note) if do == "note" else authors.Change(message=written.message)
                authors.change(person, wanted, edge.actor, now=now)
            except Invalid as wrong:
                return _author(person, form=form, wrong=wrong)
            return see_other(f"/moderate/authors/{person}?said={'settled' if do == 'note' else 'written'}")
        case "ban":
            days = _first(form, "ban_for")
            until = now + timedelta(days=int(days) if days in dict(BANS) else int(BANS[0][0]))
            wanted = authors.Change(bans=True, banned_until=until)
        case "unban":
            wanted = authors.Change(bans=True, banned_until=None)
        case "hold" | "release" as do:
            wanted = authors.Change(held=do == "hold")
        case "trust" | "distrust" as do:
            wanted = authors.Change(trusted=do == "trust")
        case _:
            wanted = authors.Change()
    authors.change(person, wanted, edge.actor, now=now)
    return see_other(f"/moderate/authors/{person}?said=settled")


def _author(person: str, *, form: Mapping[str, Sequence[str]] | None = None, wrong: Problem | None = None) -> Answer:
    found = card.whole_author_json(authors.found(person), queues.written_by(person), edge.request.now)
    return _show(
        "room_author.html",
        status=wrong.status if wrong else 200,
        author=found,
        form=_form({name: _first(form or {}, name) for name in ("note", "message")}, wrong),
        notice=SAID.get(edge.request.query.get("said", "")),
        spans=BANS,
    )


# --- rules


@edge.page("GET", "/moderate/rules", who="moderator")
def rules_page() -> Answer:
    """Show the rules."""
    document = rulebook.rules_json(*rules.stored())
    return _rules(_as_text(document), document["effects"])


@edge.page("POST", "/moderate/rules", who="moderator")
def write_rules_page() -> Answer:
    """Try rules out, or write them."""
    from comments.moderating import RulesWritten
    from kernel import fields

    form = edge.request.form()
    typed = {name: _first(form, name) for name in ("link_limit", "hold_words", "refuse_words", "domains", "spam_from")}
    typed["version"] = _first(form, "version")
    effects = {code: _first(form, f"effect.{code}") or "hold" for code in screening.CODES}
    try:
        asked = fields.read(RulesWritten, _as_rules(typed, effects))
        written = asked.model_dump(exclude={"version"})
        if _first(form, "do") == "save":
            rulebook.write(written, asked.version, edge.actor, now=edge.request.now)
            return see_other("/moderate/rules?said=saved")
    except (Invalid, ChangedMeanwhile) as wrong:
        return _rules(typed, effects, wrong=wrong)
    return _rules(typed, effects, tried=rulebook.tried_json(rulebook.tried(rulebook.rules_of(written))))


def _rules(
    typed: Mapping[str, str],
    effects: Mapping[str, str],
    *,
    tried: Mapping[str, Any] | None = None,
    wrong: Problem | None = None,
) -> Answer:
    if isinstance(wrong, ChangedMeanwhile):
        # They have seen that somebody changed them; sending again is on top of that.
        typed = {**typed, "version": str(rules.stored()[1])}
    return _show(
        "room_rules.html",
        status=wrong.status if wrong else 200,
        form=_form(typed, wrong),
        signals=screening.CODES,
        effects=effects,
        tried=tried,
        notice=SAID.get(edge.request.query.get("said", "")),
    )


def _as_text(document: Mapping[str, Any]) -> dict[str, str]:
    lists = {name: "\n".join(document[name]) for name in ("hold_words", "refuse_words", "domains")}
    return {name: str(document[name]) for name in ("link_limit", "spam_from", "version")} | lists


def _as_rules(typed: Mapping[str, str], effects: Mapping[str, str]) -> dict[str, Any]:
    lists = {
        name: [line.strip() for line in typed[name].splitlines() if line.strip()]
        for name in ("hold_words", "refuse_words", "domains")
    }
    return {
        **lists,
        "link_limit": _number(typed["link_limit"], int),
        "spam_from": _number(typed["spam_from"], float),
        "effects": dict(effects),
        "version": _number(typed["version"], int),
    }


def _number(text: str, kind: type[int] | type[float]) -> int | float | str:
    """Return what was typed as a number; what is none stays as it is, to be refused by its field's name."""
    try:
        return kind(text.strip())
    except ValueError:
        return text


# --- parts


def _show(template: str, *, status: int = 200, **context: object) -> Answer:
    html = pages.render(
        f"comments/{template}",
        **site.shown(_SETTINGS.community_name),
        base_url=_SETTINGS.base_url,
        page_url=None,
        now=edge.request.now,
        actor=edge.actor,
        zone=ZONE,
        **context,
    )
    return page_answer(html, status=status)


def _shown(found: queues.Card) -> dict[str, Any]:
    document = card_json(found, edge.request.now)
    return document | {"marked": card.marked(document["body"], document["signals"])}


def _form(values: Mapping[str, str], wrong: Problem | None) -> dict[str, Any]:
    errors = (list(wrong.errors) or [FieldError("", wrong.detail)]) if wrong else []
    return {"values": dict(values), "errors": errors, "token": ""}


def _message(form: Mapping[str, Sequence[str]], reason: str) -> str | None:
    """Return what the author is to be told: the moderator's words, or kind ones for the reason; None for nothing."""
    own = _first(form, "message_to_author")[:2000].strip()
    return own or (KIND_WORDS[reason] if _first(form, "tell") else None)


def _chosen(text: str) -> tuple[str, int]:
    if not _is_chosen(text):
        raise Invalid("One of the comments you chose cannot be read. Open the queue again, and choose anew.")
    comment_id, _, version = text.partition(":")
    return comment_id, int(version)


def _is_chosen(text: str) -> bool:
    comment_id, _, version = text.partition(":")
    return queues.is_id(comment_id) and version.isascii() and version.isdigit() and len(version) <= 9


def _safe_back(text: str) -> str:
    """Return where to go back to: a queue, with what narrows it, made anew from its parts."""
    path, _, query = text.partition("?")
    return _address(_queue_of(f"?{query}")) if path == "/moderate" else "/moderate"


def _queue_of(address: str) -> dict[str, str]:
    query = parse_qs(address.partition("?")[2])
    return {name: query[name][0] for name in _KEPT if name in query}


def _address(parameters: Mapping[str, str | None]) -> str:
    query = urlencode({name: value for name, value in parameters.items() if value})
    return f"/moderate?{query}" if query else "/moderate"


def _in_words(span: timedelta) -> str:
    minutes = max(0, int(span.total_seconds() // 60))
    for size, word in ((24 * 60, "day"), (60, "hour"), (1, "minute")):
        if minutes >= size:
            number = minutes // size
            return f"{number} {word}{'' if number == 1 else 's'}"
    return "less than a minute"


def _first(form: Mapping[str, Sequence[str]], name: str) -> str:
    values = form.get(name, ())
    return values[0] if values else ""
