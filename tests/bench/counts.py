"""Calls of DynamoDB and capacity units, request by request."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.bench.sample import ADA, VISIT, service
from tests.capacity import Cost, metered
from tests.service import Service, person


@dataclass(frozen=True)
class Count:
    """What one request cost, and the design's figure for it where it has one."""

    name: str
    costs: list[Cost]
    design: str

    @property
    def calls(self) -> str:
        """The calls by name."""
        names = Counter(cost.operation for cost in self.costs)
        return ", ".join(f"{name} × {times}" if times > 1 else name for name, times in names.items())

    @property
    def reads(self) -> float:
        """Read units."""
        return sum(cost.reads for cost in self.costs)

    @property
    def writes(self) -> int:
        """Write units."""
        return sum(cost.writes for cost in self.costs)


def count() -> list[Count]:
    """Count for every request that people wait for, each as it comes in a warm container."""
    path = "/visits/ward/registrations"
    answers = ADA["answers"]

    def register(sample: Service, *numbers: int) -> None:
        for number in numbers:
            assert sample.api("POST", path, {**person(number), "answers": answers}).status == 201

    def full(sample: Service) -> None:
        sample.visit(**{**VISIT, "capacity": 2})
        register(sample, 1, 2)

    def ordinary(sample: Service) -> None:
        sample.visit(**VISIT)
        register(sample, 1)

    def with_a_line(sample: Service) -> None:
        full(sample)
        register(sample, 3)

    def cancel(sample: Service) -> None:
        assert sample.api("DELETE", f"/registrations/{sample.link(1)}").status == 204

    def read(path: str) -> Callable[[Service], None]:
        def get(sample: Service) -> None:
            assert sample.get(path).status == 200

        return get

    def ada(sample: Service) -> None:
        assert sample.api("POST", path, ADA).status == 201

    three = "3 calls · 1 read · 5 write units"
    return [
        _counted("registering, a seat is free", ordinary, ada, three),
        _counted("registering, joining the line", full, ada),
        _counted("registering again", ordinary, lambda sample: register(sample, 1), "as many calls"),
        _counted("cancelling, nobody waits", ordinary, cancel),
        _counted("cancelling, somebody gets the place", with_a_line, cancel),
        _counted("my place", ordinary, lambda sample: read(f"/places/{sample.link(1)}")(sample)),
        _counted("a visit's page", ordinary, read("/visits/ward")),
        _counted("a visit's page, people wait", with_a_line, read("/visits/ward")),
        _counted("the list of visits", ordinary, read("/")),
    ]


def _counted(
    name: str, before: Callable[[Service], None], request: Callable[[Service], None], design: str = ""
) -> Count:
    with service() as sample, pytest.MonkeyPatch.context() as patch:
        before(sample)
        with metered(patch) as costs:
            request(sample)
        return Count(name, list(costs), design)
