"""Lambda `accounts-organise`: settings, people and the audit log, for organisers. API and pages."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from accounts import audit_log
from kernel import access, pages, secrets, settings, site
from kernel.email_address import sender_parts
from kernel.errors import (
    ChangedMeanwhile,
    FieldError,
    Forbidden,
    Invalid,
    MalformedRequest,
    NotFound,
    NotSignedIn,
)
from kernel.http import Answer, Edge, Operation, Parameter, file_answer, json_answer, page_answer, see_other
from kernel.person_key import person_key
from kernel.problem_page import problem_page
from kernel.site import Site

API = "/api/v1/organiser"


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function needs of its environment."""

    base_url: str
    origin_secret: str
    community_name: str
    sender: str
    secret_id: str


_SETTINGS = settings.read(Settings)

edge = Edge(
    origin_secret=_SETTINGS.origin_secret,
    problem_page=problem_page(community=_SETTINGS.community_name, base_url=_SETTINGS.base_url),
    who_is=partial(access.actor, base_url=_SETTINGS.base_url),
)
handler = edge.handler

_REFUSED = (NotSignedIn, Forbidden)
_TAG = "The community"


# --- settings --------------------------------------------------------------------------------------------------------


@edge.route(
    Operation(
        "GET",
        f"{API}/settings",
        "What holds for all pages and emails",
        _TAG,
        answers={200: "accounts.answers:CommunitySettings"},
        problems=_REFUSED,
        who="organiser",
    )
)
def read_settings() -> Answer:
    """Return the settings, with their version as the ETag."""
    return _settings_answer(_site())


@edge.route(
    Operation(
        "PUT",
        f"{API}/settings",
        "Set what holds for all pages and emails",
        _TAG,
        body="accounts.requests:SettingsWritten",
        answers={200: "accounts.answers:CommunitySettings"},
        problems=(*_REFUSED, ChangedMeanwhile, Invalid),
        headers=(Parameter("If-Match", 'The version the change is based on, as its `ETag` was: `"3"`; or none.'),),
        who="organiser",
    )
)
def write_settings() -> Answer:
    """Save the settings, if nobody changed them since the version that was sent, where one was."""
    return _settings_answer(_save(edge.request.json(), _if_match()))


@edge.page("GET", "/organise/settings", who="organiser")
def settings_page() -> Answer:
    """Show the settings, to change them."""
    found = _site()
    notice = "Saved. Pages show it within ten seconds." if edge.request.query.get("said") == "saved" else None
    return page_answer(_settings_html(_as_form(found), [], found.version, notice))


@edge.page("POST", "/organise/settings", who="organiser")
def save_settings() -> Answer:
    """Save the settings; what was typed is kept where something is wrong with it."""
    fields = edge.request.form()
    typed = {name: fields.get(name, [""])[0] for name in ("community_name", "reply_to", "colours.accent", "embedders")}
    version = fields.get("version", [""])[0]
    asked = {
        "community_name": typed["community_name"],
        "reply_to": typed["reply_to"],
        "colours": {"accent": typed["colours.accent"]},
        "embedders": [line.strip() for line in typed["embedders"].splitlines() if line.strip()],
    }
    try:
        _save(asked, int(version) if re.fullmatch(r"\d{1,9}", version) else None)
    except Invalid as problem:
        errors = [FieldError(_form_field(error.field), error.message) for error in problem.errors]
        return page_answer(_settings_html(typed, errors, version, None), status=problem.status)
    except ChangedMeanwhile as problem:
        found = _site()
        said = (
            f"Somebody saved other settings meanwhile: the name is “{found.community}” now, and the colour "
            f"{found.accent}. What you typed is still here: save again to have it stand instead."
        )
        return page_answer(_settings_html(typed, [FieldError("", said)], found.version, None), status=problem.status)
    return see_other("/organise/settings?said=saved")


def _form_field(field: str) -> str:
    """Return the form's field of an error: a line of the list of sites is that list's."""
    return "embedders" if field.startswith("embedders") else field


def _as_form(found: Site) -> dict[str, str]:
    return {
        "community_name": found.community,
        "reply_to": found.reply_to or "",
        "colours.accent": found.accent,
        "embedders": "\n".join(found.embedders),
    }


def _site() -> Site:
    """Return the settings, with the reply address spelt out."""
    found = site.current(_SETTINGS.community_name)
    return (
        found
        if found.reply_to
        else Site(found.community, sender_parts(_SETTINGS.sender)[1], found.accent, found.embedders, found.version)
    )


def _save(data: Mapping[str, Any], version: int | None) -> Site:  # JSON
    from accounts.requests import SettingsWritten
    from accounts.settings_edit import save
    from kernel import fields

    asked = fields.read(SettingsWritten, data)
    found = _site()
    if (based_on := asked.version if version is None else version) is not None and based_on != found.version:
        raise ChangedMeanwhile
    origins = tuple(dict.fromkeys(asked.embedders))
    wanted = Site(asked.community_name, asked.reply_to, asked.colours.accent, origins)
    return save(found, wanted, actor=edge.actor, now=edge.request.now)


def _settings_answer(found: Site) -> Answer:
    document = {
        "community_name": found.community,
        "reply_to": found.reply_to,
        "colours": {"accent": found.accent},
        "embedders": list(found.embedders),
        "version": found.version,
    }
    return json_answer(200, document, ETag=f'"{found.version}"')


def _if_match() -> int | None:
    sent = edge.request.header("If-Match")
    if sent is None:
        return None
    match = re.fullmatch(r'(?:W/)?"(\d{1,9})"', sent.strip())
    if match is None:
        raise MalformedRequest('Send the version as `If-Match: "3"`.')
    return int(match[1])


def _settings_html(
    values: Mapping[str, str], errors: Sequence[FieldError], version: int | str, notice: str | None
) -> str:
    form = {"values": values, "errors": errors, "token": ""}
    return _render("accounts/settings.html", form=form, version=version, notice=notice)


# --- people ----------------------------------------------------------------------------------------------------------


@edge.route(
    Operation(
        "POST",
        f"{API}/people/search",
        "Find a person by their address",
        _TAG,
        body="accounts.requests:PeopleSearch",
        answers={200: "accounts.answers:FoundPeople"},
        problems=(*_REFUSED, Invalid),
        who="organiser",
    )
)
def search_people() -> Answer:
    """Return who has an address. By POST, so that the address stands in no log of paths."""
    found = _search(edge.request.json())
    return json_answer(200, {"items": [] if found is None else [found], "next": None})


@edge.route(
    Operation(
        "GET",
        f"{API}/people/<person>/export",
        "Everything held about a person",
        _TAG,
        answers={200: "application/json"},
        problems=(*_REFUSED, NotFound),
        who="organiser",
    )
)
@edge.page("GET", "/organise/people/<person>/export", who="organiser")
def export_person(person: str) -> Answer:
    """Return everything held about a person; access needs of visits that are the reader's alone."""
    from accounts import held

    _known(person)
    document = held.everything(person, reader=edge.actor, now=edge.request.now)
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return file_answer(text, "application/json", audience="private", name="person.json")


@edge.route(
    Operation(
        "DELETE",
        f"{API}/people/<person>",
        "Erase a person, everywhere",
        _TAG,
        answers={202: "accounts.answers:Erasing"},
        problems=(*_REFUSED, NotFound),
        who="organiser",
    )
)
def erase_person(person: str) -> Answer:
    """Have a person erased; doing it twice is doing it once."""
    _erase(person)
    return json_answer(202, {"message": "They are being erased. It is done everywhere within a few minutes."})


@edge.page("GET", "/organise/people", who="organiser")
def people_page() -> Answer:
    """Show the form to look for somebody."""
    notice = None
    if edge.request.query.get("said") == "erased":
        notice = "They are being erased. It is done everywhere within a few minutes."
    return page_answer(_people_html({}, [], notice=notice))


@edge.page("POST", "/organise/people", who="organiser")
def find_person() -> Answer:
    """Look for somebody, and show who it is. Nothing changes."""
    typed = {"email": edge.request.form().get("email", [""])[0]}
    try:
        found = _search(typed)
    except Invalid as problem:
        return page_answer(_people_html(typed, problem.errors), status=problem.status)
    return page_answer(_people_html(typed, [], found=found, searched=True))


@edge.page("GET", "/organise/people/<person>", who="organiser")
def person_page(person: str) -> Answer:
    """Show what is held about a person, in short, and what can be done."""
    from visits import query as visits

    found = _known(person)
    return page_answer(_render("accounts/person.html", person=found, registrations=visits.held_by(person)))


@edge.page("GET", "/organise/people/<person>/erase", who="organiser")
def erase_person_page(person: str) -> Answer:
    """Say what erasing does, and ask whether that is what they mean."""
    return page_answer(_render("accounts/erase_person.html", person=_known(person)))


@edge.page("POST", "/organise/people/<person>/erase", who="organiser")
def erase_person_by_form(person: str) -> Answer:
    """Have a person erased."""
    _erase(person)
    return see_other("/organise/people?said=erased")


def _search(data: Mapping[str, Any]) -> dict[str, object] | None:  # JSON
    from accounts import held
    from accounts.requests import PeopleSearch
    from kernel import fields

    asked = fields.read(PeopleSearch, data)
    return held.found(person_key(asked.email, secrets.load(_SETTINGS.secret_id).pepper))


def _known(person: str) -> dict[str, object]:
    """Return who a person is; 404 for somebody nothing is held about."""
    from accounts import held

    found = held.found(person) if held.is_person(person) else None
    if found is None:
        raise NotFound
    return found


def _erase(person: str) -> None:
    from accounts import held
    from accounts.erasure import request_erasure

    if not held.is_person(person):
        raise NotFound
    # Also where nothing seems to be held: a registration may be on its way, and a trace may be left.
    request_erasure(person, actor=edge.actor, now=edge.request.now)


def _people_html(
    typed: Mapping[str, str],
    errors: Sequence[FieldError],
    *,
    found: dict[str, object] | None = None,
    searched: bool = False,
    notice: str | None = None,
) -> str:
    form = {"values": typed, "errors": errors, "token": ""}
    return _render("accounts/people.html", form=form, found=found, searched=searched, notice=notice)


# --- the audit log ---------------------------------------------------------------------------------------------------


@edge.route(
    Operation(
        "GET",
        f"{API}/audit",
        "Who did what, when",
        _TAG,
        query=(
            Parameter("subject", "Only what was done to this: `visit:<visit_id>`, `person:<person>`, `settings`."),
            Parameter("limit", "How many.", {"type": "integer", "minimum": 1, "maximum": 100, "default": 50}),
            Parameter("cursor", "The `next` of the page before."),
        ),
        answers={200: "accounts.answers:AuditLog"},
        problems=(*_REFUSED, Invalid),
        who="organiser",
    )
)
def read_audit_log() -> Answer:
    """Return entries of the audit log, newest first."""
    items, following = audit_log.entries(audit_log.asked(edge.request.query))
    return json_answer(200, {"items": [audit_log.entry_json(entry) for entry in items], "next": following})


@edge.page("GET", "/organise/audit", who="organiser")
def audit_page() -> Answer:
    """Show the audit log in sentences."""
    from accounts.told import lines

    asked = audit_log.asked(edge.request.query)
    items, following = audit_log.entries(asked)
    html = _render(
        "accounts/audit.html", lines=lines(items, now=edge.request.now), subject=asked.subject, next=following
    )
    return page_answer(html)


def _render(template: str, **context: object) -> str:
    return pages.render(
        template,
        **site.shown(_SETTINGS.community_name),
        base_url=_SETTINGS.base_url,
        page_url=None,
        now=edge.request.now,
        actor=edge.actor,
        **context,
    )
