"""Worlds in which something went wrong once, kept for ever; and that a world is the same each time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Farm
from .explore import Case, look
from .mutations import MUTATIONS

LINES = Path(__file__).with_name("seeds.txt").read_text(encoding="utf-8").splitlines()
KEPT = [line.partition("#")[0].strip() for line in LINES if line.partition("#")[0].strip()]


@pytest.mark.parametrize("line", KEPT)
def test_what_went_wrong_once_stays_right(line: str, farm: Farm) -> None:
    looked = look(Case.parse(line))

    farm.count(looked.figures)
    assert looked.problems == {}


@pytest.mark.parametrize("line", ["storm 3", "nested-2 5 9:after", "served 3", "plain@2 5 9:after"])
def test_a_world_is_the_same_each_time(line: str) -> None:
    digests = {_digest(line, hash_seed) for hash_seed in ("1", "2")}

    assert len(digests) == 1


def test_worlds_of_other_seeds_differ() -> None:
    assert look(Case("payers", 1)).history.digest != look(Case("payers", 2)).history.digest


def test_a_failing_case_is_told_by_a_line_that_repeats_it() -> None:
    case = Case.parse("sequential 0 7:before 12:known")
    mutation = next(one for one in MUTATIONS if one.name == "events are acknowledged before their commit")

    with mutation.planted():
        (failure,) = look(case).figures.failures

    assert failure.startswith("sequential 0 7:before 12:known: ")
    assert Case.parse(failure.partition(": ")[0]) == case


def _digest(line: str, hash_seed: str) -> str:
    """The digest of a world in a process of its own, whose strings have other hashes."""
    command = [sys.executable, "-m", "tests.simulation", "--case", line]
    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        cwd=Path(__file__).parents[2],
        check=True,
        capture_output=True,
        text=True,
    )
    return next(line for line in done.stdout.splitlines() if line.startswith("digest"))
