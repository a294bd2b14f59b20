"""What the organisers' pages have in common: who is asking, how a page is shown, and the visit it is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from kernel import access, pages, settings, site
from kernel.errors import FieldError, NotFound, Problem
from kernel.http import Answer, Edge, page_answer
from kernel.problem_page import problem_page
from visits import query, view
from visits.form import Form
from visits.model import Counters, Details


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function needs of its environment."""

    base_url: str
    secret_id: str
    origin_secret: str
    community_name: str


SETTINGS = settings.read(Settings)

edge = Edge(
    origin_secret=SETTINGS.origin_secret,
    problem_page=problem_page(community=SETTINGS.community_name, base_url=SETTINGS.base_url),
    who_is=partial(access.actor, base_url=SETTINGS.base_url),
)

SAID: Mapping[str, str] = {
    "created": "Your draft is saved. Only organisers see it until you publish it.",
    "saved": "Your changes are saved.",
    "published": "The visit is published: people can see it and register.",
    "added": "They are registered. We have sent them an email with their personal link.",
    "corrected": "The registration is put right.",
    "address-asked": "Saved. We have sent a link to the new address: it takes effect when they confirm.",
    "person-cancelled": "The registration is cancelled. We have told them, and the place goes to the next in line.",
    "moved-up": "They have a place. We have told them.",
    "link-sent": "We have sent them their personal link.",
    "cancelled": "The visit is called off. Everybody registered is being told.",
    "rescheduled": "The visit is moved. Everybody registered is being told.",
    "written": "The message is on its way.",
    "shared": "It is on the visit’s public page now.",
    "copied": "Here is your copy. It is a draft: look through it, then publish it.",
    "settled": "It is settled who came. You can still put somebody right.",
    "settling": "There are so many people that it takes a while: press the button once more to go on.",
    "unpublished": "The visit is a draft again. Nobody but organisers sees it.",
}
"""What a page says of what was just done, by the word in its address: nothing else is ever shown from there."""


def show(template: str, *, status: int = 200, **context: object) -> Answer:
    """Return a page for an organiser."""
    html = pages.render(
        f"visits/{template}",
        **site.shown(SETTINGS.community_name),
        base_url=SETTINGS.base_url,
        page_url=None,
        now=edge.request.now,
        actor=edge.actor,
        notice=SAID.get(edge.request.query.get("said", "")),
        **context,
    )
    return page_answer(html, status=status)


def found(visit_id: str) -> tuple[Counters, Details]:
    """Return a visit.

    Raises:
        NotFound: there is none of this id.
    """
    both = query.counters_and_details(visit_id)
    if both is None:
        raise NotFound
    return both


def visit_of(counters: Counters, details: Details) -> view.Json:
    """Return the visit as templates take it."""
    return view.organisers_visit_json(counters, details, edge.request.now)


def form(values: Mapping[str, str | list[str]], errors: Sequence[FieldError] = ()) -> Form:
    """Return a form as templates take it."""
    return Form(dict(values), list(errors), "")


def errors_of(problem: Problem) -> list[FieldError]:
    """Return what to show beside the fields of a form that was refused; at least one."""
    return list(problem.errors) or [FieldError("", problem.detail)]


def is_htmx() -> bool:
    """Tell whether only a part of the page is wanted, to be put in by htmx."""
    return edge.request.headers.get("hx-request") == "true"
