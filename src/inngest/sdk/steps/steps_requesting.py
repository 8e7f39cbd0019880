"""`ctx.step`, the part whose HTTP requests the engine makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from inngest.protocol import durations

from . import gateway_arguments
from .ai_adapters import BaseAdapter
from .arguments import WaitRequest
from .responses import FetchResponse
from .unawaited import MadeCalls, noted


class RequestRunner(Protocol):
    """What these steps need of their invocation."""

    @property
    def made(self) -> MadeCalls:
        """Calls that were made, and have not begun."""
        ...

    async def wait(self, step_id: str, waiting: WaitRequest) -> object:
        """A step whose result comes from outside; its value, as JSON gives it."""
        ...


class RequestingSteps:
    """Steps of an async function that make requests."""

    def __init__(self, runner: RequestRunner) -> None:
        self._runner = runner

    @noted("step.fetch")
    async def fetch(
        self,
        step_id: str,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: gateway_arguments.Body | None = None,
        timeout: durations.Duration | None = None,
    ) -> FetchResponse:
        """Have the engine make an HTTP request. The run is a row meanwhile: no process waits for the answer with it.

        Any answer is a result, whatever its status. Without one, and after 429 and 5xx, it is made again, as often as
        the function has retries; then the last answer is the result. A crash of the process that makes it repeats it.

        Args:
            step_id: unique within the function.
            url: http or https. Redirects are followed.
            method: of HTTP.
            headers: to send. Those whose names look like credentials are never stored.
            body: text, bytes, or a mapping or list, which is sent as JSON; at most 4 MB.
            timeout: how long each attempt may take: milliseconds or timedelta, at most 2 hours. Without it, 1 minute.

        Raises:
            StepError: there was no answer, or a too large one (`name` is GatewayError).
            StepArgumentError: an argument is wrong.
        """
        waiting = gateway_arguments.fetch(step_id, url, method, headers, body, timeout)
        return gateway_arguments.response_of(await self._runner.wait(step_id, waiting))


class Inferring:
    """Requests to models."""

    def __init__(self, runner: RequestRunner) -> None:
        self._runner = runner

    @noted("step.ai.infer")
    async def infer(
        self,
        step_id: str,
        *,
        adapter: BaseAdapter,
        body: Mapping[str, Any],
        timeout: durations.Duration | None = None,
    ) -> dict[str, Any]:
        """Have the engine ask a model. The run is a row meanwhile: no process waits for the answer with it.

        Every attempt without an answer of success is tried again, as often as the function has retries. The tokens
        that were used are recorded: see `StepRecord.usage`. A crash of the process that asks repeats the request.

        Args:
            step_id: unique within the function.
            adapter: how to speak to the provider: one of `inngest.experimental.ai`. Its key is never stored.
            body: as the provider's API wants it, at most 4 MB. The adapter adds the model.
            timeout: how long each attempt may take: milliseconds or timedelta, at most 2 hours. Without it, 10 minutes.

        Returns:
            The provider's answer.

        Raises:
            StepError: there was no good answer (`name` is AIGatewayError).
            StepArgumentError: an argument is wrong.
        """
        waiting = gateway_arguments.infer(step_id, adapter, body, timeout)
        return gateway_arguments.answer_of(await self._runner.wait(step_id, waiting))
