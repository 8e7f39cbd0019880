"""At most once: of a step that must not be repeated, no attempt begins twice; and the next if the last has raised."""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulation.history import Began, Finished, History
from tests.simulation.scenario import APP, Scenario

Step = tuple[str, str]  # run and effective id


def check(history: History, scenario: Scenario) -> Iterator[str]:
    """See the module."""
    once = {f"{APP}-{function}": set(one.once) for one in scenario.programs if one.once for function in one.ends}
    begun: dict[Step, int] = {}  # the last attempt
    raised: set[tuple[str, str, int]] = set()
    for entry in history.entries:
        match entry:
            case Began(run_id=run_id, step=step, attempt=attempt):
                run = history.state.runs.get(run_id)  # an endpoint may not have told of it
                if run is None or step not in once.get(str(run["function_id"]), ()):
                    continue
                last = begun.get((run_id, step))
                if last is not None and (attempt <= last or (run_id, step, last) not in raised):
                    yield f"at {entry.at}: attempt {attempt} of {step} of {run_id} begins, and attempt {last} had begun"
                begun[run_id, step] = attempt
            case Finished(how="raised"):
                raised.add((entry.run_id, entry.step, entry.attempt))
            case _:
                pass
