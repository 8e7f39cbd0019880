"""Answers that no SDK gives, by chance: the server lives, its memory is what it was, and every run ends or waits."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from inngest.embedded.reader import Reader

from .hostile import ANSWERS_OF_RUN, hostile
from .watched import OVER, Watched, send, watched

CASES = int(os.environ.get("FUZZ_CASES", "400"))
"""Answers. The seed of each is its run and its number in that."""

BATCH = max(50, CASES // 8)
"""Runs that go on at a time."""

MB = 1 << 20
GROWTH = 48 * MB
"""Bytes by which the memory of a server may grow after the first third of all cases."""


def registration(url: str) -> dict[str, object]:
    step = {"id": "step", "name": "step", "retries": {"attempts": 3}}
    runtime = {"type": "http", "url": f"{url}?fnId=fuzz-f&stepId=step"}
    function = {
        "id": "fuzz-f",
        "name": "f",
        "triggers": [{"event": "fuzz/asked"}],
        "steps": {"step": {**step, "runtime": runtime}},
    }
    about = {"framework": "none", "sdk": "py:v0.0.1", "v": "0.1", "deploy_type": "ping"}
    return {"url": url, "appname": "fuzz", **about, "functions": [function]}


async def over(server: Watched) -> list[str]:
    """Wait until runs are over, or wait for something; ids of the latter."""
    waiting: list[str] = []
    for _ in range(2_400):
        waiting = [run.id for run in server.runs() if run.status not in OVER]
        reader = Reader(server.folder / "i.db")
        steps = [[step for step in reader.run(run_id).steps if step.ended_at is None] for run_id in waiting[:300]]
        if all(any(step.kind != "StepRun" for step in open_steps) for open_steps in steps):
            return waiting
        await asyncio.sleep(0.1)
    raise AssertionError(f"runs neither end nor wait for anything: {waiting[:5]}, and {len(waiting)} in all")


async def test_no_answer_of_an_app_harms_the_server(tmp_path: Path) -> None:
    async with hostile(CASES) as (app, url), watched(tmp_path, url) as server:
        answer = await server.http.post("/fn/register", json=registration(url))
        assert answer.status_code == 200, answer.text
        number, before = 0, 0
        waiting: list[str] = []
        while app.answers < CASES:
            number += 1
            await send(server, [{"name": "fuzz/asked", "data": {"seed": f"{number}.{one}"}} for one in range(BATCH)])
            waiting = await over(server)
            assert number * BATCH < CASES * 2, f"of {number * BATCH} runs only {app.answers} answers were wanted"
            if not before and app.answers > CASES / 3:
                before = server.memory()
        after = server.memory()
        (await server.http.get("/health")).raise_for_status()
        print(f"{app.answers} answers of at most {ANSWERS_OF_RUN} a run, {number * BATCH} runs, {len(waiting)} wait; ")
        print(f"memory {before / MB:.0f} MB, then {after / MB:.0f} MB; {dict(app.statuses)}")
        assert server.complaints() == []
        assert after - before < GROWTH
        assert number * BATCH == len(server.runs())
        assert len(waiting) < number * BATCH / 2
