"""Lambda `visits-console`: the pages on which organisers run visits."""

from dataclasses import dataclass
from functools import partial

from kernel import access, pages, settings, site
from kernel.http import Answer, Edge, page_answer
from kernel.problem_page import problem_page
from visits import listing, view


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


@edge.page("GET", "/organise", who="organiser")
def visits_page() -> Answer:
    """Show every visit, drafts too, the latest first."""
    page = listing.all_visits(listing.asked(edge.request.query))
    visits = [view.organisers_visit_json(*found, edge.request.now) for found in page.items]
    return page_answer(_render("visits/console_list.html", visits=visits, next=page.next))


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
