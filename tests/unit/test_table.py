"""How an error of the table is read, and how a conflict of transactions is met."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from botocore.exceptions import BotoCoreError, ClientError, ConnectionClosedError, ConnectTimeoutError, ReadTimeoutError
from pynamodb.exceptions import CancellationReason, TransactWriteError, UpdateError, VerboseClientError

from kernel import table
from kernel.errors import Unavailable
from kernel.table import in_conflict, past_conflicts, refused, refused_at

ADDRESS = "https://dynamodb.eu-west-2.amazonaws.com"


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "UpdateItem")


def cancelled(*reasons: str | None) -> TransactWriteError:
    cause = VerboseClientError(
        {"Error": {"Code": "TransactionCanceledException", "Message": ""}},
        "TransactWriteItems",
        cancellation_reasons=[CancellationReason(code=reason) if reason else None for reason in reasons],
    )
    return TransactWriteError("", cause)


@pytest.mark.parametrize(
    "cause",
    [
        ReadTimeoutError(endpoint_url=ADDRESS),
        ConnectTimeoutError(endpoint_url=ADDRESS),
        ConnectionClosedError(endpoint_url=ADDRESS),
    ],
    ids=lambda cause: type(cause).__name__,
)
def test_an_answer_that_never_came_is_neither_a_refusal_nor_a_conflict(cause: BotoCoreError) -> None:
    for error in (UpdateError("", cause), TransactWriteError("", cause)):
        assert not refused(error)
        assert not refused_at(error, 0)
        assert not in_conflict(error)


def test_a_condition_that_did_not_hold_is_a_refusal() -> None:
    assert refused(UpdateError("", client_error("ConditionalCheckFailedException")))
    assert refused(cancelled(None, "ConditionalCheckFailed"))


def test_a_refused_transaction_says_which_write_it_was() -> None:
    error = cancelled(None, "ConditionalCheckFailed")

    assert [refused_at(error, index) for index in range(3)] == [False, True, False]


@pytest.mark.parametrize(
    "error",
    [
        UpdateError("", client_error("TransactionConflictException")),
        TransactWriteError("", client_error("TransactionInProgressException")),
        cancelled("TransactionConflict", None),
    ],
    ids=["update", "in progress", "transaction"],
)
def test_somebody_elses_transaction_is_a_conflict_and_no_refusal(error: UpdateError | TransactWriteError) -> None:
    assert in_conflict(error)
    assert not refused(error)


def test_a_transaction_both_refused_and_in_conflict_is_refused() -> None:
    error = cancelled("TransactionConflict", "ConditionalCheckFailed")

    assert refused(error)
    assert not in_conflict(error)


@dataclass
class Clock:
    """Time that passes only in sleep."""

    slept: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return sum(self.slept)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(table, "time", clock)
    return clock


def failing(times: int, error: Exception) -> Callable[[], str]:
    left = iter([error] * times)

    def call() -> str:
        if (failure := next(left, None)) is not None:
            raise failure
        return "done"

    return call


def test_a_conflict_is_met_by_trying_again_after_ever_longer_waits(clock: Clock) -> None:
    assert past_conflicts(failing(4, cancelled("TransactionConflict", None))) == "done"
    assert len(clock.slept) == 4
    assert all(0 < wait <= 0.4 for wait in clock.slept)


def test_a_conflict_that_lasts_is_given_up_after_two_seconds(clock: Clock) -> None:
    with pytest.raises(Unavailable):
        past_conflicts(failing(1000, cancelled("TransactionConflict", None)))

    assert sum(clock.slept) <= table.CONFLICT_SECONDS


def test_nothing_but_a_conflict_is_tried_again(clock: Clock) -> None:
    with pytest.raises(UpdateError):
        past_conflicts(failing(1, UpdateError("", client_error("ThrottlingException"))))

    assert clock.slept == []
