"""What the design guarantees of the line, held against the table's items: after every write, and at rest.

Everything here reads raw items, not the code under test.
"""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from enum import Enum

from tests.simulation.dynamodb import Change, Item, Table

LIVE = frozenset({"confirmed", "waiting"})
GONE = frozenset({"cancelled", "void"})
NO_LIMIT = 10**9
FIRST_EXTRA = 90_000_001


class Guarantee(Enum):
    """Each in a sentence; a violation names it."""

    MARK = "admitted − (distinct released places) = capacity"
    SEATS = "holders in the line ≤ capacity + max(0, granted − admitted): no seat is given twice"
    EXTRA = "an extra place comes from an organiser alone, takes no seat of the line and gives none back"
    MOVED = "a registration moved up stands once, on the extra place its tombstone names"
    BOUND = "nobody is confirmed above the bound, so nobody overtakes a lower place that still waits above it"
    ROOM = "without a waiting list, a place is handed out only while there is a seat"
    ONCE = "a place is written once, changes only as its own registration does, and is released once"
    PERSON = "a person has one live registration, and the guard points at it"
    BEGUN = "nobody is admitted once the visit has begun"
    HONEST = "what somebody was answered is so"
    WRITTEN = "at rest every place that was handed out is written"
    NOT_WASTED = "at rest, if somebody waits, every seat is held; and seats_left says what is free"
    IN_ORDER = "at rest nobody waits below a holder, or at or below the bound"
    POSITIONS = "at rest people wait at positions 1, 2, 3, …"
    RESTS = "it comes to rest"


class Broken(AssertionError):
    """A guarantee was broken."""

    def __init__(self, guarantee: Guarantee, told: str) -> None:
        super().__init__(f"{guarantee.value}: {told}")
        self.guarantee = guarantee


@dataclass(frozen=True, slots=True)
class Standing:
    """A place as it stands."""

    number: int
    status: str
    person: str | None
    released: bool
    registration_id: str
    moved_to: int | None


@dataclass(frozen=True, slots=True)
class Picture:
    """The line at one moment."""

    capacity: int
    line: int
    admitted: int
    granted: int
    waitlist: str
    places: tuple[Standing, ...]
    extras: tuple[Standing, ...]
    guards: Mapping[str, int]

    @property
    def bound(self) -> int:
        return max(self.admitted, self.granted)

    @property
    def holders(self) -> list[int]:
        """Who holds a seat of the line."""
        return [place.number for place in self.places if place.status == "confirmed"]

    def standing_at(self, number: int) -> Standing | None:
        """Return where whoever has, or had, a place stands."""
        written = {place.number: place for place in (*self.places, *self.extras)}
        found = written.get(number)
        return written.get(found.moved_to) if found and found.moved_to else found

    @property
    def waiting(self) -> list[int]:
        return [place.number for place in self.places if place.status == "waiting"]


def picture(table: Table, visit_pk: str) -> Picture:
    """Read the line from the table."""
    visit = table.item(visit_pk, "visit") or {}
    written = [_standing(item) for item in table.under(visit_pk) if _is_place(item)]
    guards = {
        item["pk"]["S"].removeprefix("person#"): int(item["place"]["N"])
        for item in table.items()
        if item["sk"]["S"] == visit_pk and "place" in item
    }
    return Picture(
        capacity=int(visit["capacity"]["N"]),
        line=int(visit["line"]["N"]),
        admitted=int(visit["admitted"]["N"]),
        granted=int(visit["granted"]["N"]),
        waitlist=str(visit["waitlist"]["S"]),
        places=tuple(place for place in written if place.number < FIRST_EXTRA),
        extras=tuple(place for place in written if place.number >= FIRST_EXTRA),
        guards=guards,
    )


def _is_place(item: Item) -> bool:
    return bool(item["sk"]["S"].startswith("place#"))


def _standing(item: Item) -> Standing:
    return Standing(
        number=int(item["sk"]["S"].removeprefix("place#")),
        status=item["status"]["S"],
        person=item["person"]["S"] if "person" in item else None,
        released="released" in item,
        registration_id=item["registration_id"]["S"],
        moved_to=int(item["moved_to"]["N"]) if "moved_to" in item else None,
    )


@dataclass
class Guarantees:
    """Looks whether they hold. ``but_not``: those a control leaves to what follows from them."""

    but_not: Container[Guarantee] = field(default_factory=frozenset)
    held: bool = True

    def demand(self, guarantee: Guarantee, held: bool, told: Callable[[], str]) -> None:
        """Raise `Broken` unless it held."""
        if not held and guarantee not in self.but_not:
            self.held = False
            raise Broken(guarantee, told())

    def at(self, now: Picture) -> None:
        """Look at one moment."""
        released = sum(place.released for place in now.places)
        self.demand(Guarantee.MARK, now.admitted - released == now.capacity, lambda: f"{now}")
        most = now.capacity + max(0, now.granted - now.admitted)
        self.demand(Guarantee.SEATS, len(now.holders) <= most, lambda: f"{len(now.holders)} > {most} in {now}")
        self.demand(Guarantee.BOUND, max(now.holders, default=0) <= now.bound, lambda: f"{now}")
        wrong = [extra for extra in now.extras if extra.released or extra.status not in {"confirmed", "cancelled"}]
        self.demand(Guarantee.EXTRA, not wrong and now.line < FIRST_EXTRA, lambda: f"{wrong} of {now}")
        self._look_at_moves(now)
        live = {place.number: place.person for place in (*now.places, *now.extras) if place.status in LIVE}
        pointed = {place: person for person, place in now.guards.items()}
        self.demand(Guarantee.PERSON, live == pointed, lambda: f"live {live}, guards {pointed}")

    def _look_at_moves(self, now: Picture) -> None:
        moved = {place.moved_to: place for place in now.places if place.moved_to is not None}
        extras = {extra.number: extra.registration_id for extra in now.extras}
        follow = all(extras.get(to or 0) == place.registration_id for to, place in moved.items())
        gone = all(place.status == "void" and place.person is None for place in moved.values())
        ids = [place.registration_id for place in (*now.places, *now.extras) if place.moved_to is None]
        once = len(ids) == len(set(ids))
        self.demand(Guarantee.MOVED, follow and gone and once, lambda: f"{now}")

    def changed(self, change: Change, by: str, *, begun: bool) -> None:
        """Look at one item's change, made by an actor of the kind ``by``; ``begun``: it knew that the visit had."""
        old, new = change.old, change.new
        if change.key[1] == "visit" and old is not None and int(new["line"]["N"]) > int(old["line"]["N"]):
            room = new["waitlist"]["S"] != "off" or int(new["line"]["N"]) <= int(new["admitted"]["N"])
            self.demand(Guarantee.ROOM, room, lambda: f"{new['line']} with the mark at {new['admitted']}")
        if _is_place(new):
            self.demand(Guarantee.ONCE, _may_become(old, new, by), lambda: f"{old} became {new} by {by}")
            extra = int(new["sk"]["S"].removeprefix("place#")) >= FIRST_EXTRA
            self.demand(
                Guarantee.EXTRA, old is not None or extra == (by in _MAKE_EXTRAS), lambda: f"{new} written by {by}"
            )
            admitted = new["status"]["S"] == "confirmed" and (old or {}).get("status") == {"S": "waiting"}
            self.demand(Guarantee.BEGUN, not (begun and admitted), lambda: f"{change.key} by {by}")

    def at_rest(self, now: Picture, *, begun: bool, positions: list[int | None], seats_left: int | None) -> None:
        """Look at the line once nothing is left to do. ``positions`` are those of ``now.waiting``, as people see."""
        written = [place.number for place in now.places]
        self.demand(Guarantee.WRITTEN, written == list(range(1, now.line + 1)), lambda: f"{written} of {now.line}")
        held_back = [p.number for p in now.places if p.status in GONE and p.number <= now.bound and not p.released]
        self.demand(Guarantee.NOT_WASTED, not held_back, lambda: f"{held_back} never given back: {now}")
        if begun:
            return  # who waits then goes on waiting, and seats stay empty
        full = not now.waiting or len(now.holders) >= now.capacity
        self.demand(Guarantee.NOT_WASTED, full, lambda: f"{now.waiting} wait for {now}")
        left = None if now.capacity >= NO_LIMIT else max(0, now.capacity - len(now.holders))
        self.demand(Guarantee.NOT_WASTED, seats_left == left, lambda: f"seats_left {seats_left}, free {left}")
        last_seat = max(now.bound, *now.holders, 0)
        in_order = not now.waiting or min(now.waiting) > last_seat
        self.demand(Guarantee.IN_ORDER, in_order, lambda: f"{now}")
        expected = list(range(1, len(now.waiting) + 1))
        self.demand(Guarantee.POSITIONS, positions == expected, lambda: f"{positions} for {now}")


_WRITERS = {
    (None, "confirmed"): {"register", "add_by_hand", "move_up"},
    (None, "waiting"): {"register"},
    (None, "void"): {"register", "sweep"},
    ("waiting", "confirmed"): {"cancel", "sweep", "on_stream", "organiser"},
    ("waiting", "cancelled"): {"cancel"},
    ("waiting", "void"): {"move_up"},
    ("confirmed", "cancelled"): {"cancel"},
}
"""Who may make what of a place."""

_MAKE_EXTRAS = frozenset({"add_by_hand", "move_up"})


def _may_become(old: Item | None, new: Item, by: str) -> bool:
    if old is None:
        return by in _WRITERS.get((None, new["status"]["S"]), set()) and "released" not in new
    if old["registration_id"] != new["registration_id"]:
        return False
    was, status = old["status"]["S"], new["status"]["S"]
    if "released" in new and "released" not in old:
        return bool(was == status and status in GONE)
    if "released" in old:
        return bool(new == old)
    return was == status or by in _WRITERS.get((was, status), set())
