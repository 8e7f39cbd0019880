"""Whether a process lives, whether work should come to it, and how it fares: routes for probes and for Prometheus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from inngest.embedded.engine import Engine, host_of
from inngest.embedded.single_flight import SingleFlight
from inngest.engine.errors import StoreError

from .answers import Json

PATIENCE: Final = 2.0
"""Seconds for which the database has time to answer."""


class Health:
    """`GET /health` and `GET /ready`.

    Args:
        engine: asked.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._asking = SingleFlight(lambda: engine.runs(limit=1))

    @property
    def routes(self) -> Sequence[Route]:
        """Its routes."""
        return [Route("/health", self.health, methods=["GET"]), Route("/ready", self.ready, methods=["GET"])]

    async def health(self, request: Request) -> Response:
        """The process answers: its event loop is not blocked. A probe that has it started anew asks this."""
        return _told(200, "OK")

    async def ready(self, request: Request) -> Response:
        """Whether work should come here: the engine has started, does not stop, and its database answers."""
        reason = host_of(self._engine).unready
        if reason is None:
            try:
                await self._asking.result(PATIENCE)
            except StoreError as error:
                reason = str(error)
            except TimeoutError:
                reason = f"the database has not answered for {PATIENCE:g} s"
        return _told(200, "OK") if reason is None else _told(503, reason)


def metrics_routes(engine: Engine) -> Sequence[Route]:
    """`GET /metrics`, if the extra `metrics` is installed. An engine is measured from now on."""
    try:
        from inngest.metrics import Metrics  # noqa: PLC0415 - it may be missing
    except ImportError:
        return []
    metrics = Metrics(engine)

    async def show(request: Request) -> Response:
        return Response(await metrics.text(), media_type=metrics.content_type)

    return [Route("/metrics", show, methods=["GET"])]


def create_health_app(engine: Engine) -> Starlette:
    """These routes alone, for a process that serves nothing else.

    Args:
        engine: that has been started.
    """
    routes = [*Health(engine).routes, *metrics_routes(engine)]
    return Starlette(routes=routes, exception_handlers={HTTPException: _nothing_else})


async def _nothing_else(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _told(
        error.status_code, "a worker answers GET /health, GET /ready and, with the extra `metrics`, GET /metrics"
    )


def _told(status: int, message: str) -> Response:
    return Json({"status": status, "message": message}, status)
