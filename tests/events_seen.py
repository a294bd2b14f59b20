"""The events a stream's records mean, as `visits-publish` would say them."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from kernel.events import Event
from kernel.publish import Change
from visits.happened import happened


def change_of(record: Mapping[str, Any]) -> Change:
    """Return a record as the outbox reads it."""
    seen = record["dynamodb"]
    at = datetime.fromtimestamp(seen["ApproximateCreationDateTime"], UTC)
    return Change(old=seen.get("OldImage"), new=seen.get("NewImage"), at=at)


def events_of(records: Iterable[Mapping[str, Any]]) -> list[Event]:
    """Return what the records mean, in order."""
    return [event for record in records for event in happened(change_of(record))]
