"""The tables of the service in moto, made from the models: the indexes are theirs, so no test describes them again.

``tests/infra`` holds the template to the same keys and indexes.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from moto import mock_aws
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table
from pynamodb.attributes import UnicodeAttribute

from kernel.table import Record


@contextmanager
def in_memory() -> Iterator[None]:
    """An AWS account in this process's memory, with our tables in it and nothing else."""
    from followups.model import DeliveryRecord
    from visits.model import Details

    with mock_aws():
        for model in (Details, DeliveryRecord, accounts()):
            model.create_table(billing_mode="PAY_PER_REQUEST", wait=False)
        make_comments()
        yield


def make_comments() -> None:
    """Make the table of comments, whose indexes two models declare."""
    from comments.model import Comment, Story

    schema = Comment._get_schema()
    Story.stories_by_time._update_model_schema(schema)
    Comment.connection().create_table(Comment.Meta.table_name, billing_mode="PAY_PER_REQUEST", **schema)


@cache
def accounts() -> type[Record]:
    """The accounts table with the indexes of all whose items are in it: no model of one kind has them all."""
    from accounts.model import DigestReaders
    from kernel.audit import AuditEntry

    class Accounts(AuditEntry):
        digest_readers = DigestReaders()
        digest = UnicodeAttribute(null=True)

    return Accounts


def table(name: str) -> Table:
    """Return a table as moto keeps it, to look into it without a call."""
    [account] = dynamodb_backends.values()
    found: Table = account["eu-west-2"].tables[name]
    return found


def item(name: str, key: Mapping[str, Mapping[str, str]]) -> dict[str, Any] | None:
    """Return one item as DynamoDB would answer it, without a call."""
    found = table(name).get_item(DynamoType(dict(key["pk"])), DynamoType(dict(key["sk"])))
    if found is None:
        return None
    attributes: dict[str, Any] = found.to_json()["Attributes"]
    return json.loads(json.dumps(attributes)) if attributes else None


def put(name: str, items: Iterable[Mapping[str, Any]]) -> None:
    """Put items that were there before into a table, without a call."""
    for one in items:
        table(name).put_item(json.loads(json.dumps(one)))


def empty() -> None:
    """Forget every item of every table: a hundred times faster than making the tables again."""
    for name in ("visits", "followups", "accounts", "comments"):
        table(name).items.clear()
