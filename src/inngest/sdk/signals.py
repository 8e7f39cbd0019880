"""Sending signals over HTTP: once, since nobody can tell two signals of a name apart."""

from __future__ import annotations

import json
from typing import NamedTuple

from inngest.protocol import headers
from inngest.protocol.opcodes import OpTarget

from .environment import at
from .errors import SendEventsError
from .event_sender import Response, Transport
from .serializers import Serializer
from .steps import arguments
from .work import Work


class Target(NamedTuple):
    """Where signals go."""

    origin: str
    signing_key: str | None
    env: str | None
    is_production: bool


def checked(signal: str, data: object, serializer: Serializer | None) -> OpTarget:
    """A signal to send.

    Raises:
        StepArgumentError: the name or the data are wrong.
    """
    return arguments.sent_signal("send_signal", signal, data, serializer)


def send(target: Target, signal: OpTarget, transport: Transport) -> Work[str | None]:
    """The id of the run that was woken; None if no step waits.

    Raises:
        SendEventsError: the server did not take it.
    """
    sent = headers.outgoing(env=target.env, is_production=target.is_production)
    if target.signing_key:
        sent["Authorization"] = f"Bearer {target.signing_key}"
    body = f'{{"signal":{json.dumps(signal.name)},"data":{signal.data}}}'.encode()
    try:
        response = yield lambda: transport.post(at(target.origin, "v1/signals"), sent, body)
    except ConnectionError as error:
        raise SendEventsError(f"no response received from {target.origin}: {error}", []) from None
    assert isinstance(response, Response)
    if response.status == 404:
        return None
    if response.status >= 300:
        text = response.body[:200].decode(errors="replace")
        raise SendEventsError(f"the server answered {response.status} to the signal: {text!r}", [])
    return _run_id(response)


def _run_id(response: Response) -> str | None:
    try:
        found = json.loads(response.body)["data"]["run_id"]
    except (ValueError, KeyError, TypeError):
        raise SendEventsError(f"the server answered {response.status} with something unexpected", []) from None
    return None if found is None else str(found)
