"""Events that start nothing on a server for production are logged, each name once an hour."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

import inngest
from inngest.engine.domain.model import FunctionSpec
from inngest.server import unheard
from inngest.server.app import create_app
from inngest.server.auth import Keys
from inngest.server.unheard import Unheard
from tests.contract.store.test_apps import served

FUNCTIONS = {one.id: one for one in (served("pay", "shop/paid", cancel=[{"event": "shop/lost"}]), served("all", "a/*"))}


@pytest.fixture(autouse=True)
def _info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "inngest.server")


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged since the last look."""
    found = [record.getMessage() for record in caplog.records if record.name == "inngest.server"]
    caplog.clear()
    return found


def test_each_name_is_told_once_an_hour(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    monkeypatch.setattr(unheard, "monotonic", lambda: now)
    watching = Unheard(["own/said"])
    for name in ("shop/paid", "a/b", "shop/lost", "own/said"):
        watching.came([name], FUNCTIONS)
    assert lines(caplog) == []
    watching.came(["shop/piad", "shop/piad", "other"], FUNCTIONS)
    stored = "it is stored, and told to steps that wait for it"
    assert lines(caplog) == [
        f"event shop/piad starts nothing (no function has the trigger 'shop/piad'; did you mean shop/paid?); {stored}",
        f"event other starts nothing (no function has the trigger 'other'); {stored}",
    ]
    now = 3_599.0
    watching.came(["other"], FUNCTIONS)
    assert lines(caplog) == []
    now = 3_600.0
    watching.came(["other"], FUNCTIONS)
    assert len(lines(caplog)) == 1


def test_what_is_heard_follows_what_apps_register(caplog: pytest.LogCaptureFixture) -> None:
    watching, gone = Unheard([]), {name: one._replace(archived=True) for name, one in FUNCTIONS.items()}
    watching.came(["shop/paid"], FUNCTIONS)
    watching.came(["shop/paid"], gone)
    assert len(lines(caplog)) == 1
    watching.came(["shop/paid"], dict[str, FunctionSpec](FUNCTIONS))
    assert lines(caplog) == []


def test_names_that_differ_without_end_are_not_kept(caplog: pytest.LogCaptureFixture) -> None:
    watching = Unheard([])
    watching.came((f"name/{number}" for number in range(1_500)), FUNCTIONS)
    assert len(lines(caplog)) == 1_000


class Counted(str):
    """A name that counts how often it is compared."""

    __slots__ = ("compared",)

    def __init__(self, _: str) -> None:
        self.compared = 0

    def __eq__(self, other: object) -> bool:
        self.compared += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def test_a_name_that_was_told_is_not_compared_with_each_trigger_again(caplog: pytest.LogCaptureFixture) -> None:
    watching = Unheard(f"shop/{number}" for number in range(1_000))
    watching.came(["shop/unheard"], FUNCTIONS)
    assert len(lines(caplog)) == 1
    again = Counted("shop/unheard")
    watching.came([again] * 100, FUNCTIONS)
    assert again.compared <= 200
    assert lines(caplog) == []


def test_many_names_at_once_are_not_all_compared_with_many_triggers(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = 0.0
    monkeypatch.setattr(unheard, "monotonic", lambda: now)
    watching = Unheard(f"shop/{number:04}" for number in range(unheard.COMPARED // 5))
    watching.came((f"shop/{number:04}x" for number in range(50)), FUNCTIONS)
    meant = ["did you mean" in line for line in lines(caplog)]
    assert meant == [True] * 5 + [False] * 45
    now = 59.0
    watching.came(["shop/0050x"], FUNCTIONS)
    assert ["did you mean" in line for line in lines(caplog)] == [False]
    now = 60.0
    watching.came(["shop/0051x"], FUNCTIONS)
    assert ["did you mean" in line for line in lines(caplog)] == [True]


def test_a_name_gives_its_place_to_another_after_an_hour(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = 0.0
    monkeypatch.setattr(unheard, "monotonic", lambda: now)
    watching = Unheard([])
    watching.came(["first"], FUNCTIONS)
    now = 1_800.0
    watching.came((f"name/{number}" for number in range(1_500)), FUNCTIONS)
    assert len(lines(caplog)) == 1_000
    now = 3_600.0
    watching.came(["first", "other"], FUNCTIONS)
    assert [line.split()[1] for line in lines(caplog)] == ["first"]
    now = 5_400.0
    watching.came(["first", "other"], FUNCTIONS)
    assert [line.split()[1] for line in lines(caplog)] == ["other"]


@pytest.mark.parametrize("keys", [None, Keys(["00ff"], {"web": "key"})])
async def test_only_a_server_for_production_logs_them(
    tmp_path: Path, keys: Keys | None, caplog: pytest.LogCaptureFixture
) -> None:
    async with inngest.Engine([], database=tmp_path / "i.db") as engine:
        transport = httpx.ASGITransport(create_app(engine, keys=keys))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8288") as http:
            for _ in range(2):
                assert (await http.post("/e/key", json={"name": "shop/unheard"})).status_code == 200
    assert len([line for line in lines(caplog) if "shop/unheard starts nothing" in line]) == (keys is not None)
