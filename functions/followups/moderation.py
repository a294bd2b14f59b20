"""Emails around moderating: which event makes which, and for whom. Pure.

What they say is in `followups.moderation_letters`. They are about comments, where all the others are about visits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from followups.delivery import Identity
from kernel.ids import derived_id

if TYPE_CHECKING:
    from comments.query import ModeratorView
    from kernel.events import Fact

REJECTED: Final = "comment_rejected"
MESSAGE: Final = "author_message"
REMINDER: Final = "moderators_reminder"
STEPS: Final = frozenset({REJECTED, MESSAGE, REMINDER})

DETAIL_TYPES: Final = ("author.messaged", "comments.waiting")
"""The events that make a delivery: what the bus rule lets through."""

HELD_BACK: Final = timedelta(seconds=20)
"""How long a message waits before it goes: moderators take a decision back within ten seconds, or never knew."""


def planned(name: str, detail: Mapping[str, Fact], moderators: Iterable[ModeratorView]) -> list[Identity]:
    """Return the deliveries an event asks for; the same event always gives the same ones.

    Raises:
        KeyError: the event lacks what its schema promises.
    """
    match name:
        case "author.messaged":
            step = MESSAGE if detail["comment_id"] is None else REJECTED
            return [_identity(step, str(detail["person"]), str(detail["message_id"]))]
        case "comments.waiting":
            return [_identity(REMINDER, one.person, str(detail["day"])) for one in moderators]
        case _:
            return []


def _identity(step: str, person: str, message_id: str) -> Identity:
    return Identity(
        delivery_id=str(derived_id(person, step, message_id)),
        visit_id=None,
        registration_id=None,
        place=None,
        person=person,
        step=step,
        schedule=0,
        kind="service",
        message_id=message_id,
    )
