"""``make bench``: what a request costs, as ratios to the floor and as counts. Nothing here passes or fails."""

import argparse
import os
import tempfile
import time
from pathlib import Path
from statistics import median

from tests import conftest  # noqa: F401  its settings first: table classes read their names when they are defined
from tests.bench import comments, people
from tests.bench.counts import count
from tests.bench.ratios import Ratio, measure

MEMORY_BUDGET = 60
BAR = 24
WIDEST = 3.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="fresh containers for each request (default 9)")
    rounds = parser.parse_args().rounds
    began = time.monotonic()
    _print_counts()
    _print_ratios(rounds)
    people.print_figures()
    print("\n")
    comments.main()
    print(f"\n{time.monotonic() - began:.0f} s, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")


def _print_counts() -> None:
    print("DynamoDB, each request in a warm container\n")
    print(f"{'':36} {'calls':>5} {'read':>5} {'write':>5}  by name")
    for one in count():
        print(f"{one.name:36} {len(one.costs):5} {one.reads:5.1f} {one.writes:5}  {one.calls}")
        if one.design:
            print(f"{'':36} the design's figure: {one.design}")


def _print_ratios(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        floor, ours = measure(rounds, Path(folder))
    print(f"\n\nvisits-web as Lambda gets it, to the floor (a bare handler with one botocore PutItem), {rounds} rounds")
    print(
        f"floor: {median(floor.cold):.0f} ms CPU cold, {median(floor.warm):.2f} ms warm, {median(floor.memory):.0f} MB"
    )
    print("median ratio [middle half of the rounds], budget at │\n")
    print("cold: import and first request, CPU")
    for one, figures in ours:
        _print_ratio(one.name, Ratio.of(figures.cold, floor.cold), one.cold_budget)
    print("\nwarm: a request, CPU, for each DynamoDB call it makes")
    for one, figures in ours:
        name = f"{one.name}, {one.calls} call{'s' if one.calls > 1 else ''}"
        _print_ratio(name, Ratio.of([value / one.calls for value in figures.warm], floor.warm), one.warm_budget)
    print("\npeak memory")
    for one, figures in ours:
        most = max(figures.memory)
        limit = f"≤ {MEMORY_BUDGET} MB"
        _print_line(one.name, f"{most:.0f} MB", most / MEMORY_BUDGET, 1, limit, fits=most <= MEMORY_BUDGET)


def _print_ratio(name: str, ratio: Ratio, budget: float | None) -> None:
    said = f"{ratio.median:.2f} [{ratio.low:.2f}–{ratio.high:.2f}]"
    limit = f"≤ {budget}" if budget else "no budget"
    _print_line(name, said, ratio.median, budget, limit, fits=budget is None or ratio.median <= budget)


def _print_line(name: str, said: str, value: float, budget: float | None, limit: str, *, fits: bool) -> None:
    cells = ["█" if (cell + 0.5) * WIDEST / BAR <= value else " " for cell in range(BAR)]
    if budget is not None:
        cells[min(BAR - 1, round(budget * BAR / WIDEST))] = "│"
    verdict = "" if budget is None else "within" if fits else "over"
    print(f"  {name:36} {said:18} {''.join(cells)} {limit:9} {verdict}")


if __name__ == "__main__":
    main()
