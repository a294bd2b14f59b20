"""Steps of a plan in the bad world of `test_deliveries`: due messages that crash, repeat and come late; pauses midway.

The real fan-out, joiner, sender and settler run. Whatever happens, everybody a step is for has one delivery of it at
the end, it was sent once (or twice by the stated rule), and what was paused went on and repeated nobody.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from followups import fan, plans, runs
from followups.delivery import Delivery, State
from followups.fan import Fan, Maker
from followups.letters import Hold, Skip
from followups.message import Message
from followups.on_event import Queue
from followups.schedules import StepDue
from followups.settle import Settler
from followups.steps import DEFAULT, Running, Times
from tests.simulation.test_deliveries import START, Crash, Rules, Run, Sqs, Table
from tests.unit.followups_samples import CONFIRMED, VISIT
from visits import query
from visits.query import RegistrationView

RUNS = 200
STEP = next(one for one in DEFAULT if one.step == "reminder_day")


class Batches(Sqs):
    """The same queue, given several messages at once: each may be refused by itself."""

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, str]]) -> dict[str, Any]:  # noqa: N803
        self.world.strike()
        failed = []
        for entry in Entries:
            if self.world.chance(self.world.trouble):
                failed.append({"Id": entry["Id"]})
            elif not self.world.chance(self.world.trouble * 0.5):
                self.world.queue.append(json.loads(entry["MessageBody"])["delivery_id"])
        self.world.strike()
        return {"Failed": failed}


class PlanRun(Run):
    """One seed's world, in which a step of a visit comes due."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, Rules())
        world, dice = self.world, self.world.dice
        self.due: list[StepDue] = []
        self.paused = False
        self.resumed = 0
        self.done: tuple[Any, int] | None = None
        self.people = [
            replace(CONFIRMED, place=n, person=f"p{n}", registration_id=f"r{n}") for n in range(1, dice.randint(2, 8))
        ]
        # Somebody moved up while pages were gone through is met at both of their places.
        self.people.append(replace(self.people[0], place=90_000_001))
        starts_at = START + timedelta(days=1)
        self.visit = replace(VISIT, starts_at=starts_at, ends_at=starts_at + timedelta(hours=2))
        self.times = Times(starts_at, self.visit.ends_at, ZoneInfo("Europe/London"), schedule=0)
        table = Table(world)
        queue = Queue(cast("Any", Batches(world)), "queue")
        self.sender = replace(self.sender, deliveries=table, compose=self._compose_step)
        self.settler = Settler(table, queue, lambda: world.now)
        maker = Maker(deliveries=table, queue=cast("Any", queue), now=lambda: world.now)
        self.fan = Fan(maker=maker, next_page=self._next_page, now=lambda: world.now)
        self.events = [{"person": one.person} for one in self.people[:-1]]

    @property
    def running(self) -> Running:
        paused = frozenset({STEP.step}) if self.paused else frozenset()
        return Running((STEP,), paused=paused, resumed={STEP.step: self.resumed})

    def people_after(self, _visit_id: str, place: int, limit: int) -> list[RegistrationView]:
        self.world.strike()
        return [one for one in self.people if one.place > place][:limit]

    def begin(self) -> None:
        self.due.append(StepDue(self.visit.visit_id, STEP.step, 0))

    def pause_or_resume(self) -> None:
        if self.paused:
            self.resumed += 1
            self.begin()
        self.paused = not self.paused

    def step(self) -> None:
        dice = self.world.dice
        match dice.randrange(6):
            case 0 | 1 if self.due:
                due = self.due.pop(dice.randrange(len(self.due)))
                if self.world.chance(self.world.trouble):
                    self.due.append(due)
                try:
                    self.fan.take(due)
                except Crash:
                    self.due.append(due)
                    raise
            case 2 if self.world.chance(0.2):
                self.pause_or_resume()
            case _:
                super().step()

    def _plan(self, event: dict[str, Any]) -> None:
        """The scheduler's message, which may come twice."""
        if self.world.chance(0.3):
            self.begin()

    def play(self) -> Any:
        self.begin()
        return super().play()

    def _calm_down(self) -> None:
        self.world.trouble = 0
        if self.paused:
            self.pause_or_resume()
        while self.due:
            self.fan.take(self.due.pop())
        super()._calm_down()

    def _next_page(self, due: StepDue) -> None:
        self.world.strike()
        self.due.append(due)
        self.world.strike()

    def _compose_step(self, delivery: Delivery, now: Any) -> Message | Skip | Hold:
        if self.paused:
            return Hold("the step is paused")
        return self._compose(delivery, now)


@pytest.fixture
def patched(monkeypatch: pytest.MonkeyPatch) -> list[PlanRun]:
    """The reads of the fan-out, answered by the run at the end of this list."""
    current: list[PlanRun] = []

    def people_after(visit_id: str, place: int, limit: int) -> list[RegistrationView]:
        return current[-1].people_after(visit_id, place, limit)

    monkeypatch.setattr(fan, "PEOPLE_A_PAGE", 2)
    monkeypatch.setattr(query, "visit", lambda _visit_id: current[-1].visit)
    monkeypatch.setattr(query, "people_after", people_after)
    monkeypatch.setattr(plans, "running", lambda _visit_id: current[-1].running)
    monkeypatch.setattr(fan, "times_of", lambda _visit: current[-1].times)
    monkeypatch.setattr(runs, "begun", lambda *_: current[-1].world.strike())
    monkeypatch.setattr(runs, "done", lambda *_, **__: current[-1].world.strike())
    return current


def broken_promises(run: PlanRun) -> Iterator[str]:
    world = run.world
    people = Counter(delivery.identity.person for delivery in world.table.values())
    wanted = {one.person for one in run.people}
    if set(people) != wanted:
        yield f"left out: {wanted - set(people)}"
    if doubles := [person for person, count in people.items() if count > 1]:
        yield f"two deliveries of one step: {doubles}"
    for delivery_id, delivery in world.table.items():
        sent = world.accepted[delivery_id]
        if sent > (2 if delivery.retried else 1):
            yield f"sent {sent} times: {delivery}"
        if delivery.state in {State.READY, State.SENDING} or delivery.due_at is not None:
            yield f"never came to rest: {delivery}"
        if sent == 0 and delivery.state is State.SKIPPED and delivery_id not in world.cancelled:
            yield f"skipped without cause: {delivery}"


def played(current: list[PlanRun]) -> tuple[Counter[str], list[str]]:
    states: Counter[str] = Counter()
    broken = []
    for seed in range(RUNS):
        current.append(run := PlanRun(seed))
        run.play()
        broken += [f"seed {seed}: {why}" for why in broken_promises(run)]
        states.update(delivery.state.value for delivery in run.world.table.values())
        states["resumed"] += run.resumed
    return states, broken


def test_everybody_has_one_delivery_of_a_step_however_often_it_begins_pauses_and_crashes(
    patched: list[PlanRun],
) -> None:
    states, broken = played(patched)
    assert not broken, "\n".join(broken[:5])
    assert states["resumed"] > RUNS / 10, "steps were paused and let go on"
    assert states["delivered"]


def test_control_with_places_for_persons_somebody_who_moved_up_gets_it_twice(
    patched: list[PlanRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = fan.identity

    def by_place(step: Any, registration: RegistrationView, schedule: int) -> Any:
        made = real(step, registration, schedule)
        return replace(made, delivery_id=f"{made.delivery_id[:-8]}{registration.place:08d}")

    monkeypatch.setattr(fan, "identity", by_place)
    _, broken = played(patched)
    assert any("two deliveries" in why for why in broken)


def test_control_without_beginning_again_on_resuming_somebody_is_left_out(
    patched: list[PlanRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    def resume(run: PlanRun) -> None:
        run.paused = not run.paused

    monkeypatch.setattr(PlanRun, "pause_or_resume", resume)
    _, broken = played(patched)
    assert any("left out" in why for why in broken)
