"""What our DynamoDB tables share: one connection a container, and how a conflict of transactions is met."""

import random
import time
from collections.abc import Callable
from functools import cache

import botocore.session
from pynamodb.connection import Connection, TableConnection
from pynamodb.exceptions import PynamoDBException, TransactWriteError
from pynamodb.models import Model

from kernel import aws
from kernel.errors import Unavailable

CONFLICT_SECONDS = 2.0
"""How long a call that meets somebody else's transaction is repeated: the design's figure."""


class Record(Model):
    """What every item class extends: all the classes of a table share one connection."""

    @classmethod
    def _get_connection(cls) -> TableConnection:
        if cls._connection is None:
            table = super()._get_connection()
            shared = _connection(cls.Meta.table_name, retries=3)
            shared.add_meta_table(table.get_meta_table())
            table.connection = shared
        return super()._get_connection()

    @classmethod
    def connection(cls) -> Connection:
        """Return the connection transactions run on: three retries, in botocore's standard mode."""
        return cls._get_connection().connection

    @classmethod
    def unretried(cls) -> Connection:
        """Return a connection that never repeats a call: for the update that hands out a place."""
        connection = _connection(cls.Meta.table_name, retries=0)
        connection.add_meta_table(cls._get_connection().get_meta_table())
        return connection


class _SharedSession(Connection):
    """A PynamoDB connection on the container's one botocore session, so that service descriptions load once."""

    @property
    def session(self) -> botocore.session.Session:
        return aws.session()


@cache
def _connection(table_name: str, *, retries: int) -> _SharedSession:
    return _SharedSession(
        connect_timeout_seconds=aws.CONNECT_SECONDS,
        read_timeout_seconds=aws.READ_SECONDS,
        max_retry_attempts=retries,
    )


def refused(error: PynamoDBException) -> bool:
    """Tell whether a condition refused the write, be it alone or in a transaction."""
    if isinstance(error, TransactWriteError):
        return "ConditionalCheckFailed" in _reasons(error)
    return error.cause_response_code == "ConditionalCheckFailedException"


def refused_at(error: PynamoDBException, index: int) -> bool:
    """Tell whether it was the condition of the transaction's write number ``index``.

    DynamoDB sees a PynamoDB transaction as its condition checks, deletes, puts and updates, in that order.
    """
    reasons = _reasons(error) if isinstance(error, TransactWriteError) else []
    return index < len(reasons) and reasons[index] == "ConditionalCheckFailed"


def in_conflict(error: PynamoDBException) -> bool:
    """Tell whether nothing but somebody else's transaction stood in the way: the same call may pass later."""
    if isinstance(error, TransactWriteError) and error.cause_response_code == "TransactionCanceledException":
        return not refused(error) and "TransactionConflict" in _reasons(error)
    return error.cause_response_code in {"TransactionConflictException", "TransactionInProgressException"}


def past_conflicts[T](call: Callable[[], T]) -> T:
    """Make the call, again with jitter while it meets somebody else's transaction, for `CONFLICT_SECONDS`.

    botocore does not retry these. A refused call changed nothing, so repeating it is safe.

    Raises:
        Unavailable: the conflict outlasted our patience.
    """
    give_up = time.monotonic() + CONFLICT_SECONDS
    wait = 0.02
    while True:
        try:
            return call()
        except PynamoDBException as error:
            if not in_conflict(error):
                raise
            if time.monotonic() + wait > give_up:
                raise Unavailable from error
            time.sleep(random.uniform(wait / 2, wait))  # noqa: S311  jitter, not a secret
            wait = min(wait * 2, 0.4)


def _reasons(error: TransactWriteError) -> list[str | None]:
    return [reason.code if reason else None for reason in error.cancellation_reasons]
