"""Requests to the API of apps and to REST that were damaged by chance: none is the server's failure, but for 501."""

from __future__ import annotations

import json
import random

import inngest
from inngest.server.app import create_app

from .conftest import Api
from .test_checkpoints import ran
from .test_mutated import mutated, status_of
from .test_registering import body, function

CASES = 3_000

TRIGGERS = [{"event": "web/paid", "expression": "event.data.n > 1"}, {"cron": "0 * * * *", "jitter": "30s"}]
FULL = function(
    triggers=TRIGGERS,
    concurrency=[{"limit": 2, "key": "event.data.id", "scope": "env"}],
    debounce={"period": "1m", "timeout": "1h"},
    rateLimit={"limit": 1, "period": "1m"},
    cancel=[{"event": "a", "if": "event.data.id == async.data.id", "timeout": "1h"}],
    priority={"run": "event.data.n"},
)
HTTP = {"domain": "http://shop.test:1", "method": "POST", "path": "/x", "query_params": "a=1", "body": "{}", "fn": ""}
TARGET = {"step_id": "fetch", "step_index": 0, "step_attempt": -1}
TRIED = {"id": "prompt", "variant": "short"}
END = {"op": "RunComplete", "id": "complete", "data": {"ok": True}}


def wrong_texts(run_id: str) -> list[str]:
    """Places in paths and queries, some of which are known."""
    return [run_id, run_id.lower(), "shop", "echo", "web", "", "%00", "%ff", "%ED%A0%80", "x" * 300, "..", "%2F", "'"]


def asked(draw: random.Random, run_id: str) -> tuple[str, str, bytes]:
    """A method, a path and a body."""
    one = draw.choice(wrong_texts(run_id))
    reads = ["/v1/events", "/v1/events/{}", "/v1/events/{}/runs", "/v1/runs/{}", "/v1/runs/{}/jobs"]
    reads += ["/v1/apps/{}/functions", "/v2/runs", "/v2/runs/{}", "/api/v2/runs/{}/trace", "/v2/events/{}/runs"]
    reads += ["/v2/apps", "/v2/apps/{}", "/v2/apps/shop/functions/{}", "/v2/apps/shop/functions/{}/runs"]
    reads += ["/v0/runs/{}/batch", "/v0/runs/{}/actions", "/v1/cancellations"]
    reads += ["/v1/checkpoint/{}/output", "/v1/http/runs/{}/output"]
    checkpoint = {"run_id": run_id, "generation_id": 0, "steps": [ran("a", {"n": 1}), END], "ts": 1}
    cancellation = {"function_id": "echo", "started_before": "2020-01-01T00:00:00Z", "if": "event.data.n == 1"}
    writes: list[tuple[str, object]] = [
        ("/fn/register", body(FULL, function("web-other"))),
        (f"/v1/checkpoint/{run_id}/async", checkpoint),
        (
            "/v1/checkpoint",
            {"event": {"name": "inngest/http.request", "data": HTTP}, "steps": [ran("a")], "retries": 3},
        ),
        (f"/v1/checkpoint/{run_id}/steps", {"run_id": run_id, "steps": [ran("a"), END]}),
        ("/v1/signals", {"signal": "door", "data": {"n": 1}}),
        ("/v1/cancellations", cancellation),
        ("/v2/events", {"name": "shop/unheard", "data": {"n": 1}, "ts": 1_700_000_000_000}),
        ("/v2/apps/shop/functions/echo/invoke", {"data": {"n": 1}, "idempotencyKey": "a"}),
        (
            f"/v1/runs/{run_id}/metadata",
            {"target": TARGET, "metadata": [{"kind": "a", "op": "add", "values": {"n": 1}}]},
        ),
        (
            f"/v2/runs/{run_id}/scores",
            {"scores": [{"name": "a", "value": 0.5, "stepId": "fetch", "experiment": TRIED}]},
        ),
        ("/v2/runs/{}/cancel", {}),
    ]
    if draw.random() < 0.4:
        return "GET", draw.choice(reads).format(one), b""
    if draw.random() < 0.1:
        path = draw.choice(["/v1/runs/{}", "/v0/runs/{}", "/fn/remove", "/v1/cancellations/{}"]).format(
            draw.choice(wrong_texts("unknown"))
        )
        return "DELETE", path, b""
    path, wire = draw.choice(writes)
    return "POST", path.replace("{}", one), mutated(draw, json.dumps(wire).encode())


async def test_no_damaged_request_is_the_servers_failure(api: Api) -> None:
    app = create_app(api.engine)
    (event_id,) = await api.engine.send(inngest.Event(name="shop/stepped"))
    (run,) = await api.engine.runs(event_id=event_id)
    await api.engine.wait(run.id)
    seen: dict[int, int] = {}
    for number in range(CASES):
        draw = random.Random(number)
        method, path, sent = asked(draw, run.id)
        names = ["limit", "cursor", "status", "from", "until", "timeField", "order", "includeOutput", "appId", "url"]
        names += ["functionId", "name", "received_after", "received_before", "archived"]
        values = ["", "1", "0", "-1", "9" * 20, "WzEsICJhIl0=", "WzFlOTksICJhIl0=", "COMPLETED", "startedAt", "asc"]
        values += ["true", "2026-01-02T03:04:05Z", "0001-01-01", "9999-12-31T23:59:59.999999Z", "%00", "%ff", "+1"]
        query = "&".join(f"{draw.choice(names)}={draw.choice(values)}" for _ in range(draw.randrange(4)))
        status = await status_of(app, path, query.encode(), method, [(b"content-type", b"application/json")], sent)
        assert 200 <= status < 500, f"case {number}, {method} {path}?{query} {sent[:200]!r}, was answered with {status}"
        seen[status] = seen.get(status, 0) + 1
    assert seen[200] > CASES / 20
    assert seen[400] > CASES / 10
