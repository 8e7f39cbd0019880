"""What is said about runs: many updates of one place cost as their number."""

from __future__ import annotations

import pytest

from inngest.engine.domain import run_metadata
from inngest.engine.domain.run_metadata import Annotated, Metadata, Op, Update
from inngest.protocol import codec

NOW = 1_700_000_000_000
KNOWN = [Metadata("id-a", None, None, "a", '{"kept":1,"counted":2}', 0)]
UPDATES = [
    Update(None, None, "a", Op.ADD, {"counted": 3}),
    Update("step", 0, "b", Op.SET, {"x": 1}),
    Update(None, None, "a", Op.ADD, {"counted": 4}),
    Update("step", 0, "b", Op.DELETE, {"x": None}),
    Update("step", 0, "b", Op.MERGE, {"y": 2}),
]


def test_updates_apply_in_their_order_and_each_place_is_written_once() -> None:
    said, changed = run_metadata.updated(KNOWN, UPDATES, NOW, lambda now: f"new-{now}")
    assert said is Annotated.DONE
    assert list(changed) == [
        Metadata("id-a", None, None, "a", '{"kept":1,"counted":9}', NOW),
        Metadata(f"new-{NOW}", "step", 0, "b", '{"y":2}', NOW),
    ]


def test_a_thousand_updates_of_one_place_read_and_write_its_text_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or one request with as many scores would keep the database for seconds."""
    asked: list[str] = []
    loads, dumps = codec.loads, codec.dumps

    def read(text: str) -> object:
        asked.append("read")
        return loads(text)

    def written(value: object) -> str:
        asked.append("written")
        return dumps(value)

    monkeypatch.setattr(codec, "loads", read)
    monkeypatch.setattr(codec, "dumps", written)
    updates = [Update(None, None, "a", Op.MERGE, {f"score {number}": number}) for number in range(1_000)]
    _, (changed,) = run_metadata.updated(KNOWN, updates, NOW, str)
    assert asked == ["read", "written"]
    assert len(loads(changed.values)) == 1_002
