"""What calls of DynamoDB cost in capacity units, by AWS's published rules, from the items as they really are.

Rules: "DynamoDB item sizes and formats" and "Read and write capacity" in the Amazon DynamoDB Developer Guide.
moto's own figures are constants, so nothing here rests on them.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from typing import Any

import pytest
from botocore.client import BaseClient

from tests import tables

type Item = Mapping[str, Any]

READ_UNIT = 4096
WRITE_UNIT = 1024

_make_api_call = BaseClient._make_api_call  # type: ignore[attr-defined]  # before any test puts something in its way


@dataclass(frozen=True)
class Cost:
    """What one call cost: read and write units, those of indexes included."""

    operation: str
    reads: float = 0
    writes: int = 0


@dataclass(frozen=True)
class _Write:
    """An item that a call writes, and what stood there before."""

    table: str
    key: Item
    before: Item | None


@contextmanager
def metered(patch: pytest.MonkeyPatch) -> Iterator[list[Cost]]:
    """Note what every DynamoDB call of this process costs, in order."""
    costs: list[Cost] = []
    original = BaseClient._make_api_call  # type: ignore[attr-defined]

    def call(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
        if client.meta.service_model.service_name != "dynamodb":
            return original(client, operation, parameters)
        writes = list(_writes(operation, parameters))
        try:
            return original(client, operation, parameters)
        finally:  # a write that its condition refuses costs as much
            factor = 2 if operation == "TransactWriteItems" else 1
            costs.append(
                Cost(operation, _reads(client, operation, parameters), sum(_write_units(one, factor) for one in writes))
            )

    with patch.context() as patched:
        patched.setattr(BaseClient, "_make_api_call", call)
        yield costs


def item_size(item: Item) -> int:
    """Return an item's size in bytes: names and values of its attributes."""
    return sum(len(name.encode()) + _size(value) for name, value in item.items())


def _size(value: Mapping[str, Any]) -> int:
    [(kind, held)] = value.items()
    match kind:
        case "S":
            return len(held.encode())
        case "N":
            return _number_size(held)
        case "BOOL" | "NULL":
            return 1
        case "NS":
            return sum(_number_size(one) for one in held)
        case "SS":
            return sum(len(one.encode()) for one in held)
        case "L":
            return 3 + sum(1 + _size(one) for one in held)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _size(one) for name, one in held.items())
    raise NotImplementedError(f"no rule here for the size of attributes of type {kind}")


def _number_size(number: str) -> int:
    """One byte for two significant digits, one more, and another for a sign."""
    digits = number.lstrip("-").replace(".", "").strip("0")
    return ceil(len(digits) / 2) + 1 + number.startswith("-")


# --- writing


def _writes(operation: str, parameters: Mapping[str, Any]) -> Iterator[_Write]:
    if operation == "TransactWriteItems":
        requests = [write for item in parameters["TransactItems"] for write in item.values()]
    elif operation in {"PutItem", "UpdateItem"}:
        requests = [parameters]
    elif operation in _READS:
        requests = []
    else:
        raise NotImplementedError(f"no rule here for the cost of {operation}")
    for request in requests:
        source = request["Key"] if "Key" in request else request["Item"]
        key = {"pk": source["pk"], "sk": source["sk"]}
        yield _Write(request["TableName"], key, tables.item(request["TableName"], key))


def _write_units(write: _Write, factor: int) -> int:
    """One unit for each KB begun of the larger of the two items, ``factor`` times; and what indexes take."""
    after = tables.item(write.table, write.key)
    sizes = [item_size(item) for item in (write.before, after) if item]
    units = factor * max(1, ceil(max(sizes, default=0) / WRITE_UNIT))
    return units + sum(_index_units(keys, write.before, after) for keys in _index_keys(write.table))


def _index_keys(table: str) -> list[tuple[str, ...]]:
    return [tuple(key["AttributeName"] for key in index.schema) for index in tables.table(table).global_indexes]


def _index_units(keys: tuple[str, ...], before: Item | None, after: Item | None) -> int:
    """An entry that comes, goes or changes is a write; one whose key changes is two. Ours project everything."""
    old = before if before and all(key in before for key in keys) else None
    new = after if after and all(key in after for key in keys) else None
    if old == new:
        return 0
    if old and new and all(old[key] == new[key] for key in keys):
        return max(_entry_units(old), _entry_units(new))
    return sum(_entry_units(entry) for entry in (old, new) if entry)


def _entry_units(entry: Item) -> int:
    return ceil(item_size(entry) / WRITE_UNIT)


# --- reading

_READS = {"GetItem", "BatchGetItem", "Query"}


def _reads(client: BaseClient, operation: str, parameters: Mapping[str, Any]) -> float:
    match operation:
        case "GetItem":
            return _read_units(_item_size_at(parameters["TableName"], parameters["Key"]), parameters)
        case "BatchGetItem":
            return sum(
                _read_units(_item_size_at(table, key), asked)
                for table, asked in parameters["RequestItems"].items()
                for key in asked["Keys"]
            )
        case "Query":
            return _read_units(sum(item_size(item) for item in _evaluated(client, parameters)), parameters)
    return 0


def _item_size_at(table: str, key: Item) -> int:
    return item_size(tables.item(table, key) or {})


def _read_units(size: int, asked: Mapping[str, Any]) -> float:
    """One unit for each 4 KB begun, and for nothing found; half of it where the read need not be consistent."""
    return max(1, ceil(size / READ_UNIT)) * (1 if asked.get("ConsistentRead") else 0.5)


def _evaluated(client: BaseClient, parameters: Mapping[str, Any]) -> list[Item]:
    """Return what a query reads: what its filter drops and its projection leaves out is paid for all the same."""
    dropped = {"FilterExpression", "ProjectionExpression", "Select"}
    asked = {name: value for name, value in parameters.items() if name not in dropped}
    used = set(re.findall(r"[#:]\w+", asked["KeyConditionExpression"]))
    for placeholders in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
        asked[placeholders] = {name: value for name, value in asked.get(placeholders, {}).items() if name in used}
    found: list[Item] = _make_api_call(client, "Query", asked)["Items"]
    return found
