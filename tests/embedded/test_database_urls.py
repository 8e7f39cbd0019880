"""A database URL that is almost one: an engine says what was meant."""

from __future__ import annotations

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
        ("postgresql://host/shop", "'postgresql' is not supported, only SQLite is"),
    ],
)
def test_what_cannot_be_is_said(given: str, said: str) -> None:
    with pytest.raises(EngineConfigError, match=said):
        inngest.Engine([], database=given)


@pytest.mark.parametrize("given", ["sqlite:////var/x.db", "sqlite:///x.db"])
def test_a_path_with_enough_slashes_is_taken(given: str) -> None:
    inngest.Engine([], database=given)
