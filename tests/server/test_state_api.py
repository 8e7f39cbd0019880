"""The state of a run as its SDK asks for it."""

from __future__ import annotations

import inngest
from inngest.protocol.steps import hash_step_id

from .conftest import Api

UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


async def run_of(api: Api, event: inngest.Event) -> str:
    """A run that has ended."""
    (event_id,) = await api.engine.send(event)
    (run,) = await api.engine.runs(event_id=event_id)
    await api.engine.wait(run.id)
    return run.id


async def test_the_events_of_a_run(api: Api) -> None:
    run_id = await run_of(api, inngest.Event(name="shop/said", id="mine", data={"é": [1, 2**70]}, ts=1_700_000_000_000))
    response = await api.http.get(f"/v0/runs/{run_id}/batch")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    (event,) = response.json()
    assert event == {"id": "mine", "name": "shop/said", "data": {"é": [1, 2**70]}, "ts": 1_700_000_000_000, "user": {}}


async def test_the_events_of_a_run_have_all_members_that_functions_see(api: Api) -> None:
    """An app that fetches its events gets the same as one whose calls hold them."""
    members = {"user": {"external_id": "42"}, "v": "2", "meta": {"sessions": {"a": "b"}}}
    sent = await api.post({"name": "shop/said", "id": "mine", "ts": 1_700_000_000_000, **members})
    (run,) = await api.engine.runs(event_id=sent.json()["ids"][0])
    await api.engine.wait(run.id)
    (event,) = (await api.http.get(f"/v0/runs/{run.id}/batch")).json()
    assert event == {"id": "mine", "name": "shop/said", "data": {}, "ts": 1_700_000_000_000, **members}


async def test_the_memos_of_a_run_in_their_order(api: Api) -> None:
    run_id = await run_of(api, inngest.Event(name="shop/stepped"))
    response = await api.http.get(f"/v0/runs/{run_id}/actions")
    assert response.status_code == 200
    memos = list(response.json().items())
    assert [hashed for hashed, _ in memos] == [hash_step_id(one) for one in ("fetch", "nap", "ship")]
    assert [memo for _, memo in memos][:2] == [{"data": {"ok": True}}, None]
    assert memos[2][1]["error"]["message"] == "no stock"


async def test_a_run_that_is_not_there_is_gone(api: Api) -> None:
    for part in ("batch", "actions"):
        response = await api.http.get(f"/v0/runs/{UNKNOWN}/{part}")
        assert response.status_code == 410
        assert response.json() == {
            "error": f"runtime state is no longer available for runID: {UNKNOWN}",
            "data": None,
            "status": 410,
        }


async def test_what_is_no_id_is_refused(api: Api) -> None:
    for run_id in ("bad", UNKNOWN.lower(), UNKNOWN + "0"):
        response = await api.http.get(f"/v0/runs/{run_id}/batch")
        assert (response.status_code, response.json()["error"]) == (400, f"Invalid run ID: {run_id}")


async def test_a_run_is_cancelled(api: Api) -> None:
    (event_id,) = await api.engine.send(inngest.Event(name="shop/slept"))
    (run,) = await api.engine.runs(event_id=event_id)
    assert (await api.http.delete(f"/v0/runs/{run.id}")).status_code == 204
    assert (await api.engine.run(run.id)).status is inngest.RunStatus.CANCELLED
    assert (await api.http.delete(f"/v0/runs/{run.id}")).status_code == 204
    assert (await api.http.delete(f"/v0/runs/{UNKNOWN}")).status_code == 404


async def test_telemetry_is_taken(api: Api) -> None:
    assert (await api.http.post("/v0/telemetry", json={"a": 1})).status_code == 204
