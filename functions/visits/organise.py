"""Lambda `visits-organise`: what organisers do to visits, through the API."""

import re
from dataclasses import dataclass
from functools import partial

from kernel import access, settings
from kernel.errors import (
    ChangedMeanwhile,
    Conflict,
    Forbidden,
    Invalid,
    MalformedRequest,
    NotFound,
    NotSignedIn,
    PreconditionRequired,
    VisitIdTaken,
)
from kernel.http import Answer, Edge, Operation, Parameter, json_answer
from kernel.problem_page import problem_page
from visits import edit, listing, query, view
from visits.model import Counters, Details
from visits.naming import visit_id as _visit_id

API = "/api/v1/organiser"


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
_IF_MATCH = Parameter("If-Match", 'The version the change is based on, as its `ETag` was: `"3"`.')


@edge.route(
    Operation(
        "GET",
        f"{API}/visits",
        "All visits, drafts too, the latest first",
        "Organising",
        query=(
            Parameter("q", "Words to find in title, host or summary."),
            Parameter("limit", "How many.", {"type": "integer", "minimum": 1, "maximum": 100, "default": 50}),
            Parameter("cursor", "The `next` of the page before."),
        ),
        answers={200: "visits.contract:OrganisersVisitList"},
        problems=(*_REFUSED, Invalid),
        who="organiser",
    )
)
def list_visits() -> Answer:
    """List every visit."""
    page = listing.all_visits(listing.asked(edge.request.query))
    items = [view.organisers_visit_json(*found, edge.request.now) for found in page.items]
    return json_answer(200, {"items": items, "next": page.next})


@edge.route(
    Operation(
        "POST",
        f"{API}/visits",
        "Create a draft",
        "Organising",
        body="visits.contract:VisitWritten",
        answers={201: "visits.contract:OrganisersVisit"},
        problems=(*_REFUSED, VisitIdTaken, Invalid),
        who="organiser",
    )
)
def create_visit() -> Answer:
    """Create a draft; whoever creates it is its first organiser."""
    from kernel import fields
    from visits.contract import VisitWritten

    actor = edge.actor
    asked = fields.read(VisitWritten, edge.request.json())
    written = asked.model_dump(exclude={"visit_id"})
    written["organisers"] = list(dict.fromkeys([actor.email, *asked.organisers]))
    visit_id = asked.visit_id or _visit_id(asked.title)
    found = edit.create(visit_id, edit.Plan(**written), actor=actor, now=edge.request.now)
    return _answer(*found, status=201, Location=f"{API}/visits/{visit_id}")


@edge.route(
    Operation(
        "GET",
        f"{API}/visits/<visit_id>",
        "One visit, as written",
        "Organising",
        answers={200: "visits.contract:OrganisersVisit"},
        problems=(*_REFUSED, NotFound),
        who="organiser",
    )
)
def read_visit(visit_id: str) -> Answer:
    """Return a visit, with its version as its ETag."""
    return _answer(*_found(visit_id))


@edge.route(
    Operation(
        "PATCH",
        f"{API}/visits/<visit_id>",
        "Change a visit",
        "Organising",
        body="visits.contract:VisitChange",
        answers={200: "visits.contract:OrganisersVisit"},
        problems=(*_REFUSED, NotFound, Conflict, ChangedMeanwhile, Invalid, PreconditionRequired),
        headers=(_IF_MATCH,),
        who="organiser",
    )
)
def change_visit(visit_id: str) -> Answer:
    """Change what is sent, if nobody changed the visit meanwhile."""
    from kernel import fields
    from visits.contract import VisitChange

    asked = fields.read(VisitChange, edge.request.json())
    changes = asked.model_dump(include=asked.model_fields_set)
    return _answer(*edit.change(visit_id, _if_match(), changes, actor=edge.actor, now=edge.request.now))


@edge.route(
    Operation(
        "POST",
        f"{API}/visits/<visit_id>/publish",
        "Publish a visit",
        "Organising",
        answers={200: "visits.contract:OrganisersVisit"},
        problems=(*_REFUSED, NotFound, Conflict, ChangedMeanwhile, Invalid),
        who="organiser",
    )
)
def publish_visit(visit_id: str) -> Answer:
    """Publish a draft: from now on people see it and can register."""
    return _answer(*edit.publish(visit_id, actor=edge.actor, now=edge.request.now))


@edge.route(
    Operation(
        "POST",
        f"{API}/visits/<visit_id>/unpublish",
        "Take a visit back that nobody has registered for",
        "Organising",
        answers={200: "visits.contract:OrganisersVisit"},
        problems=(*_REFUSED, NotFound, Conflict),
        who="organiser",
    )
)
def unpublish_visit(visit_id: str) -> Answer:
    """Make a draft of it again."""
    from visits import lifecycle

    return _answer(*lifecycle.unpublish(visit_id, actor=edge.actor, now=edge.request.now))


@edge.route(
    Operation(
        "POST",
        f"{API}/visits/<visit_id>/cancel",
        "Call a visit off and tell everybody",
        "Organising",
        body="visits.contract:VisitCancelled",
        answers={200: "visits.contract:OrganisersVisit"},
        problems=(*_REFUSED, NotFound, Conflict, Invalid),
        who="organiser",
    )
)
def cancel_visit(visit_id: str) -> Answer:
    """Call it off: everybody registered is told, and calendar entries are withdrawn."""
    from kernel import fields
    from visits import lifecycle
    from visits.contract import VisitCancelled

    asked = fields.read(VisitCancelled, edge.request.json())
    return _answer(*lifecycle.cancel(visit_id, asked.message, actor=edge.actor, now=edge.request.now))


@edge.route(
    Operation(
        "POST",
        f"{API}/visits/<visit_id>/reschedule",
        "Move a visit and tell everybody",
        "Organising",
        body="visits.contract:VisitMoved",
        answers={200: "visits.contract:OrganisersVisit"},
        problems=(*_REFUSED, NotFound, Conflict, Invalid),
        who="organiser",
    )
)
def reschedule_visit(visit_id: str) -> Answer:
    """Move it: everybody registered keeps their place and is told, and calendar entries move along."""
    from kernel import fields
    from visits import lifecycle
    from visits.contract import VisitMoved

    asked = fields.read(VisitMoved, edge.request.json())
    moved = lifecycle.reschedule(
        visit_id, asked.starts_at, asked.ends_at, asked.message, actor=edge.actor, now=edge.request.now
    )
    return _answer(*moved)


@edge.route(
    Operation(
        "POST",
        f"{API}/visits/<visit_id>/clone",
        "Make a draft like a visit",
        "Organising",
        body="visits.contract:VisitCloned",
        answers={201: "visits.contract:OrganisersVisit"},
        problems=(*_REFUSED, NotFound, VisitIdTaken, Invalid),
        who="organiser",
    )
)
def clone_visit(visit_id: str) -> Answer:
    """Make a draft with everything of a visit but its people, at another time."""
    from kernel import fields
    from visits.clone import clone
    from visits.contract import VisitCloned

    asked = fields.read(VisitCloned, edge.request.json())
    new_id = asked.visit_id or _visit_id(_found(visit_id)[1].title)
    found = clone(visit_id, new_id, asked.starts_at, actor=edge.actor, now=edge.request.now)
    return _answer(*found, status=201, Location=f"{API}/visits/{new_id}")


@edge.route(
    Operation(
        "POST",
        f"{API}/visits/<visit_id>/share",
        "Share the recording and the tools",
        "Organising",
        body="visits.contract:VisitShared",
        answers={200: "visits.contract:OrganisersVisit"},
        problems=(*_REFUSED, NotFound, Conflict, Invalid),
        who="organiser",
    )
)
def share_visit(visit_id: str) -> Answer:
    """Share what came of a visit; sharing again changes what is shared."""
    from kernel import fields
    from visits.contract import VisitShared
    from visits.share import share

    asked = fields.read(VisitShared, edge.request.json())
    sent = asked.model_dump(include=asked.model_fields_set)
    found = share(
        visit_id,
        recording_url=(sent["recording_url"] or "") if "recording_url" in sent else None,
        resources=(sent["resources"] or []) if "resources" in sent else None,
        actor=edge.actor,
        now=edge.request.now,
    )
    return _answer(*found)


@edge.route(
    Operation(
        "POST",
        f"{API}/visits/<visit_id>/messages",
        "Write to the people of a visit",
        "Organising",
        body="visits.contract:MessageWritten",
        answers={201: "visits.contract:MessagePosted"},
        problems=(*_REFUSED, NotFound, Conflict, Invalid),
        headers=(Parameter("Idempotency-Key", "Posting again under the same key posts nothing more."),),
        who="organiser",
    )
)
def post_message(visit_id: str) -> Answer:
    """Post a message about the visit to everybody who has one of the statuses."""
    from kernel import fields
    from visits import messages
    from visits.contract import MessageWritten

    asked = fields.read(MessageWritten, edge.request.json())
    posted = messages.post(
        visit_id,
        asked.subject,
        asked.body_markdown,
        asked.to,
        actor=edge.actor,
        now=edge.request.now,
        key=edge.request.header("Idempotency-Key"),
    )
    return json_answer(201, view.message_json(posted, people=messages.count(visit_id, posted.to)))


def _found(visit_id: str) -> tuple[Counters, Details]:
    found = query.counters_and_details(visit_id)
    if found is None:
        raise NotFound
    return found


def _answer(counters: Counters, details: Details, *, status: int = 200, **more: str) -> Answer:
    document = view.organisers_visit_json(counters, details, edge.request.now)
    return json_answer(status, document, ETag=f'"{int(details.version)}"', **more)


def _if_match() -> int:
    sent = edge.request.header("If-Match")
    if sent is None:
        raise PreconditionRequired
    match = re.fullmatch(r'(?:W/)?"(\d{1,9})"', sent.strip())
    if match is None:
        raise MalformedRequest('Send the version as `If-Match: "3"`.')
    return int(match[1])
