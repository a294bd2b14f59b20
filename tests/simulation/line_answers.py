"""What people were answered, held against what was so while they asked."""

from collections.abc import Iterator
from dataclasses import dataclass

from kernel.errors import RegistrationClosed, VisitFull
from tests.simulation.actors import Actor
from tests.simulation.dynamodb import Change
from tests.simulation.line_guarantees import GONE, LIVE, Guarantee, Guarantees, Picture
from visits.model import Place
from visits.register import Registered


@dataclass(frozen=True, slots=True)
class Happening:
    """A change of the table, and who made it; None for what was before anybody came."""

    change: Change
    by: Actor | None


@dataclass(frozen=True, slots=True)
class Life:
    """From when to when (numbers of happenings; None: still) a person had a live registration at a place."""

    place: int
    first: int
    last: int | None


def lives(history: list[Happening], person: str) -> list[Life]:
    """Return a person's live registrations, those that are over too."""
    found: list[Life] = []
    open_: dict[int, int] = {}
    for number, happening in enumerate(history):
        sk = happening.change.key[1]
        if not sk.startswith("place#"):
            continue
        place = int(sk.removeprefix("place#"))
        new = happening.change.new
        is_theirs = new["status"]["S"] in LIVE and new.get("person") == {"S": person}
        if is_theirs:
            open_.setdefault(place, number)
        elif place in open_:
            found.append(Life(place, open_.pop(place), number))
    return found + [Life(place, first, None) for place, first in open_.items()]


def judge(actor: Actor, history: list[Happening], now: Picture, guarantees: Guarantees) -> None:
    """Demand that what an actor answered is so, or was so at some moment while it ran.

    Raises:
        Broken: it never was.
    """
    told = actor.result
    match told:
        case VisitFull():
            full = any(_full(history, actor.since))
            guarantees.demand(Guarantee.HONEST, full, lambda: f"{actor.who} was told it is full")
        case RegistrationClosed():
            guarantees.demand(Guarantee.HONEST, _closed(history, actor), lambda: f"{actor.who} was told it is closed")
        case Registered():
            _judge_registered(actor, told, history, guarantees)
        case bool() if actor.kind == "cancel":
            standing = now.standing_at(int(actor.who or 0))
            gone = standing is not None and standing.status in GONE
            guarantees.demand(Guarantee.HONEST, gone, lambda: f"place {actor.who} was said to be cancelled")
        case Place():
            same = [h for h in history if h.change.key[1] == told.sk]
            confirmed = bool(same) and same[0].change.new["status"] == {"S": "confirmed"}
            guarantees.demand(Guarantee.HONEST, confirmed, lambda: f"{told.sk} was said to be {actor.who}'s")
        case _:
            pass


def _judge_registered(actor: Actor, told: Registered, history: list[Happening], guarantees: Guarantees) -> None:
    theirs = lives(history, str(actor.who))
    had = any(actor.keyed or life.last is None or life.last >= actor.since for life in theirs)
    guarantees.demand(Guarantee.HONEST, had, lambda: f"{actor.who} was told {told} and has no place")
    begun = [history[life.first] for life in theirs]
    taken = [one.change.new for one in begun if one.by is actor and one.change.old is None]
    wrong = [place for place in taken if place["status"] != {"S": told.status}]
    guarantees.demand(Guarantee.HONEST, not wrong, lambda: f"{actor.who} was told {told} of {wrong}")
    fits = told.position is None if told.status == "confirmed" else (told.position or 0) >= 1
    guarantees.demand(Guarantee.HONEST, fits, lambda: f"{actor.who} was told {told}")


def _full(history: list[Happening], since: int) -> Iterator[bool]:
    """Yield whether the visit was full without a waiting list: as the actor began, and at each change from then on."""
    before = False
    for number, happening in enumerate(history):
        if happening.change.key[1] != "visit":
            continue
        visit = happening.change.new
        full = visit["waitlist"]["S"] == "off" and int(visit["line"]["N"]) >= int(visit["admitted"]["N"])
        if number >= since:
            yield full
        else:
            before = full
    yield before


def _closed(history: list[Happening], actor: Actor) -> bool:
    closes = [h.change.new["closes_at"]["S"] for h in history if h.change.key[1] == "visit"]
    return any(actor.began.isoformat() >= moment[: len("2026-10-01T09:30:00")] for moment in closes)
