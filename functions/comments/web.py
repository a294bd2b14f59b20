"""Lambda `comments-web`: what anybody meets. Pages and API: stories, their comments, and one's own comment.

A route parses, calls and answers; pages and API share everything behind that. Reading needs none of what sending
needs, so the latter is imported by the routes that send.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from comments import form, links, reading, stories
from kernel import access, metrics, pages, secrets, settings, site, tokens
from kernel.errors import (
    CommentsClosed,
    FieldError,
    Forbidden,
    Invalid,
    LinkExpired,
    LinkInvalid,
    NotFound,
    NotSignedIn,
    Problem,
    TooLateToChange,
)
from kernel.headers import headers
from kernel.http import (
    Answer,
    Edge,
    Operation,
    Parameter,
    file_answer,
    json_answer,
    no_content,
    page_answer,
    public_json,
    see_other,
)
from kernel.limits import Limit
from kernel.person_key import person_key
from kernel.powertools import Response
from kernel.problem_page import problem_page

if TYPE_CHECKING:
    from comments.model import Comment
    from comments.requests import CommentSent
    from comments.screening import Signal
    from comments.submit import Received
    from kernel.access import Actor

API = "/api/v1"
ATOM = "application/atom+xml; charset=utf-8"
IN_A_FEED = 50


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function needs of its environment."""

    base_url: str
    secret_id: str
    origin_secret: str
    community_name: str
    rate_limits: str


_SETTINGS = settings.read(Settings)

# Behind one network there may be a whole hospital; one person rarely says more than this.
_BY_NETWORK = Limit(60, timedelta(minutes=1))
_BY_PERSON = Limit(10, timedelta(minutes=10))
_CHECKS = Limit(60, timedelta(minutes=1))
_FLAGS = Limit(20, timedelta(minutes=1))

edge = Edge(
    origin_secret=_SETTINGS.origin_secret,
    problem_page=problem_page(community=_SETTINGS.community_name, base_url=_SETTINGS.base_url),
    who_is=partial(access.actor, base_url=_SETTINGS.base_url),
)
handler = edge.handler

_TOKEN = Parameter("X-Edit-Token", "What came with sending the comment.")


# --- stories -------------------------------------------------------------------------------------------------------


@edge.route(
    Operation(
        "GET",
        f"{API}/stories/<story_id>",
        "One story",
        "Comments",
        answers={200: "comments.contract:Story"},
        problems=(NotFound,),
    )
)
def read_story(story_id: str) -> Answer:
    """Return a story."""
    return public_json(stories.story_json(stories.find(story_id), edge.request.now))


@edge.route(
    Operation(
        "PUT",
        f"{API}/stories/<story_id>",
        "Write a story, or write it anew",
        "Comments",
        body="comments.contract:StoryWritten",
        answers={200: "comments.contract:OrganisersStory"},
        problems=(NotSignedIn, Forbidden, NotFound, Invalid),
        who="organiser",
    )
)
def write_story(story_id: str) -> Answer:
    """Write a story; its comments stay."""
    from comments import story_edit
    from comments.contract import StoryWritten
    from kernel import fields

    asked = fields.read(StoryWritten, edge.request.json())
    written = story_edit.Written(
        title=asked.title,
        url=asked.url,
        summary=asked.summary,
        body_markdown=asked.body_markdown,
        open=asked.comments.open,
        close_after_days=asked.comments.close_after_days,
        mode=asked.comments.mode,
    )
    story = story_edit.write(story_id, written, edge.actor, now=edge.request.now)
    return json_answer(200, stories.organisers_story_json(story, edge.request.now))


@edge.route(
    Operation(
        "GET",
        f"{API}/stories/<story_id>/comments",
        "A story's comments, threads together",
        "Comments",
        query=(
            Parameter("order", "Which threads come first.", {"type": "string", "enum": ["oldest", "newest"]}),
            Parameter("limit", "How many.", {"type": "integer", "minimum": 1, "maximum": 100, "default": 50}),
            Parameter("cursor", "The `next` of the page before."),
        ),
        answers={200: "comments.contract:CommentList"},
        problems=(NotFound, Invalid),
    )
)
def list_comments(story_id: str) -> Answer:
    """List approved comments: texts that are JSON already, joined."""
    found = reading.page(story_id, reading.asked(edge.request.query))
    story = json.dumps(stories.story_json(found.story, edge.request.now), ensure_ascii=False, separators=(",", ":"))
    pinned = frozenset(found.pinned)
    items = ",".join([*found.pinned, *(one for one in found.thread if one not in pinned)])
    body = f'{{"story":{story},"items":[{items}],"next":{json.dumps(found.next)}}}'
    return Response(200, "application/json", body, headers=dict(headers("public")))


@edge.route(
    Operation(
        "GET",
        f"{API}/stories/<story_id>/comments.atom",
        "A story's newest comments as a feed",
        "Comments",
        answers={200: "application/atom+xml"},
        problems=(NotFound,),
    )
)
@edge.page("GET", "/stories/<story_id>/comments.atom")
def feed(story_id: str) -> Answer:
    """Return a story's newest comments as an Atom feed."""
    from comments import feeds

    found = reading.page(story_id, reading.Asked("newest", IN_A_FEED))
    community = site.current(_SETTINGS.community_name).community
    text = feeds.atom(found.story, found.thread, base_url=_SETTINGS.base_url, community=community)
    return file_answer(text, ATOM, audience="public")


@edge.route(
    Operation(
        "GET",
        f"{API}/comment-counts",
        "How many comments stories have",
        "Comments",
        query=(
            Parameter(
                "story",
                "A story; repeated for several, a hundred at most.",
                {"type": "array", "items": {"type": "string"}, "maxItems": 100},
            ),
        ),
        answers={200: "comments.contract:Counts"},
        problems=(Invalid,),
    )
)
@edge.page("GET", "/comment-counts")
def count_comments() -> Answer:
    """Count the approved comments of many stories in one call."""
    return public_json({"counts": stories.counts(edge.request.every("story"))})


# --- sending -------------------------------------------------------------------------------------------------------


@edge.route(
    Operation(
        "POST",
        f"{API}/stories/<story_id>/comments",
        "Send a comment",
        "Comments",
        body="comments.requests:CommentSent",
        answers={202: "comments.contract:CommentReceived"},
        problems=(NotFound, NotSignedIn, Forbidden, CommentsClosed, Invalid),
    )
)
def send_by_api(story_id: str) -> Answer:
    """Take a comment that a program sends."""
    received = _send(story_id, edge.request.json(), _whoever(), None)
    return json_answer(
        202,
        {
            "comment_id": received.comment_id,
            "status": received.status,
            "edit_token": links.edit_token(received.comment_id, now=edge.request.now, keys=_keys()),
            "warnings": _warnings(received.warnings),
        },
    )


@edge.route(
    Operation(
        "POST",
        f"{API}/stories/<story_id>/comments/check",
        "What screening would warn about",
        "Comments",
        body="comments.requests:CommentChecked",
        answers={200: "comments.contract:Warnings"},
        problems=(NotFound, Invalid),
    )
)
def check_by_api(story_id: str) -> Answer:
    """Return the warnings alone; nothing is kept."""
    from comments import submit
    from comments.requests import CommentChecked
    from kernel import fields

    _limit(_CHECKS, edge.request.network)
    asked = fields.read(CommentChecked, edge.request.json())
    stories.find(story_id)
    return json_answer(200, {"warnings": _warnings(submit.check(asked.body, edge.request.now))})


# --- my own comment ------------------------------------------------------------------------------------------------


@edge.route(
    Operation(
        "PATCH",
        f"{API}/comments/<comment_id>",
        "Change my comment",
        "Comments",
        body="comments.requests:CommentChange",
        answers={200: "comments.contract:OwnComment"},
        problems=(NotFound, TooLateToChange, Invalid),
        headers=(_TOKEN,),
        who="link",
    )
)
def change_by_api(comment_id: str) -> Answer:
    """Change my comment, while it waits or for a quarter of an hour."""
    from comments import own
    from comments.requests import CommentChange
    from kernel import fields

    _must_be_mine(comment_id)
    asked = fields.read(CommentChange, edge.request.json())
    changes = asked.model_dump(include=asked.model_fields_set)
    comment, told = own.change(comment_id, changes, now=edge.request.now)
    return json_answer(200, _own_json(comment, told))


@edge.route(
    Operation(
        "DELETE",
        f"{API}/comments/<comment_id>",
        "Delete my comment",
        "Comments",
        answers={204: None},
        problems=(NotFound, TooLateToChange),
        headers=(_TOKEN,),
        who="link",
    )
)
def delete_by_api(comment_id: str) -> Answer:
    """Delete my comment, while it waits or for a quarter of an hour."""
    from comments import own

    _must_be_mine(comment_id)
    own.delete(comment_id, now=edge.request.now)
    return no_content()


# --- reports -------------------------------------------------------------------------------------------------------


@edge.route(
    Operation(
        "POST",
        f"{API}/comments/<comment_id>/flags",
        "Report a comment",
        "Comments",
        body="comments.requests:FlagSent",
        answers={202: "comments.contract:FlagAnswer"},
        problems=(NotFound, Invalid),
    )
)
def report_by_api(comment_id: str) -> Answer:
    """Report a comment to the moderators."""
    from comments import flag

    _report(comment_id, edge.request.json())
    return json_answer(202, {"message": flag.THANKS})


# --- pages: reading ------------------------------------------------------------------------------------------------


@edge.page("GET", "/stories")
def stories_page() -> Answer:
    """Show the stories, newest first."""
    found, after = stories.listing(edge.request.query.get("cursor"))
    shown = [stories.story_json(story, edge.request.now) for story in found]
    next_url = f"/stories?{urlencode({'cursor': after})}" if after else None
    html = _render("comments/list.html", public=True, stories=shown, next_url=next_url)
    return page_answer(html, audience="public")


@edge.page("GET", "/stories/<story_id>")
def story_page(story_id: str) -> Answer:
    """Show a story, its comments, and the form to add one."""
    return page_answer(_story_html(story_id, _new_form()), audience="public")


@edge.page("GET", "/comments-policy")
def policy_page() -> Answer:
    """Show what we ask of people who comment."""
    return page_answer(_render("comments/policy.html", public=True), audience="public")


# --- pages: sending ------------------------------------------------------------------------------------------------


@edge.page("POST", "/stories/<story_id>/comments")
def send_by_form(story_id: str) -> Answer:
    """Take a comment, or say what screening would warn about; nothing typed is lost."""
    return _sent_by_form(story_id, _whoever(), "comments/story.html")


@edge.page("GET", "/stories/<story_id>/comment", who="me")
def write_page(story_id: str) -> Answer:
    """Show the form to comment as somebody signed in, with their name in it."""
    shown = form.Form({**_new_form().values, "author_name": edge.actor.name}, [], _new_form().token)
    return page_answer(_write_html(story_id, shown, edge.actor))


@edge.page("POST", "/stories/<story_id>/comment", who="me")
def send_as_member(story_id: str) -> Answer:
    """Take a comment of somebody signed in."""
    return _sent_by_form(story_id, edge.actor, "comments/write.html")


def _sent_by_form(story_id: str, actor: Actor | None, template: str) -> Answer:
    from comments import submit

    request = edge.request
    fields = request.form()

    def again(errors: Sequence[FieldError], warnings: Sequence[Signal] | None = None) -> str:
        shown = form.Form(form.typed(fields), list(errors), _kept_token(fields))
        if actor is not None and template == "comments/write.html":
            return _write_html(story_id, shown, actor, warnings)
        return _story_html(story_id, shown, warnings)

    try:
        if form.first(fields, "do") == "check":
            _limit(_CHECKS, request.network)
            body = form.first(fields, "body")
            return page_answer(again(_unreadable(body), submit.check(body, request.now) if body.strip() else None))
        sender = form.sender(fields, now=request.now, keys=_keys())
        received = _send(story_id, form.request(fields, member=actor is not None), actor, sender)
    except (CommentsClosed, NotFound):
        raise  # there is no form to show any more
    except Problem as problem:
        errors = [_on_the_form(one) for one in problem.errors] or [FieldError("", problem.detail)]
        return page_answer(again(errors), status=problem.status)
    token = links.edit_token(received.comment_id, now=request.now, keys=_keys())
    return see_other(f"/comments/{token}?said=sent")


def _unreadable(body: str) -> list[FieldError]:
    """Return what is wrong with a text by itself, as far as checking it beforehand can say."""
    from comments.requests import CommentChecked
    from kernel import fields

    try:
        fields.read(CommentChecked, {"body": body})
    except Invalid as problem:
        return list(problem.errors)
    return []


def _on_the_form(error: FieldError) -> FieldError:
    """Return an error as the form's page says it: what has no field there stands in the summary alone."""
    return error if error.field in form.TEXTS else FieldError("", error.message)


# --- pages: my own comment -----------------------------------------------------------------------------------------


@edge.page("GET", "/comments/<token>")
def mine_page(token: str) -> Answer:
    """Show my comment, and what I can still do with it."""
    from comments import own

    comment = own.mine(links.read_edit_token(token, now=edge.request.now, keys=_keys()))
    return page_answer(_mine_html(token, comment))


@edge.page("POST", "/comments/<token>")
def change_by_form(token: str) -> Answer:
    """Change my comment; nothing typed is lost."""
    from comments import own
    from comments.requests import CommentChange
    from kernel import fields

    comment_id = links.read_edit_token(token, now=edge.request.now, keys=_keys())
    posted = edge.request.form()
    try:
        asked = fields.read(CommentChange, {name: form.first(posted, name) for name in ("body", "author_name")})
        own.change(comment_id, asked.model_dump(include=asked.model_fields_set), now=edge.request.now)
    except NotFound:
        raise
    except Problem as problem:
        errors = list(problem.errors) or [FieldError("", problem.detail)]
        shown = form.Form(form.typed(posted), errors, "")
        return page_answer(_mine_html(token, own.mine(comment_id), shown), status=problem.status)
    return see_other(f"/comments/{token}?said=saved")


@edge.page("POST", "/comments/<token>/delete")
def delete_by_form(token: str) -> Answer:
    """Delete my comment."""
    from comments import own

    comment_id = links.read_edit_token(token, now=edge.request.now, keys=_keys())
    story_id = own.mine(comment_id).story_id
    own.delete(comment_id, now=edge.request.now)
    story = stories.story_json(stories.find(story_id), edge.request.now)
    return page_answer(_render("comments/deleted.html", story=story))


# --- pages: reports ------------------------------------------------------------------------------------------------


@edge.page("GET", "/comments/<comment_id>/report")
def report_page(comment_id: str) -> Answer:
    """Show the form to report a comment."""
    return page_answer(_report_html(comment_id, form.Form({}, [], "")))


@edge.page("POST", "/comments/<comment_id>/report")
def report_by_form(comment_id: str) -> Answer:
    """Report a comment; nothing typed is lost."""
    posted = edge.request.form()
    shown = form.Form(form.typed(posted), [], "")
    html = _report_html(comment_id, shown, done=True)
    try:
        _report(comment_id, {name: text for name in ("reason", "note") if (text := form.first(posted, name))})
    except NotFound:
        raise
    except Problem as problem:
        errors = [
            FieldError(one.field, "Choose what is wrong with it." if one.field == "reason" else one.message)
            for one in problem.errors
        ] or [FieldError("", problem.detail)]
        again = form.Form(shown.values, errors, "")
        return page_answer(_report_html(comment_id, again), status=problem.status)
    return page_answer(html, status=202)


# --- what routes share -----------------------------------------------------------------------------------------------


def _secret() -> secrets.Secret:
    return secrets.load(_SETTINGS.secret_id)


def _keys() -> tuple[str, ...]:
    return _secret().signing_keys


def _whoever() -> Actor | None:
    return access.whoever(edge.request, base_url=_SETTINGS.base_url)


def _limit(limit: Limit, by: str | None) -> None:
    if _SETTINGS.rate_limits == "on":
        limit.check(by, edge.request.now)


def _send(story_id: str, data: Mapping[str, object], actor: Actor | None, sender: form.Sender | None) -> Received:
    from comments import submit
    from comments.requests import CommentSent
    from kernel import fields

    _limit(_BY_NETWORK, edge.request.network)
    asked = fields.read(CommentSent, data)
    name, email = _author(asked, actor)
    person = actor.person if actor else person_key(email, _secret().pepper)
    _limit(_BY_PERSON, person)
    sent = submit.Sent(
        author_name=name,
        author_email=email,
        person=person,
        body=asked.body,
        parent_id=asked.parent_id,
        notify_replies=asked.notify_replies,
        is_member=actor is not None,
        is_staff=actor is not None and bool(actor.roles & {"organiser", "moderator"}),
        seconds_on_form=sender.seconds if sender else None,
        honeypot=bool(sender and sender.honeypot),
        form=sender.number if sender else None,
    )
    try:
        received = submit.submit(story_id, sent, now=edge.request.now)
    except Problem as problem:
        metrics.count("CommentsRefused", reason=type(problem).__name__)
        raise
    metrics.count("Comments", status=received.status)
    return received


def _author(asked: CommentSent, actor: Actor | None) -> tuple[str, str]:
    """Return name and address. Of the signed in the address is theirs, whatever was typed; the name they may choose.

    Raises:
        Invalid: a guest left one out.
    """
    sent = asked.model_fields_set
    if actor is not None:
        return (asked.author_name if "author_name" in sent else actor.name), actor.email
    missing = [name for name in ("author_name", "author_email") if name not in sent]
    if missing:
        raise Invalid(errors=[FieldError(name, "This is needed.") for name in missing])
    return asked.author_name, asked.author_email


def _must_be_mine(comment_id: str) -> None:
    """Refuse whoever has not the comment's edit token; a comment and no comment are refused alike.

    Raises:
        NotFound: no token, or another's.
    """
    token = edge.request.header("X-Edit-Token", limit=1024)
    if token is None or _token_is_for(token) != comment_id:
        raise NotFound("Send the comment's own edit token as `X-Edit-Token`.")


def _token_is_for(token: str) -> str:
    try:
        return links.read_edit_token(token, now=edge.request.now, keys=_keys())
    except (LinkInvalid, LinkExpired):
        return ""


def _report(comment_id: str, data: Mapping[str, object]) -> None:
    from comments import flag
    from comments.requests import FlagSent
    from kernel import fields

    request = edge.request
    _limit(_FLAGS, request.network)
    asked = fields.read(FlagSent, data)
    actor = _whoever()
    reporter = _reporter(actor, asked.reason, asked.note)
    flag.report(comment_id, reporter, asked.reason, asked.note, now=request.now)
    metrics.count("CommentsReported", reason=asked.reason)


def _reporter(actor: Actor | None, reason: str, note: str) -> str:
    """Return what tells one report from another: the same words of a person, or of a network on a day; hashed.

    Behind a network there may be a whole hospital: what its second reader has to say is not lost.
    """
    day = edge.request.now.date().isoformat()
    who = f"person {actor.person}" if actor else f"network {edge.request.network} {day}"
    said = json.dumps(["report", who, reason, note])
    return hmac.digest(_secret().pepper.encode(), said.encode(), "sha256").hex()[:32]


def _warnings(told: Sequence[Signal]) -> list[dict[str, object]]:
    return [{"code": one.code, "message": one.message, "spans": [list(span) for span in one.spans]} for one in told]


def _own_json(comment: Comment, told: Sequence[Signal]) -> dict[str, object]:
    from comments.submit import shown

    return {
        "comment_id": comment.comment_id,
        "story_id": comment.story_id,
        "status": shown(comment.status),
        "author_name": comment.author_name,
        "body": comment.body,
        "html": comment.html,
        "created_at": comment.created_at.isoformat(timespec="seconds"),
        "edited_at": comment.edited_at.isoformat(timespec="seconds") if comment.edited_at else None,
        "warnings": _warnings(told),
    }


# --- what pages share ------------------------------------------------------------------------------------------------

_NOTICES = {
    "sent": "Thank you. Your comment has reached us.",
    "saved": "Your change is saved.",
}


def _new_form() -> form.Form:
    return form.Form({}, [], form.token(now=edge.request.now, keys=_keys()))


def _kept_token(fields: form.Fields) -> str:
    """Return the token the form came with, so that sending it again is the same comment; a new one if it is too old."""
    token = form.first(fields, "form_token")
    try:
        tokens.read(form.PURPOSE, token, now=edge.request.now, keys=_keys())
    except (LinkInvalid, LinkExpired):
        return _new_form().token
    return token


def _story_html(story_id: str, shown: form.Form, warnings: Sequence[Signal] | None = None) -> str:
    from comments import threads

    asked = {name: value for name, value in edge.request.query.items() if name in {"order", "cursor"}}
    wanted = reading.asked(asked)
    found = reading.page(story_id, wanted)
    answered = _answered(story_id, shown)
    onward = {**({"order": wanted.order} if wanted.order == "newest" else {}), "cursor": found.next or ""}
    return _render(
        "comments/story.html",
        public=True,
        story=stories.story_json(found.story, edge.request.now),
        pinned=threads.flat(found.pinned),
        threads=threads.tree(found.thread),
        order=wanted.order,
        next_url=f"/stories/{story_id}?{urlencode(onward)}#comments" if found.next else None,
        form=_answering(shown, answered),
        answered=answered,
        warnings=None if warnings is None else _words(warnings, shown.values.get("body", "")),
    )


def _write_html(story_id: str, shown: form.Form, actor: Actor, warnings: Sequence[Signal] | None = None) -> str:
    answered = _answered(story_id, shown)
    return _render(
        "comments/write.html",
        story=stories.story_json(stories.find(story_id), edge.request.now),
        form=_answering(shown, answered),
        answered=answered,
        warnings=None if warnings is None else _words(warnings, shown.values.get("body", "")),
        member=actor.name,
    )


def _answered(story_id: str, shown: form.Form) -> dict[str, Any] | None:
    """Return the comment that is being answered, as the public reads it; None for none, and for one that is gone."""
    from comments import own

    comment_id = shown.values.get("parent_id") or edge.request.query.get("reply_to", "")
    try:
        comment = own.mine(comment_id) if 0 < len(comment_id) <= 36 else None
    except NotFound:
        return None
    if comment is None or comment.status != "approved" or comment.story_id != story_id:
        return None
    return {"comment_id": comment.comment_id, "author_name": comment.author_name, "html": comment.html}


def _answering(shown: form.Form, answered: dict[str, Any] | None) -> form.Form:
    """Return the form with what it answers in it; what is gone stays, so that sending says so."""
    parent_id = answered["comment_id"] if answered else shown.values.get("parent_id", "")
    return form.Form({**shown.values, "parent_id": parent_id}, shown.errors, shown.token)


def _mine_html(token: str, comment: Comment, shown: form.Form | None = None) -> str:
    from comments import arrival, own, screening

    told = screening.warnings(arrival.stored_signals(comment)) if comment.status != "approved" else []
    stored = form.Form({"body": comment.body, "author_name": comment.author_name}, [], "")
    return _render(
        "comments/mine.html",
        story=stories.story_json(stories.find(comment.story_id), edge.request.now),
        comment=_own_json(comment, told),
        token=token,
        can_change=own.may_change(comment, edge.request.now),
        form=shown or stored,
        notice=_NOTICES.get(edge.request.query.get("said", "")),
        warnings=_words(told, comment.body),
    )


def _report_html(comment_id: str, shown: form.Form, *, done: bool = False) -> str:
    from comments import own, threads
    from comments.move import public_of

    comment = own.mine(comment_id)
    if comment.status != "approved":
        raise NotFound
    return _render(
        "comments/report.html",
        story=stories.story_json(stories.find(comment.story_id), edge.request.now),
        comment=threads.flat([public_of(comment)])[0],
        form=shown,
        done=done,
    )


def _words(told: Sequence[Signal], body: str) -> list[dict[str, object]]:
    """Return warnings as a page shows them: with the words they mean."""
    return [{"message": one.message, "words": [body[start:end] for start, end in one.spans[:3]]} for one in told]


def _render(template: str, *, public: bool = False, **context: object) -> str:
    return pages.render(
        template,
        **site.shown(_SETTINGS.community_name),
        base_url=_SETTINGS.base_url,
        page_url=f"{_SETTINGS.base_url}{edge.request.path}" if public else None,
        now=edge.request.now,
        **context,
    )
