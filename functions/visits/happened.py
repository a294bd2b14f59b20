"""What a change in the visits table means: the events of this context (`events/` has their contracts). Pure.

Only what has happened to somebody is said; the facts are ids, and whoever needs more reads the visit.
"""

from collections.abc import Iterator

from kernel.events import Event, Fact
from kernel.publish import Change
from visits.line import LIVE
from visits.model import Counters, Details, Guard, Lookup, Message, Place

SOURCE = "microclimate.visits"


def happened(change: Change) -> Iterator[Event]:
    """Yield what a change of one item means to the rest of the service."""
    if change.new is None:
        return
    pk, sk = change.key("pk"), change.key("sk")
    if sk.startswith("place#"):
        yield from _to_place(change)
    elif sk == "visit":
        yield from _to_visit(change)
    elif sk == "visit#details":
        yield from _to_details(change)
    elif sk.startswith("message#"):
        yield from _to_message(change)
    elif sk == "lookup":
        yield from _to_lookup(change)
    elif pk.startswith("person#"):
        yield from _to_guard(change)


def _to_place(change: Change) -> Iterator[Event]:
    new = Place.from_raw_data(dict(change.new or {}))
    old = Place.from_raw_data(dict(change.old)) if change.old else None
    if new.person is None:
        return  # a tombstone: it is nobody's
    facts: dict[str, Fact] = {
        "visit_id": new.visit_id,
        "registration_id": new.registration_id,
        "place": new.number,
        "person": new.person,
    }
    was = old.status if old else None
    if was is None and new.status in {"confirmed", "waiting"}:
        # Moved up to an extra place, they get what those who are admitted from the line get.
        yield Event(f"registration.{'admitted' if new.moved_from else new.status}", facts)
    if was == "waiting" and new.status == "confirmed":
        yield Event("registration.admitted", facts)
    if was in LIVE and new.status == "cancelled":
        yield Event("registration.cancelled", {**facts, "was": was})
    if old and new.pending_since and new.pending_since != old.pending_since:
        yield Event("registration.address_requested", {**facts, "asked_at": new.pending_since.isoformat()})
    if old and new.email_changed_at and new.email_changed_at != old.email_changed_at:
        yield Event("registration.address_changed", {**facts, "changed_at": new.email_changed_at.isoformat()})


def _to_visit(change: Change) -> Iterator[Event]:
    new = Counters.from_raw_data(dict(change.new or {}))
    old = Counters.from_raw_data(dict(change.old)) if change.old else None
    facts: dict[str, Fact] = {"visit_id": new.visit_id, "version": int(new.version)}
    was = old.status if old else "draft"
    # Who stood in line when it happened: those who came later knew.
    schedule: dict[str, Fact] = {**facts, "sequence": int(new.sequence), "line": int(new.line)}
    if was == "draft" and new.status == "published":
        yield Event("visit.published", facts)
    elif was == "published" and new.status == "draft":
        yield Event("visit.unpublished", facts)
    elif was == "published" and new.status == "cancelled":
        yield Event("visit.cancelled", schedule)
    elif old and new.status == "published" and int(new.version) != int(old.version):
        if int(new.sequence) != int(old.sequence):
            yield Event("visit.rescheduled", schedule)
        elif new.shared_at != old.shared_at:
            yield Event("visit.shared", facts)
        else:
            yield Event("visit.changed", facts)


def _to_details(change: Change) -> Iterator[Event]:
    new = Details.from_raw_data(dict(change.new or {}))
    old = Details.from_raw_data(dict(change.old)) if change.old else None
    if old and new.attendance_settled_at != old.attendance_settled_at:
        yield Event("visit.attendance_settled", {"visit_id": new.visit_id, "version": int(new.version)})


def _to_message(change: Change) -> Iterator[Event]:
    new = Message.from_raw_data(dict(change.new or {}))
    if change.old is None and new.kind == "message":  # the others go with what happened to the visit
        yield Event("visit.message_posted", {"visit_id": new.visit_id, "message_id": new.message_id})


def _to_guard(change: Change) -> Iterator[Event]:
    new = Guard.from_raw_data(dict(change.new or {}))
    old = Guard.from_raw_data(dict(change.old)) if change.old else None
    asked = new.link_requested_at
    if asked and new.place is not None and asked != (old.link_requested_at if old else None):
        yield Event(
            "registration.link_requested",
            {
                "visit_id": new.visit_id,
                "place": int(new.place),
                "person": new.pk.removeprefix("person#"),
                "asked_at": asked.isoformat(),
            },
        )


def _to_lookup(change: Change) -> Iterator[Event]:
    new = Lookup.from_raw_data(dict(change.new or {}))
    old = Lookup.from_raw_data(dict(change.old)) if change.old else None
    if old is None or new.asked_at != old.asked_at:
        yield Event(
            "person.lookup_requested",
            {"person": new.pk.removeprefix("person#"), "asked_at": new.asked_at.isoformat()},
        )
