"""What a change in the accounts table means: the events of this context (`events/` has their contracts). Pure."""

from collections.abc import Iterator

from accounts.model import ErasureRequest
from kernel.events import Event
from kernel.publish import Change

SOURCE = "microclimate.accounts"


def happened(change: Change) -> Iterator[Event]:
    """Yield what a change of one item means to the rest of the service."""
    if change.new is None or change.key("sk") != "erasure":
        return
    new = ErasureRequest.from_raw_data(dict(change.new))
    old = ErasureRequest.from_raw_data(dict(change.old)) if change.old else None
    if old is None or new.requested_at != old.requested_at:
        yield Event(
            "person.erasure_requested",
            {"person": new.pk.removeprefix("account#"), "requested_at": new.requested_at.isoformat()},
        )
