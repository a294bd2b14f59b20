"""Runs of a line's world: at random from a seed, and every order of two or three actors' calls."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from tests.simulation.actors import Actor, Fate
from tests.simulation.dynamodb import Table
from tests.simulation.line_guarantees import Broken, Guarantee, Picture
from tests.simulation.line_world import AN_HOUR, INDEXES, STARTS, Rule, World

PEOPLE = "ABCDE"

_TROUBLE = (
    Fate.CONFLICT,
    Fate.REPEATED,
    Fate.TWICE,
    Fate.LOST,
    Fate.LATE,
    Fate.UNSENT,
    Fate.CRASH_BEFORE,
    Fate.CRASH_AFTER,
)


_SPEEDS = (0.02, 0.3, 1, 1)


@dataclass(frozen=True, slots=True)
class Weather:
    """How bad a world is.

    Attributes:
        comings: how many actors come.
        trouble: how often a call does not simply pass.
        patience: how likely the next step is somebody's call rather than somebody's coming.
        without, but_not: see `World`.
    """

    comings: int = 12
    trouble: float = 0.12
    patience: float = 0.8
    without: Rule | None = None
    but_not: frozenset[Guarantee] = frozenset()


def random_run(seed: int, weather: Weather, table: Table | None = None) -> Picture:
    """Run a world whose every turn follows from ``seed``, on an empty table, and bring it to rest.

    Raises:
        Broken: with the run's whole story as a note.
    """
    dice = random.Random(seed)
    world = World(
        capacity=dice.choice((1, 1, 1, 2, 2, 3)),
        waitlist=dice.choice(("automatic", "automatic", "automatic", "off")),
        without=weather.without,
        but_not=weather.but_not,
        table=table or Table(INDEXES),
    )
    weather = replace(weather, trouble=dice.choice((0, weather.trouble, 2 * weather.trouble)))
    with world.open():
        try:
            left = weather.comings
            speeds = [dice.choice(_SPEEDS) for _ in range(left)]
            while left or world.ready:
                if world.on_its_way and dice.random() < 0.15:
                    world.arrive(dice.choice(world.on_its_way))
                elif world.ready and (not left or dice.random() < weather.patience):
                    world.step(_next(world, speeds, dice), _fate(dice, weather.trouble))
                else:
                    _somebody_comes(world, dice)
                    left -= 1
            if dice.random() < 0.03:
                world.pass_time(STARTS - world.now)
            return world.come_to_rest(by_the_stream=dice.random() < 0.5, order=lambda some: _in_any_order(some, dice))
        except Exception as broken:
            broken.add_note("\n".join([f"seed {seed}", *world.told]))
            raise


def breaks(guarantee: Guarantee, weather: Weather, seeds: range) -> int | None:
    """Return the first seed whose run breaks this guarantee, whatever else it breaks; None where none does."""
    only = replace(weather, but_not=frozenset(Guarantee) - {guarantee})
    for seed in seeds:
        try:
            random_run(seed, only)
        except Broken:
            return seed
    return None


def _next(world: World, speeds: Sequence[float], dice: random.Random) -> Actor:
    """Choose whose call is next: by speed, so that somebody slow meets much of what others do meanwhile."""
    ready = [(actor, speeds[number]) for number, actor in enumerate(world.actors) if actor.waiting is not None]
    return dice.choices([actor for actor, _ in ready], [speed for _, speed in ready])[0]


def _fate(dice: random.Random, trouble: float) -> Fate:
    return dice.choice(_TROUBLE) if dice.random() < trouble else Fate.DONE


def _somebody_comes(world: World, dice: random.Random) -> None:
    line = world.picture()
    places = [*range(1, line.line + 1), *(extra.number for extra in line.extras)]
    match dice.choices(
        (
            "register",
            "cancel",
            "sweep",
            "deliver",
            "capacity",
            "waitlist",
            "move",
            "undo",
            "hour",
            "begin",
            "add",
            "up",
        ),
        (40, 20, 8, 8, 8, 2, 4, 2, 10, 0.3, 4, 9),
    )[0]:
        case "register":
            key = dice.choice((None, None, "program", "page"))
            world.register(dice.choice(PEOPLE), key, by_page=key == "page")
        case "cancel" if places:
            world.cancel(dice.choice(places))
        case "sweep":
            world.sweep(from_the_start=dice.random() < 0.3)
        case "deliver":
            records = range(len(world.table.stream))
            world.deliver(_in_any_order(dice.choices(records, k=min(len(records), 6)), dice))
        case "capacity":
            world.change_visit(capacity=dice.choice((1, 1, 2, 2, 3, 4, None)))
        case "waitlist":
            world.change_visit(waitlist=dice.choice(("automatic", "off")))
        case "move" if places:
            world.move_address(dice.choice(places), dice.choice(PEOPLE))
        case "undo" if places:
            world.undo_address(dice.choice(places))
        case "add":
            world.add_by_hand(dice.choice(PEOPLE))
        case "up" if places:
            world.move_up(dice.choice(line.waiting or places))
        case "hour":
            world.pass_time(AN_HOUR)
        case "begin":
            world.pass_time(max(AN_HOUR, STARTS - world.now))
        case _:
            world.register(dice.choice(PEOPLE))


def _in_any_order(numbers: Sequence[int], dice: random.Random) -> list[int]:
    return dice.sample([*numbers, *dice.choices(numbers, k=2)] if numbers else [], k=len(numbers) and len(numbers) + 2)


# --- every order -----------------------------------------------------------------------------------------------------

type Scene = Callable[[World], Sequence[Actor]]
"""Sets a scene in a world, and returns the actors whose calls are to be interleaved."""


def every_order(scene: Scene, *, crashes: bool = False, **world: object) -> Iterator[Picture]:
    """Run a scene in every order of its actors' calls; yield how each came to rest.

    ``crashes`` also lets one actor crash, at every moment there is.
    """
    taken: list[int] = []
    while True:
        yield _one_order(scene, taken, crashes=crashes, **world)
        while taken and taken[-1] == 0:
            taken.pop()
        if not taken:
            return
        taken[-1] -= 1


def _one_order(scene: Scene, taken: list[int], *, crashes: bool, **given: object) -> Picture:
    """Follow the choices in ``taken``, then always the last; leave in ``taken`` what was chosen, to count down from."""
    world = World(**given)  # type: ignore[arg-type]  # the fields of World, by name
    at, may_crash = 0, crashes
    with world.open():
        actors = scene(world)
        try:
            while ready := [actor for actor in actors if actor.waiting is not None]:
                choices = [(actor, Fate.DONE) for actor in ready]
                if may_crash:
                    choices += [(actor, Fate.CRASH_AFTER) for actor in ready]
                if at == len(taken):
                    taken.append(len(choices) - 1)
                actor, fate = choices[taken[at]]
                may_crash = may_crash and fate is Fate.DONE
                world.step(actor, fate)
                at += 1
            return world.come_to_rest(by_the_stream=len(taken) % 2 == 0)
        except Exception as broken:
            broken.add_note("\n".join(world.told))
            raise
