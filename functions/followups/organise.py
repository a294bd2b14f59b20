"""Lambda ``followups-organise``: a visit's plan, through the API."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from followups import by_hand, overview, plan_changes, plans
from followups.on_event import Queue
from followups.steps import OF_EVENTS, PlanStep, Running, to_json
from followups.words import VARIABLES
from kernel import access, aws, pages, settings, site
from kernel.errors import (
    ChangedMeanwhile,
    Conflict,
    FieldError,
    Forbidden,
    Invalid,
    MalformedRequest,
    NotFound,
    NotSignedIn,
)
from kernel.http import Answer, Edge, Operation, Parameter, json_answer, page_answer, see_other
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
    deliveries_queue_url: str


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
            Parameter("step", "Which step.", {"type": "string", "examples": ["reminder_day"]}),
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


@edge.route(
    Operation(
        "POST",
        f"{_PLAN}/steps/<step>/test",
        "Try a step out on an address",
        _TAG,
        body="followups.contract:TestSend",
        answers={202: "followups.contract:Accepted"},
        problems=(*_REFUSED, Invalid),
        who="organiser",
    )
)
def test_step(visit_id: str, step: str) -> Answer:
    """Send a sample of a step, for somebody made up, to an address."""
    from followups.contract import TestSend
    from kernel import fields

    _visit(visit_id)
    planned = _step(plans.running(visit_id), step)
    asked = fields.read(TestSend, edge.request.json())
    delivery_id = by_hand.try_out(visit_id, planned.step, asked.email, actor=edge.actor, now=edge.request.now)
    _queue().put_all([delivery_id])
    return json_answer(202, {"step": step, "people": 1})


@edge.route(
    Operation(
        "POST",
        f"{_PLAN}/steps/<step>/send-now",
        "Send a step now, which is its one sending",
        _TAG,
        answers={202: "followups.contract:Accepted"},
        problems=(*_REFUSED, Conflict),
        who="organiser",
    )
)
def send_step_now(visit_id: str, step: str) -> Answer:
    """Make this the step's moment under the visit's present schedule; the time line says to how many it goes."""
    visit = _visit(visit_id)
    running = plans.running(visit_id)
    planned = _step(running, step)
    overview.must_be_sendable(visit, planned, running)
    plan_changes.send_now(visit_id, step, visit.sequence, actor=edge.actor, now=edge.request.now)
    return json_answer(202, {"step": step, "people": overview.people_for(visit, planned)})


@edge.route(
    Operation(
        "POST",
        f"{_PLAN}/steps/<step>/pause",
        "Let nothing more of a step go out",
        _TAG,
        answers={200: "followups.contract:Plan"},
        problems=(*_REFUSED, Conflict),
        who="organiser",
    )
)
def pause_step(visit_id: str, step: str) -> Answer:
    """Pause a step, from the next email on."""
    visit = _visit(visit_id)
    if step in OF_EVENTS:
        raise Conflict("People rely on this email, so it cannot be paused.")
    return _answer(visit, plan_changes.pause(visit_id, step, actor=edge.actor, now=edge.request.now))


@edge.route(
    Operation(
        "POST",
        f"{_PLAN}/steps/<step>/resume",
        "Let a paused step go on",
        _TAG,
        answers={200: "followups.contract:Plan"},
        problems=_REFUSED,
        who="organiser",
    )
)
def resume_step(visit_id: str, step: str) -> Answer:
    """Let a step go on with whoever has not got it yet."""
    visit = _visit(visit_id)
    return _answer(visit, plan_changes.resume(visit_id, step, actor=edge.actor, now=edge.request.now))


@edge.route(
    Operation(
        "GET",
        f"{API}/visits/<visit_id>/deliveries",
        "What was sent to whom, and why not",
        _TAG,
        query=(
            Parameter("state", "Those in this state alone."),
            Parameter("step", "Those of this step alone."),
            Parameter("limit", "How many.", {"type": "integer", "minimum": 1, "maximum": 100, "default": 50}),
            Parameter("cursor", "The `next` of the page before."),
        ),
        answers={200: "followups.contract:Deliveries"},
        problems=(*_REFUSED, Invalid),
        who="organiser",
    )
)
def list_deliveries(visit_id: str) -> Answer:
    """List a visit's deliveries, the newest first."""
    from followups import delivery_list

    _visit(visit_id)
    return json_answer(200, delivery_list.page(visit_id, edge.request.query))


@edge.route(
    Operation(
        "POST",
        f"{API}/deliveries/<delivery_id>/retry",
        "Try an email again whose fate is unknown, or that failed",
        _TAG,
        answers={200: "followups.contract:Delivery"},
        problems=(NotSignedIn, Forbidden, NotFound, Conflict),
        who="organiser",
    )
)
def retry_delivery(delivery_id: str) -> Answer:
    """Make a delivery ready once more; the re-read at the moment of sending goes before it as ever."""
    from followups import delivery_list

    changed = by_hand.try_again(delivery_id, actor=edge.actor, now=edge.request.now)
    _queue().put_all([delivery_id])
    return json_answer(200, delivery_list.document(changed, name=None))


def _queue() -> Queue:
    return Queue(aws.client("sqs"), _SETTINGS.deliveries_queue_url)


# --- pages ------------------------------------------------------------------------------------------------------------

_PAGE = "/organise/visits/<visit_id>/plan"


@edge.page("GET", _PAGE, who="organiser")
def plan_page(visit_id: str) -> Answer:
    """Show what goes to whom, and when."""
    from followups import plan_page as page

    visit = _visit(visit_id)
    found = overview.timeline(visit, plans.running(visit_id), edge.request.now)
    return _show("plan.html", visit, rows=[page.row(one) for one in found])


@edge.page("GET", f"{_PAGE}/<step>", who="organiser")
def step_page(visit_id: str, step: str) -> Answer:
    """Show one email of the plan, with the form of its words."""
    visit = _visit(visit_id)
    planned = _step(plans.running(visit_id), step)
    return _show_step(visit, planned)


@edge.page("POST", f"{_PAGE}/<step>", who="organiser")
def change_step_page(visit_id: str, step: str) -> Answer:
    """Do what the pressed button says, or say why not."""
    from followups import plan_page as page

    visit = _visit(visit_id)
    planned = _step(plans.running(visit_id), step)
    posted = edge.request.form()
    values = page.values_of(posted, planned)
    try:
        match "".join(posted.get("do", ())[:1]):
            case "preview":
                return _show_step(visit, page.written(planned, values), values=values, preview=True)
            case "ask":
                overview.must_be_sendable(visit, planned, plans.running(visit_id))
                return _show_step(visit, planned, asking=True)
            case "save":
                _save_step(visit_id, page.written(planned, values))
                done = "saved"
            case "test":
                test_address = page.address(values)
                delivery_id = by_hand.try_out(visit_id, step, test_address, actor=edge.actor, now=edge.request.now)
                _queue().put_all([delivery_id])
                done = "tested"
            case "pause" | "resume" | "send" as what:
                done = _do(what, visit, planned)
            case _:
                raise MalformedRequest
    except Invalid as wrong:
        return _show_step(visit, planned, values=values, errors=list(wrong.errors), status=wrong.status)
    except Conflict as refused:
        return _show_step(visit, planned, problem=refused.detail, status=refused.status)
    return see_other(f"/organise/visits/{visit_id}/plan/{step}?said={done}")


def _do(what: str, visit: VisitView, planned: PlanStep) -> str:
    """Pause a step, let it go on, or send it now; return what to say of it."""
    actor, now = edge.actor, edge.request.now
    if what == "resume":
        plan_changes.resume(visit.visit_id, planned.step, actor=actor, now=now)
    elif planned.step in OF_EVENTS:
        raise Conflict("People rely on this email, so it cannot be paused or sent by hand.")
    elif what == "pause":
        plan_changes.pause(visit.visit_id, planned.step, actor=actor, now=now)
    else:
        overview.must_be_sendable(visit, planned, plans.running(visit.visit_id))
        plan_changes.send_now(visit.visit_id, planned.step, visit.sequence, actor=actor, now=now)
    return {"resume": "resumed", "pause": "paused", "send": "sent"}[what]


def _save_step(visit_id: str, written: PlanStep) -> None:
    running = plans.running(visit_id)
    steps = [written if one.step == written.step else one for one in running.steps]
    plan_changes.save(visit_id, steps, version=running.version, actor=edge.actor, now=edge.request.now)


def _show(template: str, visit: VisitView, *, status: int = 200, **context: object) -> Answer:
    from followups import plan_page as page

    html = pages.render(
        f"followups/{template}",
        **site.shown(_SETTINGS.community_name),
        base_url=_SETTINGS.base_url,
        page_url=None,
        now=edge.request.now,
        actor=edge.actor,
        notice=page.SAID.get(edge.request.query.get("said", "")),
        visit=page.head(visit, edge.request.now),
        **context,
    )
    return page_answer(html, status=status)


def _show_step(
    visit: VisitView,
    planned: PlanStep,
    *,
    values: dict[str, str] | None = None,
    errors: Sequence[FieldError] = (),
    problem: str | None = None,
    asking: bool = False,
    preview: bool = False,
    status: int = 200,
) -> Answer:
    from followups import plan_page as page
    from followups import sample

    [found] = [
        one
        for one in overview.timeline(visit, plans.running(visit.visit_id), edge.request.now)
        if one.step.step == planned.step
    ]
    shown = None
    if preview:
        letters = sample.letters(_SETTINGS.base_url, _SETTINGS.sender, site.current(_SETTINGS.community_name))
        shown = letters.own_words(planned, visit, sample.registration(visit, planned))
    return _show(
        "step.html",
        visit,
        status=status,
        row=page.row(found),
        form={"values": values or page.values_of_step(planned), "errors": errors},
        variables=[{"name": one.name, "says": one.says} for one in VARIABLES],
        preview=shown,
        problem=problem,
        asking=asking,
    )


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
