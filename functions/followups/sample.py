"""Somebody made up, and letters whose links lead nowhere: what previews show."""

from followups.letters import Letters, Visits
from followups.steps import PlanStep
from kernel.site import Site
from visits.query import RegistrationView, VisitView

NOWHERE = "preview"
"""Stands for the token of a link: whoever looks at a preview must not be able to act as the person in it."""


def registration(visit: VisitView, step: PlanStep) -> RegistrationView:
    """Return a registration that a step would go to."""
    status = min(step.to.statuses)  # cancelled, confirmed, offered, waiting
    return RegistrationView(
        visit_id=visit.visit_id,
        registration_id="00000000-0000-7000-8000-000000000000",
        place=1,
        person="",
        name="Ada Quill",
        email="ada.quill@example.org",
        status=status,
        position=3 if status == "waiting" else None,
        sequence=0,
        was_confirmed=status != "waiting",
        pending_email=None,
        previous_email=None,
        attendance=min(step.to.attendance, default="unknown"),
    )


def letters(base_url: str, sender: str, site: Site) -> Letters:
    """Return letters for previews."""
    return Letters(
        visits=Visits(
            visit=lambda _visit_id: None,
            registration=lambda _visit_id, _place: None,
            registrations_of=lambda _person: [],
            place_link=lambda _registration, _visit: f"{base_url}/places/{NOWHERE}",
            address_link=lambda _registration, _email, _now: f"{base_url}/addresses/{NOWHERE}",
            address_undo_link=lambda _registration, _email, _now: f"{base_url}/addresses/undo/{NOWHERE}",
            message=lambda _visit_id, _message_id: None,
            newcomers=lambda _organiser, _since, _until: (),
            join_link=lambda _registration, _visit: f"{base_url}/join/{NOWHERE}",
        ),
        base_url=base_url,
        sender=sender,
        site=site,
        reader=lambda _person: None,
    )
