"""Asking for one's links by email address. Nothing here depends on whether anybody knows the address."""

from datetime import datetime, timedelta

from pynamodb.exceptions import PynamoDBException

from kernel.table import refused
from visits.model import Lookup, person_pk

EVERY = timedelta(minutes=10)
"""How often, at most, an address is written to because somebody typed it."""

KEPT = timedelta(days=1)

SAID = "If that address is registered for a visit, an email with the links is on its way. Please check spam too."


def ask(person: str, *, now: datetime) -> None:
    """Note that somebody wants this person's links sent to their address; one write, whoever they are.

    The rest is done behind the stream: the time this takes tells nothing.
    """
    note = Lookup(person_pk(person), "lookup")
    quiet = Lookup.asked_at.does_not_exist() | (Lookup.asked_at <= now - EVERY)
    try:
        note.update(
            actions=[Lookup.asked_at.set(now), Lookup.expires_at.set(int((now + KEPT).timestamp()))],
            condition=quiet,
        )
    except PynamoDBException as error:
        if not refused(error):  # refused: asked for a moment ago
            raise
