"""The table in memory answers as DynamoDB does: every request of whole runs of the line goes to moto too.

What moto does not do (it ignores a transaction's token, and takes what DynamoDB refuses as malformed) is held to the
documentation of TransactWriteItems and UpdateItem by hand.
"""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from kernel import aws
from tests import tables
from tests.simulation.dynamodb import NotUnderstood, Request, Table
from tests.simulation.line_runs import Weather, random_run
from tests.simulation.line_world import INDEXES

RUNS = 5
KEY = {"pk": {"S": "visit#a"}, "sk": {"S": "visit"}}

type Said = tuple[dict[str, Any], ClientError | None]


class Both(Table):
    """The table in memory and moto's: they say the same, or the test fails."""

    def __init__(self) -> None:
        super().__init__(INDEXES)
        self.moto = aws.client("dynamodb", attempts=1)
        self.compared = 0

    def call(self, operation: str, request: Request) -> dict[str, Any]:
        theirs = said(lambda: self.moto._make_api_call(operation, dict(request)))
        ours = said(lambda: super(Both, self).call(operation, request))
        assert plainly(*ours) == plainly(*theirs), f"{operation} {request}"
        self.compared += 1
        answer, error = ours
        if error is not None:
            raise error
        return answer


def said(call: Callable[[], dict[str, Any]]) -> Said:
    try:
        return call(), None
    except ClientError as error:
        return {}, error


def plainly(answer: dict[str, Any], error: ClientError | None) -> object:
    """What of an answer the service goes by."""
    if error is not None:
        response: Any = error.response
        return response["Error"]["Code"], [reason["Code"] for reason in response.get("CancellationReasons", [])]
    items = [answer.get("Item", {}), answer.get("Attributes", {}), *answer.get("Items", [])]
    return [
        {name: {k: sorted(v) if k == "NS" else v for k, v in value.items()} for name, value in i.items()} for i in items
    ]


@pytest.mark.parametrize("seed", range(RUNS))
def test_it_answers_whole_runs_of_the_line_as_moto_does(seed: int) -> None:
    with tables.in_memory():
        both = Both()
        random_run(seed, Weather(trouble=0), both)

    assert both.compared > 30


def add_one(attribute: str = "line", token: str = "once") -> Request:
    update = {
        "TableName": "visits",
        "Key": KEY,
        "UpdateExpression": "ADD #0 :0",
        "ExpressionAttributeNames": {"#0": attribute},
        "ExpressionAttributeValues": {":0": {"N": "1"}},
    }
    return {"ClientRequestToken": token, "TransactItems": [{"Update": update}]}


def test_a_transaction_repeated_with_its_token_is_done_once() -> None:
    table = Table(INDEXES)

    for _ in range(2):
        table.call("TransactWriteItems", add_one())

    assert table.item("visit#a", "visit") == {**KEY, "line": {"N": "1"}}
    assert len(table.stream) == 1


def test_another_transaction_with_the_same_token_is_refused() -> None:
    table = Table(INDEXES)
    table.call("TransactWriteItems", add_one())

    with pytest.raises(ClientError, match="IdempotentParameterMismatchException"):
        table.call("TransactWriteItems", add_one("admitted"))


def test_a_refused_transaction_changes_nothing_and_says_which_write_it_was() -> None:
    table = Table(INDEXES)
    put = {
        "TableName": "visits",
        "Item": {"pk": {"S": "person#a"}, "sk": {"S": "lookup"}},
        "ConditionExpression": "attribute_exists (#0)",
        "ExpressionAttributeNames": {"#0": "pk"},
    }
    request = add_one()
    request["TransactItems"].append({"Put": put})

    _, error = said(lambda: table.call("TransactWriteItems", request))

    assert plainly({}, error) == ("TransactionCanceledException", ["None", "ConditionalCheckFailed"])
    assert (table.item("visit#a", "visit"), table.stream) == (None, [])


def test_a_write_that_changes_nothing_leaves_no_record_in_the_stream() -> None:
    table = Table(INDEXES)
    put = {"TableName": "visits", "Item": KEY}

    for _ in range(2):
        table.call("PutItem", put)

    assert len(table.stream) == 1


def twice_the_same_item() -> Request:
    request = add_one()
    request["TransactItems"] *= 2
    return request


def a_name_nobody_uses() -> Request:
    request = add_one()
    request["TransactItems"][0]["Update"]["ExpressionAttributeNames"]["#1"] = "status"
    return request


def twice_the_same_attribute() -> Request:
    request = add_one()
    update = request["TransactItems"][0]["Update"]
    update["UpdateExpression"] = "SET #0 = :0 ADD #0 :0"
    return request


@pytest.mark.parametrize("request_", [twice_the_same_item(), a_name_nobody_uses(), twice_the_same_attribute()])
def test_what_dynamodb_refuses_as_malformed_fails_the_test_that_sent_it(request_: Request) -> None:
    with pytest.raises(NotUnderstood):
        Table(INDEXES).call("TransactWriteItems", request_)


def test_a_read_that_may_show_the_past_fails_the_test_that_made_it() -> None:
    with pytest.raises(NotUnderstood):
        Table(INDEXES).call("GetItem", {"TableName": "visits", "Key": KEY})
