"""Runs of endpoints: of which function they are, and what follows from what their apps report of them. Pure.

Such a run is begun by its app, and nobody owns it while the app answers the request: it is *in its request*. It leaves
that when the request cannot end at once, or has been silent for too long. Then it is called as a run of any app is.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence

from inngest.protocol import limits
from inngest.protocol.opcodes import REQUESTS, Op, Opcode, OpenStep
from inngest.protocol.wire.endpoints import GOING_ON, Begun, HttpCause
from inngest.protocol.wire.operations import COMPLETE
from inngest.protocol.wire.responses import Reply, ReplyKind

from . import remote
from .advance import Moment, reports
from .model import App, Changes, Discovery, FunctionSpec, Policy, Run, RunState, RunStatus, Transport
from .registration import app_uuid, function_uuid
from .remote import DISCOVERY

SILENCE = 10 * limits.MINUTE
"""Milliseconds for which a request may report nothing. Then its app is taken for dead, and its endpoint is called."""

PATHS = 100
"""Paths of an app that are functions of their own. All others are one function: paths may hold ids."""

ENDPOINTS = 1_000
"""Endpoints that a server knows: their names come with requests, and so may be anything."""

TOLD = limits.MINUTE
"""Milliseconds for which a worker takes an endpoint as it is known: its requests may differ in turn."""

RESTS = 10 * limits.MINUTE
"""Milliseconds without a request after which an endpoint without runs under way gives its place to another."""

LATER = 30 * limits.SECOND
"""Milliseconds until a run is taken up again of which nothing falls due by time."""

_LONGEST_NAME = 200
"""Characters of the name of a function that no developer has named: a path may be of any length."""

_LONGEST = 80
"""Characters of a function's id that tell its path."""


class TooManyEndpointsError(Exception):
    """The server knows as many endpoints as it may."""


def app_of(cause: HttpCause, sdk: str) -> App:
    """The app that has an endpoint: no SDK tells its name with a request, so it has that of its host.

    Args:
        cause: a request.
        sdk: what made it, as its headers say: "inngest-js:v4.24.0".
    """
    name = cause.host
    return App(name, str(app_uuid(name)), cause.domain, "api", sdk.removeprefix("inngest-"), checksum=cause.domain)


def id_of(cause: HttpCause) -> str:
    """The id of an endpoint's function, if it has one of its own."""
    return f"{cause.host}-{cause.function or _slug(f'{cause.method} {cause.path}')}"


def function_of(begun: Begun, known: Mapping[str, FunctionSpec]) -> FunctionSpec:
    """The function of an endpoint.

    Args:
        begun: a run of it.
        known: functions by their ids, those of endpoints among them.

    Raises:
        TooManyEndpointsError: there are too many, and this one would be another.
    """
    cause = begun.cause
    title, retries = cause.function or f"{cause.method} {cause.path}"[:_LONGEST_NAME], begun.retries
    own = id_of(cause)
    if own not in known:
        others = [one for one in known.values() if one.transport is Transport.API]
        if not cause.function and sum(one.app_id == cause.host for one in others) >= PATHS:
            own, title = f"{cause.host}-endpoints", "other endpoints"
        if own not in known and len(others) >= ENDPOINTS:
            raise TooManyEndpointsError(
                f"{cause.host} {cause.path}: this server knows {len(others):,} endpoints, and no more than that. Give "
                "those whose paths hold ids a functionId, and remove apps that are no more"
            )
    there = known.get(own)
    if there is not None and (there.name != title or own != id_of(cause)):
        title, retries = there.name, there.retries  # several paths are this function: what the first told stays
    written = json.dumps({"id": own, "name": title, "retries": retries, "triggers": []}, sort_keys=True)
    return FunctionSpec(
        id=own,
        app_id=cause.host,
        name=title,
        version=hashlib.sha256(written.encode()).hexdigest()[:16],
        retries=retries,
        events=(),
        failure_of=None,
        config=written,
        transport=Transport.API,
        url=cause.domain,
        uuid=str(function_uuid(own)),
    )


def first_state(run: Run) -> RunState:
    """A run that has just begun, in its request."""
    return RunState(run.id, run.function_id, run.retries, discovery=run.discovery)


def first_discovery(version: int) -> Discovery:
    """The knowledge about calls of a run in its request: none was made, and none is owed.

    Args:
        version: of requests, as its SDK says.
    """
    return Discovery(0, version, owed=False)


def in_request(run: Run, open_steps: Sequence[OpenStep] | Mapping[str, OpenStep]) -> bool:
    """Whether a run of an endpoint that nobody owns is in its request still.

    Args:
        run: it.
        open_steps: its open steps.
    """
    discovery = run.discovery
    return run.ended_at is None and discovery.generation == 0 and not discovery.owed and not open_steps


def reported(state: RunState, ops: Sequence[Op], since: int, policy: Policy, moment: Moment) -> Changes:
    """Decides what follows from the reports of a run that is in its request.

    Args:
        state: the run; not changed.
        ops: what happened.
        since: unix ms, when the request came.
        policy: how this engine runs functions.
        moment: the time and the jitter of this decision.
    """
    if all(op.op in GOING_ON for op in ops):
        return reports.checkpoint(state, ops, since, policy, moment)
    answer = reports.Report(DISCOVERY, since, Reply(ReplyKind.REPORTED, ops=ops))
    return reports.report(state, answer, policy, moment)


def repeats(run: Run, state: RunState, ops: Sequence[Op]) -> bool:
    """Whether all of these reports were recorded before: they come again if an answer was lost."""
    if run.ended_at is not None:
        ended = run.status in (RunStatus.COMPLETED, RunStatus.FAILED)
        return ended and any(op.step.hash == COMPLETE.hash for op in ops)
    known = {*state.done, *state.open}
    return bool(ops) and all(op.step.hash in known or (op.op is Opcode.STEP_ERROR and state.attempt > 0) for op in ops)


def due_at(state: RunState, ops: Sequence[Op], now: int) -> int:
    """When a run is to be claimed: if it leaves its request, as soon as there is something to do for it.

    Args:
        state: the run, after these reports.
        ops: the reports.
        now: unix ms.
    """
    if not state.open and not state.discovery.owed:
        return now + SILENCE
    if any(op.target is not None and op.target.secrets for op in ops if op.op in REQUESTS):
        return now  # nobody may keep what it was told: the code tells it again (decision 0030)
    found = remote.due(state, (), now)
    if found.calls:
        return now
    return now + LATER if found.wake_at is None else max(now, found.wake_at)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:_LONGEST].strip("-")
