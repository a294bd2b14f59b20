"""A visit's deliveries as organisers read them: a page at a time, the newest first."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any, Final

from followups.delivery import Delivery, State
from followups.model import Deliveries
from kernel.errors import FieldError, Invalid
from visits import query

MAX_LIMIT: Final = 100
_CURSOR: Final = re.compile(r"[0-9T:+.-]{19,40}#[0-9a-f-]{36}")


# JSON has no narrower type than Any for its values.
def page(visit_id: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return one page of the list.

    Raises:
        Invalid: naming the parameter that cannot be read.
    """
    limit, before = _limit(parameters.get("limit", "50")), _before(parameters.get("cursor"))
    state, step = parameters.get("state"), parameters.get("step")
    if state is not None and state not in State:
        raise Invalid(errors=[FieldError("state", f"This must be one of {', '.join(State)}.")])
    found = Deliveries().of_visit(visit_id, limit=limit + 1, before=before, state=state, step=step)
    shown = found[:limit]
    names = query.names_at(visit_id, {one.identity.place for _, one in shown if one.identity.place is not None})
    return {
        "items": [document(one, name=names.get(one.identity.place or 0)) for _, one in shown],
        "next": _cursor(shown[-1][0]) if len(found) > limit else None,
    }


def document(delivery: Delivery, *, name: str | None) -> dict[str, Any]:
    """Return a delivery as the contract says it."""
    identity = delivery.identity
    waits = delivery.not_before if delivery.state is State.READY else None
    return {
        "delivery_id": identity.delivery_id,
        "visit_id": identity.visit_id,
        "registration_id": identity.registration_id,
        "person": identity.person,
        "name": name,
        "step": identity.step,
        "kind": identity.kind,
        "state": delivery.state.value,
        "reason": delivery.reason,
        "created_at": delivery.created_at.isoformat(),
        "changed_at": delivery.changed_at.isoformat(),
        "sends_at": None if waits is None else waits.isoformat(),
        "history": [
            {"at": line.at.isoformat(), "state": line.state.value, "reason": line.reason} for line in delivery.history
        ],
    }


def _limit(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= MAX_LIMIT:
        raise Invalid(errors=[FieldError("limit", f"Ask for 1 to {MAX_LIMIT}.")])
    return int(text)


def _cursor(listing: str) -> str:
    return base64.urlsafe_b64encode(listing.encode()).decode().rstrip("=")


def _before(cursor: str | None) -> str | None:
    if cursor is None:
        return None
    try:
        read = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except ValueError:
        read = ""
    if not _CURSOR.fullmatch(read):
        raise Invalid(errors=[FieldError("cursor", "Take the `next` of the page before, as it is.")])
    return read
