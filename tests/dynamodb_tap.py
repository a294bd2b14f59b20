"""What stands between this process and DynamoDB in tests: it notes calls, writes a stream, and strikes."""

import json
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from tests import tables

type When = Literal["before", "after"]
type Strike = Callable[[int, str, When], None]
"""Called before and after every call with its index and operation; what it raises is what the call raises."""


class Crash(BaseException):
    """The function's machine is gone: nothing in it runs any more, so no `except Exception` sees this."""


@dataclass
class Tap:
    """Calls made so far, in order, and the records a stream with both images would hold."""

    clock: Callable[[], datetime]
    calls: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    strike: Strike | None = None

    @property
    def operations(self) -> list[str]:
        """The names of the calls made so far."""
        return [operation for operation, _ in self.calls]

    def forget(self) -> None:
        """Start counting again."""
        self.calls.clear()
        self.records.clear()

    def taken(self) -> list[dict[str, Any]]:
        """Return the stream's records since the last time, as Lambda would hand them over."""
        records = list(self.records)
        self.records.clear()
        return records

    def call(self, original: Callable[..., Any], client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
        """Make a call, noted; strike where a test says so."""
        index = len(self.calls)
        self.calls.append((operation, parameters))
        if self.strike is not None:
            self.strike(index, operation, "before")
        keys = _written(operation, parameters)
        before = [tables.item(table, key) for table, key in keys]
        answer = original(client, operation, parameters)
        for (table, key), old in zip(keys, before, strict=True):
            new = tables.item(table, key)
            if old != new:
                self.records.append(self._record(key, old, new))
        if self.strike is not None:
            self.strike(index, operation, "after")
        return answer

    def _record(self, key: Mapping[str, Any], old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> Any:
        number = str(99_999_999_999_000 + len(self.calls) * 100 + len(self.records))
        seen: dict[str, Any] = {
            "ApproximateCreationDateTime": self.clock().timestamp(),
            "Keys": dict(key),
            "SequenceNumber": number,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        }
        if old is not None:
            seen["OldImage"] = old
        if new is not None:
            seen["NewImage"] = new
        name = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
        # Through JSON and back: what Lambda hands over shares nothing with us.
        record: dict[str, Any] = json.loads(
            json.dumps(
                {"eventID": f"event-{number}", "eventName": name, "eventSource": "aws:dynamodb", "dynamodb": seen}
            )
        )
        return record


@contextmanager
def tapped(patch: pytest.MonkeyPatch, clock: Callable[[], datetime]) -> Any:
    """Put a tap on every DynamoDB client of this process."""
    tap = Tap(clock)
    original = BaseClient._make_api_call  # type: ignore[attr-defined]

    def call(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
        if client.meta.service_model.service_name != "dynamodb":
            return original(client, operation, parameters)
        return tap.call(original, client, operation, parameters)

    with patch.context() as patched:
        patched.setattr(BaseClient, "_make_api_call", call)
        yield tap


def refusal(code: str, operation: str = "UpdateItem", *, reasons: tuple[str, ...] = ()) -> ClientError:
    """Return the error botocore raises for a code of DynamoDB's; ``reasons`` are a cancelled transaction's."""
    response: dict[str, Any] = {"Error": {"Code": code, "Message": "as a test wants it"}, "ResponseMetadata": {}}
    if reasons:
        response["CancellationReasons"] = [{"Code": reason} for reason in reasons]
    return ClientError(response, operation)  # type: ignore[arg-type]


def _written(operation: str, parameters: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    if operation == "TransactWriteItems":
        writes = [
            write for item in parameters["TransactItems"] for kind, write in item.items() if kind != "ConditionCheck"
        ]
    elif operation in {"PutItem", "UpdateItem", "DeleteItem"}:
        writes = [parameters]
    else:
        writes = []
    found = []
    for write in writes:
        source = write["Key"] if "Key" in write else write["Item"]
        found.append((write["TableName"], {"pk": source["pk"], "sk": source["sk"]}))
    return found
