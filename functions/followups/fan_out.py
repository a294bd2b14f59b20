"""Lambda ``followups-fan-out``: something happened to a whole visit, so everybody registered is to get an email.

The bus puts the event into this function's queue. Each message is one page of people: their deliveries are made and
queued, then the message for the page behind it. A message that comes again finds its deliveries made: their ids come
from the event and the registration alone. So dying anywhere, or running twice at once, sends nothing twice, and
nobody is left out: the page behind is queued before this page's message is gone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from followups.delivery import created
from followups.model import Deliveries
from followups.on_event import Queue
from followups.plan import ForEverybody, for_everybody
from kernel import aws, clock, settings
from kernel.events import Fact
from kernel.log import logger, what_failed
from visits.query import MessageView, RegistrationView

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

PAGE: Final = 200
"""People a message is about: their deliveries are made well within the function's time, and need little memory."""

LIVE: Final = frozenset({"confirmed", "waiting", "offered"})


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function needs of its environment."""

    deliveries_queue_url: str
    fan_out_queue_url: str


class Pages:
    """The queue this function reads: an event, and the place after which a page of it begins."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url

    def put(self, name: str, detail: Mapping[str, Fact], after: int) -> None:
        """Queue a page; it looks as the bus's own message does, and says where it begins."""
        body = json.dumps({"detail-type": name, "detail": dict(detail), "after": after})
        self._client.send_message(QueueUrl=self._url, MessageBody=body)


@dataclass(frozen=True, slots=True)
class FanOut:
    """Makes the deliveries of whole visits, a page at a time. May be given the same page twice, or late.

    Attributes:
        people: a visit's registrations after a place, in the order of the line, so many at most.
        message: what an organiser wrote.
    """

    deliveries: Deliveries
    queue: Queue
    pages: Pages
    people: Callable[[str, int, int], Sequence[RegistrationView]]
    message: Callable[[str, str], MessageView | None]
    now: Callable[[], datetime]

    def page(self, name: str, detail: Mapping[str, Fact], after: int) -> int:
        """Make and queue one page's deliveries, then queue the next page; return how many there are of this one."""
        asked = for_everybody(name, detail)
        if asked is None:
            return 0
        people = self.people(asked.visit_id, after, PAGE)
        made = self._made(asked, people)
        self.queue.put_all(made)
        if len(people) == PAGE:
            self.pages.put(name, detail, people[-1].place)
        return len(made)

    def _made(self, asked: ForEverybody, people: Sequence[RegistrationView]) -> list[str]:
        to = self._to(asked)
        made = []
        for registration in people:
            identity = asked.identity(registration) if registration.status in to else None
            if identity is not None:
                self.deliveries.create(created(identity, self.now()))
                # Also where it was there already: whoever made it may have died before queueing it.
                made.append(identity.delivery_id)
        return made

    def _to(self, asked: ForEverybody) -> frozenset[str]:
        if asked.message_id is None:
            return LIVE
        message = self.message(asked.visit_id, asked.message_id)
        return LIVE & message.to if message else frozenset()


@cache
def _fan_out() -> FanOut:
    from visits import query

    read = settings.read(Settings)
    sqs = aws.client("sqs")
    return FanOut(
        deliveries=Deliveries(),
        queue=Queue(sqs, read.deliveries_queue_url),
        pages=Pages(sqs, read.fan_out_queue_url),
        people=query.people_after,
        message=query.message,
        now=clock.now,
    )


# What Lambda hands over is JSON, which has no narrower type than Any.
def handler(event: dict[str, Any], _context: object) -> dict[str, list[dict[str, str]]]:
    """Take messages of the queue; one that failed comes again."""
    failed = []
    for record in event["Records"]:
        try:
            said = json.loads(record["body"])
            name, detail, after = said["detail-type"], said["detail"], int(said.get("after") or 0)
            people = _fan_out().page(name, detail, after)
            logger.info("page planned", detail_type=name, visit_id=detail["visit_id"], after=after, people=people)
        except Exception as error:  # noqa: BLE001  one bad message must not hold up the others
            logger.error("page comes again", message_id=record["messageId"], failure=what_failed(error))
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}
