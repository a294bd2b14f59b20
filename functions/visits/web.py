"""Lambda `visits-web`: what anybody meets. Pages and API: coming visits, registering, my place.

A route parses, calls and answers; pages and API share everything behind that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from kernel import metrics, pages, secrets, settings, site, theme, tokens
from kernel.email_address import sender_parts
from kernel.errors import (
    Conflict,
    FieldError,
    IdempotencyKeyReused,
    Invalid,
    LinkExpired,
    LinkInvalid,
    NotFound,
    NotThroughTheFront,
    Problem,
    RegistrationClosed,
    VisitFull,
)
from kernel.http import (
    Answer,
    Edge,
    Operation,
    Parameter,
    Request,
    file_answer,
    form_to_send_again,
    json_answer,
    no_content,
    page_answer,
    public_json,
    see_other,
)
from kernel.limits import Limit
from kernel.person_key import person_key
from kernel.problem_page import problem_page
from visits import form, joining, links, listing, lookup, query, questions, view
from visits.model import Counters, Details, Place

if TYPE_CHECKING:
    from visits.register import Registered

API = "/api/v1"
VERSION = "0.1.0"
RECEIPT_GOOD_FOR = timedelta(days=1)
ICS = "text/calendar; charset=utf-8"
ATOM = "application/atom+xml; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function needs of its environment."""

    base_url: str
    secret_id: str
    origin_secret: str
    community_name: str
    sender: str
    rate_limits: str


_SETTINGS = settings.read(Settings)
_REGISTRATIONS = Limit(60, timedelta(minutes=1))
_LOOKUPS = Limit(10, timedelta(minutes=1))


def _problem_page(request: Request, problem: Problem, request_id: str) -> str:
    if isinstance(problem, LinkInvalid | LinkExpired):
        shown = form.Form({}, [], "")
        return _render("visits/expired_link.html", request, form=shown)
    if isinstance(problem, NotFound):
        return _render("kernel/not_found.html", request)
    if isinstance(problem, NotThroughTheFront):
        return problem_page(community=_SETTINGS.community_name, base_url=_SETTINGS.base_url)(
            request, problem, request_id
        )
    said = {"title": problem.title, "detail": problem.detail}
    again = form_to_send_again(request) if problem.status >= HTTPStatus.TOO_MANY_REQUESTS else None
    return _render("kernel/problem.html", request, problem=said, actions=[], again=again, request_id=request_id)


edge = Edge(origin_secret=_SETTINGS.origin_secret, problem_page=_problem_page)
handler = edge.handler


# --- visits --------------------------------------------------------------------------------------------------------

_LIST_QUERY = (
    Parameter("from", "Visits that start at this moment or later: a date, or a time with its offset."),
    Parameter("to", "Visits that start at this moment or earlier."),
    Parameter("q", "Words to find in title, host or summary.", {"type": "string", "maxLength": listing.MAX_QUERY}),
    Parameter("past", "`true` for the past visits, newest first.", {"type": "boolean"}),
    Parameter("limit", "How many.", {"type": "integer", "minimum": 1, "maximum": 100, "default": 50}),
    Parameter("cursor", "The `next` of the page before."),
)


@edge.route(
    Operation(
        "GET",
        f"{API}/visits",
        "Published visits, next first",
        "Visits",
        query=_LIST_QUERY,
        answers={200: "visits.contract:VisitList"},
        problems=(Invalid,),
    )
)
def list_visits() -> Answer:
    """List published visits."""
    page = listing.public_visits(listing.asked(edge.request.query), now=edge.request.now)
    return public_json({"items": [_visit(*found) for found in page.items], "next": page.next})


@edge.page("GET", "/")
def list_page() -> Answer:
    """Show the coming visits, or the past ones."""
    request = edge.request
    asked = listing.asked(request.query)
    page = listing.public_visits(asked, now=request.now)
    again = {key: value for key, value in request.query.items() if key in {"past", "q", "from", "to", "limit"}}
    html = _render(
        "visits/list.html",
        request,
        public=True,
        visits=[_visit(*found) for found in page.items],
        past=asked.past,
        q=asked.words,
        next_url=f"/?{urlencode({**again, 'cursor': page.next})}" if page.next else None,
    )
    return page_answer(html, audience="public")


@edge.route(
    Operation(
        "GET",
        f"{API}/visits/<visit_id>",
        "One visit",
        "Visits",
        answers={200: "visits.contract:Visit"},
        problems=(NotFound,),
    )
)
def read_visit(visit_id: str) -> Answer:
    """Return one visit."""
    return public_json(_visit(*_published(visit_id)))


@edge.page("GET", "/visits/<visit_id>")
def visit_page(visit_id: str) -> Answer:
    """Show one visit, with the form to register.

    The page is the same for everybody, so that caches may keep it; only where it is asked for is the form filled in,
    and that page is kept by nobody, whoever asks.
    """
    counters, details = _published(visit_id)
    if edge.request.query.get("prefill") == "me":
        return page_answer(_prefilled_html(counters, details))
    return page_answer(_visit_html(counters, details, _new_form()), audience="public")


@edge.route(
    Operation(
        "GET",
        f"{API}/visits/<visit_id>/calendar.ics",
        "A visit as a calendar file",
        "Visits",
        answers={200: "text/calendar"},
        problems=(NotFound,),
    )
)
@edge.page("GET", "/visits/<visit_id>/calendar.ics")
def visit_calendar(visit_id: str) -> Answer:
    """Return a visit as a calendar file."""
    from visits import feeds

    _, details = _published(visit_id)
    text = feeds.calendar_of([details], _publisher(), name=details.title, now=edge.request.now)
    return file_answer(text, ICS, audience="public", name=f"{visit_id}.ics")


@edge.route(
    Operation(
        "GET",
        f"{API}/calendar.ics",
        "The coming visits as a calendar to follow",
        "Visits",
        answers={200: "text/calendar"},
    )
)
@edge.page("GET", "/calendar.ics")
def calendar_feed() -> Answer:
    """Return the coming visits as a calendar to follow."""
    from visits import feeds

    publisher = _publisher()
    text = feeds.calendar_of(_coming(), publisher, name=publisher.community, now=edge.request.now)
    return file_answer(text, ICS, audience="public")


@edge.route(
    Operation(
        "GET", f"{API}/visits.atom", "The coming visits as a feed", "Visits", answers={200: "application/atom+xml"}
    )
)
@edge.page("GET", "/visits.atom")
def atom_feed() -> Answer:
    """Return the coming visits as an Atom feed."""
    from visits import feeds

    return file_answer(feeds.atom(_coming(), _publisher(), now=edge.request.now), ATOM, audience="public")


# --- registering ---------------------------------------------------------------------------------------------------


@edge.route(
    Operation(
        "POST",
        f"{API}/visits/<visit_id>/registrations",
        "Register for a visit",
        "Visits",
        body="visits.requests:RegistrationRequest",
        answers={201: "visits.contract:RegistrationAnswer"},
        problems=(NotFound, RegistrationClosed, VisitFull, Invalid, IdempotencyKeyReused),
        headers=(
            Parameter(
                "Idempotency-Key", "The same key and body give the same answer for 24 hours; at most 200 characters."
            ),
        ),
    )
)
def register_by_api(visit_id: str) -> Answer:
    """Register a person who sends JSON."""
    request = edge.request
    _limit(_REGISTRATIONS)
    key = request.header("Idempotency-Key")
    told = _register(visit_id, request.json(), key and f"header {key}")
    answer = {"status": told.status, "position": told.position, "message": view.message(told.status, told.position)}
    return json_answer(201, answer)


@edge.page("POST", "/visits/<visit_id>/registrations")
def register_by_form(visit_id: str) -> Answer:
    """Register a person who sends the form; nothing they typed is lost."""
    request = edge.request
    counters, details = _published(visit_id)
    fields = request.form()
    try:
        _limit(_REGISTRATIONS)
        key = form.check_sender(fields, now=request.now, keys=_keys())
        asked = form.request(fields, questions.asked(details.questions))
        try:
            told = _register(visit_id, asked, f"form {key}", key_outlives_cancelling=False)
        except IdempotencyKeyReused:  # they went back, changed something and sent it again
            told = _register(visit_id, asked, None)
    except (RegistrationClosed, VisitFull, NotFound):
        raise  # there is no form to show any more
    except Problem as problem:
        errors = list(problem.errors) or [FieldError("", problem.detail)]
        again = form.Form(form.typed(fields), errors, _kept_token(fields))
        return page_answer(_visit_html(counters, details, again), status=problem.status)
    receipt = tokens.sign(
        links.RECEIPT,
        [visit_id, told.status, told.position or 0],
        expires_at=request.now + RECEIPT_GOOD_FOR,
        keys=_keys(),
    )
    return see_other(f"/visits/{visit_id}/registered/{receipt}")


@edge.page("GET", "/visits/<visit_id>/registered/<receipt>")
def registered_page(visit_id: str, receipt: str) -> Answer:
    """Show what came of registering, and nothing that a newcomer would not be told."""
    match tokens.read(links.RECEIPT, receipt, now=edge.request.now, keys=_keys()):
        case [str(about), str(status), int(position)] if about == visit_id:
            pass
        case _:
            raise LinkInvalid
    visit = _visit(*_published(visit_id))
    return page_answer(
        _render("visits/registered.html", edge.request, visit=visit, status=status, position=position or None)
    )


@edge.route(
    Operation(
        "POST",
        f"{API}/registrations/lookup",
        "Have the links of an address sent to it",
        "Visits",
        body="visits.requests:LookupRequest",
        answers={202: "visits.contract:LookupAnswer"},
        problems=(Invalid,),
    )
)
def look_up_by_api() -> Answer:
    """Have the links to somebody's registrations sent to their address."""
    _look_up(edge.request.json())
    return json_answer(202, {"message": lookup.SAID})


@edge.page("GET", "/places")
def find_place_page() -> Answer:
    """Show the form to ask for one's links."""
    return page_answer(
        _render("visits/find_place.html", edge.request, public=True, form=_new_form()), audience="public"
    )


@edge.page("POST", "/places")
def look_up_by_form() -> Answer:
    """Have the links sent; the answer is the same whoever asks."""
    fields = edge.request.form()
    try:
        _look_up({"email": form.first(fields, "email")})
    except Invalid as problem:
        again = form.Form(form.typed(fields), list(problem.errors), "")
        return page_answer(_render("visits/find_place.html", edge.request, form=again), status=problem.status)
    return page_answer(_render("visits/links_sent.html", edge.request), status=202)


# --- my place ------------------------------------------------------------------------------------------------------


@edge.route(
    Operation(
        "GET",
        f"{API}/registrations/<token>",
        "My place",
        "My place",
        answers={200: "visits.contract:MyPlace"},
        problems=(LinkInvalid, LinkExpired),
        who="link",
    )
)
def read_place(token: str) -> Answer:
    """Return my place."""
    return json_answer(200, _place_json(*_mine(token)))


@edge.route(
    Operation(
        "PATCH",
        f"{API}/registrations/<token>",
        "Change my details",
        "My place",
        body="visits.requests:PlaceChange",
        answers={200: "visits.contract:MyPlace", 202: "visits.contract:MyPlace"},
        problems=(LinkInvalid, LinkExpired, Conflict, Invalid),
        who="link",
    )
)
def change_by_api(token: str) -> Answer:
    """Change my details; 202 when a new address has to confirm itself first."""
    place, counters, details = _mine(token)
    moves = _change(place, details, edge.request.json())
    return json_answer(202 if moves else 200, _place_json(place, counters, details))


@edge.route(
    Operation(
        "DELETE",
        f"{API}/registrations/<token>",
        "Cancel my registration",
        "My place",
        answers={204: None},
        problems=(LinkInvalid, LinkExpired, Conflict),
        who="link",
    )
)
def cancel_by_api(token: str) -> Answer:
    """Cancel my registration; doing it twice is doing it once."""
    from visits.cancel import cancel

    place, counters, _ = _mine(token)
    if cancel(place, ends_at=counters.ends_at, now=edge.request.now):
        metrics.count("Cancellations")
    return no_content()


@edge.page("GET", "/places/<token>")
def place_page(token: str) -> Answer:
    """Show my place."""
    notice = _NOTICES.get(edge.request.query.get("said", ""))
    return page_answer(_place_html(token, *_mine(token), notice=notice))


@edge.page("POST", "/places/<token>")
def change_by_form(token: str) -> Answer:
    """Change my details."""
    place, counters, details = _mine(token)
    fields = edge.request.form()
    asked = form.request(fields, questions.asked(details.questions))
    asked.pop("timezone", None)
    try:
        moves = _change(place, details, asked)
    except Problem as problem:
        errors = list(problem.errors) or [FieldError("", problem.detail)]
        again = form.Form(form.typed(fields), errors, "")
        return page_answer(_place_html(token, place, counters, details, shown=again), status=problem.status)
    return see_other(f"/places/{token}?said={'address' if moves else 'saved'}")


@edge.page("POST", "/places/<token>/cancel")
def cancel_by_form(token: str) -> Answer:
    """Cancel my registration."""
    from visits.cancel import cancel

    place, counters, _ = _mine(token)
    if cancel(place, ends_at=counters.ends_at, now=edge.request.now):
        metrics.count("Cancellations")
    return see_other(f"/places/{token}?said=cancelled")


@edge.route(
    Operation(
        "GET",
        f"{API}/registrations/<token>/calendar.ics",
        "My invitation as a calendar file",
        "My place",
        answers={200: "text/calendar"},
        problems=(LinkInvalid, LinkExpired, Conflict),
        who="link",
    )
)
@edge.page("GET", "/places/<token>/calendar.ics")
def place_calendar(token: str) -> Answer:
    """Return my invitation; withdrawn once the registration is cancelled."""
    from visits import feeds

    place, _, details = _mine(token)
    if place.confirmed_at is None:
        raise Conflict("There is no place yet to put into a calendar. We will send an invitation with the place.")
    text = feeds.invitation(place, details, _publisher(), now=edge.request.now)
    return file_answer(text, ICS, audience="private", name=f"{details.visit_id}.ics")


# --- joining ---------------------------------------------------------------------------------------------------------


@edge.page("GET", "/join/<token>")
def join_page(token: str) -> Answer:
    """Show the button that leads into the room, or why there is none now; nothing is recorded by looking."""
    return _join_page(token, *_joining(token))


@edge.page("POST", "/join/<token>")
def join(token: str) -> Answer:
    """Record that somebody came, and show them into the room. Its address stands nowhere but in this answer."""
    from urllib.parse import quote

    from visits.attendance import attend

    place, counters, details = _joining(token)
    if _door(place, details) != "open":
        return _join_page(token, place, counters, details, status=409)
    attend(place, now=edge.request.now)
    return see_other(quote(details.room_url, safe="%/:=&?~#+!$,;'@()*[]"))


# --- a new address ---------------------------------------------------------------------------------------------------


@edge.page("GET", "/addresses/<token>")
def address_page(token: str) -> Answer:
    """Show what confirming the new address would do; nothing is done by looking."""
    ref = links.read_address_token(links.ADDRESS, token, now=edge.request.now, keys=_keys())
    place, counters, details = _found(ref.visit_id, ref.place)
    email = _whose(ref.address, place.pending_email, place.email)
    return page_answer(
        _address_html("confirm", token, place, counters, details, email=email, done=email == place.email)
    )


@edge.page("POST", "/addresses/<token>")
def confirm_new_address(token: str) -> Answer:
    """Make the new address the registration's."""
    from visits.change import confirm_address

    ref = links.read_address_token(links.ADDRESS, token, now=edge.request.now, keys=_keys())
    place, counters, details = _found(ref.visit_id, ref.place)
    email = _whose(ref.address, place.pending_email, place.email)
    confirm_address(place, ref.address, person_key(email, _secret().pepper), now=edge.request.now)
    return page_answer(_address_html("confirm", token, place, counters, details, email=email, done=True))


@edge.page("GET", "/addresses/undo/<token>")
def undo_address_page(token: str) -> Answer:
    """Show what undoing the change of address would do."""
    ref = links.read_address_token(links.ADDRESS_UNDO, token, now=edge.request.now, keys=_keys())
    place, counters, details = _found(ref.visit_id, ref.place)
    email = _whose(ref.address, place.previous_email, place.email)
    done = email == place.email
    return page_answer(_address_html("undo", token, place, counters, details, email=email, done=done))


@edge.page("POST", "/addresses/undo/<token>")
def undo_new_address(token: str) -> Answer:
    """Give the registration back to its old address."""
    from visits.change import undo_address

    ref = links.read_address_token(links.ADDRESS_UNDO, token, now=edge.request.now, keys=_keys())
    place, counters, details = _found(ref.visit_id, ref.place)
    email = _whose(ref.address, place.previous_email, place.email)
    undo_address(place, ref.address, person_key(email, _secret().pepper), now=edge.request.now)
    return page_answer(_address_html("undo", token, place, counters, details, email=email, done=True))


# --- the rest ------------------------------------------------------------------------------------------------------


@edge.page("GET", "/privacy")
def privacy_page() -> Answer:
    """Show what is held about people, and why."""
    return page_answer(_render("kernel/privacy.html", edge.request, public=True), audience="public")


@edge.page("GET", "/accessibility")
def accessibility_page() -> Answer:
    """Show what works for whom."""
    return page_answer(_render("kernel/accessibility.html", edge.request, public=True), audience="public")


@edge.page("GET", "/assets/<name>")
def asset(name: str) -> Answer:
    """Return a style sheet, a script or an image; its name changes with its bytes."""
    found = pages.read_asset(name)
    if found is None:
        raise NotFound
    answer = file_answer(*found, audience="public")
    answer.headers["Cache-Control"] = pages.ASSET_CACHE
    return answer


@edge.page("GET", "/theme-<colours>.css")
def theme_sheet(colours: str) -> Answer:
    """Return the style sheet of a community's own colour; its name changes with it."""
    sheet = theme.sheet(colours)
    if sheet is None:
        raise NotFound
    answer = file_answer(sheet, pages.CONTENT_TYPES[".css"], audience="public")
    answer.headers["Cache-Control"] = pages.ASSET_CACHE
    return answer


@edge.route(Operation("GET", f"{API}/openapi.json", "This document", "Service", answers={200: "application/json"}))
def openapi() -> Answer:
    """Return the OpenAPI document, made when the service was built."""
    return file_answer(_OPENAPI.read_text(encoding="utf-8"), "application/json", audience="public")


@edge.page("GET", f"{API}/docs")
def docs_page() -> Answer:
    """Show the OpenAPI document to a person."""
    import json

    document = json.loads(_OPENAPI.read_bytes())
    return page_answer(_render("kernel/api_docs.html", edge.request, public=True, openapi=document), audience="public")


@edge.page("GET", "/healthz")
def health() -> Answer:
    """Say that the service answers, and which version it is."""
    return json_answer(200, {"status": "ok", "version": VERSION})


# --- what routes share -----------------------------------------------------------------------------------------------

_OPENAPI = Path(__file__).parent.parent / "kernel" / "openapi.json"

_NOTICES = {
    "saved": "Your details are saved.",
    "address": "Almost done: we have sent a link to your new address. It is used once you confirm it there.",
    "cancelled": "Your registration is cancelled. Thank you for telling us: the place goes to the next in line.",
}


def _secret() -> secrets.Secret:
    return secrets.load(_SETTINGS.secret_id)


def _keys() -> tuple[str, ...]:
    return _secret().signing_keys


def _limit(limit: Limit) -> None:
    if _SETTINGS.rate_limits == "on":
        limit.check(edge.request.network, edge.request.now)


def _published(visit_id: str) -> tuple[Counters, Details]:
    found = query.counters_and_details(visit_id)
    if found is None or found[0].status == "draft":
        raise NotFound
    return found


def _visit(counters: Counters, details: Details) -> view.Json:
    return view.visit_json(counters, details, edge.request.now)


def _coming() -> list[Details]:
    page = listing.public_visits(listing.Asked(limit=listing.MAX_LIMIT), now=edge.request.now)
    return [details for _, details in page.items]


def _register(
    visit_id: str, data: Mapping[str, object], key: str | None, *, key_outlives_cancelling: bool = True
) -> Registered:
    from kernel import fields
    from visits.register import Registrant, register, wrong_answers
    from visits.requests import RegistrationRequest

    try:
        asked = fields.read(RegistrationRequest, data)
    except Invalid as problem:
        answers = data.get("answers")
        # All that is wrong at once: nobody is to mend one half of the form and then hear of the other.
        also = wrong_answers(visit_id, answers) if isinstance(answers, Mapping) else []
        raise Invalid(errors=[*problem.errors, *also]) from None
    registrant = Registrant(
        name=asked.name,
        email=asked.email,
        organisation=asked.organisation or "",
        job_role=asked.job_role or "",
        access_needs=asked.access_needs or "",
        answers=asked.answers,
        consents=asked.consents.model_dump(),
        timezone=asked.timezone or "",
    )
    person = person_key(asked.email, _secret().pepper)
    try:
        told = register(
            visit_id,
            person,
            registrant,
            key=key,
            now=edge.request.now,
            key_outlives_cancelling=key_outlives_cancelling,
        )
    except Problem as problem:
        metrics.count("RegistrationsRefused", reason=type(problem).__name__)
        raise
    metrics.count("Registrations", status=told.status)
    return told


def _look_up(data: Mapping[str, object]) -> None:
    from kernel import fields
    from visits.requests import LookupRequest

    _limit(_LOOKUPS)
    asked = fields.read(LookupRequest, data)
    lookup.ask(person_key(asked.email, _secret().pepper), now=edge.request.now)


def _change(place: Place, details: Details, data: Mapping[str, object]) -> bool:
    from kernel import fields
    from visits.change import Change, change
    from visits.requests import PlaceChange

    asked = fields.read(PlaceChange, data)
    sent = asked.model_dump(include=asked.model_fields_set)
    email = sent.pop("email", None)
    answers = sent.pop("answers", None)
    wanted = Change(fields=sent, answers=answers, email=email)
    on_the_form = questions.asked(details.questions)
    return change(place, wanted, asked=on_the_form, ends_at=details.ends_at, now=edge.request.now)


def _mine(token: str) -> tuple[Place, Counters, Details]:
    return _opened(links.read_place_token(token, now=edge.request.now, keys=_keys()))


def _joining(token: str) -> tuple[Place, Counters, Details]:
    return _opened(links.read_join_token(token, now=edge.request.now, keys=_keys()))


def _opened(ref: links.PlaceRef) -> tuple[Place, Counters, Details]:
    found = _found(ref.visit_id, ref.place)
    if ref.recalled != int(found[0].links_recalled or 0):
        raise LinkExpired
    return found


def _found(visit_id: str, number: int) -> tuple[Place, Counters, Details]:
    found = query.counters_and_details(visit_id)
    place = query.registration_at(visit_id, number)
    if found is None or place is None:
        raise LinkExpired
    return place, *found


def _place_json(place: Place, counters: Counters, details: Details) -> view.Json:
    shown = joining.is_shown(
        status=place.status,
        visit_status=details.status,
        starts_at=details.starts_at,
        ends_at=details.ends_at,
        now=edge.request.now,
    )
    join_url = None
    if shown and (details.room_url or details.format != "in_person"):
        ref = _ref(place)
        join_url = f"{_SETTINGS.base_url}/join/{links.join_token(ref, ends_at=details.ends_at, keys=_keys())}"
    return view.place_json(place, counters, details, edge.request.now, join_url=join_url)


def _ref(place: Place) -> links.PlaceRef:
    return links.PlaceRef(place.visit_id, place.number, int(place.links_recalled or 0))


def _door(place: Place, details: Details) -> joining.Door:
    return joining.door(
        status=place.status,
        visit_status=details.status,
        starts_at=details.starts_at,
        ends_at=details.ends_at,
        room_url=details.room_url,
        now=edge.request.now,
    )


def _whose(fingerprint: str, *addresses: str | None) -> str:
    """Return the address a link was made for, if it still is one of ``addresses``."""
    for address in addresses:
        if address and links.fingerprint(address) == fingerprint:
            return address
    raise LinkExpired


def _publisher() -> query.Publisher:
    name, email = sender_parts(_SETTINGS.sender)
    found = site.current(_SETTINGS.community_name)
    return query.Publisher(_SETTINGS.base_url, found.community, found.community if found.version else name, email)


# --- pages -----------------------------------------------------------------------------------------------------------


def _new_form() -> form.Form:
    return form.Form({}, [], form.token(now=edge.request.now, keys=_keys()))


def _kept_token(fields: form.Fields) -> str:
    """Return the token the form came with, so that sending it again is the same request; a new one if it is too old."""
    token = form.first(fields, "form_token")
    try:
        tokens.read(form.PURPOSE, token, now=edge.request.now, keys=_keys())
    except (LinkInvalid, LinkExpired):
        return _new_form().token
    return token


def _visit_html(counters: Counters, details: Details, shown: form.Form) -> str:
    return _render("visits/visit.html", edge.request, public=True, visit=_visit(counters, details), form=shown)


def _prefilled_html(counters: Counters, details: Details) -> str:
    """Return the visit's page with the form filled in for whoever is signed in; without, as anybody sees it."""
    from kernel import access

    someone = access.remembered(edge.request)
    if someone is None:
        return _visit_html(counters, details, _new_form())
    last = max(query.held_by(someone.person), key=lambda one: one.registered_at, default=None)
    values: dict[str, str | list[str]] = {
        "name": someone.name,
        "email": someone.email,
        "organisation": last.organisation if last else "",
        "job_role": last.job_role if last else "",
    }
    filled = form.Form(values, [], _new_form().token)
    visit = _visit(counters, details)
    return _render("visits/visit.html", edge.request, visit=visit, form=filled, prefilled_for=someone.email)


def _place_html(
    token: str,
    place: Place,
    counters: Counters,
    details: Details,
    *,
    shown: form.Form | None = None,
    notice: str | None = None,
) -> str:
    mine = _place_json(place, counters, details)
    filled = shown or form.Form(form.stored(mine), [], "")
    return _render("visits/place.html", edge.request, place=mine, token=token, form=filled, notice=notice)


def _join_page(token: str, place: Place, counters: Counters, details: Details, *, status: int = 200) -> Answer:
    """Answer with the page of the join link.

    Its policy lets the form lead to any place of the room's kind (https): to name the room's host would tell it.
    """
    door = _door(place, details)
    ref = _ref(place)
    html = _render(
        "visits/join.html",
        edge.request,
        door=door,
        visit=_visit(counters, details),
        opens_at=details.starts_at - joining.OPENS_BEFORE,
        token=token,
        place_url=f"/places/{links.place_token(ref, ends_at=details.ends_at, keys=_keys())}",
        reply_to=_publisher().email,
    )
    leads_to = (f"{details.room_url.partition(':')[0]}:",) if door == "open" else ()
    return page_answer(html, status=status, form_action=leads_to)


def _address_html(
    purpose: str, token: str, place: Place, counters: Counters, details: Details, *, email: str, done: bool
) -> str:
    ref = _ref(place)
    # Only the owner of the address sees the way to the place.
    place_token = links.place_token(ref, ends_at=details.ends_at, keys=_keys()) if done else None
    return _render(
        "visits/address.html",
        edge.request,
        purpose=purpose,
        done=done,
        email=email,
        visit=_visit(counters, details),
        token=token,
        place_url=f"/places/{place_token}" if place_token else None,
    )


def _render(template: str, request: Request, *, public: bool = False, **context: object) -> str:
    return pages.render(
        template,
        **site.shown(_SETTINGS.community_name),
        base_url=_SETTINGS.base_url,
        page_url=f"{_SETTINGS.base_url}{request.path}" if public else None,
        now=request.now,
        **context,
    )
