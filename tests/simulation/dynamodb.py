"""A DynamoDB table in memory: takes the requests PynamoDB makes, and answers each as DynamoDB does, at one moment.

It knows the operations and expressions this project sends, and refuses anything else rather than guess. That it reads
them rightly is held against moto (`test_dynamodb.py`); what neither AWS nor moto can do for a test is to stop between
two calls, which is why this exists.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast

from botocore.exceptions import ClientError

type Value = Mapping[str, Any]
"""One attribute as DynamoDB writes it, ``{type: value}``."""

type Item = dict[str, Value]
type Request = dict[str, Any]
type Key = tuple[str, str]

READS = frozenset({"GetItem", "Query"})


class NotUnderstood(AssertionError):
    """DynamoDB would refuse this request as malformed, or we do not know what it would do."""


@dataclass(frozen=True, slots=True)
class Change:
    """One record of the table's stream: the item before and after."""

    key: Key
    old: Item | None
    new: Item


@dataclass
class Table:
    """A table with the keys ``pk`` and ``sk``.

    Attributes:
        indexes: name → (hash key, range key).
        stream: every change there was, oldest first.
    """

    indexes: Mapping[str, tuple[str, str]]
    stream: list[Change] = field(default_factory=list)
    _partitions: dict[str, dict[str, Item]] = field(default_factory=dict)
    _done: dict[str, Request] = field(default_factory=dict)

    def call(self, operation: str, request: Request) -> dict[str, Any]:
        """Do what one request asks for, all at once.

        Raises:
            ClientError: as DynamoDB refuses it.
            NotUnderstood: the request is malformed, or unknown here.
        """
        return _OPERATIONS[operation](self, request)

    def item(self, pk: str, sk: str) -> Item | None:
        """Return an item as it stands."""
        return self._partitions.get(pk, {}).get(sk)

    def under(self, pk: str) -> Iterator[Item]:
        """Yield a partition's items in the order of their sort keys."""
        partition = self._partitions.get(pk, {})
        return (partition[sk] for sk in sorted(partition))

    def items(self) -> Iterator[Item]:
        """Yield every item."""
        return (item for partition in self._partitions.values() for item in partition.values())

    def _get(self, request: Request) -> dict[str, Any]:
        if not request.get("ConsistentRead"):
            raise NotUnderstood("an eventually consistent read may show the past")
        found = self.item(*_key(request["Key"]))
        return {} if found is None else {"Item": dict(found)}

    def _query(self, request: Request) -> dict[str, Any]:
        unknown = request.keys() & {"Limit", "ExclusiveStartKey", "ScanIndexForward", "Select"}
        if unknown:
            raise NotUnderstood(f"Query with {sorted(unknown)}")
        keys = _Expression(request)
        wanted = keys.condition("KeyConditionExpression")
        kept = keys.condition("FilterExpression")
        shown = keys.names("ProjectionExpression")
        keys.all_used()
        hash_key, range_key = self.indexes[request["IndexName"]] if "IndexName" in request else ("pk", "sk")
        found = [item for item in self.items() if hash_key in item and range_key in item and wanted(item)]
        found.sort(key=lambda item: cast("str", item[range_key]["S"]))
        items = [
            {name: value for name, value in item.items() if not shown or name in shown} for item in found if kept(item)
        ]
        return {"Items": items, "Count": len(items), "ScannedCount": len(found)}

    def _put(self, request: Request) -> dict[str, Any]:
        self._one(_Put(request))
        return {}

    def _update(self, request: Request) -> dict[str, Any]:
        update = _Update(request)
        self._one(update)
        after = self.item(*update.key)
        return {"Attributes": dict(after or {})} if request.get("ReturnValues") == "ALL_NEW" else {}

    def _transact(self, request: Request) -> dict[str, Any]:
        token = request["ClientRequestToken"]
        if token in self._done:
            if self._done[token] != request:
                raise refusal("IdempotentParameterMismatchException", "TransactWriteItems")
            return {}
        writes: list[_Write] = [_WRITES[kind](one) for each in request["TransactItems"] for kind, one in each.items()]
        if len({write.key for write in writes}) != len(writes):
            raise NotUnderstood("two writes of one transaction to the same item")
        fits = [write.fits(self.item(*write.key)) for write in writes]
        if not all(fits):
            raise cancelled(["None" if fit else "ConditionalCheckFailed" for fit in fits])
        for write in writes:
            self._store(write)
        self._done[token] = request
        return {}

    def _one(self, write: "_Write") -> None:
        if not write.fits(self.item(*write.key)):
            raise refusal("ConditionalCheckFailedException", "UpdateItem")
        self._store(write)

    def _store(self, write: "_Write") -> None:
        pk, sk = write.key
        old = self.item(pk, sk)
        new = write.applied(old)
        self._partitions.setdefault(pk, {})[sk] = new
        if new != old:  # a write that changes nothing has no stream record
            self.stream.append(Change(write.key, old, new))


def refusal(code: str, operation: str) -> ClientError:
    """Return an error as the client of botocore raises it."""
    return ClientError({"Error": {"Code": code, "Message": code}}, operation)


def cancelled(reasons: Sequence[str]) -> ClientError:
    """Return a cancelled transaction, with the reason for each of its writes (``None`` for those that would pass)."""
    response: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": "Transaction cancelled"},
        "CancellationReasons": [{"Code": reason} for reason in reasons],
    }
    return ClientError(response, "TransactWriteItems")


# --- one write -----------------------------------------------------------------------------------------------------


class _Write:
    """A put or an update: its key, whether it may be done, and what it makes of the item."""

    key: Key

    def __init__(self, request: Request) -> None:
        self.expression = _Expression(request)
        self.fits: Callable[[Item | None], bool] = self.expression.condition("ConditionExpression")

    def applied(self, old: Item | None) -> Item:
        raise NotImplementedError


class _Put(_Write):
    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self.new: Item = dict(request["Item"])
        self.key = _key(self.new)
        self.expression.all_used()

    def applied(self, old: Item | None) -> Item:
        return self.new


class _Update(_Write):
    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self.key = _key(request["Key"])
        self.actions = self.expression.actions("UpdateExpression")
        self.expression.all_used()

    def applied(self, old: Item | None) -> Item:
        pk, sk = self.key
        new: Item = dict(old) if old is not None else {"pk": {"S": pk}, "sk": {"S": sk}}
        for kind, name, value in self.actions:
            if kind == "REMOVE":
                new.pop(name, None)
            elif kind == "SET":
                new[name] = cast("Value", value)
            else:
                new[name] = _added(new.get(name), cast("Value", value))
        return new


_WRITES: Mapping[str, Callable[[Request], _Write]] = {"Put": _Put, "Update": _Update}

_OPERATIONS: Mapping[str, Callable[[Table, Request], dict[str, Any]]] = {
    "GetItem": Table._get,
    "Query": Table._query,
    "PutItem": Table._put,
    "UpdateItem": Table._update,
    "TransactWriteItems": Table._transact,
}


def _key(item: Item) -> Key:
    return item["pk"]["S"], item["sk"]["S"]


def _added(value: Value | None, more: Value) -> Value:
    if value is not None and value.keys() != more.keys():
        raise NotUnderstood("ADD of another type")
    if "N" in more:
        return {"N": str(int(more["N"]) + (int(value["N"]) if value else 0))}
    if "NS" in more:
        return {"NS": sorted({*more["NS"], *(value["NS"] if value else ())}, key=int)}
    raise NotUnderstood("ADD takes numbers and sets of numbers here")


# --- expressions ---------------------------------------------------------------------------------------------------

type _Read = Callable[[Item], Value | None]
type _Test = Callable[[Item, "_Expression"], bool]

_TOKEN = re.compile(r"\s*(#\d+|:\d+|<>|<=|>=|[=<>(),]|[A-Za-z_]+)\s*")


class _Expression:
    """A request's expressions, with what its placeholders stand for."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self._names: Mapping[str, str] = request.get("ExpressionAttributeNames", {})
        self._values: Mapping[str, Value] = request.get("ExpressionAttributeValues", {})

    def condition(self, part: str) -> Callable[[Item | None], bool]:
        text = self.request.get(part)
        if text is None:
            return lambda item: True
        test = _parsed(text)
        return lambda item: test(item or {}, self)

    def names(self, part: str) -> list[str]:
        return [self.name(token) for token in _tokens(self.request.get(part, "")) if token != ","]

    def actions(self, part: str) -> list[tuple[str, str, Value | None]]:
        found: list[tuple[str, str, Value | None]] = []
        for kind, body in re.findall(r"(SET|REMOVE|ADD) (.*?)(?= SET | REMOVE | ADD | DELETE |$)", self.request[part]):
            for each in body.split(", "):
                name, *value = re.split(r" = | ", each)
                found.append((kind, self.name(name), self.value(value[0]) if value else None))
        if len({name for _, name, _ in found}) != len(found):
            raise NotUnderstood("two actions on one attribute")
        return found

    def name(self, placeholder: str) -> str:
        return self._names[placeholder]

    def value(self, placeholder: str) -> Value:
        return self._values[placeholder]

    def read(self, placeholder: str, item: Item) -> Value | None:
        return item.get(self.name(placeholder)) if placeholder[0] == "#" else self.value(placeholder)

    def all_used(self) -> None:
        """DynamoDB refuses a request with a placeholder that no expression of it uses."""
        texts = " ".join(text for part, text in self.request.items() if part.endswith("Expression"))
        used = set(re.findall(r"[#:]\d+", texts))
        if used != self._names.keys() | self._values.keys():
            raise NotUnderstood(f"placeholders unused or unknown in {texts!r}")


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise NotUnderstood(text)
        found.append(match[1])
        at = match.end()
    return found


@cache
def _parsed(text: str) -> _Test:
    """Read a condition; the grammar is that of "Comparison operator and function reference" in DynamoDB's guide."""
    tokens = _tokens(text)
    test = _either(tokens)
    if tokens:
        raise NotUnderstood(text)
    return test


def _either(tokens: list[str]) -> _Test:
    test = _both(tokens)
    while tokens and tokens[0] == "OR":
        tokens.pop(0)
        test = _or(test, _both(tokens))
    return test


def _both(tokens: list[str]) -> _Test:
    test = _single(tokens)
    while tokens and tokens[0] == "AND":
        tokens.pop(0)
        test = _and(test, _single(tokens))
    return test


def _or(left: _Test, right: _Test) -> _Test:
    return lambda item, of: left(item, of) or right(item, of)


def _and(left: _Test, right: _Test) -> _Test:
    return lambda item, of: left(item, of) and right(item, of)


def _single(tokens: list[str]) -> _Test:
    token = tokens.pop(0)
    if token == "NOT":
        inner = _single(tokens)
        return lambda item, of: not inner(item, of)
    if token == "(":
        inner = _either(tokens)
        _expect(tokens, ")")
        return inner
    if token[0] not in "#:":
        return _function(token, _list(tokens))
    return _comparison(token, tokens)


def _list(tokens: list[str]) -> list[str]:
    _expect(tokens, "(")
    found = [tokens.pop(0)]
    while tokens[0] == ",":
        tokens.pop(0)
        found.append(tokens.pop(0))
    _expect(tokens, ")")
    return found


def _expect(tokens: list[str], wanted: str) -> None:
    if tokens.pop(0) != wanted:
        raise NotUnderstood(wanted)


def _function(name: str, taken: list[str]) -> _Test:
    match name, taken:
        case "attribute_exists", [path]:
            return lambda item, of: of.read(path, item) is not None
        case "attribute_not_exists", [path]:
            return lambda item, of: of.read(path, item) is None
        case "begins_with", [path, start]:
            return lambda item, of: str((of.read(path, item) or {}).get("S", "")).startswith(of.value(start)["S"])
        case _:
            raise NotUnderstood(name)


def _comparison(left: str, tokens: list[str]) -> _Test:
    operator = tokens.pop(0)
    if operator == "IN":
        among = _list(tokens)
        return lambda item, of: any(_compare("=", of.read(left, item), of.read(one, item)) for one in among)
    right = tokens.pop(0)
    if operator == "BETWEEN":
        _expect(tokens, "AND")
        last = tokens.pop(0)
        return lambda item, of: (
            _compare(">=", of.read(left, item), of.read(right, item))
            and _compare("<=", of.read(left, item), of.read(last, item))
        )
    return lambda item, of: _compare(operator, of.read(left, item), of.read(right, item))


def _compare(operator: str, left: Value | None, right: Value | None) -> bool:
    if left is None or right is None or left.keys() != right.keys():
        if operator == "<>":
            raise NotUnderstood("<> with an attribute that is missing, or of another type")
        return False
    ((kind, one),) = left.items()
    ((_, other),) = right.items()
    if kind not in {"S", "N"}:
        raise NotUnderstood(f"comparing {kind}")
    if kind == "N":
        one, other = int(one), int(other)
    return bool(_COMPARE[operator](one, other))


_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda one, other: one == other,
    "<>": lambda one, other: one != other,
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
}
