"""The outbox: what a table's stream recorded is said on the bus, all of it, at least once.

What EventBridge will not take now is reported as a failed record: Lambda delivers it and all after it again for as
long as the template says, then puts the batch whole into the failures bucket. A record that nobody here understands
goes there at once and holds up nobody behind it. `docs/runbook.md` says how both are replayed.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import batched
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from kernel import aws
from kernel.events import Event
from kernel.ids import derived_id
from kernel.log import logger

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

ENTRIES_A_CALL = 10  # PutEvents' limit
ATTEMPTS = 4

type Image = dict[str, dict[str, Any]]
"""An item as the stream shows it, attribute → {type: value}; the values' types are DynamoDB's."""


@dataclass(frozen=True, slots=True)
class Change:
    """One record of a table's stream: what an item was, what it is, when it changed. Absent is None."""

    old: Image | None
    new: Image | None
    at: datetime

    def key(self, name: str) -> str:
        """Return the text of a key attribute."""
        return str(((self.new or self.old) or {})[name]["S"])


type Describe = Callable[[Change], Iterable[Event]]
"""A context's word for what a change means; it has no side effect and may be called again."""

type Record = Mapping[str, Any]
"""A record of a DynamoDB stream as Lambda hands it over."""


@dataclass(frozen=True, slots=True)
class Outbox:
    """Publishes one table's stream.

    Attributes:
        source: what the events' source is called, such as ``microclimate.visits``.
        bus: the name of the bus.
        describe: what a change means.
        events: the EventBridge client.
        park: keeps a record that nobody here understands, whole, for a person to look at and replay.
        sleep: waits between attempts; seconds.
    """

    source: str
    bus: str
    describe: Describe
    events: EventBridgeClient
    park: Callable[[Record], None]
    sleep: Callable[[float], None] = time.sleep

    def publish(self, records: Sequence[Record]) -> dict[str, list[dict[str, str]]]:
        """Publish what a batch of records means; return Lambda's partial batch response.

        The earliest record that could be neither published nor parked, and so all after it, comes again.
        """
        entries: list[tuple[str, PutEventsRequestEntryTypeDef]] = []
        failed: set[str] = set()
        for record in records:
            sequence = record["dynamodb"]["SequenceNumber"]
            try:
                entries += [(sequence, entry) for entry in self._entries(record)]
            except Exception as broken:  # noqa: BLE001  whatever it is, it must be kept and hold up nobody
                logger.error("record not understood", error=type(broken).__name__, sequence=sequence)
                failed |= self._parked(record, sequence)
        for some in batched(entries, ENTRIES_A_CALL, strict=False):
            failed |= self._put(list(some))
        earliest = next((s for r in records if (s := r["dynamodb"]["SequenceNumber"]) in failed), None)
        return {"batchItemFailures": [] if earliest is None else [{"itemIdentifier": earliest}]}

    def _entries(self, record: Record) -> list[PutEventsRequestEntryTypeDef]:
        seen = record["dynamodb"]
        change = Change(
            old=seen.get("OldImage"),
            new=seen.get("NewImage"),
            at=datetime.fromtimestamp(float(seen["ApproximateCreationDateTime"]), UTC),
        )
        said: list[PutEventsRequestEntryTypeDef] = []
        for number, event in enumerate(self.describe(change)):
            # The same record always makes the same event_id: a repeat can be told from a second happening.
            detail = {
                "event_id": str(derived_id(record["eventID"], number)),
                "occurred_at": change.at.isoformat(),
                **event.detail,
            }
            said.append(
                {
                    "Source": self.source,
                    "DetailType": event.name,
                    "Detail": json.dumps(detail, separators=(",", ":")),
                    "EventBusName": self.bus,
                }
            )
        return said

    def _parked(self, record: Record, sequence: str) -> set[str]:
        try:
            self.park(record)
        except (BotoCoreError, ClientError) as error:
            logger.error("record not parked", error=type(error).__name__, sequence=sequence)
            return {sequence}
        return set()

    def _put(self, entries: list[tuple[str, PutEventsRequestEntryTypeDef]]) -> set[str]:
        """Put up to ten entries, the refused ones again; return the sequence numbers that stay unpublished."""
        left = entries
        for attempt in range(ATTEMPTS):
            if attempt:
                self.sleep(random.uniform(0.05, 0.1) * 2**attempt)  # noqa: S311  jitter, not a secret
            try:
                answer = self.events.put_events(Entries=[entry for _, entry in left])
            except (BotoCoreError, ClientError) as error:
                logger.warning("PutEvents failed", error=type(error).__name__, entries=len(left))
                continue
            codes = [result.get("ErrorCode") for result in answer["Entries"]]
            left = [entry for entry, code in zip(left, codes, strict=True) if code]
            if not left:
                return set()
            logger.warning("PutEvents refused entries", entries=len(left), codes=sorted({c for c in codes if c}))
        return {sequence for sequence, _ in left}


def parking(bucket: str, table: str) -> Callable[[Record], None]:
    """Return what keeps a record in the failures bucket, under a name that a repeat overwrites."""

    def park(record: Record) -> None:
        aws.client("s3").put_object(
            Bucket=bucket,
            Key=f"not-understood/{table}/{record['eventID']}.json",
            Body=json.dumps(record, default=str).encode(),
            ContentType="application/json",
        )

    return park
