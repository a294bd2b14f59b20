"""One visit's line in a bad world: the real functions, a table in memory, and somebody who decides what happens next.

`visits.register`, `by_hand`, `cancel`, `reconcile`, `edit`, `change`, and the handlers of the stream and the sweep run
as they are; only the client they call, the clock, ids and the waiting between attempts are ours.
"""

import logging
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from unittest.mock import patch
from uuid import UUID

from botocore.exceptions import ClientError
from pynamodb.exceptions import PynamoDBException

from kernel import audit, aws, clock
from kernel import table as kernel_table
from kernel.access import Actor as Organiser
from kernel.errors import Problem
from tests.simulation.actors import Actor, Call, Fate, timed_out
from tests.simulation.dynamodb import Change, Request, Table, cancelled, refusal
from tests.simulation.line_answers import Happening, judge
from tests.simulation.line_guarantees import Guarantee, Guarantees, Picture, picture
from visits import by_hand, cancel, change, edit, links, on_stream, query, reconcile, register, sweep
from visits.model import visit_pk

VISIT = "city-hospital"
BEGAN = datetime(2026, 10, 1, 9, 30, tzinfo=UTC)
STARTS = BEGAN + timedelta(days=3)
ENDS = STARTS + timedelta(days=20)
"""Long enough that a run comes to rest before it."""

AN_HOUR = timedelta(hours=1)
"""How far the clock moves: past the fence, and never to the minutes at which the sweep does its hourly work."""

INDEXES = {"public-by-start": ("listed", "starts_at"), "all-by-start": ("catalogue", "starts_at")}

type Rule = Callable[[str, Request], Request]
"""What a control does to requests on their way: it takes a condition out."""


@dataclass
class World:
    """A visit with some seats, and all that happens to it.

    Attributes:
        without: takes a rule away; for controls.
        but_not: guarantees not looked at; for controls that look for what follows from them.
        told: what happened, for whoever reads a failure.
    """

    capacity: int = 2
    waitlist: str = "automatic"
    published: bool = True
    without: Rule | None = None
    but_not: Container[Guarantee] = frozenset()
    now: datetime = BEGAN
    actors: list[Actor] = field(default_factory=list)
    on_its_way: list[Call] = field(default_factory=list)
    undelivered: set[int] = field(default_factory=set)
    history: list[Happening] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    table: Table = field(default_factory=lambda: Table(INDEXES))
    _running: Actor | None = None
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _slept: float = 0.0

    def __post_init__(self) -> None:
        self.guarantees = Guarantees(self.but_not)

    @contextmanager
    def open(self) -> Iterator["World"]:
        """Put this world underneath the service, with the visit there."""
        register._known_details.clear()
        logging.disable(logging.CRITICAL)  # a bad world is no news
        try:
            with (
                patch.object(aws, "client", lambda service, *, attempts=4: _Client(self, attempts)),
                patch.object(clock, "now", lambda: self.now),
                patch.object(kernel_table, "time", self),
                patch.object(register, "uuid7", lambda: UUID(int=next(self._numbers) << 80)),
                patch.object(by_hand, "uuid7", lambda: UUID(int=next(self._numbers) << 80)),
                patch.object(audit, "uuid7", lambda: UUID(int=next(self._numbers) << 80)),
            ):
                edit.create(VISIT, _plan(self.capacity, self.waitlist), actor=_ORGANISER, now=self.now)
                if self.published:
                    edit.publish(VISIT, actor=_ORGANISER, now=self.now)
                self._look(None)
                yield self
                for actor in self.ready:
                    actor.crash()
        finally:
            logging.disable(logging.NOTSET)

    # --- time, as `kernel.table` knows it ---

    def monotonic(self) -> float:
        return self._slept

    def sleep(self, seconds: float) -> None:
        self._slept += seconds

    # --- who may come ---

    def register(self, person: str, key: str | None = None, *, by_page: bool = False) -> Actor:
        """Somebody registers; ``by_page`` says that the key is a page's, good while the registration lives."""
        now = self.now

        def program() -> object:
            return register.register(VISIT, person, _who(person), key=key, now=now, key_outlives_cancelling=not by_page)

        return self._start("register", person, program, keyed=key is not None and not by_page)

    def cancel(self, place: int) -> Actor:
        """Somebody follows the link to a place and cancels, as `visits.web` does it."""
        now = self.now

        def program() -> bool | None:
            mine = query.registration_at(VISIT, place)
            return None if mine is None else cancel.cancel(mine, ends_at=ENDS, now=now)

        return self._start("cancel", place, program)

    def move_address(self, place: int, person: str) -> Actor:
        """Somebody gives their place another address, and that address confirms itself."""
        now, email = self.now, _email(person)

        def program() -> None:
            mine = query.registration_at(VISIT, place)
            if mine is None:
                return
            change.change(mine, change.Change({}, None, email), asked=[], ends_at=ENDS, now=now)
            confirmed = query.registration_at(VISIT, place)
            assert confirmed is not None
            change.confirm_address(confirmed, links.fingerprint(email), person, now=now)

        return self._start("move_address", place, program)

    def undo_address(self, place: int) -> Actor:
        """The owner of a place's old address takes the change back."""
        now = self.now

        def program() -> None:
            mine = query.registration_at(VISIT, place)
            if mine is None or mine.previous_email is None:
                return
            previous = mine.previous_email
            change.undo_address(mine, links.fingerprint(previous), previous.partition("@")[0], now=now)

        return self._start("undo_address", place, program)

    def add_by_hand(self, person: str) -> Actor:
        """An organiser adds somebody, on an extra place."""
        now = self.now
        return self._start(
            "add_by_hand", person, lambda: by_hand.add(VISIT, person, _who(person), actor=_ORGANISER, now=now)
        )

    def move_up(self, place: int) -> Actor:
        """An organiser gives whoever is registered at a place an extra one, if they wait."""
        now = self.now

        def program() -> object:
            mine = query.registration_at(VISIT, place)
            return None if mine is None else by_hand.move_up(mine, "a reason", actor=_ORGANISER, now=now)

        return self._start("move_up", place, program)

    def sweep(self, *, from_the_start: bool = False) -> Actor:
        """The sweep; ``from_the_start`` as once a day."""
        now = self.now

        def daily() -> None:
            reconcile.move_fence(VISIT, now=now)
            reconcile.reconcile(VISIT, now=now, from_the_start=True)

        return self._start("sweep", None, daily if from_the_start else lambda: sweep.handler({}, None))

    def deliver(self, numbers: Sequence[int]) -> Actor:
        """Stream records, in whatever order and however often, as far as Lambda's filter lets them through."""
        records = [_record(number, self.table.stream[number]) for number in numbers]
        event = {"Records": [record for record in records if _passes_the_filter(record)]}

        def program() -> None:
            if not on_stream.handler(event, None)["batchItemFailures"]:
                self.undelivered.difference_update(numbers)

        return self._start("on_stream", None, program)

    def change_visit(self, **changes: object) -> Actor:
        """An organiser reads the visit and changes it."""
        now = self.now

        def program() -> None:
            counters, _ = edit.read(VISIT)
            edit.change(VISIT, int(counters.version), changes, actor=_ORGANISER, now=now)

        return self._start("organiser", None, program)

    def publish(self) -> Actor:
        now = self.now
        return self._start("organiser", None, lambda: edit.publish(VISIT, actor=_ORGANISER, now=now))

    def _start(self, kind: str, who: str | int | None, program: Callable[[], object], *, keyed: bool = False) -> Actor:
        actor = Actor(kind, who, program, began=self.now, since=len(self.table.stream), keyed=keyed)
        self.actors.append(actor)
        self._run(actor, actor.go_on)
        return actor

    # --- what may happen to them ---

    @property
    def ready(self) -> list[Actor]:
        """Whoever stands before a call."""
        return [actor for actor in self.actors if actor.waiting is not None]

    def step(self, actor: Actor, fate: Fate = Fate.DONE) -> None:
        """Decide what becomes of the call an actor stands before, and let it go on to the next."""
        call = actor.waiting
        assert call is not None
        fate = _possible(fate, call)
        self.told.append(f"{self._name(actor)}: {call} {fate.name}")
        answer: dict[str, Any] = {}
        error: BaseException | None = None
        if fate in {Fate.DONE, Fate.REPEATED, Fate.LOST, Fate.CRASH_AFTER}:
            answer, error = self._perform(call)
        if fate in {Fate.TWICE, Fate.LATE}:
            self.on_its_way.append(call)
        match fate:
            case Fate.REPEATED | Fate.TWICE:
                actor.waiting = Call(actor, call.operation, call.request, call.attempts - 1)
            case Fate.CRASH_BEFORE | Fate.CRASH_AFTER:
                self._run(actor, actor.crash)
            case Fate.LOST | Fate.LATE | Fate.UNSENT:
                self._run(actor, lambda: actor.fail(timed_out()))
            case Fate.CONFLICT:
                self._run(actor, lambda: actor.fail(_conflict(call)))
            case Fate.DONE:
                self._run(actor, lambda: actor.fail(error) if error else actor.go_on(answer))

    def arrive(self, call: Call) -> None:
        """Let a delayed request arrive."""
        self.on_its_way.remove(call)
        self.told.append(f"late, of {self._name(call.actor)}: {call}")
        self._perform(call)

    def finish(self, actor: Actor) -> Actor:
        """Let an actor run to its end undisturbed."""
        while actor.waiting is not None:
            self.step(actor)
        return actor

    def pass_time(self, by: timedelta = AN_HOUR) -> None:
        self.now += by
        self.told.append(f"it is day {self.now:%d, %H:%M}")

    # --- the end ---

    def come_to_rest(
        self, *, by_the_stream: bool, order: Callable[[list[int]], Sequence[int]] = lambda numbers: numbers
    ) -> Picture:
        """Let everybody finish and publish what still is a draft, then do what the service does by itself.

        It is at rest, and looked at, once nothing changes any more.
        ``by_the_stream`` delivers every record at least once, in the given ``order``, beside the ordinary sweep; else
        the stream is lost and the daily sweep from place 1 has to do.
        """
        for actor in self.ready:
            self.finish(actor)
        while self.on_its_way:
            self.arrive(self.on_its_way[0])
        if not self._has_a_line():
            self.finish(self.publish())
        for _ in range(20):
            before = len(self.table.stream)
            self.pass_time()
            self.finish(self.sweep(from_the_start=not by_the_stream))
            if by_the_stream:
                self.finish(self.deliver(order(sorted(self.undelivered))))
            if not self._moved_since(before):
                return self._look_at_rest()
        self.guarantees.demand(Guarantee.RESTS, held=False, told=lambda: "still changing after 20 hours")
        return self.picture()

    def _moved_since(self, before: int) -> bool:
        """Whether anything changed but the fence's own clock."""
        return any(
            sk != "visit" or {**(one.old or {}), "fence_at": {}} != {**one.new, "fence_at": {}}
            for one in self.table.stream[before:]
            for _, sk in [one.key]
        )

    def _look_at_rest(self) -> Picture:
        now = self.picture()
        counters = query.counters_of(VISIT)
        assert counters is not None
        places = [query.place_at(VISIT, number) for number in now.waiting]
        positions = [query.position_of(place) for place in places if place is not None]
        begun = self.now >= STARTS
        self.guarantees.at_rest(now, begun=begun, positions=positions, seats_left=counters.numbers.seats_left)
        people = query.waiting_at(counters)
        self.guarantees.demand(
            Guarantee.POSITIONS, begun or people == len(now.waiting), lambda: f"{people} said to wait: {now}"
        )
        return now

    def picture(self) -> Picture:
        return picture(self.table, visit_pk(VISIT))

    # --- doing it, and looking ---

    def ask(self, operation: str, request: Request, attempts: int) -> dict[str, Any]:
        """Answer a call of the service: an actor's when its fate is decided, the test's own at once."""
        if operation == "TransactWriteItems":  # botocore gives every transaction a token, the same for its repeats
            request.setdefault("ClientRequestToken", f"token-{next(self._numbers)}")
        if self.without is not None:
            request = self.without(operation, request)
        if self._running is None:
            return self.table.call(operation, request)
        return self._running.ask(operation, request, attempts)

    def _perform(self, call: Call) -> tuple[dict[str, Any], BaseException | None]:
        try:
            answer = self.table.call(call.operation, call.request)
        except ClientError as refused:
            return {}, refused
        self._look(call.actor)
        return answer, None

    def _look(self, by: Actor | None) -> None:
        news = self.table.stream[len(self.history) :]
        if not news:
            return
        self.undelivered.update(range(len(self.history), len(self.table.stream)))
        self.history += [Happening(change, by) for change in news]
        if self._has_a_line():
            for one in news:
                if by is not None:
                    self.guarantees.changed(one, by.kind, begun=by.began >= STARTS)
            self.guarantees.at(self.picture())

    def _has_a_line(self) -> bool:
        visit = self.table.item(visit_pk(VISIT), "visit")
        return visit is not None and visit["status"]["S"] == "published"

    def _run(self, actor: Actor, act: Callable[[], None]) -> None:
        self._running = actor
        try:
            act()
        finally:
            self._running = None
        if not actor.ended:
            return
        self.told.append(f"{self._name(actor)} ends: {'crashed' if actor.crashed else repr(actor.result)}")
        if isinstance(actor.result, BaseException) and not isinstance(actor.result, _MAY_BE_RAISED):
            raise actor.result
        if not actor.crashed:
            judge(actor, self.history, self.picture(), self.guarantees)

    def _name(self, actor: Actor) -> str:
        who = "" if actor.who is None else f" {actor.who}"
        return f"{self.actors.index(actor) + 1} {actor.kind}{who}"


_MAY_BE_RAISED = (Problem, PynamoDBException, sweep.SweepIncomplete)
"""The edge answers the first two; Lambda tries the sweep again."""


@dataclass(frozen=True, slots=True)
class _Client:
    """What PynamoDB takes for botocore's client."""

    world: World
    attempts: int

    def _make_api_call(self, operation: str, request: Request) -> dict[str, Any]:
        request.pop("ReturnConsumedCapacity", None)
        return self.world.ask(operation, request, self.attempts)


def _possible(fate: Fate, call: Call) -> Fate:
    """Return what can become of this call: a read has no effect to lose, the last attempt is the last."""
    if call.is_read:
        return {
            Fate.CONFLICT: Fate.DONE,
            Fate.REPEATED: Fate.DONE,
            Fate.TWICE: Fate.DONE,
            Fate.LOST: Fate.UNSENT,
            Fate.LATE: Fate.UNSENT,
        }.get(fate, fate)
    if call.attempts <= 1:
        return {Fate.REPEATED: Fate.LOST, Fate.TWICE: Fate.LATE}.get(fate, fate)
    return fate


def _conflict(call: Call) -> ClientError:
    if call.operation != "TransactWriteItems":
        return refusal("TransactionConflictException", call.operation)
    return cancelled(["TransactionConflict", *["None"] * (len(call.request["TransactItems"]) - 1)])


def _record(number: int, change: Change) -> dict[str, Any]:
    pk, sk = change.key
    images = {"NewImage": change.new} | ({} if change.old is None else {"OldImage": change.old})
    return {
        "eventName": "INSERT" if change.old is None else "MODIFY",
        "dynamodb": {"Keys": {"pk": {"S": pk}, "sk": {"S": sk}}, "SequenceNumber": str(number + 1), **images},
    }


def _passes_the_filter(record: dict[str, Any]) -> bool:
    """Tell whether Lambda would hand a record over: `infra.visits.LINE_FILTERS`, said again."""
    sk, new = record["dynamodb"]["Keys"]["sk"]["S"], record["dynamodb"]["NewImage"]
    if sk.startswith("place#"):
        return new["status"]["S"] in {"cancelled", "void", "waiting"}
    return bool(sk == "visit#details" and record["eventName"] == "MODIFY")


def _plan(capacity: int, waitlist: str) -> edit.Plan:
    return edit.Plan(
        title="A visit to City Hospital",
        host="City Hospital",
        summary="",
        description_markdown="See how a ward is run.",
        starts_at=STARTS,
        ends_at=ENDS,
        timezone="Europe/London",
        format="online",
        venue="",
        room_url="",
        capacity=capacity,
        waitlist=waitlist,
        offer_hours=48,
        registration_opens_at=None,
        registration_closes_at=None,
        audience="public",
        questions=[],
        organisers=[],
    )


_ORGANISER = Organiser("an organiser", "organiser@example.org", "Olive", frozenset({"organiser"}))


def _email(person: str) -> str:
    return f"{person}@example.org"


def _who(person: str) -> register.Registrant:
    return register.Registrant(person, _email(person), "", "", "", answers={}, consents={}, timezone="")
