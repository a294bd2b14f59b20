"""Deliveries in a bad world: everything between an event and an inbox may crash, repeat, lose or reorder.

The real planner, sender, settler and listener run against a table, a queue and an SES made of dictionaries. At every
call into one of these the world may strike: the function dies before or after it, or somebody else's whole invocation
runs in between. Each run is one seed, and a failure names it.

What must hold at the end of every run is the promise of `docs/sending.md`. The controls take one rule away each and
must find it broken, which shows that this world is bad enough.
"""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError

from followups import ses as ses_module
from followups.delivery import Delivery, State
from followups.feedback import Listener
from followups.letters import Skip
from followups.message import Message
from followups.model import Deliveries
from followups.on_event import Planner, Queue
from followups.send import Sender
from followups.ses import DELIVERY_TAG, Ses
from followups.settle import Settler, Unsettled

START = datetime(2026, 10, 1, 9, tzinfo=UTC)
RUNS = 400
CONTROL_RUNS = 400


class Crash(BaseException):
    """The function's machine is gone: nothing in it runs any more, so no `except Exception` sees this."""


@dataclass
class World:
    """What is outside the functions, and what strikes them."""

    dice: random.Random
    now: datetime = START
    trouble: float = 0.08
    depth: int = 0
    table: dict[str, Delivery] = field(default_factory=dict)
    queue: list[str] = field(default_factory=list)
    ses_events: list[dict[str, Any]] = field(default_factory=list)
    accepted: Counter[str] = field(default_factory=Counter)
    refused_for: Counter[str] = field(default_factory=Counter)
    cancelled: set[str] = field(default_factory=set)
    meanwhile: Callable[[], object] = lambda: None

    def chance(self, probability: float) -> bool:
        return self.dice.random() < probability

    def strike(self) -> None:
        """A moment between two steps of somebody's program."""
        if self.chance(self.trouble * 0.4):
            raise Crash
        if self.depth < 2 and self.chance(self.trouble * 2):
            self.depth += 1
            try:
                self.meanwhile()
            finally:
                self.depth -= 1


class Table(Deliveries):
    """The followups table: conditional writes as DynamoDB has them, and answers that get lost."""

    def __init__(self, world: World, *, conditional: bool = True) -> None:
        self.world = world
        self.conditional = conditional

    def create(self, delivery: Delivery) -> bool:
        return self._write(delivery.identity.delivery_id, delivery, expected=None)

    def read(self, delivery_id: str) -> Delivery | None:
        self.world.strike()
        found = self.world.table.get(delivery_id)
        self.world.strike()
        return found

    def write(self, changed: Delivery) -> bool:
        return self._write(changed.identity.delivery_id, changed, expected=changed.version - 1)

    def due(self, now: datetime, limit: int) -> Iterator[str]:
        self.world.strike()
        due = [(d.due_at, key) for key, d in self.world.table.items() if d.due_at is not None and d.due_at <= now]
        return iter([key for _, key in sorted(due)][:limit])

    def _write(self, key: str, delivery: Delivery, *, expected: int | None) -> bool:
        self.world.strike()
        written = self._store(key, delivery, expected)
        if self.world.chance(self.world.trouble * 0.3):
            written = self._store(key, delivery, expected)  # the answer was lost, and the SDK asked again
        self.world.strike()
        return written

    def _store(self, key: str, delivery: Delivery, expected: int | None) -> bool:
        current = self.world.table.get(key)
        if self.conditional and (current.version if current else None) != expected:
            return False
        self.world.table[key] = delivery
        return True


class Sqs:
    """A standard queue: at least once, in no order."""

    def __init__(self, world: World) -> None:
        self.world = world

    def send_message(self, *, QueueUrl: str, MessageBody: str) -> None:  # noqa: N803  AWS's names
        self.world.strike()
        if self.world.chance(self.world.trouble):
            raise ClientError({"Error": {"Code": "ServiceUnavailable"}}, "SendMessage")
        if not self.world.chance(self.world.trouble * 0.5):  # else accepted and lost, as a purge or an expiry would
            self.world.queue.append(json.loads(MessageBody)["delivery_id"])
        self.world.strike()


class FakeSes:
    """SES: takes messages, refuses, throttles, breaks the connection before or after taking one, and tells later."""

    def __init__(self, world: World, *, sdk_retries: bool = False) -> None:
        self.world = world
        self.sdk_retries = sdk_retries

    def send_email(self, **request: Any) -> dict[str, str]:
        self.world.strike()
        delivery_id = next(tag["Value"] for tag in request["EmailTags"] if tag["Name"] == DELIVERY_TAG)
        try:
            answer = self._one_call(delivery_id)
        except ReadTimeoutError:
            if not self.sdk_retries:
                raise
            answer = self._one_call(delivery_id)
        self.world.strike()
        return answer

    def _one_call(self, delivery_id: str) -> dict[str, str]:
        fate = self.world.dice.choices(
            ["taken", "taken, answer lost", "lost on the way", "throttled", "refused", "broken", "no connection"],
            weights=[1 if self.world.trouble == 0 else 6, *[self.world.trouble * 6] * 2, *[self.world.trouble * 4] * 4],
        )[0]
        message_id = f"ses-{self.world.dice.getrandbits(48):012x}"
        if fate.startswith("taken"):
            self._take(delivery_id, message_id)
        match fate:
            case "taken":
                return {"MessageId": message_id}
            case "throttled":
                raise _ses_error(429, "TooManyRequestsException")
            case "refused":
                raise _ses_error(400, "MessageRejected")
            case "broken":
                if self.world.chance(0.5):
                    self._take(delivery_id, message_id)
                raise _ses_error(500, "InternalServiceErrorException")
            case "no connection":
                raise ConnectTimeoutError(endpoint_url="https://email.eu-west-2.amazonaws.com")
            case _:
                raise ReadTimeoutError(endpoint_url="https://email.eu-west-2.amazonaws.com")

    def _take(self, delivery_id: str, message_id: str) -> None:
        self.world.accepted[delivery_id] += 1
        mail = {"messageId": message_id, "tags": {DELIVERY_TAG: [delivery_id]}}
        story: list[dict[str, Any]] = [{"eventType": "Send"}]
        story += self.world.dice.choice(
            [
                [{"eventType": "Delivery"}],
                [{"eventType": "DeliveryDelay"}, {"eventType": "Delivery"}, {"eventType": "Complaint"}],
                [{"eventType": "Bounce", "bounce": {"bounceType": "Permanent", "bounceSubType": "General"}}],
                [{"eventType": "Reject", "reject": {"reason": "Bad content"}}],
                [],
            ]
        )
        for event in story:
            # Best effort: never, once, or twice.
            self.world.ses_events += [{**event, "mail": mail}] * self.world.dice.choice([0, 1, 1, 1, 2])


def _ses_error(status: int, code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "SendEmail")  # type: ignore[typeddict-item]


@dataclass(frozen=True)
class Rules:
    """What a control takes away."""

    conditional: bool = True
    sdk_retries: bool = False


class Run:
    """One seed's world, from its first event until nothing moves any more."""

    def __init__(self, seed: int, rules: Rules) -> None:
        dice = random.Random(seed)
        self.world = world = World(dice)
        table = Table(world, conditional=rules.conditional)
        queue = Queue(cast("Any", Sqs(world)), "queue")
        client = FakeSes(world, sdk_retries=rules.sdk_retries)
        self.planner = Planner(table, queue, lambda: world.now)
        self.sender = Sender(
            deliveries=table,
            compose=self._compose,
            ses=Ses(cast("Any", client), configuration_set="set"),
            now=lambda: world.now,
            new_lease=lambda: f"{dice.getrandbits(64):016x}",
        )
        self.settler = Settler(table, queue, lambda: world.now)
        self.listener = Listener(table, lambda: world.now)
        self.events = [
            {"event_id": f"e{n}", "visit_id": "leeds", "registration_id": f"r{n}", "place": n, "person": f"p{n}"}
            for n in range(1, dice.randint(1, 4) + 1)
        ]
        world.meanwhile = lambda: self._survives(self.step)

    def play(self) -> World:
        world = self.world
        pending = [event for event in self.events for _ in range(world.dice.randint(1, 2))]
        world.dice.shuffle(pending)
        for event in pending:
            while not self._survives(lambda event=event: self._plan(event)):  # type: ignore[misc]
                world.now += timedelta(seconds=world.dice.choice([1, 60, 120]))
            for _ in range(world.dice.randint(0, 6)):
                self._survives(self.step)
        for _ in range(60):
            self._survives(self.step)
            world.now += timedelta(minutes=world.dice.choice([0, 0, 1, 5]))
        self._calm_down()
        return world

    def step(self) -> None:
        """Some part of the service runs, or somebody cancels."""
        world = self.world
        match world.dice.randrange(10):
            case 0 | 1 | 2 | 3 if world.queue:
                delivery_id = world.queue.pop(world.dice.randrange(len(world.queue)))
                if world.chance(world.trouble):
                    world.queue.append(delivery_id)  # the queue hands it out twice
                try:
                    self.sender.send(delivery_id)
                except Crash:
                    world.queue.append(delivery_id)  # nobody deleted it
                    raise
            case 4 | 5 if world.ses_events:
                event = world.ses_events.pop(world.dice.randrange(len(world.ses_events)))
                try:
                    self.listener.hear(event)
                except Crash:
                    world.ses_events.append(event)
                    raise
            case 6:
                self.settler.settle()
            case 7 if world.table and world.chance(0.05):
                world.cancelled.add(world.dice.choice(sorted(world.table)))
            case 8:
                self._plan(world.dice.choice(self.events))
            case _:
                pass

    def _calm_down(self) -> None:
        """No more trouble: what is left must come to rest by itself. SES's late events stay late, some for ever."""
        world = self.world
        world.trouble = 0
        world.ses_events = [event for event in world.ses_events if world.chance(0.5)]
        for _ in range(3000):
            while world.queue:
                self.sender.send(world.queue.pop())
            self.settler.settle()
            if world.ses_events and world.chance(0.1):
                self.listener.hear(world.ses_events.pop())
            if not world.queue and all(d.due_at is None for d in world.table.values()):
                break
            world.now += timedelta(minutes=5)
        for event in world.ses_events:
            self.listener.hear(event)

    def _survives(self, call: Callable[[], object]) -> bool:
        try:
            call()
        except Crash:
            return False
        except Unsettled:
            return True
        return True

    def _plan(self, event: dict[str, Any]) -> None:
        self.planner.on_event("registration.confirmed", event)

    def _compose(self, delivery: Delivery, now: datetime) -> Message | Skip:
        self.world.strike()
        if delivery.identity.delivery_id in self.world.cancelled:
            return Skip("cancelled since")
        if self.world.chance(self.world.trouble * 0.3):
            raise ValueError("a template is broken")
        return Message("us@example.org", "you@example.org", b"Subject: hello\r\n\r\n")


def broken_promises(run: Run) -> Iterator[str]:
    """What of the promise does not hold at the end of a run."""
    world = run.world
    if len(world.table) != len(run.events):
        yield f"{len(run.events)} events made {len(world.table)} deliveries"
    for delivery_id, delivery in world.table.items():
        sent = world.accepted[delivery_id]
        if sent > (2 if delivery.retried else 1):
            yield f"sent {sent} times, {'after' if delivery.retried else 'without'} the rule's one retry: {delivery}"
        if delivery.state in {State.READY, State.SENDING} or delivery.due_at is not None:
            yield f"never came to rest: {delivery}"
        if not delivery.reason:
            yield f"no reason: {delivery}"
        if sent == 0 and delivery.proof:
            yield f"claims to be sent: {delivery}"
        if sent == 0 and delivery.state is State.SKIPPED and delivery_id not in world.cancelled:
            yield f"skipped without cause: {delivery}"


def outcomes(runs: int, rules: Rules) -> tuple[Counter[str], list[str]]:
    states: Counter[str] = Counter()
    broken = []
    for seed in range(runs):
        run = Run(seed, rules)
        run.play()
        broken += [f"seed {seed}: {why}" for why in broken_promises(run)]
        for delivery_id, delivery in run.world.table.items():
            states[delivery.state.value] += 1
            states["sent by the one retry as well"] += run.world.accepted[delivery_id] == 2
            states["retried"] += delivery.retried
    return states, broken


def test_nobody_gets_a_step_twice_but_by_the_stated_rule_and_nobody_is_skipped_in_silence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    states, broken = outcomes(RUNS, Rules())
    assert not broken, "\n".join(broken[:5])
    with capsys.disabled():
        print(f"\ndeliveries simulated: {RUNS} runs, {dict(sorted(states.items()))}")
    # The world was bad enough to reach every end, the one retry's double among them.
    for state in ("sent", "delivered", "bounced", "complained", "skipped", "unknown", "failed"):
        assert states[state], f"no run ended in {state}"
    assert states["sent by the one retry as well"]


def test_control_without_the_lease_condition_people_get_it_twice() -> None:
    _, broken = outcomes(CONTROL_RUNS, Rules(conditional=False))
    assert any("times, without" in why for why in broken)


def test_control_with_the_sdk_retrying_people_get_it_twice() -> None:
    _, broken = outcomes(CONTROL_RUNS, Rules(sdk_retries=True))
    assert any("times, without" in why for why in broken)


def test_control_treating_a_time_out_as_ready_people_get_it_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_trusting(reason: str) -> ses_module.NotSent:
        return ses_module.NotSent(reason, temporary=True)

    monkeypatch.setattr(ses_module, "Unclear", too_trusting)
    _, broken = outcomes(CONTROL_RUNS, Rules())
    assert any("times, without" in why for why in broken)
