"""A visit of thousands: what its list, a search, its exports and its figures read, compute and hold in memory.

A stand-in makes up the visit's places as they are asked for, in pages of a megabyte as DynamoDB answers them, so that
what is measured is ours. Twice the people are to be twice the units and the time, and no more memory.
"""

import json
import time
import tracemalloc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from typing import Any

import pytest
from botocore.client import BaseClient

from tests.bench.sample import VISIT, service
from tests.capacity import READ_UNIT, item_size
from tests.service import ORGANISER, Service

SIZES = (1_250, 2_500, 5_000, 10_000)
A_PAGE = 1024 * 1024
"""Bytes a query reads at most (AWS, "Paginating table query results")."""

_PEOPLE = "/visits/ward/registrations"
REQUESTS = {
    "list, the first page": (_PEOPLE, {}),
    "list, a page from the middle": (_PEOPLE, {"cursor": "middle"}),
    "search, found at the end": (_PEOPLE, {"q": "person-last"}),
    "search, found nowhere": (_PEOPLE, {"q": "nobody at all"}),
    "export, CSV": (f"{_PEOPLE}.csv", {}),
    "export, XLSX": (f"{_PEOPLE}.xlsx", {}),
    "statistics": ("/visits/ward/statistics", {}),
}


@dataclass(frozen=True)
class Figures:
    """One request to a visit of one size: calls of DynamoDB, read units, CPU and the most memory Python held."""

    calls: int
    units: int
    milliseconds: float
    megabytes: float


def measure() -> Iterator[tuple[str, list[Figures]]]:
    """Measure every request at every size."""
    with service() as sample:
        sample.visit(**VISIT)
        for name, (path, query) in REQUESTS.items():
            yield name, [_measured(sample, size, path, query) for size in SIZES]


def print_figures() -> None:
    """Print what was measured, and how it grew from the half to the whole."""
    print("\n\nA visit of thousands, to the same visit of half its people\n")
    print(f"{'':30}" + "".join(f"{f'{size:,} people':>32}" for size in SIZES))
    print(f"{'':30}" + f"{'calls  units   CPU ms   peak MB':>32}" * len(SIZES) + "   growth: units, CPU, memory")
    for name, figures in list(measure()):  # the sample keeps what is printed meanwhile
        cells = (f"{one.calls:5}  {one.units:5}  {one.milliseconds:7.0f}  {one.megabytes:7.1f}" for one in figures)
        half, whole = figures[-2:]
        growth = (whole.units / half.units, whole.milliseconds / half.milliseconds, whole.megabytes / half.megabytes)
        print(f"{name:30}" + "".join(f"{cell:>32}" for cell in cells) + "   " + "  ".join(f"{x:.2f}" for x in growth))


def _measured(sample: Service, size: int, path: str, query: Mapping[str, str]) -> Figures:
    asked = dict(query)
    if asked.get("q") == "person-last":
        asked["q"] = f"person{size:05d}"
    if "cursor" in asked:
        from visits.listing import _encoded

        asked["cursor"] = _encoded(size // 2)
    with _of_people(size) as places:
        _answered(sample, path, asked)  # whatever is imported with it, is by now
        places.forget()
        began = time.process_time()
        _answered(sample, path, asked)
        milliseconds = (time.process_time() - began) * 1000
        calls, units = places.calls, places.units
        tracemalloc.start()
        _answered(sample, path, asked)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return Figures(calls, units, milliseconds, peak / 1024**2)


def _answered(sample: Service, path: str, query: Mapping[str, str]) -> None:
    headers = {"authorization": f"Bearer {ORGANISER}"}
    answer = sample.send("GET", f"/api/v1/organiser{path}", query=query, headers=headers)
    assert answer.status == 200, (answer.status, answer.body[:500])


class _Places:
    """The places of a visit, made up when they are asked for."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.calls = self.units = 0

    def forget(self) -> None:
        self.calls = self.units = 0

    def query(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one query of places: from where, how many at most, and no more than a megabyte."""
        values = sorted(
            value["S"]
            for value in parameters["ExpressionAttributeValues"].values()
            if value.get("S", "")[:6] == "place#"
        )
        start = parameters.get("ExclusiveStartKey", {}).get("sk", {}).get("S")
        number = int(start[6:]) + 1 if start else max(1, int(values[0][6:] or 1))
        most = parameters.get("Limit", self.size)
        shown = {
            parameters["ExpressionAttributeNames"][name]
            for name in parameters.get("ProjectionExpression", "").replace(" ", "").split(",")
            if name
        }
        items: list[dict[str, Any]] = []
        read = 0
        while number <= self.size and len(items) < most and read < A_PAGE:
            item = _place(number)
            read += item_size(item)
            items.append({name: value for name, value in item.items() if not shown or name in shown})
            number += 1
        self.calls += 1
        self.units += max(1, ceil(read / READ_UNIT))
        answer: dict[str, Any] = {"Items": items, "Count": len(items), "ScannedCount": len(items)}
        if number <= self.size:
            answer["LastEvaluatedKey"] = {"pk": {"S": "visit#ward"}, "sk": {"S": f"place#{number - 1:08d}"}}
        return answer


def _place(number: int) -> dict[str, Any]:
    answers = {"diet": "vegan", "hope": "Ideas for our own ward, and somebody to ring up about them."}
    texts = {
        "pk": "visit#ward",
        "sk": f"place#{number:08d}",
        "status": "confirmed",
        "registration_id": f"01998e2a-3c40-7c11-9a3e-5d2b8{number:07x}",
        "person": f"{number:043d}",
        "name": f"Ada Quillfeather {number}",
        "email": f"person{number:05d}@people.example.org",
        "organisation": "Riverside Hospital",
        "job_role": "Ward manager",
        "access_needs": "Live captions, please",
        "answers": json.dumps(answers),
        "consents": json.dumps({"follow_ups": True, "introductions": False}),
        "timezone": "Europe/London",
        "created_at": f"2026-09-{1 + number % 28:02d}T09:00:00.000000+0000",
        "confirmed_at": f"2026-09-{1 + number % 28:02d}T09:00:00.000000+0000",
    }
    return {**{name: {"S": text} for name, text in texts.items()}, "sequence": {"N": "0"}}


@contextmanager
def _of_people(size: int) -> Iterator[_Places]:
    """Give the sample's visit so many people."""
    places = _Places(size)
    original = BaseClient._make_api_call  # type: ignore[attr-defined]

    def call(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
        if operation == "Query" and "place#" in str(parameters.get("ExpressionAttributeValues")):
            return places.query(parameters)
        return original(client, operation, parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", call)
        yield places
