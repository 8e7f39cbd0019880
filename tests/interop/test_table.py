"""The table that the suite shows at its end.

A file of its own: no app is started for it.
"""

from __future__ import annotations

from .sdks import IN_PROCESS
from .table import SDKS, lines, told, transport, versions

HERE = "tests/interop"


def test_each_test_is_a_mark_in_its_column() -> None:
    nodes = {
        f"{HERE}/test_scenarios.py::test_a_scenario[python-0-steps]": True,
        f"{HERE}/test_own_server.py::test_a_scenario[python-0-steps]": False,
        f"{HERE}/test_own_server.py::test_a_scenario[python-django-async-20-asks]": True,
        f"{HERE}/test_own_server.py::test_state_of_5_mb_is_left_out_of_calls_and_fetched[python]": True,
        f"{HERE}/test_gates.py::test_what_becomes_of_events[ours-in-process-throttle]": True,
    }
    *_, heads, steps, asks, large, throttle = lines(one for node, ok in nodes.items() if (one := told(node, ok)))
    assert heads.split() == ["1", "2", "3"]
    assert steps.split() == ["steps", "+!", "..", ".."]
    assert asks.split() == ["asks", "..", ".+", ".."]
    assert large.split() == ["5", "MB", "of", "state", ".+", "..", ".."]
    assert throttle.split() == ["throttle", "..", "..", ".+"]


def test_a_scenario_that_failed_once_has_failed() -> None:
    node = f"{HERE}/test_own_server.py::test_a_scenario[python-11-waits]"
    for results in ([True, False], [False, True]):
        found = [one for ok in results if (one := told(node, ok))]
        assert lines(found)[-1].split() == ["waits", ".!"]


def test_other_tests_are_left_out() -> None:
    others = ["test_gates.py::test_an_outcome_that_is_another_is_seen", "test_facts.py::test_a_registration[python]"]
    assert [told(f"{HERE}/{node}", True) for node in others] == [None, None]
    assert lines([]) == []


def test_versions_are_those_of_the_locks() -> None:
    shown = {sdk.name: f"{versions(sdk)}, {transport(sdk)}" for sdk in SDKS}
    assert shown["python"].startswith("inngest 0.5.19 of PyPI, fastapi ")
    assert shown["typescript-checkpoints"].startswith("inngest 4.24.0 of npm, Node ")
    assert shown["typescript-checkpoints"].endswith(", HTTP, with checkpoints")
    assert shown["python-signed"].endswith(", HTTP, signed")
    assert shown["ours-flask"].startswith("pyngest ")
    assert shown[IN_PROCESS.name].endswith(", in process")
