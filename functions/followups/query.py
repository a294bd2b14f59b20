"""What others may read of the follow-ups: what was sent to a person, and what they asked not to be sent."""

from __future__ import annotations

from collections.abc import Mapping

from followups.model import Deliveries, Suppressions


def sent_to(person: str) -> list[Mapping[str, object]]:
    """Return what was sent to a person, or is about to be, the oldest first: what an export shows of each."""
    deliveries = Deliveries()
    found = (deliveries.read(delivery_id) for delivery_id in deliveries.of_person(person))
    return [
        {
            "delivery_id": one.identity.delivery_id,
            "visit_id": one.identity.visit_id,
            "step": one.identity.step,
            "kind": one.identity.kind,
            "state": one.state.value,
            "reason": one.reason,
            "created_at": one.created_at.isoformat(),
            "changed_at": one.changed_at.isoformat(),
            "history": [
                {"at": line.at.isoformat(), "state": line.state.value, "reason": line.reason} for line in one.history
            ],
        }
        for one in found
        if one is not None
    ]


def not_to_be_sent(person: str) -> list[str]:
    """Return the kinds of email a person asked not to get: ``all_optional``, ``everything``."""
    return sorted(Suppressions().of(person))
