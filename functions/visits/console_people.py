"""The organisers' pages of who registered: finding people, one person, adding somebody by hand."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from kernel import metrics, secrets
from kernel.errors import AlreadyRegistered, Conflict, FieldError, Invalid, NotFound, Problem
from kernel.http import Answer, see_other
from kernel.person_key import person_key
from visits import form as registration_form
from visits import listing, query, questions, view
from visits.console_form import first, typed
from visits.console_site import SETTINGS, edge, errors_of, form, found, show, visit_of
from visits.form import Form
from visits.model import Counters, Details, Place
from visits.tally import tally

TEXTS = ("name", "email", "organisation", "job_role")


# --- the list --------------------------------------------------------------------------------------------------------


@edge.page("GET", "/organise/visits/<visit_id>/people", who="organiser")
def people_page(visit_id: str) -> Answer:
    """Show who registered, in the order of the line: all, or those looked for."""
    counters, details = found(visit_id)
    asked = {name: text for name in ("status", "q", "cursor") if (text := edge.request.query.get(name))}
    page = listing.people(visit_id, listing.asked_people(asked))
    positions = listing.positions(page.items, counters)
    again = {name: text for name, text in asked.items() if name != "cursor"}
    return show(
        "console_people.html",
        visit=visit_of(counters, details),
        people=[_person(place, details, positions.get(place.number)) for place in page.items],
        tally=tally(visit_id),
        which=asked.get("status", ""),
        q=asked.get("q", ""),
        next_url=f"/organise/visits/{visit_id}/people?{urlencode({**again, 'cursor': page.next})}"
        if page.next
        else None,
    )


# --- adding somebody by hand -----------------------------------------------------------------------------------------


@edge.page("GET", "/organise/visits/<visit_id>/people/add", who="organiser")
def add_page(visit_id: str) -> Answer:
    """Show the form to register somebody by hand."""
    return _add_page(*found(visit_id), form({}))


@edge.page("POST", "/organise/visits/<visit_id>/people/add", who="organiser")
def add(visit_id: str) -> Answer:
    """Register somebody by hand, on an extra place."""
    from kernel import fields
    from visits import by_hand
    from visits.contract import AddedByHand
    from visits.register import Registrant

    counters, details = found(visit_id)
    posted = edge.request.form()
    try:
        asked = fields.read(AddedByHand, _written(posted, details, correcting=False))
        registrant = Registrant(
            name=asked.name,
            email=asked.email,
            organisation=asked.organisation or "",
            job_role=asked.job_role or "",
            access_needs=asked.access_needs or "",
            answers=asked.answers,
            consents=asked.consents.model_dump(),
            timezone="",
        )
        place = by_hand.add(visit_id, _key_of(asked.email), registrant, actor=edge.actor, now=edge.request.now)
    except AlreadyRegistered as there:
        wrong = [FieldError("email", there.detail)]
        return _add_page(counters, details, form(typed(posted), wrong), status=there.status)
    except (Invalid, Conflict) as refused:
        return _add_page(counters, details, form(typed(posted), errors_of(refused)), status=refused.status)
    return _to_person(place, "added")


def _add_page(counters: Counters, details: Details, shown: Form, *, status: int = 200) -> Answer:
    visit = visit_of(counters, details)
    return show("console_add.html", status=status, visit=visit, form=shown, sees=_sees(details))


def _written(posted: registration_form.Fields, details: Details, *, correcting: bool) -> dict[str, Any]:
    """Return what was typed about a person, as the contract has it. What only organisers of the visit see is theirs.

    An empty answer takes one away, where there is one to correct.
    """
    texts = (*TEXTS, *(["access_needs"] if _sees(details) else []))
    asked: dict[str, Any] = {name: first(posted, name) for name in texts if name in posted}
    answers = registration_form.answers(posted, questions.asked(details.questions))
    asked["answers"] = (
        answers if correcting else {name: one for name, one in answers.items() if _given(one) is not None}
    )
    return asked


# --- one person ------------------------------------------------------------------------------------------------------


@edge.page("GET", "/organise/visits/<visit_id>/people/<registration_id>", who="organiser")
def person_page(visit_id: str, registration_id: str) -> Answer:
    """Show one person's registration."""
    return _person_page(*_registration(visit_id, registration_id))


@edge.page("POST", "/organise/visits/<visit_id>/people/<registration_id>", who="organiser")
def correct(visit_id: str, registration_id: str) -> Answer:
    """Put a registration right: only what was changed is written."""
    from kernel import fields
    from visits import on_behalf
    from visits.change import Change
    from visits.contract import Correction

    place, counters, details = _registration(visit_id, registration_id)
    posted = edge.request.form()
    try:
        asked = fields.read(Correction, _written(posted, details, correcting=True))
        changed = _changed(asked.model_dump(include=asked.model_fields_set), place)
        if not changed:
            return _to_person(place, "corrected")
        email = changed.pop("email", None)
        answers = changed.pop("answers", None)
        moves = on_behalf.correct(
            place,
            details,
            Change(fields=changed, answers=answers, email=email),
            new_person=None if email is None else _key_of(email),
            actor=edge.actor,
            now=edge.request.now,
        )
    except (Invalid, Conflict) as refused:
        shown = form(typed(posted), errors_of(refused))
        return _person_page(place, counters, details, shown=shown, status=refused.status)
    return _to_person(place, "address-asked" if moves else "corrected")


def _changed(sent: dict[str, Any], place: Place) -> dict[str, Any]:
    """Return what differs from what is stored; of the answers too, so that an old gap stops nobody."""
    changed = {
        name: value
        for name, value in sent.items()
        if name != "answers" and (value or "") != (getattr(place, name) or "")
    }
    had = place.answers or {}
    answers = {name: value for name, value in sent.get("answers", {}).items() if _given(value) != _given(had.get(name))}
    return changed | {"answers": answers} if answers else changed


def _given(answer: object) -> object:
    return None if answer in ("", []) else answer


@edge.page("POST", "/organise/visits/<visit_id>/people/<registration_id>/cancel", who="organiser")
def cancel(visit_id: str, registration_id: str) -> Answer:
    """Cancel a registration: its person is told, and the place goes to the line."""
    from visits import on_behalf

    place, counters, details = _registration(visit_id, registration_id)
    try:
        if on_behalf.cancel_for(place, counters, actor=edge.actor, now=edge.request.now):
            metrics.count("Cancellations")
    except Conflict as refused:
        return _person_page(place, counters, details, problem=refused)
    return _to_person(place, "person-cancelled")


@edge.page("POST", "/organise/visits/<visit_id>/people/<registration_id>/move-up", who="organiser")
def move_up(visit_id: str, registration_id: str) -> Answer:
    """Give somebody who waits an extra place; the reason is kept."""
    from kernel import fields
    from visits import by_hand
    from visits.contract import MoveUp

    place, counters, details = _registration(visit_id, registration_id)
    posted = edge.request.form()
    try:
        asked = fields.read(MoveUp, {"reason": first(posted, "reason")})
        by_hand.move_up(place, asked.reason, actor=edge.actor, now=edge.request.now)
    except Invalid as wrong:
        return _person_page(place, counters, details, moving=form(typed(posted), errors_of(wrong)), status=wrong.status)
    except Conflict as refused:
        return _person_page(place, counters, details, problem=refused)
    return _to_person(place, "moved-up")


@edge.page("POST", "/organise/visits/<visit_id>/people/<registration_id>/resend", who="organiser")
def resend(visit_id: str, registration_id: str) -> Answer:
    """Send somebody the link to their place again; twice within a minute is once."""
    from visits import on_behalf

    place, counters, details = _registration(visit_id, registration_id)
    try:
        on_behalf.send_link(place, counters, actor=edge.actor, now=edge.request.now)
    except Conflict as refused:
        return _person_page(place, counters, details, problem=refused)
    return _to_person(place, "link-sent")


def _person_page(
    place: Place,
    counters: Counters,
    details: Details,
    *,
    shown: Form | None = None,
    moving: Form | None = None,
    problem: Problem | None = None,
    status: int = 200,
) -> Answer:
    position = query.position_at(counters, place.number) if place.status == "waiting" else None
    person = _person(place, details, position)
    asked = questions.asked(details.questions)
    return show(
        "console_person.html",
        status=status if problem is None else problem.status,
        visit=visit_of(counters, details),
        person=person,
        answers=[
            {"label": question["label"], "answer": person["answers"].get(question["question_id"])}
            for question in details.questions
            if question.get("retired") or place.status == "cancelled"
        ],
        pending=place.pending_email,
        form=shown or form(registration_form.stored(_texts(person, asked))),
        moving=moving or form({}),
        sees=_sees(details),
        problem=problem.detail if problem else None,
    )


def _texts(person: Mapping[str, Any], asked: list[questions.Question]) -> dict[str, Any]:
    """Return a person as the form of a registration takes them: without answers to what is asked no more."""
    names = {question["question_id"] for question in asked}
    answers = {name: answer for name, answer in person["answers"].items() if name in names}
    return {**person, "access_needs": person["access_needs"] or "", "answers": answers}


# --- what routes share -----------------------------------------------------------------------------------------------


def _registration(visit_id: str, registration_id: str) -> tuple[Place, Counters, Details]:
    counters, details = found(visit_id)
    place = query.registration_of(visit_id, registration_id)
    if place is None:
        raise NotFound
    return place, counters, details


def _person(place: Place, details: Details, position: int | None) -> view.Json:
    return view.person_json(place, details, position=position, access_needs=_sees(details))


def _sees(details: Details) -> bool:
    """Tell whether who is asking sees access needs: they can be health data, for the visit's own organisers alone."""
    return edge.actor.email in details.organisers


def _key_of(email: str) -> str:
    return person_key(email, secrets.load(SETTINGS.secret_id).pepper)


def _to_person(place: Place, said: str) -> Answer:
    return see_other(f"/organise/visits/{place.visit_id}/people/{place.registration_id}?said={said}")
