"""What somebody chose for their account."""

from datetime import datetime

from pynamodb.exceptions import TransactWriteError
from pynamodb.transactions import TransactWrite

from accounts.model import Account, account_pk
from kernel import audit
from kernel.access import Actor
from kernel.errors import Conflict
from kernel.table import past_conflicts, refused


def save_digest(actor: Actor, *, wanted: bool, now: datetime) -> None:
    """Save whether somebody wants the daily digest of new registrations.

    Raises:
        Conflict: they have no account, as tokens that nobody signed in for.
    """
    made = audit.entries(actor, "preferences.changed", f"person:{actor.person}", now=now, facts={"digest": wanted})

    def write() -> None:
        with TransactWrite(connection=Account.connection()) as transaction:
            audit.write(transaction, made)
            transaction.update(
                Account(account_pk(actor.person), "account"),
                actions=[Account.digest.set("daily") if wanted else Account.digest.remove()],
                condition=Account.pk.exists(),
            )

    try:
        past_conflicts(write)
    except TransactWriteError as error:
        if refused(error):
            raise Conflict("Sign in once, so that there is an account to keep your choice in.") from error
        raise
