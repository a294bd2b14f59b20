"""The organisers' pages that tell people something: moving a visit, calling it off, writing, sharing; and copying one.

What goes to many people is shown first, with how many they are, and sent by a second press.
"""

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from kernel import markdown
from kernel.errors import Conflict, FieldError, Invalid, Problem, VisitIdTaken
from kernel.http import Answer, see_other
from visits import console_form, naming
from visits.console_form import Fields, Typed, first
from visits.console_site import edge, errors_of, form, found, show, visit_of
from visits.form import Form
from visits.model import Counters, Details
from visits.tally import Tally, tally

type Kind = Literal["cancel", "reschedule", "message"]
type Both = tuple[Counters, Details]

TEXT_LIMIT = 5_000
TEXTS: Mapping[Kind, str] = {"cancel": "message", "reschedule": "message", "message": "body_markdown"}
"""The field of what is written, by what it goes with."""

MAX_RESOURCES = 50
BLANK_ROWS = 2


# --- moving, calling off, writing ------------------------------------------------------------------------------------


@edge.page("GET", "/organise/visits/<visit_id>/cancel", who="organiser")
def cancel_page(visit_id: str) -> Answer:
    """Show what calling a visit off does, and the form of what to say."""
    return _page("cancel", found(visit_id), form({}))


@edge.page("POST", "/organise/visits/<visit_id>/cancel", who="organiser")
def cancel(visit_id: str) -> Answer:
    """Show whom it tells what, or do it."""
    from kernel import fields
    from visits import lifecycle
    from visits.contract import VisitCancelled

    both, posted = found(visit_id), edge.request.form()

    def checked() -> VisitCancelled:
        return fields.read(VisitCancelled, {"message": first(posted, "message")})

    def done() -> Answer:
        lifecycle.cancel(visit_id, checked().message, actor=edge.actor, now=edge.request.now)
        return see_other(f"/organise/visits/{visit_id}?said=cancelled")

    return _step_by_step("cancel", both, posted, check=checked, do=done)


@edge.page("GET", "/organise/visits/<visit_id>/reschedule", who="organiser")
def reschedule_page(visit_id: str) -> Answer:
    """Show the form of a visit's new time."""
    both = found(visit_id)
    return _page("reschedule", both, form(_times(both[1])))


@edge.page("POST", "/organise/visits/<visit_id>/reschedule", who="organiser")
def reschedule(visit_id: str) -> Answer:
    """Show whom it tells what, or do it."""
    from kernel import fields
    from visits import lifecycle
    from visits.contract import VisitMoved

    both, posted = found(visit_id), edge.request.form()
    typed = console_form.moments(posted, console_form.SCHEDULE, ZoneInfo(both[1].timezone))

    def checked() -> VisitMoved:
        if typed.errors:
            raise Invalid(errors=typed.errors)
        moved = fields.read(VisitMoved, {**typed.document, "message": first(posted, "message")})
        lifecycle.check_move(both[1], moved.starts_at, moved.ends_at, now=edge.request.now)
        return moved

    def done() -> Answer:
        moved = checked()
        lifecycle.reschedule(
            visit_id, moved.starts_at, moved.ends_at, moved.message, actor=edge.actor, now=edge.request.now
        )
        return see_other(f"/organise/visits/{visit_id}?said=rescheduled")

    return _step_by_step("reschedule", both, posted, check=checked, do=done, typed=typed)


@edge.page("GET", "/organise/visits/<visit_id>/message", who="organiser")
def message_page(visit_id: str) -> Answer:
    """Show the form of a message, and what was written before."""
    return _page("message", found(visit_id), form({"to": ["confirmed"], "key": secrets.token_urlsafe(12)}))


@edge.page("POST", "/organise/visits/<visit_id>/message", who="organiser")
def message(visit_id: str) -> Answer:
    """Show the message as it will be and how many get it, or send it. Sending one form twice sends one message."""
    from kernel import fields
    from visits import messages
    from visits.contract import MessageWritten

    both, posted = found(visit_id), edge.request.form()

    def checked() -> MessageWritten:
        texts = {name: first(posted, name) for name in ("subject", "body_markdown")}
        try:
            return fields.read(MessageWritten, {**texts, "to": list(posted.get("to", ()))})
        except Invalid as wrong:
            kinder = [_NOBODY if error.field.startswith("to") else error for error in wrong.errors]
            raise Invalid(errors=kinder) from None

    def done() -> Answer:
        asked = checked()
        key = first(posted, "key")[:100] or None
        messages.post(
            visit_id, asked.subject, asked.body_markdown, asked.to, actor=edge.actor, now=edge.request.now, key=key
        )
        return see_other(f"/organise/visits/{visit_id}/message?said=written")

    return _step_by_step("message", both, posted, check=checked, do=done)


_NOBODY = FieldError("to", "Choose whom the message is for.")


def _step_by_step(
    kind: Kind,
    both: Both,
    posted: Fields,
    *,
    check: Callable[[], object],
    do: Callable[[], Answer],
    typed: Typed | None = None,
) -> Answer:
    """Check what was typed and show it once more, or do it, or go back to the form, as the button says."""
    shown = form(console_form.typed(posted))
    asked = first(posted, "do")
    try:
        if asked == "send":
            return do()
        if asked != "back":
            check()
            return _page(kind, both, shown, step="check", typed=typed)
    except Invalid as wrong:
        shown = form(shown.values, console_form.beside_fields(errors_of(wrong)))
        return _page(kind, both, shown, typed=typed, status=wrong.status)
    except Conflict as refused:
        return _page(kind, found(both[1].visit_id), shown, typed=typed, problem=refused)
    return _page(kind, both, shown, typed=typed)


def _page(
    kind: Kind,
    both: Both,
    shown: Form,
    *,
    step: Literal["write", "check"] = "write",
    typed: Typed | None = None,
    problem: Problem | None = None,
    status: int = 200,
) -> Answer:
    from visits import messages

    details = both[1]
    counted = tally(details.visit_id)
    to = _statuses(kind, shown)
    posted = messages.posted(details.visit_id) if kind == "message" and step == "write" else []
    document = typed.document if typed else {}
    return show(
        "console_telling.html",
        status=status if problem is None else problem.status,
        visit=visit_of(*both),
        kind=kind,
        step=step,
        form=shown,
        twice=typed.twice if typed else _twice(details),
        moved_to={**document, "timezone": details.timezone} if set(console_form.SCHEDULE) <= set(document) else None,
        tally=counted,
        to=to,
        people=_count(counted, to),
        preview=markdown.render(str(shown.values.get(TEXTS[kind]) or "")[:TEXT_LIMIT]),
        posted=posted,
        problem=problem.detail if problem else None,
    )


def _statuses(kind: Kind, shown: Form) -> list[str]:
    if kind != "message":
        return ["confirmed", "waiting"]
    to = shown.values.get("to") or []
    return [to] if isinstance(to, str) else to


def _count(counted: Tally, to: list[str]) -> int:
    return sum({"confirmed": counted.confirmed, "waiting": counted.waiting}.get(status, 0) for status in to)


def _times(details: Details) -> dict[str, str]:
    zone = ZoneInfo(details.timezone)
    times = console_form.shown(details.starts_at, zone, "starts_at")
    return times | console_form.shown(details.ends_at, zone, "ends_at")


def _twice(details: Details) -> dict[str, tuple[str, str]]:
    times, zone = _times(details), ZoneInfo(details.timezone)
    found = {name: console_form.twice(times[name], zone) for name in console_form.SCHEDULE}
    return {name: words for name, words in found.items() if words}


# --- sharing ---------------------------------------------------------------------------------------------------------


@edge.page("GET", "/organise/visits/<visit_id>/share", who="organiser")
def share_page(visit_id: str) -> Answer:
    """Show what is shared of a visit, to add to it."""
    both = found(visit_id)
    shared = [dict(one) for one in both[1].resources]
    return _share_page(both, form({"recording_url": both[1].recording_url, **_flat(shared)}), shared)


@edge.page("POST", "/organise/visits/<visit_id>/share", who="organiser")
def share(visit_id: str) -> Answer:
    """Share the recording and the tools; sharing again changes what is shared."""
    from kernel import fields
    from visits.contract import VisitShared
    from visits.share import share as share_it

    both, posted = found(visit_id), edge.request.form()
    rows = _resources(posted)
    recording = first(posted, "recording_url")
    values = {"recording_url": recording, **_flat(rows)}
    if first(posted, "do") == "more":
        return _share_page(both, form(values), rows, blank=BLANK_ROWS + 3)
    try:
        asked = fields.read(VisitShared, {"recording_url": recording, "resources": rows})
        sent = asked.model_dump()
        share_it(
            visit_id,
            recording_url=sent["recording_url"] or "",
            resources=sent["resources"] or [],
            actor=edge.actor,
            now=edge.request.now,
        )
    except Invalid as wrong:
        shown = form(values, console_form.beside_fields(errors_of(wrong)))
        return _share_page(both, shown, rows, status=wrong.status)
    except Conflict as refused:
        return _share_page(both, form(values), rows, problem=refused)
    return see_other(f"/organise/visits/{visit_id}/share?said=shared")


def _resources(posted: Fields) -> list[dict[str, str]]:
    """Return the rows somebody wrote something into, in order."""
    rows = [
        {part: first(posted, f"resources.{number}.{part}").strip() for part in ("title", "url")}
        for number in range(MAX_RESOURCES)
    ]
    return [row for row in rows if any(row.values())]


def _flat(rows: list[dict[str, str]]) -> dict[str, str | list[str]]:
    return {f"resources.{number}.{part}": text for number, row in enumerate(rows) for part, text in row.items()}


def _share_page(
    both: Both,
    shown: Form,
    rows: list[dict[str, str]],
    *,
    blank: int = BLANK_ROWS,
    problem: Problem | None = None,
    status: int = 200,
) -> Answer:
    return show(
        "console_share.html",
        status=status if problem is None else problem.status,
        visit=visit_of(*both),
        form=shown,
        rows=min(MAX_RESOURCES, len(rows) + blank),
        problem=problem.detail if problem else None,
    )


# --- copying ---------------------------------------------------------------------------------------------------------


@edge.page("GET", "/organise/visits/<visit_id>/copy", who="organiser")
def copy_page(visit_id: str) -> Answer:
    """Show what copying does, and ask for the copy's start."""
    both = found(visit_id)
    zone = ZoneInfo(both[1].timezone)
    start = both[1].starts_at.astimezone(zone)
    while start <= edge.request.now + timedelta(days=7):
        start += timedelta(weeks=4)  # the same weekday, by the same clock
    return _copy_page(both, form({"starts_at": f"{start:%Y-%m-%dT%H:%M}"}), Typed({}))


@edge.page("POST", "/organise/visits/<visit_id>/copy", who="organiser")
def copy(visit_id: str) -> Answer:
    """Make a draft like a visit, at another time."""
    from visits.clone import clone

    both, posted = found(visit_id), edge.request.form()
    typed = console_form.moments(posted, ("starts_at",), ZoneInfo(both[1].timezone))
    if typed.errors:
        return _copy_page(both, form(console_form.typed(posted), typed.errors), typed, status=422)
    starts_at = datetime.fromisoformat(typed.document["starts_at"])
    new_id = naming.visit_id(both[1].title)
    try:
        clone(visit_id, new_id, starts_at, actor=edge.actor, now=edge.request.now)
    except (Invalid, VisitIdTaken) as wrong:
        shown = form(console_form.typed(posted), errors_of(wrong))
        return _copy_page(both, shown, typed, status=wrong.status)
    return see_other(f"/organise/visits/{new_id}?said=copied")


def _copy_page(both: Both, shown: Form, typed: Typed, *, status: int = 200) -> Answer:
    return show("console_copy.html", status=status, visit=visit_of(*both), form=shown, twice=typed.twice)
