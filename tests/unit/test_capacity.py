"""What requests cost in calls of DynamoDB and capacity units. The figures are the design's ("The line")."""

from collections.abc import Iterator

import pytest

from tests.capacity import Cost, item_size, metered
from tests.service import Service


@pytest.fixture
def costs(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Cost]]:
    with metered(monkeypatch) as costs:
        yield costs


def totals(costs: list[Cost]) -> tuple[float, int]:
    """Return the read and the write units of some calls."""
    return sum(cost.reads for cost in costs), sum(cost.writes for cost in costs)


def test_registering_takes_three_calls_one_read_unit_and_five_write_units(service: Service, costs: list[Cost]) -> None:
    service.visit(capacity=20)
    service.register(1)  # this container knows the visit's details from here on
    costs.clear()
    assert service.register(2, organisation="Riverside Hospital", access_needs="A hearing loop").status == 201
    assert costs == [Cost("GetItem", reads=1), Cost("UpdateItem", writes=1), Cost("TransactWriteItems", writes=4)]


def test_the_first_registration_in_a_container_reads_the_visits_details_too(
    service: Service, costs: list[Cost]
) -> None:
    service.visit(capacity=20)
    costs.clear()
    assert service.register(1).status == 201
    assert totals(costs) == (2, 5)
    assert len(costs) == 4


def test_registering_again_takes_as_many_calls_as_registering(service: Service, costs: list[Cost]) -> None:
    service.visit(capacity=20)
    service.register(1)
    costs.clear()
    assert service.register(1).status == 201
    assert len(costs) == 3


def test_reading_a_visit_is_one_call_and_one_read_unit(service: Service, costs: list[Cost]) -> None:
    service.visit(capacity=20)
    costs.clear()
    for path in ("/api/v1/visits/ward", "/visits/ward"):
        assert service.get(path).status == 200
    # A page bears the community's name and colour, which is one more.
    assert costs == [Cost("Query", reads=1), Cost("Query", reads=1), Cost("GetItem", reads=1)]


def test_the_counters_stay_under_a_kilobyte_however_long_the_line(service: Service) -> None:
    service.visit(capacity=20)
    [item] = [item for item in service.items() if item["sk"]["S"] == "visit"]
    most = {name: {"N": "1000000000"} if "N" in value else value for name, value in item.items()}
    assert item_size(most) < 1024 - 200


def test_an_items_size_is_that_of_its_names_and_values() -> None:
    item = {
        "pk": {"S": "å"},  # 2 + 2
        "n": {"N": "-120"},  # 1 + 1 digit pair, 1, and the sign: 3
        "z": {"N": "0"},  # 1 + 1
        "b": {"BOOL": True},  # 1 + 1
        "s": {"NS": ["1", "234"]},  # 1 + 2 + 3
        "l": {"L": [{"S": "ab"}]},  # 1 + 3 + 1 + 2
        "m": {"M": {"k": {"NULL": True}}},  # 1 + 3 + 1 + 1 + 1
    }
    assert item_size(item) == 4 + 4 + 2 + 2 + 6 + 7 + 7
