"""Lambda ``followups-organise``: a visit's plan, through the API."""

import re
from dataclasses import dataclass
from functools import partial

from followups import overview, plan_changes, plans
from followups.steps import PlanStep, Running, to_json
from kernel import access, settings, site
from kernel.errors import (
    ChangedMeanwhile,
    FieldError,
    Forbidden,
    Invalid,
    MalformedRequest,
    NotFound,
    NotSignedIn,
)
from kernel.http import Answer, Edge, Operation, Parameter, json_answer
from kernel.problem_page import problem_page
from visits import query
from visits.query import RegistrationView, VisitView

API = "/api/v1/organiser"


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function needs of its environment."""

    base_url: str
    origin_secret: str
    community_name: str
    sender: str


_SETTINGS = settings.read(Settings)

edge = Edge(
    origin_secret=_SETTINGS.origin_secret,
    problem_page=problem_page(community=_SETTINGS.community_name, base_url=_SETTINGS.base_url),
    who_is=partial(access.actor, base_url=_SETTINGS.base_url),
)
handler = edge.handler

_PLAN = f"{API}/visits/<visit_id>/plan"
_REFUSED = (NotSignedIn, Forbidden, NotFound)
_TAG = "Follow-ups"


@edge.route(
    Operation(
        "GET",
        _PLAN,
        "A visit's follow-up plan",
        _TAG,
        answers={200: "followups.contract:Plan"},
        problems=_REFUSED,
        who="organiser",
    )
)
def read_plan(visit_id: str) -> Answer:
    """Return the plan, with when each step is due and what became of it."""
    visit = _visit(visit_id)
    return _answer(visit, plans.running(visit_id))


@edge.route(
    Operation(
        "PUT",
        _PLAN,
        "Change a visit's follow-up plan",
        _TAG,
        body="followups.contract:PlanWritten",
        answers={200: "followups.contract:Plan"},
        problems=(*_REFUSED, ChangedMeanwhile, Invalid),
        headers=(Parameter("If-Match", 'Replace this version alone, as its `ETag` was: `"3"`.'),),
        who="organiser",
    )
)
def write_plan(visit_id: str) -> Answer:
    """Replace the plan. A step that was sent is not sent again, whatever becomes of its words."""
    from followups.contract import PlanWritten
    from followups.contract import read_plan as checked
    from kernel import fields

    visit = _visit(visit_id)
    steps = checked(fields.read(PlanWritten, edge.request.json()))
    saved = plan_changes.save(visit_id, steps, version=_if_match(), actor=edge.actor, now=edge.request.now)
    return _answer(visit, saved)


@edge.route(
    Operation(
        "GET",
        f"{_PLAN}/variables",
        "What texts may say between two pairs of braces",
        _TAG,
        answers={200: "followups.contract:Variables"},
        problems=_REFUSED,
        who="organiser",
    )
)
def variables(visit_id: str) -> Answer:
    """Return the list of variables."""
    from followups.words import VARIABLES

    _visit(visit_id)
    items = [{"name": one.name, "says": one.says, "example": one.example} for one in VARIABLES]
    return json_answer(200, {"items": items})


@edge.route(
    Operation(
        "GET",
        f"{_PLAN}/preview",
        "A step as an email",
        _TAG,
        query=(
            Parameter("step", "Which step."),
            Parameter("registration_id", "For whom; without it, for somebody made up."),
        ),
        answers={200: "followups.contract:Preview"},
        problems=(*_REFUSED, Invalid),
        who="organiser",
    )
)
def preview(visit_id: str) -> Answer:
    """Return a step's subject, text and HTML as somebody would get it now; links in it lead nowhere."""
    from followups import sample

    visit = _visit(visit_id)
    step = _step(plans.running(visit_id), edge.request.query.get("step", ""), as_parameter=True)
    asked = edge.request.query.get("registration_id")
    somebody = sample.registration(visit, step) if asked is None else _registration(visit_id, asked)
    letters = sample.letters(_SETTINGS.base_url, _SETTINGS.sender, site.current(_SETTINGS.community_name))
    letter = letters.of_a_step(step, visit, somebody, edge.request.now)
    document = {"step": step.step, "subject": letter.subject, "text": letter.text, "html": letter.html}
    return json_answer(200, document)


@edge.route(
    Operation(
        "GET",
        f"{_PLAN}/timeline",
        "What goes to how many, and when",
        _TAG,
        answers={200: "followups.contract:Timeline"},
        problems=_REFUSED,
        who="organiser",
    )
)
def timeline(visit_id: str) -> Answer:
    """Return the steps by their moments, each with the people it is for as things are now."""
    visit = _visit(visit_id)
    found = overview.timeline(visit, plans.running(visit_id), edge.request.now)
    items = [
        {
            "step": row.step.step,
            "subject": row.step.subject,
            "sends_at": _written(visit, row),
            "state": row.state,
            "people": row.people,
            "counts": row.counts,
        }
        for row in found
    ]
    return json_answer(200, {"items": items})


def _visit(visit_id: str) -> VisitView:
    visit = query.visit(visit_id)
    if visit is None:
        raise NotFound
    return visit


def _step(running: Running, name: str, *, as_parameter: bool = False) -> PlanStep:
    step = running.find(name)
    if step is None and as_parameter:
        raise Invalid(errors=[FieldError("step", "Name a step of the plan.")])
    if step is None:
        raise NotFound
    return step


def _registration(visit_id: str, registration_id: str) -> RegistrationView:
    place = query.registration_of(visit_id, registration_id)
    if place is None:
        raise Invalid(errors=[FieldError("registration_id", "Nobody is registered under this id on this visit.")])
    return query.registration_view(place, query.position_of(place))


def _answer(visit: VisitView, running: Running) -> Answer:
    steps = [
        {
            **to_json(row.step),
            "paused": row.step.step in running.paused,
            "sends_at": _written(visit, row),
            "counts": row.counts,
        }
        for row in overview.rows(visit, running, edge.request.now)
    ]
    return json_answer(200, {"steps": steps, "version": running.version}, ETag=f'"{running.version}"')


def _written(visit: VisitView, row: overview.Row) -> str | None:
    """A moment with the offset of the visit's zone."""
    from zoneinfo import ZoneInfo

    return None if row.due is None else row.due.astimezone(ZoneInfo(visit.timezone)).isoformat()


def _if_match() -> int | None:
    sent = edge.request.header("If-Match")
    if sent is None:
        return None
    match = re.fullmatch(r'(?:W/)?"(\d{1,9})"', sent.strip())
    if match is None:
        raise MalformedRequest('Send the version as `If-Match: "3"`.')
    return int(match[1])
