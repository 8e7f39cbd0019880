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

from .explore import Case, Figures, Look, by_chance, look, look_into

CHUNK = 20
"""Seeds that a worker takes at a time."""


def main(arguments: list[str]) -> int:
    """Run what is asked; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=_count, default=200, help="how many worlds")
    parser.add_argument("--from", type=_seed, default=0, dest="first", help="the first seed")
    parser.add_argument("--seed", type=_seed, help="one seed alone, with its history's digest")
    parser.add_argument("--case", type=_case, help='one world, as in seeds.txt: "payers 7 12:after"')
    parser.add_argument("--history", action="store_true", help="print all that happened in that one world")
    parser.add_argument("--jobs", type=_count, default=os.cpu_count() or 1, help="processes")
    given = parser.parse_args(arguments)
    if given.case is not None or given.seed is not None:
        case = given.case if given.case is not None else by_chance(given.seed)
        return _one(look(case), history=given.history)
    return _many(range(given.first, given.first + given.seeds), given.jobs)


def _one(looked: Look, *, history: bool) -> int:
    if history:
        for entry in looked.history.entries:
            print(entry)
    for failure in looked.figures.failures:
        print(f"FAILED {failure}")
    _print(looked.figures)
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
    _print(figures)
    took = time.monotonic() - began
    print(f"took     {took:,.0f} s, {figures.worlds / took:.1f} worlds a second")
    return 1 if figures.failures else 0


def _chunk(seeds: Iterable[int]) -> Figures:
    return look_into(by_chance(seed) for seed in seeds)


def _print(figures: Figures) -> None:
    for line in figures.lines():
        print(line)
    print(f"failures {len(figures.failures):,}")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number from 1, such as 5000")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number from 0")
    return int(text)


def _case(text: str) -> Case:
    try:
        return Case.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
