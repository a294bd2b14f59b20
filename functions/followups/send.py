"""Lambda ``followups-send``: takes ready deliveries from the queue and hands them to SES, each once.

The order is the point. Everything that can go wrong without a message leaving (reading, composing) comes before the
lease; between the lease and the outcome there is nothing but the one call.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import uuid4

from followups import moderation, plans
from followups.delivery import Change, Delivery, NotReady, accepted, held, not_sent, skipped, suppressed, taken, unclear
from followups.letters import Hold, Letters, Reader, Skip, Visits
from followups.message import Message, message, named_sender
from followups.model import Deliveries, Suppressions, trial_of
from followups.moderation_letters import Comments, ModerationLetters
from followups.pace import Pace
from followups.ses import NotSent, Ses, Unclear
from kernel import aws, clock, metrics, secrets, settings, site
from kernel.log import logger, what_failed


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function needs of its environment."""

    base_url: str
    sender: str
    configuration_set: str
    community_name: str
    secret_id: str
    emails_a_second: str


def _at_once() -> None:
    """No pace to keep."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends deliveries. May be given the same one twice, at once or late.

    Attributes:
        compose: the re-read and the message, or why there is to be none.
        new_lease: makes a token that no other attempt has.
        pace: waits until this sender may send again.
    """

    deliveries: Deliveries
    compose: Callable[[Delivery, datetime], Message | Skip | Hold]
    ses: Ses
    now: Callable[[], datetime]
    new_lease: Callable[[], str]
    pace: Callable[[], None] = _at_once

    def send(self, delivery_id: str) -> None:
        """Send a delivery if it is ready, still right and nobody else has it."""
        delivery = self.deliveries.read(delivery_id)
        if delivery is None:
            logger.warning("no such delivery", delivery_id=delivery_id)
            return
        lease = self.new_lease()
        try:
            mine = taken(delivery, lease, self.now())
        except NotReady as state:
            logger.info("delivery not ready", delivery_id=delivery_id, state=str(state))
            return
        composed = self._composed(delivery)
        if composed is None:
            return
        self.pace()  # before the lease: between it and the outcome there is nothing but the one call
        if self._leased(mine, lease):
            self._hand_over(mine, composed, lease)

    def _composed(self, delivery: Delivery) -> Message | None:
        """The message; None where there is to be none, which is recorded."""
        try:
            composed = self.compose(delivery, self.now())
        except Exception as broken:  # noqa: BLE001  whatever it is, it must not be tried for ever without a trace
            reason = f"could not be composed: {type(broken).__name__}"
            logger.error(reason, delivery_id=delivery.identity.delivery_id, failure=what_failed(broken))
            now = self.now()
            self._record(delivery, lambda current: not_sent(current, reason, now, lease=None, temporary=True))
            return None
        if isinstance(composed, Skip):
            now = self.now()
            self._record(delivery, lambda current: skipped(current, composed.reason, now))
            return None
        if isinstance(composed, Hold):
            now = self.now()
            self._record(delivery, lambda current: held(current, composed.reason, now))
            return None
        return composed

    def _leased(self, mine: Delivery, lease: str) -> bool:
        """Whether the delivery is ours to send."""
        if self.deliveries.write(mine):
            return True
        # The SDK repeats a write whose answer was lost, and the repeat is refused by the write itself.
        current = self.deliveries.read(mine.identity.delivery_id)
        return current is not None and current.lease == lease and current.version == mine.version

    def _hand_over(self, mine: Delivery, composed: Message, lease: str) -> None:
        identity = mine.identity
        try:
            message_id = self.ses.send(composed, delivery_id=identity.delivery_id, step=identity.step)
        except NotSent as refused:
            reason, temporary, now = refused.reason, refused.temporary, self.now()
            self._record(mine, lambda current: not_sent(current, reason, now, lease=lease, temporary=temporary))
        except Unclear as lost:
            reason, now = lost.reason, self.now()
            self._record(mine, lambda current: unclear(current, reason, now, lease=lease))
        else:
            now = self.now()
            self._record(mine, lambda current: accepted(current, message_id, now))

    def _record(self, delivery: Delivery, change: Change) -> None:
        recorded = self.deliveries.change(delivery.identity.delivery_id, change)
        if recorded is not None:
            identity = recorded.identity
            metrics.count("Deliveries", step=identity.step, state=recorded.state.value)
            logger.info(
                "delivery",
                delivery_id=identity.delivery_id,
                step=identity.step,
                state=recorded.state.value,
                reason=recorded.reason,
            )


def _reader(person: str) -> Reader | None:
    from accounts import query

    account = query.account(person)
    return None if account is None else Reader(account.name, account.email, account.digest == "daily")


@cache
def _sender() -> Sender:
    from visits import query

    read = settings.read(Settings)
    keys = secrets.load(read.secret_id).signing_keys
    visits = Visits(
        visit=query.visit,
        registration=query.registration,
        registrations_of=query.registrations_of,
        place_link=lambda registration, visit: query.place_link(
            registration, visit=visit, base_url=read.base_url, keys=keys
        ),
        address_link=lambda registration, email, now: query.address_link(
            registration, email, now=now, base_url=read.base_url, keys=keys
        ),
        address_undo_link=lambda registration, email, now: query.address_undo_link(
            registration, email, now=now, base_url=read.base_url, keys=keys
        ),
        message=query.message,
        newcomers=query.newcomers,
        join_link=lambda registration, visit: query.join_link(
            registration, visit=visit, base_url=read.base_url, keys=keys
        ),
    )

    suppressions = Suppressions()

    def compose(delivery: Delivery, now: datetime) -> Message | Skip | Hold:
        unwanted = suppressed(delivery.identity.kind, suppressions.of(delivery.identity.person))
        if unwanted is not None:
            return Skip(unwanted)
        of_the_site = site.current(read.community_name)
        letters = Letters(
            visits=visits,
            base_url=read.base_url,
            sender=read.sender,
            site=of_the_site,
            reader=_reader,
            plan=plans.running,
            test=trial_of,
        )
        about_comments = ModerationLetters(_comments(read, keys), read.base_url, read.sender, of_the_site)
        writer = about_comments if delivery.identity.step in moderation.STEPS else letters
        letter = writer.letter(delivery.identity, now)
        if isinstance(letter, Skip | Hold):
            return letter
        return message(
            letter,
            sender=named_sender(read.sender, of_the_site.community if of_the_site.version else None),
            reply_to=of_the_site.reply_to,
            delivery_id=delivery.identity.delivery_id,
            now=now,
        )

    return Sender(
        deliveries=Deliveries(),
        compose=compose,
        # Retries off: SES has no idempotency key, so a repeated call is a second email.
        ses=Ses(aws.client("sesv2", attempts=1), configuration_set=read.configuration_set),
        now=clock.now,
        new_lease=lambda: str(uuid4()),
        pace=Pace(float(read.emails_a_second)).wait,
    )


def _comments(read: Settings, keys: Sequence[str]) -> Comments:
    from comments import query

    return Comments(
        message=query.message,
        edit_link=lambda comment_id, now: query.edit_link(comment_id, now=now, base_url=read.base_url, keys=keys),
        moderators=query.moderators_lately,
        waiting=query.waiting,
    )


# What Lambda hands over is JSON, which has no narrower type than Any.
def handler(event: dict[str, Any], _context: object) -> dict[str, list[dict[str, str]]]:
    """Take a batch of the queue; what failed for a reason of ours (a table that did not answer) comes again."""
    failed = []
    for record in event["Records"]:
        try:
            _sender().send(json.loads(record["body"])["delivery_id"])
        except Exception as error:  # noqa: BLE001  one bad delivery must not hold up the batch
            logger.error("delivery comes again", message_id=record["messageId"], failure=what_failed(error))
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}
