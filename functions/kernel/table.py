"""What our DynamoDB tables share: one connection a container, and how a conflict of transactions is met."""

import random
import time
from collections.abc import Callable
from typing import ClassVar

from pynamodb.connection import Connection, TableConnection
from pynamodb.connection._botocore_private import BotocoreBaseClientPrivate
from pynamodb.connection.base import MetaTable
from pynamodb.exceptions import PynamoDBException, TransactWriteError
from pynamodb.models import Model

from kernel import aws
from kernel.errors import Unavailable

CONFLICT_SECONDS = 2.0
"""How long a call that meets somebody else's transaction is repeated: the design's figure."""


class _OneClient(Connection):
    """A PynamoDB connection on the container's one DynamoDB client of so many attempts.

    PynamoDB would make a session and a client for every model class, each reading DynamoDB's description again.
    """

    def __init__(self, attempts: int) -> None:
        super().__init__()
        self._attempts = attempts

    @property
    def client(self) -> BotocoreBaseClientPrivate:
        return aws.client("dynamodb", attempts=self._attempts)


class Record(Model):
    """What every item class extends."""

    _unretried: ClassVar[Connection | None] = None

    @classmethod
    def _get_connection(cls) -> TableConnection:
        if cls._connection is None:
            table = super()._get_connection()
            table.connection = _connection(table.get_meta_table(), attempts=4)
        return super()._get_connection()

    @classmethod
    def connection(cls) -> Connection:
        """Return the connection transactions run on: four attempts, in botocore's standard mode."""
        return cls._get_connection().connection

    @classmethod
    def unretried(cls) -> Connection:
        """Return a connection that never repeats a call: for the update that hands out a place."""
        if cls._unretried is None:
            cls._unretried = _connection(cls._get_connection().get_meta_table(), attempts=1)
        return cls._unretried


def _connection(meta_table: MetaTable, *, attempts: int) -> Connection:
    connection = _OneClient(attempts)
    connection.add_meta_table(meta_table)
    return connection


def refused(error: PynamoDBException) -> bool:
    """Tell whether a condition refused the write, be it alone or in a transaction."""
    if isinstance(error, TransactWriteError):
        return "ConditionalCheckFailed" in _reasons(error)
    return _code(error) == "ConditionalCheckFailedException"


def refused_at(error: PynamoDBException, index: int) -> bool:
    """Tell whether it was the condition of the transaction's write number ``index``.

    DynamoDB sees a PynamoDB transaction as its condition checks, deletes, puts and updates, in that order.
    """
    reasons = _reasons(error) if isinstance(error, TransactWriteError) else []
    return index < len(reasons) and reasons[index] == "ConditionalCheckFailed"


def in_conflict(error: PynamoDBException) -> bool:
    """Tell whether nothing but somebody else's transaction stood in the way: the same call may pass later."""
    if isinstance(error, TransactWriteError) and _code(error) == "TransactionCanceledException":
        return not refused(error) and "TransactionConflict" in _reasons(error)
    return _code(error) in {"TransactionConflictException", "TransactionInProgressException"}


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


def _code(error: PynamoDBException) -> str | None:
    """Return DynamoDB's error code; None where no answer came.

    Not PynamoDB's ``cause_response_code``: it fails on botocore's time-outs, whose ``response`` is there and None.
    """
    response = getattr(error.cause, "response", None) or {}
    code: str | None = response.get("Error", {}).get("Code")
    return code


def _reasons(error: TransactWriteError) -> list[str | None]:
    return [reason.code if reason else None for reason in error.cancellation_reasons]
