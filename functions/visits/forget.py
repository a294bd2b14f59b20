"""Forgetting: what people told us is deleted when it has served its purpose, as the privacy page says.

Access needs can be health data (UK GDPR, article 9): they go 30 days after the visit. Everything that names somebody
goes after twelve months; places and their statuses stay, so that figures do.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from pynamodb.attributes import Attribute
from pynamodb.expressions.update import Action

from visits.model import Details, Guard, Place, person_pk, visit_pk

ACCESS_NEEDS_KEPT = timedelta(days=30)
REGISTRATIONS_KEPT = timedelta(days=365)

AT_ONCE = 1000
"""How many registrations one run changes at most: a function has 30 seconds. The next run goes on."""

NAMING: tuple[Attribute[Any], ...] = (
    Place.name,
    Place.email,
    Place.organisation,
    Place.job_role,
    Place.access_needs,
    Place.answers,
    Place.consents,
    Place.timezone,
    Place.pending_email,
    Place.pending_since,
    Place.previous_email,
    Place.person,
)
"""What names somebody in a place. A place without it is a tombstone."""


def forget(*, now: datetime) -> int:
    """Forget what is due, a part at a time; return how many registrations were changed."""
    left = AT_ONCE
    for details in _due(now):
        everything = details.ends_at + REGISTRATIONS_KEPT <= now
        places = list(islice(_to_forget(details, everything=everything), left + 1))
        for place in places[:left]:
            _forget(place, everything=everything, now=now)
        if len(places) > left:
            return AT_ONCE
        left -= len(places)
        details.update(actions=[Details.forgotten.set("everything" if everything else "access needs")])
    return AT_ONCE - left


def _due(now: datetime) -> list[Details]:
    """Return the visits whose time has come and who still hold what should be gone."""
    old = now - ACCESS_NEEDS_KEPT
    unforgotten = Details.forgotten.does_not_exist() & (Details.ends_at <= old)
    half_forgotten = (Details.forgotten == "access needs") & (Details.ends_at <= now - REGISTRATIONS_KEPT)
    found = Details.all_by_start.query("yes", Details.starts_at <= old, filter_condition=unforgotten | half_forgotten)
    return list(found)


def _to_forget(details: Details, *, everything: bool) -> Iterator[Place]:
    holds = Place.person.exists() if everything else Place.access_needs.exists()
    keys = Place.sk.startswith("place#")
    return Place.query(visit_pk(details.visit_id), keys, filter_condition=holds, consistent_read=True)


def _forget(place: Place, *, everything: bool, now: datetime) -> None:
    if not everything:
        place.update(actions=[Place.access_needs.remove()])
        return
    if place.person is not None:
        guard = Guard(person_pk(place.person), visit_pk(place.visit_id))
        gone = [Guard.place.remove(), Guard.held.remove(), Guard.answered.remove(), Guard.link_requested_at.remove()]
        guard.update(actions=[*gone, Guard.expires_at.set(int(now.timestamp()))])
    actions: list[Action] = [attribute.remove() for attribute in NAMING]
    place.update(actions=actions)
