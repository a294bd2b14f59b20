"""Lambda `visits-console`: the pages on which organisers run visits. Routes stand beside, by what they are about."""

from visits import console_attendance, console_people, console_statistics, console_telling, console_visits
from visits.console_site import edge

__all__ = [
    "console_attendance",
    "console_people",
    "console_statistics",
    "console_telling",
    "console_visits",
    "edge",
    "handler",
]

handler = edge.handler
