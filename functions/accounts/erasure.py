"""Asking for a person to be erased: one item, whose change is told to every context that holds something."""

from datetime import datetime, timedelta

from pynamodb.transactions import TransactWrite

from accounts.model import ErasureRequest, account_pk
from kernel import audit
from kernel.access import Actor
from kernel.table import past_conflicts

KEPT = timedelta(days=30)
"""How long it stays on record that somebody asked: the person key and the time, nothing else."""


def request_erasure(person: str, *, actor: Actor, now: datetime) -> None:
    """Have a person erased, everywhere. Asking again erases again what has come since.

    The audit entry names nobody: it is about the person key, and its actor's name goes where that is the same person.
    """
    by = "self" if actor.person == person else "organiser"
    made = audit.entries(actor, "person.erasure_requested", f"person:{person}", now=now, facts={"by": by})
    request = ErasureRequest(account_pk(person), "erasure", requested_at=now, expires_at=int((now + KEPT).timestamp()))

    def write() -> None:
        with TransactWrite(connection=ErasureRequest.connection()) as transaction:
            transaction.save(request)
            audit.write(transaction, made)

    past_conflicts(write)
