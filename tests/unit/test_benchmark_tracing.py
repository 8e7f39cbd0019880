"""What the tracer of the benchmarks counts.

A file of its own: nothing else of the benchmarks is tested without running them.
"""

from benchmarks.tracing import Call, Function, Trace

OUTER, INNER, OTHER = Function("a.py", "outer"), Function("b.py", "inner"), Function("b.py", "Other.method")
TRACE = Trace([Call((OUTER,), 7), Call((OUTER, INNER), 7), Call((OTHER,), 9), Call((OUTER,), 7)])


def test_functions_and_files_are_counted_once_and_changes_each_time() -> None:
    assert (len(TRACE.calls), TRACE.functions, TRACE.files) == (4, 3, 2)
    assert (TRACE.file_changes, TRACE.thread_changes) == (2, 2)


def test_a_walk_shows_who_called_whom_in_which_thread() -> None:
    assert TRACE.walk().splitlines() == [
        "-- thread 1",
        "outer  a.py",
        "  inner  b.py",
        "-- thread 2",
        "Other.method  b.py",
        "-- thread 1",
        "outer  a.py",
    ]
