"""Ids of spans, and the text that carries them."""

from __future__ import annotations

import pytest

from inngest.protocol import headers, traces
from inngest.protocol.traces import Place

RUN = "01M8QEJ8XJE7VFYP9Q06B0QWEA"
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
EXTRA = f'{{"traceparent":"{PARENT}","v":"1"}}'


def test_a_place_is_read_as_it_is_written() -> None:
    place = traces.read(PARENT)
    assert place == Place(0x4BF92F3577B34DA6A3CE929D0E0E4736, 0xF067AA0BA902B7, 1)
    assert place is not None
    assert (place.text, place.trace) == (PARENT, "4bf92f3577b34da6a3ce929d0e0e4736")
    later = traces.read(f"01{PARENT[2:]}-more")
    assert later == place


@pytest.mark.parametrize(
    "text",
    [
        None,
        7,
        "",
        "none",
        PARENT.upper(),
        PARENT[:-1],
        f"{PARENT}-more",
        f"ff{PARENT[2:]}",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-4bf92f3577b34da6a3ce929d0e0e4736-{'0' * 16}-01",
    ],
)
def test_another_text_tells_no_place(text: object) -> None:
    assert traces.read(text) is None


def test_the_trace_of_a_run_is_that_of_its_event_or_its_id() -> None:
    own = traces.of_run(RUN, None)
    assert own.text == headers.of_run(RUN)["traceparent"]
    within = traces.of_run(RUN, EXTRA)
    assert (within.trace, within.span_id) == ("4bf92f3577b34da6a3ce929d0e0e4736", own.span_id)
    assert traces.of_run(RUN, EXTRA.replace("-01", "-00"), 1).flags == 0
    assert traces.of_run(RUN, '{"traceparent":"none"}') == own


def test_a_text_that_is_no_id_has_a_trace_too() -> None:
    assert traces.of_run("mine", None) == traces.of_run("mine", None) != traces.of_run("yours", None)


def test_what_a_run_causes_is_carried_only_if_its_event_tells_a_trace() -> None:
    assert traces.carried(RUN, None) == traces.carried(RUN, '{"v":"1"}') == ""
    assert traces.carried(RUN, EXTRA) == traces.of_run(RUN, EXTRA).text
    assert traces.of_step("", RUN, "h") == ""
    of_step = traces.read(traces.of_step(traces.carried(RUN, EXTRA), RUN, "h"))
    assert of_step is not None
    assert (of_step.trace, of_step.span_id) == ("4bf92f3577b34da6a3ce929d0e0e4736", traces.span_id(RUN, "h"))


def test_an_event_keeps_the_parent_that_it_has() -> None:
    other = traces.of_run(RUN, None).text
    assert traces.with_parent(EXTRA, other) == EXTRA
    assert traces.with_parent(None, "") is None
    with_parent = traces.with_parent('{"v":"1"}', PARENT)
    assert traces.of_event(with_parent) == traces.read(PARENT)


def test_ids_of_spans_differ_by_all_that_they_are_made_of() -> None:
    made = [("h",), ("h", 0), ("h", 1), ("i", 0), ("h", 0, "call"), ("", "token")]
    assert len({traces.span_id(RUN, *parts) for parts in made}) == len(made)
    assert traces.span_id(RUN, "h", 1) == traces.span_id(RUN, "h", "1") != traces.span_id(RUN, "h1")
