"""`python -m tests.simulation --seeds 5000`: more worlds than a test run has time for.

Exits with 1 if something does not hold; each failing case is printed as a line for seeds.txt.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor

from .explore import Case, Figures, Look, by_chance, look

CHUNK = 20
"""Seeds that a worker takes at a time."""


def main(arguments: list[str]) -> int:
    """Run what is asked; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many worlds")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first seed")
    parser.add_argument("--seed", type=int, help="one seed alone, with its history's digest")
    parser.add_argument("--case", help='one world, as in seeds.txt: "payers 7 12:after"')
    parser.add_argument("--history", action="store_true", help="print all that happened in that one world")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    given = parser.parse_args(arguments)
    if given.case is not None or given.seed is not None:
        case = Case.parse(given.case) if given.case is not None else by_chance(given.seed)
        return _one(look(case), history=given.history)
    return _many(range(given.first, given.first + given.seeds), given.jobs)


def _one(looked: Look, *, history: bool) -> int:
    if history:
        for entry in looked.history.entries:
            print(entry)
    _print(looked.figures, None)
    print(f"case     {looked.case}")
    print(f"digest   {looked.history.digest}")
    return 1 if looked.problems else 0


def _many(seeds: range, jobs: int) -> int:
    began = time.monotonic()
    figures = Figures()
    chunks = [seeds[start : start + CHUNK] for start in range(0, len(seeds), CHUNK)]
    with ProcessPoolExecutor(max_workers=jobs) as pool:
        for done in pool.map(_chunk, chunks):
            for failure in done.failures:
                print(f"FAILED {failure}", flush=True)
            figures.add(done)
    _print(figures, time.monotonic() - began)
    return 1 if figures.failures else 0


def _chunk(seeds: Iterable[int]) -> Figures:
    figures = Figures()
    for seed in seeds:
        figures.add(look(by_chance(seed)).figures)
    return figures


def _print(figures: Figures, took: float | None) -> None:
    for failure in figures.failures if took is None else ():
        print(f"FAILED {failure}")
    print(f"worlds   {figures.worlds:,}" + (f" ({figures.worlds / took:.1f} a second)" if took else ""))
    print(f"runs     {figures.runs:,}")
    print(f"commits  {figures.commits:,}")
    print(f"time     {figures.seconds / 3600:,.1f} hours in the worlds" + (f", {took:,.0f} s outside" if took else ""))
    print(f"failures {len(figures.failures):,}")
    for fault, count in sorted(figures.fired.items(), key=lambda pair: pair[0].value):
        print(f"  {count:>8,}  {fault.value}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
