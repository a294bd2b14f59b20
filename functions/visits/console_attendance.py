"""The organisers' pages on the day and after it: who came, settling that, and what the numbers say."""

from typing import Literal
from urllib.parse import urlencode

from kernel.errors import Conflict, Invalid, Problem
from kernel.http import Answer, see_other
from visits import listing
from visits.console_form import first
from visits.console_site import edge, found, is_htmx, show, visit_of
from visits.model import Counters, Details, Place
from visits.tally import tally

PER_PAGE = 100


@edge.page("GET", "/organise/visits/<visit_id>/attendance", who="organiser")
def attendance_page(visit_id: str) -> Answer:
    """Show everybody who has a place, to be marked by a tap."""
    return _page(*found(visit_id))


def _page(counters: Counters, details: Details, *, problem: Problem | None = None) -> Answer:
    visit_id = details.visit_id
    asked = {name: text for name in ("q", "cursor") if (text := edge.request.query.get(name))}
    wanted = listing.asked_people({"status": "confirmed", "limit": str(PER_PAGE), **asked})
    page = listing.people(visit_id, wanted)
    again = {"q": asked["q"]} if "q" in asked else {}
    after = urlencode({**again, "cursor": page.next}) if page.next else None
    return show(
        "console_attendance.html",
        status=200 if problem is None else problem.status,
        visit=visit_of(counters, details),
        people=[_row(place) for place in page.items],
        tally=tally(visit_id),
        q=asked.get("q", ""),
        next_url=f"/organise/visits/{visit_id}/attendance?{after}" if after else None,
        problem=problem.detail if problem else None,
    )


@edge.page("POST", "/organise/visits/<visit_id>/attendance", who="organiser")
def mark(visit_id: str) -> Answer:
    """Mark one person; where htmx asks, answer with their row alone."""
    from visits import attendance, query

    both, posted = found(visit_id), edge.request.form()
    registration_id, said = first(posted, "registration_id"), _said(first(posted, "attendance"))
    try:
        one = attendance.Mark(registration_id, said)
        attendance.mark(visit_id, [one], actor=edge.actor, now=edge.request.now)
    except (Invalid, Conflict) as refused:
        # They cancelled meanwhile, or the visit was: the page as it is now says so.
        if is_htmx():
            answer = show("console_attendance_row.html", visit=visit_of(*both), person=None, tally=tally(visit_id))
            answer.headers["HX-Refresh"] = "true"
            return answer
        what = Conflict("That person has no place here any more, so nothing was marked.")
        return _page(*both, problem=what if isinstance(refused, Invalid) else refused)
    if is_htmx():
        place = query.registration_of(visit_id, registration_id)
        person = _row(place) if place else None
        return show("console_attendance_row.html", visit=visit_of(*both), person=person, tally=tally(visit_id))
    q = first(posted, "q")[:100]
    where = f"/organise/visits/{visit_id}/attendance"
    return see_other(f"{where}?{urlencode({'q': q})}" if q else f"{where}#person-{registration_id}")


def _said(word: str) -> Literal["attended", "missed", "unknown"]:
    match word:
        case "attended" | "missed":
            return word
        case _:
            return "unknown"


def _row(place: Place) -> dict[str, str]:
    return {
        "registration_id": place.registration_id,
        "name": place.name or "",
        "organisation": place.organisation or "",
        "attendance": place.attendance or "unknown",
    }


@edge.page("GET", "/organise/visits/<visit_id>/attendance/settle", who="organiser")
def settle_page(visit_id: str) -> Answer:
    """Show how many people settling marks as missed."""
    counters, details = found(visit_id)
    return show("console_settle.html", visit=visit_of(counters, details), tally=tally(visit_id), problem=None)


@edge.page("POST", "/organise/visits/<visit_id>/attendance/settle", who="organiser")
def settle(visit_id: str) -> Answer:
    """Mark everybody not marked as missed."""
    from visits import attendance

    counters, details = found(visit_id)
    try:
        done = attendance.settle(visit_id, actor=edge.actor, now=edge.request.now)
    except Conflict as refused:
        visit = visit_of(counters, details)
        return show(
            "console_settle.html", status=refused.status, visit=visit, tally=tally(visit_id), problem=refused.detail
        )
    if not done.complete:
        return see_other(f"/organise/visits/{visit_id}/attendance/settle?said=settling")
    return see_other(f"/organise/visits/{visit_id}/attendance?said=settled")
