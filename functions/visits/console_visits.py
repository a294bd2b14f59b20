"""The organisers' pages of visits: the list, a visit's home, writing it, and publishing it."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from kernel import audit, markdown
from kernel.errors import ChangedMeanwhile, Conflict, FieldError, Invalid, VisitIdTaken
from kernel.http import Answer, page_answer, see_other
from visits import console_form, edit, listing, merge, naming, query, questions
from visits.console_form import Typed
from visits.console_site import edge, errors_of, form, found, show, visit_of
from visits.form import Form
from visits.line import NO_LIMIT
from visits.model import Counters, Details
from visits.tally import tally

type Both = tuple[Counters, Details]

DESCRIPTION_LIMIT = 20_000
PER_PAGE = 20

LABELS: Mapping[str, str] = {
    "title": "Title",
    "host": "Host",
    "summary": "Summary",
    "description_markdown": "Description",
    "starts_at": "Start",
    "ends_at": "End",
    "timezone": "Time zone",
    "format": "Online or in person",
    "venue": "Venue",
    "room_url": "Link to the online room",
    "capacity": "Places",
    "waitlist": "Waiting list",
    "registration_opens_at": "Registration opens",
    "registration_closes_at": "Registration closes",
    "questions": "Questions",
    "organisers": "Organisers",
}


# --- the list, and a visit's home ------------------------------------------------------------------------------------


@edge.page("GET", "/organise", who="organiser")
def visits_page() -> Answer:
    """Show the coming visits, the past ones or the drafts."""
    sent = edge.request.query
    which = _which(sent.get("show", ""))
    asked = listing.asked({"limit": str(PER_PAGE), **{name: sent[name] for name in ("q", "cursor") if name in sent}})
    page = listing.organisers_visits(asked, which, now=edge.request.now)
    again = {"show": which, **({"q": asked.words} if asked.words else {})}
    return show(
        "console_list.html",
        visits=[visit_of(*one) for one in page.items],
        which=which,
        q=asked.words,
        next_url=f"/organise?{urlencode({**again, 'cursor': page.next})}" if page.next else None,
    )


def _which(word: str) -> listing.Which:
    match word:
        case "past" | "drafts":
            return word
        case _:
            return "coming"


@edge.page("GET", "/organise/visits/<visit_id>", who="organiser")
def visit_page(visit_id: str) -> Answer:
    """Show where a visit stands, and what can be done about it."""
    return _home(*found(visit_id))


def _home(counters: Counters, details: Details, *, status: int = 200, problem: str | None = None) -> Answer:
    return show(
        "console_visit.html",
        status=status,
        visit=visit_of(counters, details),
        tally=tally(details.visit_id),
        checklist=_checklist(details),
        ready=not edit.what_is_missing(edit.plan_of(details)),
        problem=problem,
    )


def _checklist(details: Details) -> list[dict[str, object]]:
    """Return what a draft needs, and what would be good to have: each with whether it is there."""
    needed = {error.field: error.message for error in edit.what_is_missing(edit.plan_of(details))}
    rows: list[dict[str, object]] = [
        {"done": True, "needed": True, "field": "title", "text": "Title, host, start and end"},
        {
            "done": "description_markdown" not in needed,
            "needed": True,
            "field": "description_markdown",
            "text": needed.get("description_markdown", "A description"),
        },
    ]
    if details.format != "online":
        venue = {"done": "venue" not in needed, "needed": True, "field": "venue"}
        rows.append({**venue, "text": needed.get("venue", "A venue")})
    rows.append({"done": bool(details.summary), "needed": False, "field": "summary", "text": "A summary for the list"})
    if details.format != "in_person":
        room = {"done": bool(details.room_url), "needed": False, "field": "room_url"}
        rows.append({**room, "text": "The link to the online room: it can follow later"})
    return rows


@edge.page("POST", "/organise/visits/<visit_id>/publish", who="organiser")
def publish(visit_id: str) -> Answer:
    """Publish a draft; say what is missing where something is."""
    try:
        edit.publish(visit_id, actor=edge.actor, now=edge.request.now)
    except (Invalid, Conflict) as refused:
        return _home(*found(visit_id), status=refused.status, problem=refused.detail)
    return see_other(f"/organise/visits/{visit_id}?said=published")


@edge.page("POST", "/organise/visits/<visit_id>/unpublish", who="organiser")
def unpublish(visit_id: str) -> Answer:
    """Make a draft of a visit again that nobody has registered for."""
    from visits import lifecycle

    try:
        lifecycle.unpublish(visit_id, actor=edge.actor, now=edge.request.now)
    except Conflict as refused:
        return _home(*found(visit_id), status=refused.status, problem=refused.detail)
    return see_other(f"/organise/visits/{visit_id}?said=unpublished")


# --- writing ---------------------------------------------------------------------------------------------------------


@edge.page("GET", "/organise/new", who="organiser")
def new_page() -> Answer:
    """Show the form of a new visit."""
    return _form_page(None, form(_blank()), Typed({}))


@edge.page("POST", "/organise/new", who="organiser")
def create() -> Answer:
    """Create a draft, or change the form where one of its other buttons was pressed."""
    from kernel import fields
    from visits.contract import VisitWritten

    posted = edge.request.form()
    typed = console_form.read(posted)
    if do := _other_button(posted):
        return _form_page(None, form(_rearranged(posted, do, [])), typed, do=do)
    try:
        written = fields.read(VisitWritten, typed.document)
        _raise(typed.errors)
        plan = written.model_dump(exclude={"visit_id"})
        plan["organisers"] = list(dict.fromkeys([edge.actor.email, *written.organisers]))
        visit_id = naming.visit_id(written.title)
        edit.create(visit_id, edit.Plan(**plan), actor=edge.actor, now=edge.request.now)
    except (Invalid, VisitIdTaken) as wrong:
        shown = form(console_form.typed(posted), _together(typed.errors, errors_of(wrong)))
        return _form_page(None, shown, typed, status=422)
    return see_other(f"/organise/visits/{visit_id}?said=created")


@edge.page("GET", "/organise/visits/<visit_id>/edit", who="organiser")
def edit_page(visit_id: str) -> Answer:
    """Show the form of a visit as it is."""
    counters, details = found(visit_id)
    if details.status == "cancelled":
        return _home(counters, details, status=409, problem="This visit was called off, so it stays as it is. Copy it.")
    values = _filled(details)
    return _form_page((counters, details), form({**values, **_basis(details)}), Typed({}))


@edge.page("POST", "/organise/visits/<visit_id>/edit", who="organiser")
def save(visit_id: str) -> Answer:
    """Save what was typed; where somebody else changed the visit meanwhile, show both and lose neither."""
    posted = edge.request.form()
    both = found(visit_id)
    stored = both[1].questions
    typed = console_form.read(posted, zone=both[1].timezone, stored=stored)
    if do := _other_button(posted):
        return _form_page(both, form(_rearranged(posted, do, stored)), typed, do=do)
    try:
        return _saved(both, posted, typed)
    except (Invalid, Conflict) as wrong:
        shown = form(console_form.typed(posted), _together(typed.errors, errors_of(wrong)))
        return _form_page(both, shown, typed, status=wrong.status)
    except ChangedMeanwhile:  # between reading it a moment ago and writing: the next look sees what changed
        both = found(visit_id)
        return _conflict(both, posted, typed, _merged(both[1], posted, typed))


def _saved(both: Both, posted: console_form.Fields, typed: Typed) -> Answer:
    from kernel import fields
    from visits.contract import VisitChange

    details = both[1]
    asked = fields.read(VisitChange, typed.document)
    _raise(typed.errors)
    merged = _merged(details, posted, typed)
    if console_form.first(posted, "version") != str(int(details.version)) and (_taken(merged) or merged.conflicts):
        return _conflict(both, posted, typed, merged)
    if "capacity" in merged.yours and details.status == "published" and _unsaid(both, posted, asked.capacity):
        return _what_it_does(both, posted, typed, asked.capacity)
    if merged.yours:
        changes = asked.model_dump(include=set(merged.yours))
        edit.change(details.visit_id, int(details.version), changes, actor=edge.actor, now=edge.request.now)
    return see_other(f"/organise/visits/{details.visit_id}?said=saved")


def _unsaid(both: Both, posted: console_form.Fields, capacity: int | None) -> bool:
    """Tell whether a capacity was changed and what that does not yet said."""
    return capacity != edit.plan_of(both[1]).capacity and console_form.first(posted, "agreed") != _agreed(capacity)


def _agreed(capacity: int | None) -> str:
    return "no limit" if capacity is None else str(capacity)


def _what_it_does(both: Both, posted: console_form.Fields, typed: Typed, capacity: int | None) -> Answer:
    """Show what the new number of places will do; saving once more saves it."""
    from visits import capacity as rules

    counters = both[0]
    said = rules.said(counters.numbers, capacity, waiting=query.waiting_at(counters))
    shown = form({**console_form.typed(posted), "agreed": _agreed(capacity)})
    return _form_page(both, shown, typed, consequence=said)


def _conflict(both: Both, posted: console_form.Fields, typed: Typed, merged: merge.Merge) -> Answer:
    """Show the form with what was typed and what somebody else changed meanwhile put together, to be saved again."""
    details = both[1]
    now_there = _filled(details)
    values = console_form.typed(posted)
    for name in _taken(merged):
        values = {key: text for key, text in values.items() if not _belongs(key, name)}
        values |= {key: text for key, text in now_there.items() if _belongs(key, name)}
    meanwhile: dict[str, object] = {
        "who": _who_changed(details.visit_id),
        "theirs": [LABELS[name] for name in _taken(merged)],
        "conflicts": [
            {"field": one.field, "label": LABELS[one.field], "now": _in_words(details, one.field)}
            for one in merged.conflicts
        ],
    }
    return _form_page(both, form({**values, **_basis(details)}), typed, status=412, meanwhile=meanwhile)


def _who_changed(visit_id: str) -> str:
    """Return the name of who changed a visit last, as the audit log has it."""
    entries = audit.AuditEntry.query(audit.audit_pk(f"visit:{visit_id}"), scan_index_forward=False, limit=10)
    return next((entry.actor_name for entry in entries if entry.action.startswith("visit.")), "")


def _taken(merged: merge.Merge) -> list[str]:
    """Return the fields that somebody else changed and the typist did not."""
    return [name for name in merged.theirs if name not in merged.yours]


def _belongs(key: str, name: str) -> bool:
    return key == name or key.startswith(f"{name}.")


def _merged(details: Details, posted: console_form.Fields, typed: Typed) -> merge.Merge:
    pairs = (pair.partition(":") for pair in console_form.first(posted, "basis").split())
    base = {name: mark for name, _, mark in pairs}
    current = _as_typed(details)
    return merge.merge(base, typed.document, {name: current.get(name) for name in typed.document})


def _as_typed(details: Details) -> dict[str, Any]:
    """Return a visit as its untouched form would send it, so that only what was typed differs."""
    fields = {name: [text] for name, text in _filled(details, schedule=True).items()}
    return console_form.read(fields, zone=details.timezone, stored=details.questions).document


def _basis(details: Details) -> dict[str, str]:
    """Return the hidden fields that say what the form was filled in from."""
    marks = merge.fingerprints(_as_typed(details))
    return {
        "version": str(int(details.version)),
        "basis": " ".join(f"{name}:{mark}" for name, mark in marks.items()),
    }


def _in_words(details: Details, name: str) -> str:
    if name == "questions":
        return "\n".join(question["label"] for question in questions.asked(details.questions)) or "none"
    value = _filled(details, schedule=True).get(name) or ""
    words = {"off": "no waiting list", "automatic": "automatic", "in_person": "in person"}
    return words.get(value, value.replace("T", " ") if name.endswith("_at") else value) or "nothing"


# --- the form --------------------------------------------------------------------------------------------------------


def _blank() -> dict[str, str]:
    return {
        "format": "online",
        "waitlist": "automatic",
        "timezone": "Europe/London",
        "organisers": edge.actor.email,
    }


def _filled(details: Details, *, schedule: bool | None = None) -> dict[str, str]:
    """Return the fields of a visit's form; start and end only where they are changed there."""
    zone = ZoneInfo(details.timezone)
    values = {name: getattr(details, name) or "" for name in console_form.TEXTS}
    if details.status == "draft" if schedule is None else schedule:
        values["timezone"] = details.timezone
        values |= console_form.shown(details.starts_at, zone, "starts_at")
        values |= console_form.shown(details.ends_at, zone, "ends_at")
    values |= console_form.shown(details.opens_at, zone, "registration_opens_at")
    values |= console_form.shown(details.closes_at, zone, "registration_closes_at")
    capacity = int(details.capacity)
    values["capacity"] = "" if capacity >= NO_LIMIT else str(capacity)
    values["organisers"] = "\n".join(details.organisers)
    return values | console_form.flat(console_form.rows_of(questions.asked(details.questions)))


def _other_button(posted: console_form.Fields) -> str:
    do = console_form.first(posted, "do")
    return "" if do == "save" else do


def _rearranged(posted: console_form.Fields, do: str, stored: list[questions.Question]) -> dict[str, str | list[str]]:
    values = console_form.typed(posted)
    rows = console_form.arranged(console_form.rows(posted), do, stored)
    return {name: text for name, text in values.items() if not name.startswith("questions.")} | console_form.flat(rows)


def _form_page(
    both: Both | None,
    shown: Form,
    typed: Typed,
    *,
    status: int = 200,
    do: str = "",
    meanwhile: dict[str, object] | None = None,
    consequence: str | None = None,
) -> Answer:
    fields = {name: [text] if isinstance(text, str) else text for name, text in shown.values.items()}
    rows = console_form.rows(fields)
    zone = console_form.first(fields, "timezone") or (both[1].timezone if both else "")
    stored = both[1].questions if both else []
    moments = (*console_form.SCHEDULE, *console_form.WINDOW)
    twice = {
        name: options
        for name in moments
        if (options := console_form.twice(console_form.first(fields, name), console_form.known_zone(zone)))
    }
    text = console_form.first(fields, "description_markdown")
    return show(
        "console_edit.html",
        status=status,
        visit=visit_of(*both) if both else None,
        form=shown,
        rows=rows,
        retired=console_form.left_out(rows, stored),
        zones=console_form.zones(),
        zone=zone,
        twice=twice or typed.twice,
        preview=markdown.render(text[:DESCRIPTION_LIMIT]),
        moved=do,
        meanwhile=meanwhile,
        consequence=consequence,
    )


@edge.page("POST", "/organise/preview", who="organiser")
def preview() -> Answer:
    """Return a text as it will look, for the part of a page that shows it. Nothing is kept."""
    text = console_form.first(edge.request.form(), "description_markdown")
    return page_answer(markdown.render(text[:DESCRIPTION_LIMIT]) or '<p class="fine">Nothing to show yet.</p>')


def _raise(errors: list[FieldError]) -> None:
    if errors:
        raise Invalid


def _together(ours: list[FieldError], found: list[FieldError]) -> list[FieldError]:
    """Return one list, in which what the form itself could not read goes before what the check says of its absence."""
    unread = {error.field for error in ours}
    found = [error for error in console_form.beside_fields(found) if error.field not in unread]
    return [*ours, *([] if ours and [error.field for error in found] == [""] else found)]
