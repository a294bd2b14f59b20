"""A visit and a registration as `visits.query` shows them, and letters about them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from followups.delivery import Identity
from followups.letters import Letters, Reader, Visits
from followups.plan import Step
from kernel.site import Site
from visits.query import MessageView, Newcomers, RegistrationView, SessionView, VisitView

NOW = datetime(2026, 10, 1, 9, tzinfo=UTC)
START = datetime(2026, 10, 27, 14, tzinfo=UTC)  # two days after the clocks go back in London
BASE_URL = "https://visits.example.org"
SENDER = "Community of Practice <visits@example.org>"
SITE = Site("Community of Practice")
DELIVERY_ID = "5f0c2f2e-46f6-5d0e-8d3a-0b1d63c7a001"

VISIT = VisitView(
    visit_id="virtual-ward",
    title="Inside the virtual ward",
    host="Harbour Community Care",
    summary="An afternoon with a team that looks after forty people in their own beds.",
    starts_at=START,
    ends_at=START + timedelta(hours=2, minutes=30),
    timezone="Europe/London",
    sessions=(SessionView(START, START + timedelta(hours=2, minutes=30), ""),),
    format="online",
    venue="",
    status="published",
    sequence=0,
)

CONFIRMED = RegistrationView(
    visit_id="virtual-ward",
    registration_id="0198c0de-7f00-7000-8000-000000000001",
    place=3,
    person="person-key",
    name="Zoë Okafor",
    email="zoe@example.org",
    status="confirmed",
    position=None,
    sequence=0,
    was_confirmed=True,
    pending_email=None,
    previous_email=None,
)
WAITING = replace(CONFIRMED, status="waiting", position=3, was_confirmed=False)
MESSAGE = MessageView(
    message_id="m1",
    kind="message",
    subject="Where to park",
    markdown="Use **gate 3** & mind the step <now>.",
    html="<p>Use <strong>gate 3</strong> &amp; mind the step &lt;now&gt;.<br>\n</p>\n<hr>\n<ul>\n<li>One</li>\n</ul>\n",
    to=frozenset({"confirmed", "waiting", "offered"}),
    moved_from=(START - timedelta(days=7), START - timedelta(days=7) + timedelta(hours=2)),
)
NEWCOMERS = Newcomers(VISIT, confirmed=2, waiting=1, cancelled=1, names=("Ben Ash", "Cho Lee", "www.buy.example"))
READER = Reader("Zoë Okafor", "zoe@example.org", wants_digest=True)
CANCELLED = replace(CONFIRMED, status="cancelled", sequence=1)


def letters(
    registration: RegistrationView | None = CONFIRMED,
    visit: VisitView | None = VISIT,
    *,
    all_of_them: Sequence[tuple[RegistrationView, VisitView]] = (),
    site: Site = SITE,
    message: MessageView | None = None,
    newcomers: Sequence[Newcomers] = (NEWCOMERS,),
    reader: Reader | None = READER,
) -> Letters:
    """Letters written from these rows alone."""
    visits = {one.visit_id: one for _, one in all_of_them}
    return Letters(
        visits=Visits(
            visit=lambda visit_id: visits.get(visit_id, visit),
            registration=lambda _visit_id, _place: registration,
            registrations_of=lambda _person: [one for one, _ in all_of_them],
            place_link=lambda one, _visit: f"{BASE_URL}/places/token-{one.place}",
            address_link=lambda _one, email, _now: f"{BASE_URL}/addresses/to-{email.partition('@')[0]}",
            address_undo_link=lambda _one, email, _now: f"{BASE_URL}/addresses/undo/{email.partition('@')[0]}",
            join_link=lambda one, _visit: f"{BASE_URL}/join/token-{one.place}",
            message=lambda _visit_id, _message_id: message,
            newcomers=lambda _organiser, _since, _until: newcomers,
        ),
        base_url=BASE_URL,
        sender=SENDER,
        site=site,
        reader=lambda _person: reader,
    )


def identity(step: Step) -> Identity:
    """What a delivery of this step is for."""
    about_a_visit = step not in {Step.LINKS, Step.DIGEST}
    return Identity(
        delivery_id=DELIVERY_ID,
        visit_id="virtual-ward" if about_a_visit else None,
        registration_id=CONFIRMED.registration_id if about_a_visit else None,
        place=3 if about_a_visit else None,
        person="person-key",
        step=step,
        schedule=20261001 if step is Step.DIGEST else 0,
        kind="service",
        message_id="m1" if step is Step.MESSAGE else None,
    )
