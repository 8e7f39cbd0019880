"""Serve functions in a Tornado application."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import Unpack

from inngest.sdk.client import Inngest
from inngest.sdk.function import Function
from inngest.sdk.serving.handler import Handler
from inngest.sdk.serving.messages import Request, Response
from inngest.sdk.serving.settings import ServeOptions, resolve

try:
    from tornado import web
except ImportError as error:
    raise ImportError("inngest.tornado needs Tornado: pip install 'pyngest[tornado]'", name="tornado") from error

__all__ = ["serve"]

FRAMEWORK = "tornado"


class _Endpoint(web.RequestHandler):
    def initialize(self, handler: Handler) -> None:
        self._handler = handler

    async def get(self) -> None:
        await self._answer()

    async def post(self) -> None:
        await self._answer()

    async def put(self) -> None:
        await self._answer()

    def check_xsrf_cookie(self) -> None:
        """Nothing: a server has no cookies, it signs its requests."""

    async def _answer(self) -> None:
        request = self.request
        headers = {name.lower(): value for name, value in request.headers.get_all()}
        answer = await self._handler.handle(
            Request(request.method or "", request.full_url(), headers, request.body, request)
        )
        assert isinstance(answer, Response)
        self.set_status(answer.status)
        for name, value in answer.headers.items():
            self.set_header(name, value)
        self.finish(answer.body)


def serve(
    app: web.Application,
    client: Inngest,
    functions: Sequence[Function[object]],
    **options: Unpack[ServeOptions],
) -> None:
    """Serve functions at a path of an application, by default `/api/inngest`.

    Async functions run on the application's loop, plain ones in threads.

    Args:
        app: that gets the route.
        client: whose settings and keys hold.
        functions: what is served.
        options: see `inngest.sdk.serving.settings.ServeOptions`.

    Raises:
        SigningKeyMissingError: in production, without a signing key.
        URLInvalidError: an origin has no domain or port.
    """
    handler = Handler(client, functions, FRAMEWORK, resolve(options))
    app.add_handlers(r".*", [(handler.path, _Endpoint, {"handler": handler})])
