"""What is said about runs and steps beside their results: metadata and scores."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import inngest
from inngest.protocol.steps import hash_step_id

from .conftest import Api
from .test_rest_v2 import UNKNOWN, ended, get


async def say(api: Api, run_id: str, status: int = 200, **body: Any) -> Any:
    response = await api.http.post(f"/v1/runs/{run_id}/metadata", json=body)
    assert response.status_code == status, response.text
    return response.json()


async def score(api: Api, run_id: str, status: int = 200, **body: Any) -> Any:
    response = await api.http.post(f"/v2/runs/{run_id}/scores", json=body)
    assert response.status_code == status, response.text
    return response.json()


def note(op: str = "merge", kind: str = "shop.note", **values: Any) -> dict[str, Any]:
    return {"kind": kind, "op": op, "values": values}


def bare(said: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without its times, each of which is there."""
    for one in said:
        assert one.pop("updatedAt").endswith("Z")
    return said


async def test_metadata_of_a_run_and_its_steps_are_in_its_trace(api: Api) -> None:
    run = await ended(api, "shop/stepped")
    assert (await say(api, run.id, metadata=[note(a=1), note(b=2)]))["data"] == {"run_id": run.id}
    await say(api, run.id, target={"run_id": run.id, "step_id": "fetch"}, metadata=[note(of="fetch")])
    await say(api, run.id, target={"step_id": "fetch", "step_attempt": 0}, metadata=[note(of="its attempt")])
    await say(api, run.id, target={"span_id": f"{run.id}.{hash_step_id('nap')}"}, metadata=[note(of="nap")])
    await say(api, run.id, target={"span_id": run.id, "step_attempt": -1}, metadata=[note("delete", a=None)])

    root = (await get(api, f"/runs/{run.id}/trace"))["data"]["rootSpan"]
    fetch, nap, ship = (bare(span["metadata"]) for span in root["children"])
    of_step: dict[str, Any] = {"kind": "shop.note", "scope": "step"}
    assert fetch == [{**of_step, "values": {"of": "fetch"}}, {**of_step, "attempt": 0, "values": {"of": "its attempt"}}]
    assert (nap, ship) == ([{**of_step, "values": {"of": "nap"}}], [])
    of_run = {"kind": "shop.note", "scope": "run", "values": {"b": 2}}
    assert bare(root["metadata"]) == [of_run]
    assert bare((await get(api, f"/runs/{run.id}"))["data"]["metadata"]) == [of_run]


async def test_a_step_of_a_run_that_goes_on_is_named_before_it_is_recorded(api: Api) -> None:
    (event_id,) = await api.engine.send(inngest.Event(name="shop/signalled"))
    (run,) = await api.engine.runs(event_id=event_id)
    await say(api, run.id, target={"step_id": "door", "step_index": 1}, metadata=[note(of="a repeat")])
    await score(api, run.id, scores=[{"name": "early", "value": 1, "stepId": "later"}])
    while not (await api.engine.run(run.id)).steps:  # noqa: ASYNC110 - the trace is read twice, and is the same from here
        await asyncio.sleep(0)
    about = bare((await get(api, f"/runs/{run.id}/trace"))["data"]["rootSpan"]["metadata"])
    assert {one["stepId"]: one["values"] for one in about} == {
        hash_step_id("door:1"): {"of": "a repeat"},
        hash_step_id("later"): {"early": {"value": 1}},
    }


async def test_a_run_that_is_over_has_the_steps_that_it_has(api: Api) -> None:
    run = await ended(api, "shop/stepped")
    known, unknown = ({"name": "late", "value": 1, "stepId": step} for step in ("fetch", "fech"))
    none = "the run is over, and has no such step: expected the id of one of its steps, or the hash of that id"
    (error,) = (await score(api, run.id, 400, scores=[known, unknown]))["errors"]
    assert error["message"] == f"scores: {none}; got 'fetch', 'fech'"
    told = await say(api, run.id, 400, target={"step_id": "fech"}, metadata=[note(a=1)])
    assert told["error"] == f"metadata: {none}"
    assert (await score(api, run.id, scores=[known]))["data"] == {"runId": run.id}


async def test_a_sum_that_json_cannot_hold_is_refused(api: Api) -> None:
    run = await ended(api, "shop/said")
    await say(api, run.id, metadata=[note(n=1.5e308)])
    told = await say(api, run.id, 400, metadata=[note("add", n=1.5e308)])
    assert told["error"] == (
        "metadata: a sum would be larger than 1.7e308, the most that is kept: nothing was added. Replace it with merge"
    )


async def test_a_run_without_metadata_has_none(api: Api) -> None:
    run = await ended(api, "shop/stepped")
    assert "metadata" not in (await get(api, f"/runs/{run.id}"))["data"]
    root = (await get(api, f"/runs/{run.id}/trace"))["data"]["rootSpan"]
    assert "metadata" not in root
    assert [span["metadata"] for span in root["children"]] == [[], [], []]


async def test_scores_of_a_run_and_of_steps(api: Api) -> None:
    run = await ended(api, "shop/stepped")
    given = [
        {"name": "helpful", "value": True},
        {"name": "tone", "value": 0.5},
        {"name": "fresh", "value": 3, "stepId": "fetch", "experiment": {"id": "prompt", "variant": "short"}},
    ]
    assert (await score(api, run.id, scores=given))["data"] == {"runId": run.id}
    await score(
        api, run.id, scores=[{"name": "tone", "value": 1}, {"name": "late", "value": 2, "stepId": hash_step_id("nap")}]
    )
    found = bare((await get(api, f"/runs/{run.id}"))["data"]["metadata"])
    assert found == [
        {"kind": "inngest.score", "scope": "run", "values": {"helpful": {"value": True}, "tone": {"value": 1}}}
    ]
    fetch, nap, _ = (await get(api, f"/runs/{run.id}/trace"))["data"]["rootSpan"]["children"]
    assert bare(fetch["metadata"]) == [
        {"kind": "inngest.experiment", "scope": "step", "values": {"name": "prompt", "variant": "short"}},
        {"kind": "inngest.score", "scope": "step", "values": {"fresh": {"value": 3}}},
    ]
    assert [one["values"] for one in nap["metadata"]] == [{"late": {"value": 2}}]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "metadata: expected an array with at least one object"),
        ({"metadata": []}, "metadata: expected an array with at least one object"),
        ({"metadata": [7]}, "metadata[0]: expected an object"),
        ({"metadata": [note()] * 1_001}, "metadata has 1,001 entries; at most 1,000 are allowed"),
        ({"metadata": [note(kind=" ")]}, "metadata[0].kind: expected a text that is not blank, got ' '"),
        ({"metadata": [note(kind="a\nb")]}, "metadata[0].kind has a control character"),
        ({"metadata": [note(kind="a\x00b")]}, "metadata[0].kind must not contain the character NUL"),
        ({"metadata": [note(kind="é" * 65)]}, "metadata[0].kind is 130 bytes; at most 128 are allowed"),
        ({"metadata": [note("put")]}, "metadata[0].op: expected one of merge, set, delete, add, got 'put'"),
        ({"metadata": [{**note(), "op": []}]}, "metadata[0].op: expected one of merge, set, delete, add, got []"),
        ({"metadata": [{"kind": "a", "op": "set"}]}, "metadata[0].values: expected an object"),
        ({"metadata": [note("add", n="1")]}, "metadata[0].values: expected numbers, which are added"),
        ({"metadata": [note("add", n=True)]}, "metadata[0].values: expected numbers, which are added"),
        ({"target": 7, "metadata": [note()]}, "target: expected an object"),
        ({"target": {"run_id": "other"}, "metadata": [note()]}, "target.run_id: expected "),
        ({"target": {"step_id": 7}, "metadata": [note()]}, "target: expected step_id and span_id as texts"),
        ({"target": {"step_id": "\x00"}, "metadata": [note()]}, "target.step_id must not contain the character NUL"),
        ({"target": {"step_id": "a", "step_index": -1}, "metadata": [note()]}, "target.step_index: expected a whole"),
        ({"target": {"step_attempt": -2}, "metadata": [note()]}, "target.step_attempt: expected a whole number of at"),
        ({"target": {"step_attempt": 10**30}, "metadata": [note()]}, "target.step_attempt: expected a whole number"),
        ({"target": {"span_id": "abc"}, "metadata": [note()]}, "target.span_id: expected the id of a span of this run"),
    ],
)
async def test_metadata_that_are_none(api: Api, body: dict[str, Any], text: str) -> None:
    assert (await say(api, UNKNOWN, 400, **body))["error"].startswith(text)


@pytest.mark.parametrize(
    ("one", "text"),
    [
        ({"value": 1}, "scores[0]: the name of a score: expected a text that is not blank, got None"),
        ({"name": "a'b", "value": 1}, "scores[0]: the name of a score has no single quote"),
        ({"name": "a" * 129, "value": 1}, "scores[0]: the name of a score is 129 bytes; at most 128 are allowed"),
        ({"name": "a"}, "scores[0]: expected true, false or a number as the value of the score 'a'"),
        ({"name": "a", "value": "1"}, "scores[0]: expected true, false or a number"),
        ({"name": "a", "value": 1, "stepId": 5}, "scores[0].stepId: expected a text"),
        ({"name": "a", "value": 1, "experiment": "x"}, "scores[0].experiment: expected an object"),
        ({"name": "a", "value": 1, "experiment": {"id": "x"}}, "scores[0].experiment.variant: expected a text"),
    ],
)
async def test_a_score_that_is_none(api: Api, one: dict[str, Any], text: str) -> None:
    (error,) = (await score(api, UNKNOWN, 400, scores=[one]))["errors"]
    assert error["code"] == "invalid_field_format"
    assert error["message"].startswith(text)


async def test_numbers_that_are_none_are_refused(api: Api) -> None:
    for path, body in (
        ("/v1/runs/x/metadata", b'{"metadata": [{"kind": "a", "op": "set", "values": {"n": NaN}}]}'),
        ("/v1/runs/x/metadata", b'{"metadata": [{"kind": "a", "op": "add", "values": {"n": 1e999}}]}'),
        ("/v2/runs/x/scores", b'{"scores": [{"name": "a", "value": 1e999}]}'),
    ):
        assert (await api.http.post(path, content=body)).status_code == 400


async def test_a_run_that_is_not_there(api: Api) -> None:
    assert (await say(api, UNKNOWN, 404, metadata=[note(a=1)]))["error"] == f"there is no run {UNKNOWN!r}"
    assert (await score(api, UNKNOWN, 404, scores=[{"name": "a", "value": 1}]))["errors"][0]["code"] == "not_found"
    assert (await api.http.post("/v1/runs/a%00b/metadata", json={"metadata": [note()]})).status_code == 404


async def test_what_is_too_large_is_refused_as_a_whole(api: Api) -> None:
    run = await ended(api, "shop/said")
    large = note(text="x" * 70_000)
    refused = await say(api, run.id, 413, metadata=[note(a=1), large])
    assert refused["error"] == "the metadata of one step, or of the run itself, would be over 65,536 bytes"
    assert "metadata" not in (await get(api, f"/runs/{run.id}"))["data"]
    many = [{"name": f"score {number}", "value": number} for number in range(1_000)]
    statuses: list[int] = []
    for part in range(4):
        scores = [{**one, "name": f"{one['name']} of part {part}, with a long name"} for one in many]
        response = await api.http.post(f"/v2/runs/{run.id}/scores", json={"scores": scores})
        statuses.append(response.status_code)
        if response.status_code != 200:
            assert (response.status_code, response.json()["errors"][0]["code"]) == (413, "validation_error")
    assert statuses == [200, 413, 413, 413]


async def test_counts_of_many_at_once_lose_none(api: Api) -> None:
    run = await ended(api, "shop/said")
    await asyncio.gather(*(say(api, run.id, metadata=[note("add", n=1)]) for _ in range(20)))
    (said,) = (await get(api, f"/runs/{run.id}"))["data"]["metadata"]
    assert said["values"] == {"n": 20}
