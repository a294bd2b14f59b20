"""Somebody joined: their steps of their own moment are planned, and those whose moment has passed are caught up.

A step whose moment lies ahead needs nothing: whoever is registered then gets it. One whose moment has passed goes out
while its tolerance lasts, and is recorded as skipped after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from followups import plans
from followups.due import Anchor
from followups.fan import Maker
from followups.steps import OF_EVENTS, due_for, moment_of
from followups.visit_times import times_of
from kernel.events import Fact
from visits import query

ANCHORS: Final[Mapping[str, frozenset[Anchor]]] = {
    "registration.confirmed": frozenset({Anchor.REGISTERED}),
    "registration.waiting": frozenset({Anchor.REGISTERED, Anchor.WAITING}),
    "registration.admitted": frozenset({Anchor.ADMITTED}),
    "registration.cancelled": frozenset({Anchor.CANCELLED}),
}
"""What each event is the moment of, for the person it is about."""


@dataclass(frozen=True, slots=True)
class Joiner:
    """Plans the steps of one person. May be told of the same event twice, or late."""

    maker: Maker

    def on_event(self, name: str, detail: Mapping[str, Fact]) -> int:
        """Make the deliveries that an event brings about, and queue those that are due; return how many are."""
        anchors = ANCHORS.get(name)
        if anchors is None:
            return 0
        visit_id = str(detail["visit_id"])
        visit = query.visit(visit_id)
        registration = query.registration(visit_id, int(detail["place"] or 0))
        if visit is None or visit.status != "published" or registration is None:
            return 0
        running, times = plans.running(visit_id), times_of(visit)
        wanted = []
        for step in running.steps:
            if step.step in OF_EVENTS or not step.enabled or not step.to.takes_in(registration):
                continue
            if step.is_of_the_visit:
                due = moment_of(step, times, running)
                if due is not None and due > self.maker.now():
                    continue
            else:
                due = due_for(step, registration, times, running) if step.when.anchor in anchors else None
            if due is not None and (delivery_id := self.maker.make(step, registration, times, due)) is not None:
                wanted.append(delivery_id)
        self.maker.queue.put_all(wanted)
        return len(wanted)
