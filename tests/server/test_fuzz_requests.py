"""Requests that no client makes, by chance: the server refuses them, lives, and its memory is what it was."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from inngest.protocol.wire import signing
from tests.fuzzing import PIECES, body_of, cut_up
from tests.serving.killing.app import EVENT, SIGNING

from .hostile import HELD, hostile, op
from .test_fuzz_answers import registration
from .watched import Watched, send, watched

CASES = int(os.environ.get("FUZZ_CASES", "400"))
"""Requests. Each has its number for a seed."""

RUNS = 50
"""Runs whose calls are under way while requests come that may concern them."""

AT_ONCE = 20
MB = 1 << 20
GROWTH = 32 * MB
"""Bytes by which the memory of a server may grow after the first third of all cases."""

BEARER = f"authorization: Bearer {signing.hashed(SIGNING)}\r\n".encode()
FULL = {
    "id": "other-f",
    "name": "f",
    "triggers": [{"event": "other/asked", "expression": "event.data.n > 1"}, {"cron": "0 3 1 1 *", "jitter": "30s"}],
    "steps": {
        "step": {"id": "step", "name": "step", "retries": {"attempts": 3}, "runtime": {"type": "http", "url": ""}}
    },
    "concurrency": [{"limit": 2, "key": "event.data.id", "scope": "env"}],
    "debounce": {"period": "1m", "timeout": "1h"},
    "batchEvents": {"maxSize": 3, "timeout": "5s", "key": "event.data.id"},
    "rateLimit": {"limit": 1, "period": "1m", "key": "event.data.id"},
    "throttle": {"limit": 1, "period": "1m", "burst": 2},
    "cancel": [{"event": "a", "if": "event.data.id == async.data.id", "timeout": "1h"}],
    "priority": {"run": "event.data.n"},
    "singleton": {"key": "event.data.id", "mode": "skip"},
    "timeouts": {"start": "1h", "finish": "2h"},
    "idempotency": "event.data.id",
}


def asked(draw: random.Random, url: str, run_id: str) -> tuple[str, str, object]:
    """A method, a path, and what the body is to say."""
    one = draw.choice([run_id, run_id, run_id.lower(), "fuzz", "unknown", "%00", "%ff", "..", "x" * 300, "%2F", "'"])
    step = {**op(draw), "op": draw.choice(["StepRun", "StepRun", "StepFailed", "StepPlanned", "DeferAdd", "Sleep"])}
    checkpoint = {"run_id": run_id, "generation_id": draw.choice([0, 0, 1, 7]), "steps": [step], "ts": 1}
    event = {"name": "fuzz/unheard", "data": {"n": 1}, "ts": 1_700_000_000_000, "id": "i", "user": {}, "v": "1"}
    registered = registration(url.replace("/api/inngest", "/other"))
    registered = {**registered, "appname": "other", "functions": [FULL]}
    writes: Sequence[tuple[str, object]] = [
        (f"/e/{EVENT}", [event]),
        ("/fn/register", registered),
        ("/fn/register", registered),
        (f"/v1/checkpoint/{one}/async", checkpoint),
        (f"/v1/checkpoint/{run_id}/async", checkpoint),
        ("/v1/signals", {"signal": "door", "data": {"n": 1}}),
        ("/v1/cancellations", {"app_id": "fuzz", "function_id": "none", "started_before": "2020-01-01T00:00:00Z"}),
        ("/v2/apps/fuzz/functions/none/invoke", {"data": {"n": 1}}),
        (f"/invoke/{one}", {"data": {"n": 1}}),
        (f"/v2/runs/{one}x/cancel", {}),
    ]
    if draw.random() < 0.2:
        queries = (
            "",
            "?limit=9999999999999999999",
            "?cursor=%00",
            "?cursor=WzFd",
            "?from=x&until=y",
            "?status=%ff",
            "?a=\xff",
        )
        reads = (f"/v0/runs/{one}/batch", f"/v0/runs/{one}/actions", f"/v1/events/{one}/runs", f"/v1/runs/{one}")
        more = (
            "/v1/events",
            "/v2/runs",
            f"/v2/runs/{one}/trace",
            f"/v2/apps/{one}",
            "/v1/apps/fuzz/functions",
            f"/{one}",
        )
        return draw.choice(["GET", "GET", "HEAD", "DELETE"]), draw.choice([*reads, *more]) + draw.choice(queries), None
    path, value = draw.choice(writes)
    return "POST", path, value


def request(draw: random.Random, url: str, run_id: str) -> tuple[bytes, bool]:
    """The bytes of a request; whether they are one of HTTP, which has to be answered."""
    method, path, value = asked(draw, url, run_id)
    body = b"" if value is None else body_of(draw, value)
    head = b"host: localhost\r\n" + (BEARER if draw.random() < 0.95 else b"authorization: Bearer \xff\r\n")
    for name in (
        b"content-type",
        b"x-inngest-event-id-seed",
        b"x-inngest-env",
        b"x-inngest-sync-kind",
        b"accept-encoding",
    ):
        if draw.random() < 0.1:
            head += (
                name + b": " + draw.choice([b"", b"application/json", b"\xff", b"9" * 300, b"a,b", b"gzip"]) + b"\r\n"
            )
    line = f"{method} {path} HTTP/1.1\r\n".encode("latin-1")
    fate = draw.random()
    if fate < 0.8:
        return line + head + b"content-length: %d\r\n\r\n" % len(body) + body, True
    if fate < 0.86:
        pieces = [body[at : at + 50] for at in range(0, min(len(body), 5_000), 50)]
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
        return line + head + b"transfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n", True
    lengths = (
        b"-1",
        b"x",
        b"9" * 40,
        b"5\r\ncontent-length: 6",
        b"%d" % (len(body) + 5),
        b"3\r\ntransfer-encoding: chunked",
    )
    if fate < 0.93:
        return line + head + b"content-length: " + draw.choice(lengths) + b"\r\n\r\n" + body, False
    whole = line + head + b"content-length: %d\r\n\r\n" % len(body) + body
    if fate < 0.97:
        return cut_up(draw, whole[:200]) + draw.choice(PIECES) + whole[200:], False
    return draw.choice(
        [b"\x16\x03\x01\x02\x00", b"GET /\r\n\r\n", b"x" * 70_000, b"\r\n" * 500, whole[: len(whole) // 2]]
    ), False


async def status_of(server: Watched, data: bytes, *, ends: bool) -> int | None:
    """The status of the first answer; None if the connection was closed without one.

    Args:
        server: that is asked.
        data: what is sent.
        ends: whether nothing can come after it. Who says so gets no answer that has not begun.
    """
    port = int(server.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    try:
        with contextlib.suppress(OSError):  # it is closed already, by a reset even; its answer may be there
            writer.write(data)
            await writer.drain()
            if ends:
                writer.write_eof()
        line = await reader.readline()
        return int(line.split()[1]) if line.startswith(b"HTTP/1.1 ") else None
    except ConnectionError:
        return None
    finally:
        writer.transport.abort()


async def test_no_request_harms_the_server(tmp_path: Path) -> None:
    seen: Counter[int | None] = Counter()
    wrong: list[str] = []
    async with hostile(0) as (_, url), watched(tmp_path, url) as server:
        answer = await server.http.post("/fn/register", json=registration(url))
        assert answer.status_code == 200, answer.text
        await send(server, [{"name": "fuzz/asked", "data": {"seed": f"{HELD} {number}"}} for number in range(RUNS)])
        runs = sorted(run.id for run in server.runs())
        assert len(runs) == RUNS

        async def one(number: int) -> None:
            data, is_http = request(random.Random(number), url, runs[number % RUNS])
            status = await status_of(server, data, ends=not is_http)
            seen[status] += 1
            if (status is None and is_http) or (status or 0) >= 500:
                wrong.append(f"case {number}: {status}: {data[:400]!r}")

        before = 0
        for first in range(0, CASES, AT_ONCE):
            await asyncio.gather(*(one(number) for number in range(first, min(first + AT_ONCE, CASES))))
            if not before and first >= CASES / 3:
                before = server.memory()
        after = server.memory()
        (await server.http.get("/health")).raise_for_status()
        print(f"{CASES} requests, seeds 0 to {CASES - 1}: {dict(seen)}; ", end="")
        print(f"memory {before / MB:.0f} MB, then {after / MB:.0f} MB")
        assert wrong == []
        assert server.complaints() == []
        assert after - before < GROWTH
        assert min(seen[200], seen[400], seen[404]) > CASES / 50, "hardly anything is understood, or refused"
