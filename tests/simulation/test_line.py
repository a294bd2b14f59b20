"""The line in a bad world: crashes, lost answers, delays, repeats, conflicts, and everybody at once.

The real functions run against a table in memory and stop before every call, so that what happens next is ours to say:
Hypothesis', a seed's, or every order there is. After every write, and once nothing is left to do, the guarantees of
the design are demanded (`line_guarantees.py`). The controls take one rule away each and must find them broken, which
shows that this world is bad enough.
"""

import re
from contextlib import ExitStack
from dataclasses import replace
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tests.simulation.actors import Actor, Fate
from tests.simulation.dynamodb import Request
from tests.simulation.line_guarantees import Broken, Guarantee
from tests.simulation.line_runs import PEOPLE, Scene, Weather, breaks, every_order, random_run
from tests.simulation.line_world import STARTS, Rule, World
from visits import line

RUNS = 500
CONTROL_RUNS = 500

# --- Hypothesis decides ----------------------------------------------------------------------------------------------

people = st.sampled_from(PEOPLE)
some = st.integers(0, 30)
"""Picks one of however many there are."""
fates = st.one_of(st.just(Fate.DONE), st.just(Fate.DONE), st.sampled_from(Fate))


class LineMachine(RuleBasedStateMachine):
    """Anybody may come at any moment, and anything may become of any call."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.world = World()

    @initialize(capacity=st.integers(1, 3), waitlist=st.sampled_from(["automatic", "off"]))
    def publish(self, capacity: int, waitlist: str) -> None:
        self.world = self.stack.enter_context(World(capacity, waitlist).open())

    @rule(person=people, key=st.sampled_from([None, "program", "page"]))
    def register(self, person: str, key: str | None) -> None:
        self.world.register(person, key, by_page=key == "page")

    @precondition(lambda self: self.world.picture().line)
    @rule(place=some)
    def cancel(self, place: int) -> None:
        self.world.cancel(1 + place % self.world.picture().line)

    @precondition(lambda self: self.world.picture().line)
    @rule(place=some, person=people)
    def move_address(self, place: int, person: str) -> None:
        self.world.move_address(1 + place % self.world.picture().line, person)

    @precondition(lambda self: self.world.picture().line)
    @rule(place=some)
    def undo_address(self, place: int) -> None:
        self.world.undo_address(1 + place % self.world.picture().line)

    @rule(person=people)
    def add_by_hand(self, person: str) -> None:
        self.world.add_by_hand(person)

    @precondition(lambda self: self.world.picture().line)
    @rule(place=some)
    def move_up(self, place: int) -> None:
        self.world.move_up(1 + place % self.world.picture().line)

    @precondition(lambda self: self.world.picture().extras)
    @rule(place=some)
    def cancel_an_extra_place(self, place: int) -> None:
        extras = self.world.picture().extras
        self.world.cancel(extras[place % len(extras)].number)

    @rule(calls=st.lists(st.tuples(some, fates), min_size=1, max_size=12))
    def let_them_go_on(self, calls: list[tuple[int, Fate]]) -> None:
        for which, fate in calls:
            if ready := self.world.ready:
                self.world.step(ready[which % len(ready)], fate)

    @precondition(lambda self: self.world.on_its_way)
    @rule(which=some)
    def let_it_arrive(self, which: int) -> None:
        self.world.arrive(self.world.on_its_way[which % len(self.world.on_its_way)])

    @rule(from_the_start=st.booleans())
    def sweep(self, from_the_start: bool) -> None:
        self.world.sweep(from_the_start=from_the_start)

    @rule(numbers=st.lists(some, min_size=1, max_size=6))
    def deliver(self, numbers: list[int]) -> None:
        self.world.deliver([number % len(self.world.table.stream) for number in numbers])

    @rule(capacity=st.integers(1, 4) | st.none())
    def resize(self, capacity: int | None) -> None:
        self.world.change_visit(capacity=capacity)

    @rule(waitlist=st.sampled_from(["automatic", "off"]))
    def switch_the_waiting_list(self, waitlist: str) -> None:
        self.world.change_visit(waitlist=waitlist)

    @rule()
    def pass_an_hour(self) -> None:
        self.world.pass_time()

    @precondition(lambda self: self.world.now < STARTS)
    @rule(really=st.integers(0, 5))
    def let_the_visit_begin(self, really: int) -> None:
        if really == 5:
            self.world.pass_time(STARTS - self.world.now)

    def teardown(self) -> None:
        with self.stack:
            if self.world.history and self.world.guarantees.held:
                self.world.come_to_rest(by_the_stream=len(self.world.told) % 2 == 0)


@pytest.mark.timeout(900)  # it takes seconds; making a failure small may take Hypothesis five minutes
def test_whatever_hypothesis_thinks_of_the_guarantees_hold() -> None:
    # Where CI is set, Hypothesis itself takes its profile "ci", which is derandomised: a push must not fail for what
    # its author did not touch. Anywhere else every run searches on, and a failure prints how to get it back.
    run_state_machine_as_test(
        LineMachine,
        settings=settings(
            max_examples=150,
            stateful_step_count=30,
            deadline=None,
            print_blob=True,
            suppress_health_check=[HealthCheck.too_slow],  # machines differ
            phases=set(Phase) - {Phase.explain},  # it traces every line, and slows the search to a crawl
        ),
    )


# --- a seed decides --------------------------------------------------------------------------------------------------


def test_in_many_bad_worlds_the_guarantees_hold(capsys: pytest.CaptureFixture[str]) -> None:
    rests = [random_run(seed, Weather()) for seed in range(RUNS)]

    with capsys.disabled():
        waited = sum(bool(rest.waiting) for rest in rests)
        extras = sum(len(rest.extras) for rest in rests)
        moved = sum(place.moved_to is not None for rest in rests for place in rest.places)
        print(
            f"\nthe line: {RUNS} bad worlds, {sum(rest.line for rest in rests)} places, somebody waiting in {waited}, "
            f"{extras} extra places, {moved} moved up"
        )
    assert waited > RUNS / 10, "these worlds are too empty to prove anything"
    assert min(moved, extras - moved) > RUNS / 20, "these worlds have too few extra places to prove anything"


# --- every order -----------------------------------------------------------------------------------------------------


def the_same_person_twice(world: World) -> list[Actor]:
    return [world.register("A"), world.register("A")]


def two_people_for_one_seat(world: World) -> list[Actor]:
    world.finish(world.register("C"))
    world.finish(world.cancel(1))
    return [world.register("A"), world.register("B")]


def a_cancellation_while_the_address_changes(world: World) -> list[Actor]:
    world.finish(world.register("A"))
    return [world.cancel(1), world.move_address(1, "B")]


def an_address_given_to_somebody_who_registers(world: World) -> list[Actor]:
    world.finish(world.register("A"))
    return [world.move_address(1, "B"), world.register("B")]


def a_slow_writer_and_the_sweep(world: World) -> list[Actor]:
    slow = up_to_a_write(world, world.register("A"))
    world.step(slow)  # its place is handed out
    world.pass_time()
    world.finish(world.sweep())  # the fence now stands at it
    world.pass_time()
    return [slow, up_to_a_write(world, world.sweep())]


def two_cancel_the_same_place(world: World) -> list[Actor]:
    for person in "AB":
        world.finish(world.register(person))
    return [up_to_a_write(world, world.cancel(1)), up_to_a_write(world, world.cancel(1))]


def two_reconcilers(world: World) -> list[Actor]:
    for person in "AB":
        world.finish(world.register(person))
    gone = up_to_a_write(world, world.cancel(1))
    cancelled = len(world.table.stream)
    world.step(gone)
    world.step(gone, Fate.CRASH_BEFORE)  # cancelled, and not given back yet
    both = [world.sweep(from_the_start=True), world.deliver([cancelled])]
    return [up_to_a_write(world, actor) for actor in both]


def a_lowering_while_somebody_takes_the_last_seat(world: World) -> list[Actor]:
    world.finish(world.register("C"))
    return [up_to_a_write(world, actor) for actor in (world.register("A"), world.change_visit(capacity=1))]


def two_publish_while_a_third_changes_the_draft(world: World) -> list[Actor]:
    three = (world.publish(), world.publish(), world.change_visit(capacity=3))
    return [up_to_a_write(world, actor) for actor in three]


def two_organisers_move_the_same_person_up(world: World) -> list[Actor]:
    for person in "AB":
        world.finish(world.register(person))
    return [up_to_a_write(world, world.move_up(2)), up_to_a_write(world, world.move_up(2))]


def somebody_is_moved_up_while_they_are_admitted(world: World) -> list[Actor]:
    for person in "ABC":
        world.finish(world.register(person))
    return [up_to_a_write(world, world.cancel(1)), up_to_a_write(world, world.move_up(2))]


def somebody_is_moved_up_while_they_cancel(world: World) -> list[Actor]:
    for person in "AB":
        world.finish(world.register(person))
    return [up_to_a_write(world, world.cancel(2)), up_to_a_write(world, world.move_up(2))]


def somebody_is_moved_up_while_their_address_changes(world: World) -> list[Actor]:
    for person in "AB":
        world.finish(world.register(person))
    return [up_to_a_write(world, world.move_address(2, "C")), up_to_a_write(world, world.move_up(2))]


def somebody_is_added_while_they_register(world: World) -> list[Actor]:
    return [world.add_by_hand("A"), world.register("A")]


def up_to_a_write(world: World, actor: Actor) -> Actor:
    while actor.waiting is not None and actor.waiting.is_read:
        world.step(actor)
    return actor


@pytest.mark.parametrize(
    ("scene", "crashes", "given"),
    [
        (the_same_person_twice, False, {}),
        (two_people_for_one_seat, True, {"capacity": 1}),
        (a_cancellation_while_the_address_changes, False, {}),
        (an_address_given_to_somebody_who_registers, False, {}),
        (a_slow_writer_and_the_sweep, False, {}),
        (two_cancel_the_same_place, False, {"capacity": 1}),
        (two_reconcilers, False, {"capacity": 1}),
        (a_lowering_while_somebody_takes_the_last_seat, False, {}),
        (two_publish_while_a_third_changes_the_draft, False, {"published": False}),
        (two_organisers_move_the_same_person_up, True, {"capacity": 1}),
        (somebody_is_moved_up_while_they_are_admitted, False, {"capacity": 1}),
        (somebody_is_moved_up_while_they_cancel, True, {"capacity": 1}),
        (somebody_is_moved_up_while_their_address_changes, False, {"capacity": 1}),
        (somebody_is_added_while_they_register, False, {}),
    ],
)
def test_in_every_order_the_guarantees_hold(
    scene: Scene, crashes: bool, given: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    orders = sum(1 for _ in every_order(scene, crashes=crashes, **given))

    with capsys.disabled():
        print(f"\nthe line: {scene.__name__.replace('_', ' ')}, in {orders} orders")
    assert orders > 10


# --- controls --------------------------------------------------------------------------------------------------------


def without(pattern: str, *, of: str, operation: str = "TransactWriteItems") -> Rule:
    """Take what matches ``pattern`` out of the conditions of writes to items whose sort key begins with ``of``."""

    def edited(request: Request) -> Request:
        write = next((request[kind] for kind in ("Put", "Update") if kind in request), request)
        key = write["Key"] if "Key" in write else write["Item"]
        if not key["sk"]["S"].startswith(of):
            return request
        condition = re.sub(pattern, "", write.get("ConditionExpression", ""))
        kept = {key: value for key, value in write.items() if key != "ConditionExpression"}
        write = _only_what_is_used(kept | ({"ConditionExpression": condition} if condition else {}))
        return next(({kind: write} for kind in ("Put", "Update") if kind in request), write)

    def rule(asked: str, request: Request) -> Request:
        if asked != operation:
            return request
        if operation == "TransactWriteItems":
            return request | {"TransactItems": [edited(each) for each in request["TransactItems"]]}
        return edited(request)

    return rule


def _only_what_is_used(write: Request) -> Request:
    used = set(re.findall(r"[#:]\d+", " ".join(text for part, text in write.items() if part.endswith("Expression"))))
    for part in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
        if part in write:
            write = write | {part: {key: value for key, value in write[part].items() if key in used}}
    return {part: value for part, value in write.items() if value}


def assert_broken(guarantee: Guarantee, capsys: pytest.CaptureFixture[str], rule: Rule | None = None) -> None:
    seed = breaks(guarantee, Weather(without=rule), range(CONTROL_RUNS))

    assert seed is not None, f"{CONTROL_RUNS} bad worlds without this rule, and nobody noticed"
    with capsys.disabled():
        print(f"\nthe line, control: broken in world {seed}: {guarantee.value}")


def test_control_without_the_condition_on_line_a_full_visit_takes_one_more(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Two people read that there is a seat; only the update's own condition lets one of them have it."""
    rule = without(r" AND \(#\d+ <> :\d+ OR #\d+ < #\d+\)", of="visit", operation="UpdateItem")

    assert_broken(Guarantee.ROOM, capsys, rule)


def test_control_without_tombstones_a_late_writer_takes_a_seat_that_was_given_on() -> None:
    """The sweep voids a slow writer's place and its seat goes to the next; then the slow writer writes all the same."""

    def a_seat_given_on(world: World) -> list[Actor]:
        slow, sweep = a_slow_writer_and_the_sweep(world)
        world.finish(sweep)
        world.finish(world.register("B"))
        return [slow]

    overwriting = without(r"^attribute_not_exists \(#\d+\)$", of="place#")

    assert list(every_order(a_seat_given_on, capacity=1))
    for guarantee in (Guarantee.ONCE, Guarantee.MARK, Guarantee.SEATS):
        others = frozenset(Guarantee) - {guarantee}
        with pytest.raises(Broken, match=re.escape(guarantee.value)):
            list(every_order(a_seat_given_on, capacity=1, but_not=others, without=overwriting))


def test_control_without_the_released_flag_a_seat_is_given_back_twice(capsys: pytest.CaptureFixture[str]) -> None:
    """Two reconcilers see the same cancelled place; each moves the mark, and two people get one seat."""
    rule = without(r"attribute_not_exists \(#\d+\) AND ", of="place#")

    assert_broken(Guarantee.MARK, capsys, rule)
    assert_broken(Guarantee.SEATS, capsys, rule)


def test_control_without_granted_a_lowering_takes_back_what_was_promised(capsys: pytest.CaptureFixture[str]) -> None:
    """Who holds a seat above the lowered mark is one too many, and counts as waiting to those who really do."""
    real = line.resized

    def forgetful(now: line.Line, capacity: int) -> line.Line:
        return replace(real(now, capacity), granted=now.granted)

    with patch.object(line, "resized", forgetful):
        assert_broken(Guarantee.SEATS, capsys)
        assert_broken(Guarantee.POSITIONS, capsys)


def test_control_without_the_guards_condition_a_person_registers_twice(capsys: pytest.CaptureFixture[str]) -> None:
    """Both halves of a double click find the guard free."""
    rule = without(r"^attribute_not_exists \(#\d+\)$", of="visit#")

    assert_broken(Guarantee.PERSON, capsys, rule)


def test_control_without_looking_again_a_registration_is_moved_up_twice_or_off_its_seat() -> None:
    """Two organisers at once, or an organiser and a seat that comes free: each saw the person waiting."""
    still_waiting = r"^\(\(#\d+ = :\d+ AND #\d+ = :\d+\) AND (attribute_not_exists \(#\d+\)|#\d+ = :\d+)\)$"
    careless = without(still_waiting, of="place#0")

    def broken(scene: Scene, guarantee: Guarantee, rule: Rule) -> None:
        others = frozenset(Guarantee) - {guarantee}
        with pytest.raises(Broken, match=re.escape(guarantee.value)):
            list(every_order(scene, capacity=1, but_not=others, without=rule))

    broken(somebody_is_moved_up_while_they_are_admitted, Guarantee.ONCE, careless)
    unguarded = without(r"^#\d+ = :\d+$", of="visit#")

    def neither(operation: str, request: Request) -> Request:
        return unguarded(operation, careless(operation, request))

    broken(two_organisers_move_the_same_person_up, Guarantee.MOVED, neither)


def test_control_without_the_guards_condition_somebody_is_added_who_is_registered() -> None:
    rule = without(r"^attribute_not_exists \(#\d+\)$", of="visit#")

    with pytest.raises(Broken, match=re.escape(Guarantee.PERSON.value)):
        list(every_order(somebody_is_added_while_they_register, without=rule))
