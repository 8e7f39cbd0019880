"""A database URL that is almost one: an engine says what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

import inngest
from inngest.errors import EngineConfigError


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("sqlite://x.db", "sqlite:///x.db"),
        ("sqlite://data/x.db", "sqlite:///data/x.db"),
        ("sqlite:x.db", "sqlite:///x.db"),
        ("x.db", "sqlite:///x.db"),
        ("/var/x.db", "sqlite:////var/x.db"),
    ],
)
def test_what_was_meant_is_said(given: str, meant: str) -> None:
    with pytest.raises(EngineConfigError) as caught:
        inngest.Engine([], database=given)
    assert "three slashes: a relative path" in str(caught.value)
    assert "four: an absolute one" in str(caught.value)
    assert str(caught.value).endswith(f"got {given!r}; did you mean {meant}?")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("sqlite://", "a database in memory would lose everything"),
        ("sqlite:///:memory:", "a database in memory would lose everything"),
        ("mysql://host/shop", "'mysql' is not supported, only SQLite and PostgreSQL are"),
    ],
)
def test_what_cannot_be_is_said(given: str, said: str) -> None:
    with pytest.raises(EngineConfigError, match=said):
        inngest.Engine([], database=given)


@pytest.mark.parametrize("given", ["sqlite:////var/x.db", "sqlite:///x.db"])
def test_a_path_with_enough_slashes_is_taken(given: str) -> None:
    inngest.Engine([], database=given)


async def test_a_path_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a folder?mode=ro#%41" / "shop.db"
    path.parent.mkdir()
    async with inngest.Engine([], database=path) as engine:
        await engine.send(inngest.Event(name="noted"))
    assert path.exists()


@pytest.mark.parametrize("given", [None, 5, b"shop.db"])
def test_what_is_neither_a_url_nor_a_path_is_said(given: object) -> None:
    with pytest.raises(EngineConfigError, match=r"database: expected a URL .*, or a pathlib.Path, got ") as caught:
        inngest.Engine([], database=given)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert str(caught.value).endswith(repr(given))
