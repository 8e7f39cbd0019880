"""Where our time goes: `python -m benchmarks.profile`. Also the last part of the results.

Four looks, none of which knows the inside of the engine: the CPU time of each thread, as the system counts it; the
parts of a transaction, as the driver sees them; the code that holds the interpreter's lock, as py-spy sees it from
outside; and what is imported.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from .contenders.verbs import STEPS_OF_A_RUN
from .figures import Section, table
from .plan import FULL, QUICK, Plan
from .processes import OURS, ROOT, Worker, folder, say, workers

RATE = 500
"""Samples a second."""

TOP = 12
"""Functions that are named, of each measurement."""

THREADS = {"MainThread": "loop", "inngest-writer": "writer", "inngest-reader": "reader"}

Seconds = Mapping[str, Sequence[float]]

ROOMS = (
    "inngest/sdk",
    "inngest/embedded",
    "inngest/engine/domain",
    "inngest/engine/store",
    "inngest/engine",
    "inngest/protocol",
    "pydantic",
    "asyncio",
    "contextvars",
    "benchmarks",
)


def where_time_goes(plan: Plan) -> Section:
    """All looks: at A and B, and at what a cold start imports."""
    parts = [_threads(plan), _transactions(plan), _samples(plan), _imports()]
    return Section("Where the time goes", "\n\n".join(parts))


# -- threads


def _threads(plan: Plan) -> str:
    say("profile: CPU time by thread")
    steps = max(plan.repeats)
    with workers([OURS]) as (worker,), worker.turn() as ask:
        rows = []
        ask("crowd", runs=plan.crowd_callers, callers=plan.crowd_callers)
        before = ask("threads")
        wall = 1000 * ask("sequence", steps=steps, repeats=1)
        rows += _rows(f"A, {steps:,} steps; each step", before, ask("threads"), steps, wall)
        before = ask("threads")
        wall = 1000 * ask("crowd", runs=plan.crowd_runs, callers=plan.crowd_callers)[0]
        title = f"B, {plan.crowd_runs:,} runs × {STEPS_OF_A_RUN} steps; each run"
        rows += _rows(title, before, ask("threads"), plan.crowd_runs, wall)
    if not rows:
        return "This system does not tell the CPU time of threads."
    return "CPU time by thread, in microseconds.\n\n" + table(["", "thread", "user", "kernel", "both", "wall"], rows)


def _rows(title: str, before: Seconds, after: Seconds, count: int, wall: float) -> list[list[object]]:
    rows: list[list[object]] = []
    sums = [0.0, 0.0]
    for name, values in after.items():
        total, user, kernel = (
            (new - old) * 1e6 / count for new, old in zip(values, before.get(name, (0, 0, 0)), strict=True)
        )
        in_kernel = total * kernel / (user + kernel) if user + kernel else 0.0
        sums = [sums[0] + total - in_kernel, sums[1] + in_kernel]
        if total >= 0.5:
            rows.append([title, THREADS.get(name, name), total - in_kernel, in_kernel, total, ""])
    if rows:
        rows.append([title, "all", *sums, sum(sums), wall * 1000 / count])
    return rows


# -- transactions


def _transactions(plan: Plan) -> str:
    say("profile: transactions")
    steps = max(plan.repeats)
    rows = []
    with workers([OURS], watched=True) as (worker,), worker.turn() as ask:
        ask("reset")
        ask("sequence", steps=steps, repeats=1)
        rows.append(_row(f"A, {steps:,} steps", ask("seen")))
        ask("reset")
        ask("crowd", runs=plan.crowd_runs, callers=plan.crowd_callers)
        rows.append(_row(f"B, {plan.crowd_runs:,} runs", ask("seen")))
    text = (
        "The parts of a transaction, in microseconds of wall time: `BEGIN`; its statements with the code that runs "
        "them; `COMMIT`, which waits for the disk; and from there to the next `BEGIN`: answers, the loop, the "
        "functions, and handing over. The watch itself is in it.\n\n"
    )
    return text + table(["", "transactions", "BEGIN", "statements", "COMMIT", "to the next"], rows)


def _row(title: str, seen: dict[str, object]) -> list[object]:
    count, seconds = seen.get("timed transactions"), seen["seconds"]
    if not isinstance(count, int) or not isinstance(seconds, dict):
        return [title, "not seen", "–", "–", "–", "–"]
    parts = [seconds.get(part, 0.0) * 1e6 / count for part in ("begin", "statements", "commit", "between")]
    return [title, f"{count:,}", *parts]


# -- samples


def _samples(plan: Plan) -> str:
    spy = shutil.which("py-spy", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if spy is None:
        return "No samples: py-spy is not installed."
    found = []
    with workers([OURS]) as (worker,), worker.turn() as ask:
        ask("crowd", runs=plan.crowd_callers, callers=plan.crowd_callers)
        for title, verb, given in (
            ("A", "sequence", {"steps": max(plan.repeats), "repeats": 1 if plan.quick else 3}),
            ("B", "crowd", {"runs": plan.crowd_runs * (1 if plan.quick else 5), "callers": plan.crowd_callers}),
        ):
            say(f"profile: samples of {title}")
            stacks = _sampled(spy, worker, verb, given)
            if not stacks:
                return "No samples: py-spy was not allowed to look at another process."
            found.append(_told(title, stacks))
    return "\n\n".join(found)


def _sampled(spy: str, worker: Worker, verb: str, given: dict[str, int]) -> Counter[tuple[str, ...]]:
    with folder() as path:
        raw = path / "stacks"
        command = [spy, "record", "--pid", str(worker.pid), "--rate", str(RATE), "--format", "raw", "--threads"]
        # Only who holds the interpreter's lock: a thread that waits for the disk looks busy from outside.
        command += ["--gil", "--nonblocking", "--output", str(raw)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            worker.ask(verb, **given)
            process.send_signal(signal.SIGINT)
        if not raw.exists():
            return Counter()
        stacks: Counter[tuple[str, ...]] = Counter()
        for line in raw.read_text(encoding="utf-8").splitlines():
            frames, _, count = line.rpartition(" ")
            stack = tuple(frames.split(";"))
            if len(stack) > 1:  # a thread without Python code is about to start, or to end
                stacks[stack] += int(count)
        return stacks


def _told(title: str, stacks: Counter[tuple[str, ...]]) -> str:
    total = sum(stacks.values())
    threads: Counter[str] = Counter()
    rooms: Counter[str] = Counter()
    functions: Counter[str] = Counter()
    for stack, count in stacks.items():
        threads[_thread(stack[0])] += count
        rooms[_room(stack)] += count
        functions[_function(stack[-1])] += count
    return "\n\n".join(
        [
            f"{total:,} samples of {title}, each of the thread that held the interpreter's lock. "
            f"By thread: {_shares(threads.most_common(), total)}.",
            f"By the innermost room of the house in the stack: {_shares(rooms.most_common(), total)}.",
            table(
                ["function, itself and what it calls in C", "share"],
                [[f"`{name}`", f"{count / total:.1%}"] for name, count in functions.most_common(TOP)],
            ),
        ]
    )


def _shares(counts: Iterable[tuple[str, int]], total: int) -> str:
    return ", ".join(f"{name} {count / total:.0%}" for name, count in counts if count / total >= 0.005)


def _thread(frame: str) -> str:
    """`thread (0x7F…): inngest-writer` or the like."""
    for name, title in THREADS.items():
        if name in frame:
            return title
    return "other"


def _room(stack: Sequence[str]) -> str:
    for frame in reversed(stack):
        for room in ROOMS:
            if f"{room}/" in frame or f"{room}." in frame:
                return room
    return "other"


def _function(frame: str) -> str:
    """`record (inngest/engine/executor.py:281)` without the line."""
    name, _, place = frame.partition(" (")
    file = place.rstrip(")").rpartition(":")[0]
    return f"{'/'.join(file.split('/')[-3:])} {name}" if file else name


# -- imports


def _imports() -> str:
    say("profile: imports")
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import inngest; inngest.Engine"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    own: Counter[str] = Counter()
    modules: Counter[str] = Counter()
    for line in done.stderr.splitlines():
        microseconds, _, name = line.removeprefix("import time:").split("|")
        if microseconds.strip().isdigit():
            package = name.strip().partition(".")[0]
            own[package] += int(microseconds)
            modules[package] += 1
    total = sum(own.values())
    rows = [[f"`{name}`", f"{modules[name]}", f"{count / total:.0%}"] for name, count in own.most_common(TOP)]
    return "What `import inngest; inngest.Engine` imports, the modules of each package by themselves.\n\n" + table(
        ["package", "modules", "share of the time"], rows
    )


def main() -> None:
    """Print it."""
    plan = QUICK if os.environ.get("QUICK") else FULL
    print(where_time_goes(plan).markdown())


if __name__ == "__main__":
    main()
