"""Lambda `visits-people`: what organisers do with who registered, through the API."""

from dataclasses import dataclass
from functools import partial

from kernel import access, settings
from kernel.errors import Forbidden, Invalid, NotFound, NotSignedIn
from kernel.http import Answer, Edge, Operation, Parameter, json_answer
from kernel.problem_page import problem_page
from visits import listing, query, view
from visits.model import Counters, Details

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


@edge.route(
    Operation(
        "GET",
        f"{API}/visits/<visit_id>/registrations",
        "Who registered, in the order of the line",
        "Organising",
        query=(
            Parameter("status", "Only these.", {"enum": ["confirmed", "waiting", "offered", "cancelled"]}),
            Parameter("q", "Text to find in name, address or organisation."),
            Parameter("limit", "How many.", {"type": "integer", "minimum": 1, "maximum": 100, "default": 50}),
            Parameter("cursor", "The `next` of the page before."),
        ),
        answers={200: "visits.contract:People"},
        problems=(*_REFUSED, NotFound, Invalid),
        who="organiser",
    )
)
def list_registrations(visit_id: str) -> Answer:
    """List registrations. Access needs can be health data: the visit's own organisers alone see them."""
    counters, details = _found(visit_id)
    page = listing.people(visit_id, listing.asked_people(edge.request.query))
    positions = listing.positions(page.items, counters)
    sees = edge.actor.email in details.organisers
    items = [
        view.person_json(place, details, position=positions.get(place.number), access_needs=sees)
        for place in page.items
    ]
    return json_answer(200, {"items": items, "next": page.next})


def _found(visit_id: str) -> tuple[Counters, Details]:
    found = query.counters_and_details(visit_id)
    if found is None:
        raise NotFound
    return found
