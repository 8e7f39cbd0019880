"""What happens between engines and apps, as a history has it: calls, their answers, and checkpoints."""

from __future__ import annotations

from dataclasses import dataclass

REQUEST = "request"
"""Instead of the id of a call: in the request that began a run of an endpoint."""


@dataclass(frozen=True, slots=True)
class AppStarted:
    """A process that serves functions lives. It has a number as all processes have."""

    at: int
    app: int


@dataclass(frozen=True, slots=True)
class AppDied:
    """It is gone; nothing of it happens afterwards."""

    at: int
    app: int


@dataclass(frozen=True, slots=True)
class Called:
    """A call leaves an engine."""

    at: int
    process: int
    token: str  # of the claim in which it is made
    run_id: str
    call: str  # its id; handlers that it begins have it for their token
    generation: int
    target: str  # hash of the step that it is for; "" of a discovery
    attempt: int  # of the body, or of that step
    memos: tuple[str, ...]  # hashes of the steps that it is told of


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of a call comes back to its engine."""

    at: int
    process: int
    run_id: str
    call: str
    how: str  # a status, "not delivered", "doubtful", "broken" or "given up"


@dataclass(frozen=True, slots=True)
class Delivered:
    """A call comes to an app, which enters the function."""

    at: int
    app: int
    run_id: str
    call: str


@dataclass(frozen=True, slots=True)
class Returned:
    """The app has its answer, whether anybody waits for it or not."""

    at: int
    app: int
    run_id: str
    call: str
    status: int


@dataclass(frozen=True, slots=True)
class Checkpointed:
    """A checkpoint comes to an engine."""

    at: int
    process: int
    run_id: str
    call: str
    number: int  # of the delivery
    steps: tuple[str, ...]  # hashes
    results: tuple[str, ...]  # hashes of those among them that have ended


@dataclass(frozen=True, slots=True)
class CheckpointAnswered:
    """The engine answers it."""

    at: int
    process: int
    run_id: str
    call: str
    number: int
    status: int


@dataclass(frozen=True, slots=True)
class CheckpointHeard:
    """The app hears the answer."""

    at: int
    app: int
    run_id: str
    call: str
    status: int


@dataclass(frozen=True, slots=True)
class Replied:
    """Who has sent the request that began a run of an endpoint has its answer."""

    at: int
    app: int
    run_id: str
    status: int  # 303: to be asked for at a server
    value: str  # JSON text
