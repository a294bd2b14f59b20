"""A visit of five thousand people: planned in pages, in bounded memory, each person once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from followups.delivery import Delivery
from followups.fan_out import PAGE, FanOut, Pages
from followups.model import Deliveries
from followups.on_event import Queue
from kernel.events import Fact
from tests.unit.followups_samples import CONFIRMED, MESSAGE, NOW
from visits.query import RegistrationView

PEOPLE = 5_000
DETAIL: dict[str, Fact] = {"visit_id": "virtual-ward", "version": 4, "sequence": 1, "line": PEOPLE}


class Made(Deliveries):
    """The deliveries' table: puts if absent."""

    def __init__(self) -> None:
        self.ids: set[str] = set()

    def create(self, delivery: Delivery) -> bool:
        new = delivery.identity.delivery_id not in self.ids
        self.ids.add(delivery.identity.delivery_id)
        return new


class Asked(Pages):
    """This function's queue."""

    def __init__(self) -> None:
        self.waiting: list[tuple[str, Mapping[str, Fact], int]] = []

    def put(self, name: str, detail: Mapping[str, Fact], after: int) -> None:
        self.waiting.append((name, detail, after))


class Queued(Queue):
    """The deliveries' queue."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.most = 0

    def put_all(self, delivery_ids: Iterable[str]) -> int:
        some = list(delivery_ids)
        self.most = max(self.most, len(some))
        self.ids += some
        return 0


def people(_visit_id: str, after: int, limit: int) -> Sequence[RegistrationView]:
    """A line in which every tenth place was given up, read as `visits.query.people_after` reads it."""
    return [
        replace(
            CONFIRMED,
            place=place,
            registration_id=f"registration-{place}",
            status="cancelled" if place % 10 == 0 else "confirmed" if place <= 100 else "waiting",
        )
        for place in range(after + 1, min(PEOPLE, after + limit) + 1)
    ]


def fan_out() -> tuple[FanOut, Made, Asked, Queued]:
    made, asked, queued = Made(), Asked(), Queued()
    return FanOut(made, queued, asked, people, lambda _visit, _message: MESSAGE, lambda: NOW), made, asked, queued


def test_five_thousand_people_are_planned_once_each_and_two_hundred_at_a_time() -> None:
    fan, made, asked, queued = fan_out()
    asked.put("visit.cancelled", DETAIL, 0)
    pages = 0
    while asked.waiting:
        fan.page(*asked.waiting.pop())
        pages += 1
    assert pages == PEOPLE // PAGE + 1, "the last page is full, so one more looks behind it"
    assert len(made.ids) == len(queued.ids) == PEOPLE * 9 // 10
    assert queued.most <= PAGE


def test_pages_may_come_in_any_order_and_twice() -> None:
    fan, made, asked, _ = fan_out()
    for after in (4800, 0, 200, 0, 4800, *range(0, PEOPLE, PAGE)):
        fan.page("visit.rescheduled", DETAIL, after)
    assert len(made.ids) == PEOPLE * 9 // 10
    assert all(name == "visit.rescheduled" and detail == DETAIL for name, detail, _ in asked.waiting)


def test_a_message_plans_those_alone_whom_it_is_for() -> None:
    made, queued = Made(), Queued()
    only = replace(MESSAGE, to=frozenset({"confirmed"}))
    fan = FanOut(made, queued, Asked(), people, lambda _visit, _message: only, lambda: NOW)
    assert fan.page("visit.message_posted", {"visit_id": "virtual-ward", "message_id": "m1"}, 0) == 90
    gone = FanOut(made, queued, Asked(), people, lambda _visit, _message: None, lambda: NOW)
    assert gone.page("visit.message_posted", {"visit_id": "virtual-ward", "message_id": "m2"}, 0) == 0
