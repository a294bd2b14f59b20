"""How an error of the table is read, and how a conflict of transactions is met."""

import io
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse, HTTPHeaders
from botocore.exceptions import BotoCoreError, ClientError, ConnectionClosedError, ConnectTimeoutError, ReadTimeoutError
from pynamodb.exceptions import CancellationReason, TransactWriteError, UpdateError, VerboseClientError

from kernel import aws, table
from kernel.errors import Unavailable
from kernel.table import in_conflict, past_conflicts, refused, refused_at
from visits.model import Counters

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


# --- what the SDK repeats ------------------------------------------------------------------------------------------


class Raw(io.BytesIO):
    """A body as urllib3 hands it over."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


@contextmanager
def failing_dynamodb(client: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """Answer every request with "internal server error"; show what was asked."""
    asked: list[dict[str, Any]] = []

    def send(request: Any, **_: Any) -> AWSResponse:
        asked.append(json.loads(request.body))
        return AWSResponse(request.url, 500, HTTPHeaders(), Raw(b'{"__type": "InternalServerError"}'))

    monkeypatch.setattr(time, "sleep", lambda _: None)
    client.meta.events.register("before-send.dynamodb", send, unique_id="failing")
    try:
        yield asked
    finally:
        client.meta.events.unregister("before-send.dynamodb", unique_id="failing")


def test_a_transaction_is_repeated_under_one_token_so_that_it_is_done_once(monkeypatch: pytest.MonkeyPatch) -> None:
    client = aws.client("dynamodb")
    with failing_dynamodb(client, monkeypatch) as asked, pytest.raises(ClientError):
        client._make_api_call("TransactWriteItems", {"TransactItems": []})

    assert len(asked) == 4
    assert len({one["ClientRequestToken"] for one in asked}) == 1


def test_the_update_that_hands_out_a_place_is_never_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        failing_dynamodb(aws.client("dynamodb", attempts=1), monkeypatch) as asked,
        pytest.raises(UpdateError),
    ):
        Counters.unretried().update_item(
            Counters.Meta.table_name, "visit#a", "visit", actions=[Counters.line.add(1)], return_values="ALL_NEW"
        )

    assert len(asked) == 1
