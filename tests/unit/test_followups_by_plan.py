"""From a plan to deliveries: schedules that follow the visit, pages of people, newcomers; twice, late, out of order."""

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from followups import fan, on_change, on_due, plan_changes, plans, runs
from followups.align import Aligner, Contended
from followups.delivery import Delivery, State
from followups.fan import Fan, Maker
from followups.late import Joiner
from followups.letters import Hold, Letters, Skip, Visits
from followups.message import Letter
from followups.model import Deliveries, DeliveryRecord
from followups.schedules import Schedules, StepDue, Target, name, read_due
from kernel.access import Actor
from kernel.site import Site
from tests.service import Service
from visits import query

OLIVE = Actor("person-of-organiser", "organiser@example.org", "Olive Organiser", frozenset({"organiser"}))


@dataclass
class Clockwork:
    """EventBridge Scheduler: one schedule a name, sent once when its moment has come."""

    waiting: dict[tuple[str, str], tuple[StepDue, datetime]] = field(default_factory=dict)

    def put(self, due: StepDue, at: datetime) -> None:
        self.waiting[due.visit_id, due.step] = (due, at)

    def keep_only(self, visit_id: str, steps: set[str]) -> None:
        for key in [one for one in self.waiting if one[0] == visit_id and one[1] not in steps]:
            del self.waiting[key]

    def at(self, step: str) -> datetime | None:
        found = self.waiting.get(("ward", step))
        return found[1] if found else None


@dataclass
class World:
    """The follow-ups around the visits service: queues are lists, and everything else is the real code."""

    service: Service
    clockwork: Clockwork = field(default_factory=Clockwork)
    due: list[StepDue] = field(default_factory=list)
    queue: list[str] = field(default_factory=list)

    def put_all(self, delivery_ids: list[str]) -> int:
        self.queue += delivery_ids
        return 0

    @property
    def maker(self) -> Maker:
        return Maker(deliveries=Deliveries(), queue=self, now=self.service.clock)

    def align(self) -> None:
        Aligner(schedules=self.clockwork, start=self.due.append, now=self.service.clock).align("ward")

    def join(self, number: int, event: str = "registration.confirmed") -> None:
        self.service.register(number)
        self.happened(event, self.service.places()[-1].number)

    def happened(self, event: str, place: int) -> None:
        Joiner(self.maker).on_event(event, {"visit_id": "ward", "place": place, "person": ""})

    def run(self) -> list[str]:
        """Let what is due do its work, and return what each message came to."""
        spread = Fan(maker=self.maker, next_page=self.due.append, now=self.service.clock)
        came_to = []
        while self.due:
            came_to.append(spread.take(self.due.pop(0)))
        return came_to

    def wait_until(self, moment: datetime) -> None:
        """Let time pass, and the scheduler send what becomes due meanwhile."""
        while ahead := sorted((at, key) for key, (_, at) in self.clockwork.waiting.items() if at <= moment):
            at, key = ahead[0]
            self.service.clock.now = max(self.service.clock.now, at)
            self.due.append(self.clockwork.waiting.pop(key)[0])
            self.run()
        self.service.clock.now = moment

    def deliveries(self, step: str | None = None) -> list[Delivery]:
        records = [DeliveryRecord.from_raw_data(row) for row in self.service.items("followups") if "state" in row]
        found = [Deliveries().read(one.pk.removeprefix("delivery#")) for one in records]
        return [one for one in found if one is not None and step in {None, one.identity.step}]

    def states(self, step: str) -> list[str]:
        return sorted(one.state.value for one in self.deliveries(step))

    def composed(self, delivery: Delivery) -> Letter | Skip | Hold:
        """What the sender would make of a delivery now."""
        letters = Letters(
            visits=Visits(
                visit=query.visit,
                registration=query.registration,
                registrations_of=query.registrations_of,
                place_link=lambda one, _visit: f"https://visits.example.org/places/{one.place}",
                address_link=lambda _one, _email, _now: "",
                address_undo_link=lambda _one, _email, _now: "",
                message=query.message,
                join_link=lambda one, _visit: f"https://visits.example.org/join/{one.place}",
                newcomers=lambda _organiser, _since, _until: (),
            ),
            base_url="https://visits.example.org",
            sender="Community <visits@example.org>",
            site=Site("Community"),
            reader=lambda _person: None,
            plan=plans.running,
        )
        return letters.letter(delivery.identity, self.service.clock.now)

    def reschedule(self, starts_at: datetime) -> None:
        ends_at = starts_at + timedelta(hours=2)
        moved = {"starts_at": starts_at.isoformat(), "ends_at": ends_at.isoformat(), "message": ""}
        answer = self.service.organise("POST", "/visits/ward/reschedule", moved)
        assert answer.status == 200, answer.body

    @property
    def starts_at(self) -> datetime:
        return self.service.details().starts_at

    def plan(self, **changes: dict[str, Any]) -> None:
        steps = self.service.organise("GET", "/visits/ward/plan").json["steps"]
        steps = [{**one, **changes.pop(one["step"], {})} for one in steps]
        answer = self.service.organise("PUT", "/visits/ward/plan", {"steps": [*steps, *changes.values()]})
        assert answer.status == 200, answer.body


@pytest.fixture
def world(service: Service) -> World:
    plans._known.clear()
    service.visit(capacity=5)
    world = World(service)
    world.align()
    return world


def after_the_start(world: World, **by: float) -> datetime:
    return world.starts_at + timedelta(**by)


# --- schedules


def test_each_step_of_the_visit_waits_for_its_moment_and_no_other_does(world: World) -> None:
    assert {step for _, step in world.clockwork.waiting} == {
        "reminder_week",
        "reminder_day",
        "reminder_hour",
        "thank_you",
    }
    assert world.clockwork.at("reminder_hour") == after_the_start(world, hours=-1)


def test_schedules_move_with_the_visit_and_go_when_it_is_cancelled(world: World) -> None:
    world.reschedule(after_the_start(world, days=3))
    world.align()
    assert world.clockwork.at("reminder_day") == world.service.details().starts_at - timedelta(days=1)
    assert world.service.organise("POST", "/visits/ward/cancel", {"message": ""}).status == 200
    world.align()
    assert world.clockwork.waiting == {}


def test_a_step_that_is_switched_off_or_taken_out_waits_no_more(world: World) -> None:
    world.plan(reminder_week={"enabled": False})
    world.align()
    assert world.clockwork.at("reminder_week") is None
    assert world.service.organise("PUT", "/visits/ward/plan", {"steps": []}).status == 200
    world.align()
    assert world.clockwork.waiting == {}


def test_who_reads_an_old_picture_reads_again_before_they_rest(world: World) -> None:
    moves = [after_the_start(world, days=7), after_the_start(world, days=2)]

    class Slow(Clockwork):
        def put(self, due: StepDue, at: datetime) -> None:
            if moves:
                world.reschedule(moves.pop(0))  # somebody moves the visit between our reading and our writing
            super().put(due, at)

    slow = Slow()
    Aligner(schedules=slow, start=world.due.append, now=world.service.clock).align("ward")
    assert slow.at("reminder_hour") == world.starts_at - timedelta(hours=1)
    assert {due.schedule for due, _ in slow.waiting.values()} == {2}


def test_a_visit_that_never_rests_is_looked_at_later(world: World) -> None:
    class Busy(Clockwork):
        def keep_only(self, visit_id: str, steps: set[str]) -> None:
            world.reschedule(after_the_start(world, days=1))

    with pytest.raises(Contended):
        Aligner(schedules=Busy(), start=world.due.append, now=world.service.clock).align("ward")


class Scheduler:
    """EventBridge Scheduler's client, as far as it is used."""

    def __init__(self) -> None:
        self.made: dict[str, dict[str, Any]] = {}

    def update_schedule(self, **asked: Any) -> None:
        from botocore.exceptions import ClientError

        if asked["Name"] not in self.made:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "UpdateSchedule")
        self.made[asked["Name"]] = asked

    def create_schedule(self, **asked: Any) -> None:
        assert asked["Name"] not in self.made
        self.made[asked["Name"]] = asked

    def list_schedules(self, *, GroupName: str, NamePrefix: str, MaxResults: int) -> dict[str, Any]:  # noqa: N803
        assert (GroupName, MaxResults) == ("steps", 100)
        return {"Schedules": [{"Name": one} for one in sorted(self.made) if one.startswith(NamePrefix)]}

    def delete_schedule(self, *, Name: str, GroupName: str) -> None:  # noqa: N803
        assert GroupName == "steps"
        del self.made[Name]


def test_schedules_are_one_off_named_after_visit_and_step_and_never_early() -> None:
    client = Scheduler()
    schedules = Schedules(client, Target("steps", "queue", "role", "dead"))  # type: ignore[arg-type]
    at = datetime(2026, 10, 1, 9, 0, 0, 1, tzinfo=UTC)
    for step in ("reminder_day", "reminder_hour"):
        schedules.put(StepDue("ward", step, 0), at)
        schedules.put(StepDue("ward", step, 1), at)
        schedules.put(StepDue("other", step, 0), at)
    schedules.keep_only("ward", {"reminder_day"})
    assert set(client.made) == {
        name("ward", "reminder_day"),
        name("other", "reminder_day"),
        name("other", "reminder_hour"),
    }
    made = client.made[name("ward", "reminder_day")]
    assert made["ScheduleExpression"] == "at(2026-10-01T09:00:01)"
    assert made["ActionAfterCompletion"] == "DELETE"
    assert made["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert made["Target"]["DeadLetterConfig"] == {"Arn": "dead"}
    assert read_due(made["Target"]["Input"]) == StepDue("ward", "reminder_day", 1)


@pytest.mark.parametrize("step", ["a1", "x" * 40])
def test_a_schedules_name_fits_into_what_the_scheduler_allows(step: str) -> None:
    assert len(name("v" * 64, step)) <= 64
    assert name("v" * 64, step) != name("v" * 63, step)


# --- pages of people


def test_a_due_step_goes_once_to_everybody_it_is_for(world: World) -> None:
    for number in (1, 2, 3):
        world.join(number)
    world.wait_until(after_the_start(world, days=-1))
    assert world.states("reminder_day") == ["ready"] * 3
    assert len(set(world.queue)) == len(world.queue) == 6, "two steps for three people"


def test_a_message_that_comes_twice_or_late_makes_nothing_twice(world: World) -> None:
    world.join(1)
    world.wait_until(after_the_start(world, days=-7))
    once = world.deliveries("reminder_week")
    for _ in range(3):
        world.due.append(StepDue("ward", "reminder_week", 0))
        world.run()
    assert world.deliveries("reminder_week") == once
    world.service.clock.now = after_the_start(world, days=-5)
    world.due.append(StepDue("ward", "reminder_week", 0))
    world.run()
    assert world.deliveries("reminder_week") == once


def test_people_are_gone_through_a_page_at_a_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fan, "PEOPLE_A_PAGE", 2)
    for number in (1, 2, 3, 4, 5):
        world.join(number)
    world.service.clock.now = after_the_start(world, days=-7)
    world.due.append(StepDue("ward", "reminder_week", 0))
    assert world.run() == ["2 queued, and the next page", "2 queued, and the next page", "1 queued"]
    assert world.states("reminder_week") == ["ready"] * 5


def test_a_message_before_the_moment_or_for_an_old_schedule_does_nothing(world: World) -> None:
    world.join(1)
    world.due.append(StepDue("ward", "reminder_week", 0))
    assert world.run() == ["its moment is another now"]
    world.service.clock.now = after_the_start(world, days=-7)
    world.reschedule(after_the_start(world, days=7))
    world.due += [StepDue("ward", "reminder_week", 0), StepDue("ward", "no_such", 1), StepDue("nowhere", "x", 0)]
    assert world.run() == ["the visit was moved since", "the step is not in the plan", "the visit is not on"]
    assert world.deliveries() == []


def test_a_message_that_was_stuck_past_the_tolerance_says_so_for_everybody(world: World) -> None:
    world.join(1)
    world.join(2)
    world.service.clock.now = after_the_start(world, days=-5)
    world.due.append(StepDue("ward", "reminder_week", 0))
    world.run()
    assert world.states("reminder_week") == ["skipped", "skipped"]
    assert {one.reason for one in world.deliveries()} == {"its moment had passed"}
    assert world.queue == []


def test_a_sending_that_went_through_is_not_begun_again_when_the_visit_changes(world: World) -> None:
    world.join(1)
    world.wait_until(after_the_start(world, days=-7, hours=1))
    world.align()
    assert world.due == []
    run = runs.of("ward", "reminder_week", 0)
    assert run is not None
    assert run.is_done(after_the_start(world, days=-7), 0)


def test_a_sending_that_died_half_way_goes_on_when_anything_changes(world: World) -> None:
    world.join(1)
    world.service.clock.now = after_the_start(world, days=-7)
    runs.begun("ward", "reminder_week", 0, world.service.clock.now)
    world.align()
    assert world.due == [StepDue("ward", "reminder_week", 0)]


# --- who comes later


def test_a_newcomer_gets_what_still_makes_sense_and_the_rest_is_recorded_with_its_reason(world: World) -> None:
    world.service.clock.now = after_the_start(world, hours=-13)
    world.join(1)
    assert world.states("reminder_week") == ["skipped"]
    assert world.states("reminder_day") == ["ready"]
    assert world.states("reminder_hour") == []
    assert len(world.queue) == 1
    world.happened("registration.confirmed", 1)
    assert world.states("reminder_day") == ["ready"], "told twice, made once"


def test_who_is_admitted_later_is_caught_up(world: World) -> None:
    for number in range(1, 7):
        world.join(number)
    world.wait_until(after_the_start(world, days=-1))
    assert len(world.deliveries("reminder_day")) == 5
    first = world.service.link(1)
    assert world.service.api("DELETE", f"/registrations/{first}").status == 204
    world.service.run_line()
    world.happened("registration.admitted", 6)
    assert len(world.deliveries("reminder_day")) == 6


def test_who_cancels_and_comes_back_gets_no_step_twice(world: World) -> None:
    world.join(1)
    world.wait_until(after_the_start(world, days=-1))
    assert world.service.api("DELETE", f"/registrations/{world.service.link(1)}").status == 204
    world.join(1)
    assert len(world.deliveries("reminder_day")) == 1


def test_a_step_of_each_persons_own_moment_waits_for_it(world: World) -> None:
    own = {
        "step": "how_to_prepare",
        "when": {"anchor": "registered", "offset": "P2D", "at": "09:00"},
        "to": {"statuses": ["confirmed", "waiting"]},
        "subject": "How to prepare",
        "body_markdown": "Read this.",
    }
    world.plan(how_to_prepare=own)
    world.join(1)
    [delivery] = world.deliveries("how_to_prepare")
    assert delivery.due_at == delivery.not_before == datetime(2026, 9, 3, 8, tzinfo=UTC)
    assert world.queue == []
    world.service.clock.now = datetime(2026, 9, 3, 8, tzinfo=UTC)
    assert list(Deliveries().due(world.service.clock.now, 10)) == [delivery.identity.delivery_id]
    assert isinstance(world.composed(delivery), Letter)


# --- the re-read at the moment of sending


def reminder(world: World) -> Delivery:
    world.join(1)
    world.wait_until(after_the_start(world, days=-1))
    [delivery] = world.deliveries("reminder_day")
    return delivery


def skip_reason(world: World, delivery: Delivery) -> str:
    composed = world.composed(delivery)
    assert isinstance(composed, Skip), composed
    return composed.reason


def test_a_reminder_is_written_in_the_plans_words(world: World) -> None:
    letter = world.composed(reminder(world))
    assert isinstance(letter, Letter)
    assert letter.subject == "Tomorrow: How one ward halved its falls"
    assert "https://visits.example.org/places/1" in letter.text


def test_a_moved_visit_never_sends_with_the_old_time(world: World) -> None:
    delivery = reminder(world)
    world.reschedule(after_the_start(world, days=9))
    assert skip_reason(world, delivery) == "the visit was moved since"


def test_what_is_no_longer_right_is_skipped_with_its_reason(world: World) -> None:
    delivery = reminder(world)
    world.service.clock.now = after_the_start(world, hours=-11)
    assert skip_reason(world, delivery) == "too late: its moment has passed"
    world.service.clock.now = after_the_start(world, hours=-23)
    world.plan(reminder_day={"to": {"statuses": ["waiting"]}})
    assert skip_reason(world, delivery) == "no longer among those it is for"
    world.plan(reminder_day={"to": {"statuses": ["confirmed"]}, "enabled": False})
    assert skip_reason(world, delivery) == "the step was taken out of the plan"
    world.plan(reminder_day={"enabled": True})
    assert world.service.api("DELETE", f"/registrations/{world.service.link(1)}").status == 204
    assert skip_reason(world, delivery) == "cancelled since"
    world.service.organise("POST", "/visits/ward/cancel", {"message": ""})
    assert skip_reason(world, delivery) == "the visit is cancelled"


# --- pausing, sending by hand


def test_a_paused_step_is_held_at_once_also_half_way_and_goes_on_repeating_nobody(world: World) -> None:
    for number in (1, 2):
        world.join(number)
    world.wait_until(after_the_start(world, days=-1))
    before = world.deliveries("reminder_day")
    plan_changes.pause("ward", "reminder_day", actor=OLIVE, now=world.service.clock.now)
    assert [world.composed(one) for one in before] == [Hold("the step is paused")] * 2
    world.due.append(StepDue("ward", "reminder_day", 0))
    assert world.run() == ["paused"]
    world.align()
    assert world.due == []
    world.queue.clear()
    plan_changes.resume("ward", "reminder_day", actor=OLIVE, now=world.service.clock.now)
    world.align()
    world.run()
    assert world.deliveries("reminder_day") == before
    assert sorted(world.queue) == sorted(one.identity.delivery_id for one in before)


def test_a_step_resumed_too_late_says_so(world: World) -> None:
    world.join(1)
    plan_changes.pause("ward", "reminder_day", actor=OLIVE, now=world.service.clock.now)
    world.wait_until(after_the_start(world, hours=-2))
    plan_changes.resume("ward", "reminder_day", actor=OLIVE, now=world.service.clock.now)
    world.align()
    world.run()
    assert world.states("reminder_day") == ["skipped"]


def test_sending_by_hand_is_the_steps_one_sending(world: World) -> None:
    world.join(1)
    plan_changes.send_now("ward", "reminder_week", 0, actor=OLIVE, now=world.service.clock.now)
    world.align()
    assert world.run() == ["1 queued"]
    assert world.clockwork.at("reminder_week") is None
    world.wait_until(after_the_start(world, days=-3))
    assert world.states("reminder_week") == ["ready"]


def test_what_was_sent_by_hand_is_due_again_when_the_visit_moves(world: World) -> None:
    world.join(1)
    plan_changes.send_now("ward", "reminder_week", 0, actor=OLIVE, now=world.service.clock.now)
    world.align()
    world.run()
    world.reschedule(after_the_start(world, days=14))
    world.align()
    assert world.clockwork.at("reminder_week") == world.starts_at - timedelta(days=7)


@pytest.mark.parametrize("seed", range(6))
def test_a_visit_moved_back_and_forth_reminds_once_at_the_last_time(world: World, seed: int) -> None:
    dice, clock = random.Random(seed), world.service.clock
    world.join(1)
    moved_at = None
    for _ in range(dice.randint(1, 5)):
        world.wait_until(clock.now + timedelta(hours=dice.randint(1, 400)))
        if clock.now >= world.starts_at:
            break
        moved_at = clock.now
        world.reschedule(clock.now + timedelta(days=dice.choice([1, 2, 3, 20]), hours=1))
        world.align()
    world.wait_until(max(clock.now, world.starts_at) + timedelta(days=1))
    last, due = int(world.service.details().sequence), world.starts_at - timedelta(days=1)
    sent = [one for one in world.deliveries("reminder_day") if one.identity.schedule == last]
    assert len(sent) == (1 if moved_at is None or due > moved_at else 0)
    assert all(one.state is State.READY and abs(one.created_at - due) <= timedelta(seconds=1) for one in sent)
    versions = [one.identity.schedule for one in world.deliveries("reminder_day")]
    assert len(versions) == len(set(versions)), "once a version"


# --- the functions as Lambda calls them


def test_a_message_nobody_understands_comes_again_and_the_others_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[StepDue] = []

    class One:
        def take(self, due: StepDue) -> str:
            taken.append(due)
            return "done"

    monkeypatch.setattr(on_due, "_fan", One)
    records = [{"messageId": "a", "body": "{}"}, {"messageId": "b", "body": str(StepDue("ward", "x", 0, 7))}]
    assert on_due.handler({"Records": records}, None) == {"batchItemFailures": [{"itemIdentifier": "a"}]}
    assert taken == [StepDue("ward", "x", 0, 7)]


def test_schedules_are_looked_at_for_events_and_for_plans_that_changed(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.visit()
    aligned: list[str] = []

    class One:
        def align(self, visit_id: str) -> None:
            if visit_id == "broken":
                raise Contended
            aligned.append(visit_id)

    monkeypatch.setattr(on_change, "_aligner", One)
    assert on_change.handler({"detail-type": "visit.published", "detail": {"visit_id": "ward"}}, None) is None
    records = [
        {"dynamodb": {"SequenceNumber": str(n), "Keys": {"pk": {"S": f"plan#{one}"}, "sk": {"S": "state"}}}}
        for n, one in enumerate(["broken", "ward"])
    ]
    assert on_change.handler({"Records": records}, None) == {"batchItemFailures": [{"itemIdentifier": "0"}]}
    assert aligned == ["ward", "ward"]
    assert plans.running("ward").version == 1, "a published visit has a plan of its own"
    plans.keep_a_copy("ward", service.clock.now)
    assert plans.running("ward").version == 1


def test_messages_are_json_of_ids_alone() -> None:
    assert json.loads(str(StepDue("ward", "reminder_day", 2, 41))) == {
        "visit_id": "ward",
        "step": "reminder_day",
        "schedule": 2,
        "after": 41,
    }
