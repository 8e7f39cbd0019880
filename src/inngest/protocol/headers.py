"""Names of the wire's headers, and what this package says of itself in them."""

from __future__ import annotations

from . import ulids

VERSION = "0.1.0"
"""Of this distribution; its packaging reads it here."""

MARK = "+pyngest"
"""Tells this package from the official one for Python, whatever the version of either is, where an app registers."""

MARKED_VERSION = VERSION + MARK
SDK = f"inngest-py:v{VERSION}"
REQUEST_VERSION = "2"

ACCOUNT_ID = "00000000-0000-4000-a000-000000000000"
"""The one account of a server of one's own."""

ACCOUNT = "account-id"
EVENT_ID_SEED = "x-inngest-event-id-seed"
ENV = "x-inngest-env"
EXPECTED_SERVER_KIND = "x-inngest-expected-server-kind"
FRAMEWORK = "x-inngest-framework"
GENERATION_ID = "x-inngest-generation-id"
JOB_ID = "x-inngest-job-id"
NO_RETRY = "x-inngest-no-retry"
REQUEST_ID = "x-request-id"
REQ_VERSION = "x-inngest-req-version"
RETRY_AFTER = "retry-after"
RUN_ID = "x-run-id"
SDK_HANDLED = "x-inngest-sdk-handled"
SDK_NAME = "x-inngest-sdk"
SERVER_KIND = "x-inngest-server-kind"
SERVER_TIMING = "server-timing"
SIGNATURE = "x-inngest-signature"
STEP_ID = "x-inngest-step-id"
SYNC_KIND = "x-inngest-sync-kind"
TRACE_PARENT = "traceparent"


def of_run(run_id: str, trace: str = "") -> dict[str, str]:
    """The headers that are the same in all calls of a run.

    The trace is the run: its id is the 128 bits of the run's id, in hexadecimal (decision 0102). The parent of what an
    app does is the last half of them, and the flag says that it is recorded.

    Args:
        run_id: ULID; another text has no trace.
        trace: the `traceparent` of its calls, if it is a part of another trace, or spans of calls are recorded.
    """
    found = {ACCOUNT: ACCOUNT_ID, "user-agent": "Inngest", RUN_ID: run_id}
    if trace:
        return {**found, TRACE_PARENT: trace}
    try:
        at, entropy = ulids.read(run_id)
    except ValueError:
        return found
    trace = f"{at:012x}{entropy.hex()}"
    return {**found, TRACE_PARENT: f"00-{trace}-{trace[16:]}-01"}


def outgoing(*, env: str | None, is_production: bool) -> dict[str, str]:
    """The headers of every request that this package makes."""
    headers = {
        "content-type": "application/json",
        "user-agent": SDK,
        SDK_NAME: SDK,
        REQ_VERSION: REQUEST_VERSION,
        EXPECTED_SERVER_KIND: "cloud" if is_production else "dev",
    }
    if env:
        headers[ENV] = env
    return headers
