"""Jobs: the rows of the queue, one for each run that nobody owns and that has something to do.

A file of its own: five modules write jobs, and import nothing else of each other.
"""

from __future__ import annotations

from collections.abc import Sequence

from inngest.runtime.ports import Ids

from .core import tables
from .statement import insert_new
from .tidings import Tidings

COLUMNS = ("id", "run_id", "function_id", "due_at", "queue_class", "lane", "start", "score")

DELAYED = 2
"""In the column `start` of a job: its run begins with it, and its time has not come."""


def told(tidings: Tidings, rows: Sequence[Sequence[object]]) -> None:
    """Others may have to know of these rows, whose first columns are COLUMNS. Runs on hold, and those that are tried
    alone, may have to be taken by others than this worker, which has room.
    """
    for _, _, function_id, due_at, queue_class, *_ in rows:
        tidings.queue(function_id, due_at, apart=queue_class != 0)


INSERT_JOBS = insert_new("A transaction queues runs that have begun.", tables.jobs, COLUMNS, told)


def job_row(
    ids: Ids,
    run_id: str,
    function_id: str,
    now: int,
    due_at: int,
    *,
    alone: bool = False,
    lane: str | None = None,
    starts: bool = False,
) -> tuple[object, ...]:
    """The row of COLUMNS of something to do for a run that has begun; or that `starts` with it, if it has a lane.

    Its id is made of `now`: after one of a later time, all others of this process would be of that time too.
    """
    return (ids.ulid(now), run_id, function_id, due_at, int(alone), lane or "", int(starts and bool(lane)), due_at)
