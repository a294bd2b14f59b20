"""Lambda `accounts-me`: whoever is signed in, about themselves. API and pages."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from kernel import access, pages, secrets, settings, site
from kernel.errors import FieldError, Invalid, NotSignedIn
from kernel.http import Answer, Edge, Operation, Parameter, file_answer, json_answer, page_answer, see_other
from kernel.problem_page import problem_page
from visits import query as visits
from visits.query import Holding

API = "/api/v1/me"
MAX_LIMIT = 100
DEFAULT_LIMIT = 50


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function needs of its environment."""

    base_url: str
    origin_secret: str
    community_name: str
    secret_id: str


_SETTINGS = settings.read(Settings)

edge = Edge(
    origin_secret=_SETTINGS.origin_secret,
    problem_page=problem_page(community=_SETTINGS.community_name, base_url=_SETTINGS.base_url),
    who_is=partial(access.actor, base_url=_SETTINGS.base_url),
)
handler = edge.handler


@edge.route(
    Operation(
        "GET",
        API,
        "Who I am",
        "Me",
        answers={200: "accounts.answers:Me"},
        problems=(NotSignedIn,),
        who="me",
    )
)
def read_me() -> Answer:
    """Return who is signed in, and what their last registration said of them."""
    from accounts.held import account_of

    actor = edge.actor
    last = max(visits.held_by(actor.person), key=lambda one: one.registered_at, default=None)
    account = account_of(actor.person)
    return json_answer(
        200,
        {
            "person": actor.person,
            "name": actor.name,
            "email": actor.email,
            "roles": sorted(actor.roles),
            "organisation": last.organisation if last else "",
            "job_role": last.job_role if last else "",
            "digest": account.digest if account else None,
        },
    )


@edge.route(
    Operation(
        "GET",
        f"{API}/registrations",
        "My visits, coming and past",
        "Me",
        query=(
            Parameter("limit", "How many.", {"type": "integer", "minimum": 1, "maximum": 100, "default": 50}),
            Parameter("cursor", "The `next` of the page before."),
        ),
        answers={200: "accounts.answers:MyRegistrations"},
        problems=(NotSignedIn, Invalid),
        who="me",
    )
)
def read_my_registrations() -> Answer:
    """Return my registrations: coming ones first, then the past ones, the latest first."""
    limit, start = _page(edge.request.query)
    coming, past = _mine()
    all_of_them = [*coming, *past]
    following = start + limit
    items = [_registration_json(one) for one in all_of_them[start:following]]
    return json_answer(200, {"items": items, "next": str(following) if following < len(all_of_them) else None})


@edge.page("GET", "/me", who="me")
def me_page() -> Answer:
    """Show my visits, what is held about me, and what I can do about it."""
    from accounts.held import account_of

    coming, past = _mine()
    account = account_of(edge.actor.person)
    html = _render(
        "accounts/me.html",
        coming=[(one, _place_url(one)) for one in coming],
        past=[(one, _place_url(one)) for one in past],
        digest=bool(account and account.digest),
        has_account=account is not None,
        notice="Your choice is saved." if edge.request.query.get("said") == "saved" else None,
    )
    return page_answer(html)


@edge.page("GET", "/me/export", who="me")
def export_me() -> Answer:
    """Return everything held about me, as a file."""
    from accounts import held

    document = held.everything(edge.actor.person, reader=edge.actor, now=edge.request.now)
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return file_answer(text, "application/json", audience="private", name="what-is-held-about-me.json")


@edge.page("POST", "/me/preferences", who="organiser")
def save_preferences() -> Answer:
    """Save whether I want the daily digest of new registrations."""
    from accounts.preferences import save_digest

    actor = edge.actor
    save_digest(actor, wanted=bool(edge.request.form().get("digest")), now=edge.request.now)
    return see_other("/me?said=saved")


@edge.page("GET", "/me/erase", who="me")
def erase_me_page() -> Answer:
    """Say what erasing me does, and ask whether that is what I mean."""
    coming, _ = _mine()
    return page_answer(_render("accounts/erase_me.html", coming=[one for one in coming if _is_live(one)], done=False))


@edge.page("POST", "/me/erase", who="me")
def erase_me() -> Answer:
    """Have me erased, everywhere, and sign this browser out."""
    from accounts import sign_in
    from accounts.erasure import request_erasure

    request_erasure(edge.actor.person, actor=edge.actor, now=edge.request.now)
    sign_in.end_session(edge.request.cookie(access.COOKIE), now=edge.request.now)
    answer = page_answer(_render("accounts/erase_me.html", coming=[], done=True), status=202)
    answer.cookies = sign_in.forgotten_cookies()
    return answer


def _mine() -> tuple[list[Holding], list[Holding]]:
    """Return my registrations of coming visits, the next first, and of past ones, the latest first."""
    held = visits.held_by(edge.actor.person)
    now = edge.request.now
    coming = [one for one in held if one.visit.ends_at > now]
    return coming, [one for one in reversed(held) if one.visit.ends_at <= now]


def _is_live(one: Holding) -> bool:
    return one.registration.status != "cancelled"


def _place_url(one: Holding) -> str:
    keys = secrets.load(_SETTINGS.secret_id).signing_keys
    return visits.place_link(one.registration, visit=one.visit, base_url=_SETTINGS.base_url, keys=keys)


def _registration_json(one: Holding) -> dict[str, object]:
    cancelled_at = one.stored.get("cancelled_at")
    return {
        "visit": {
            "visit_id": one.visit.visit_id,
            "title": one.visit.title,
            "host": one.visit.host,
            "starts_at": one.visit.starts_at.isoformat(),
            "ends_at": one.visit.ends_at.isoformat(),
            "timezone": one.visit.timezone,
            "format": one.visit.format,
            "status": one.visit.status,
        },
        "registration_id": one.registration.registration_id,
        "name": one.name,
        "email": one.email,
        "organisation": one.organisation,
        "job_role": one.job_role,
        "status": one.registration.status,
        "position": one.registration.position,
        "attendance": one.attendance,
        "cancelled_at": cancelled_at.isoformat() if isinstance(cancelled_at, datetime) else None,
        "place_url": _place_url(one),
    }


def _page(parameters: dict[str, str]) -> tuple[int, int]:
    limit, cursor = parameters.get("limit", str(DEFAULT_LIMIT)), parameters.get("cursor") or "0"
    if not re.fullmatch(r"[0-9]{1,3}", limit) or not 1 <= int(limit) <= MAX_LIMIT:
        raise Invalid(errors=[FieldError("limit", f"Ask for 1 to {MAX_LIMIT}.")])
    if not re.fullmatch(r"[0-9]{1,6}", cursor):
        raise Invalid(errors=[FieldError("cursor", "This cursor is none of ours: begin without one.")])
    return int(limit), int(cursor)


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
