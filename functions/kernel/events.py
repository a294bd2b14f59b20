"""What an event is: something that happened, said in ids and plain facts. Each has a schema in `events/`."""

from collections.abc import Mapping
from dataclasses import dataclass

type Fact = str | int | bool | None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a context.

    Attributes:
        name: what happened, past tense, such as ``registration.confirmed``; EventBridge's detail-type.
        detail: ids and plain facts. No personal data but the person key.
    """

    name: str
    detail: Mapping[str, Fact]
