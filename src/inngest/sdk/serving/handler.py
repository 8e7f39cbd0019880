"""The one endpoint of an app, without a framework: who may ask what, and what each answer carries.

| request | in production | in development |
|---|---|---|
| GET, HEAD | the whole introspection if it is signed, else 401 | the short one |
| PUT | registers out of band; in band if it is asked to, and signed | registers out of band |
| POST | calls a function if it is signed, else 401 | calls a function |
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from inngest.protocol import headers
from inngest.protocol.errors import Error, ErrorCode, SigVerificationFailedError
from inngest.protocol.wire import signing
from inngest.runtime import ids
from inngest.runtime.careful import CarefulLogger
from inngest.runtime.clock import SystemClock, wall_clock_ms
from inngest.runtime.kept_http import KeptHttp
from inngest.runtime.ports import HttpClient, Threads
from inngest.sdk.function import Client, Function

from . import introspection
from .arguments import client_of, functions_of
from .calls import FunctionCalls
from .messages import Request, Response, Stream, as_json
from .pool import MakesClock
from .registration import Registrar
from .server_api import ServerApi
from .settings import Settings
from .timing import ServerTiming

SERVER_KINDS = {"cloud": "Cloud", "dev": "a Dev Server"}
EXPECTED_KINDS = {"cloud": "Cloud", "dev": "Dev Server"}
"""The names of servers, as they stand in messages."""


SILENCE = 60_000
"""Milliseconds for which further requests are refused without a word in the log."""


class Handler:
    """Answers all requests to one endpoint.

    Args:
        client: whose settings and keys hold.
        functions: what is served; of two with one id, the last.
        framework: its name on the wire, such as `fast_api`.
        settings: of the endpoint.
        http: makes requests to the server; None: the real one.
        branch_ended: called in a pool thread when it has run a part of a plain function.
        clock: makes the clock of a loop.
        jitter: gives a number from 0 to its argument by chance.

    Raises:
        SigningKeyMissingError: in production, without a signing key.
        TypeError: the client is none, or the functions are no list of functions.
        ValueError: in production, with a key that is none.
    """

    def __init__(
        self,
        client: Client,
        functions: Sequence[Function[object]],
        framework: str,
        settings: Settings,
        *,
        http: HttpClient | None = None,
        branch_ended: Callable[[], object] | None = None,
        clock: MakesClock = SystemClock,
        jitter: Callable[[float], float] = ids.jitter,
    ) -> None:
        client = client_of(client)
        self._functions = {function.id: function for function in functions_of(functions)}
        if client.is_production and settings.unauthenticated_sync and settings.origin is None:
            CarefulLogger(client.logger).warning(
                "whoever reaches app %s can register it at another host, with a PUT that nobody signed: pass "
                'serve_origin="https://…" to serve(), so that it registers there alone, or enable_unauthed_sync=False',
                client.app_id,
            )
        self._client = client
        self._refused_at: int | None = None  # when a refusal was logged last
        self._framework = framework
        self._settings = settings
        api = ServerApi(client, http or KeptHttp())
        self._registrar = Registrar(client, list(self._functions.values()), framework, settings, api)
        inner = headers.outgoing(env=client.env, is_production=client.is_production) | {headers.FRAMEWORK: framework}
        self._common = {**inner, headers.SDK_HANDLED: "true"}
        del inner[headers.EXPECTED_SERVER_KIND]
        self.calls = FunctionCalls(
            client, list(self._functions.values()), settings, api, inner, branch_ended, clock, jitter
        )

    @property
    def path(self) -> str:
        """The path to be served."""
        return self._settings.path

    @property
    def has_async(self) -> bool:
        """Whether one of the functions, or of the handlers of their failures, is async."""
        return any(one.is_handler_async or one.is_on_failure_handler_async for one in self._functions.values())

    async def handle(self, request: Request, threads: Threads | None = None) -> Response | Stream:
        """The answer to a request. Only what ends the process leaves it as an exception.

        Args:
            request: that has come.
            threads: where a plain function runs; None: in the endpoint's own threads.
        """
        timing = ServerTiming()
        key: str | None = None
        with timing.part("comm_handler"):
            try:
                key = self._verified(request)
                answer = await self._answer(request, key, threads, timing)
            except SigVerificationFailedError:
                answer = _unauthorized()
            except Error as error:
                answer = refused(error)
            except Exception as error:
                CarefulLogger(self._client.logger).exception("the endpoint could not answer a %s", request.method)
                answer = as_json(
                    500, {"code": ErrorCode.UNKNOWN.value, "message": str(error), "name": type(error).__name__}
                )
        return self._completed(answer, key, timing)

    # -- who asks

    def _verified(self, request: Request) -> str | None:
        """The key by which a request is signed; None if it is not, or nobody asks for a signature."""
        given = request.headers.get(headers.SIGNATURE)
        if not self._client.is_production or not given:
            return None
        keys = [key for key in (self._client.signing_key, self._client.signing_key_fallback) if key]
        try:
            return signing.verify(request.body, given, keys, wall_clock_ms(), self._settings.max_age)
        except SigVerificationFailedError as error:
            self._log_refusal(error)
            return None

    def _log_refusal(self, error: SigVerificationFailedError) -> None:
        """Say why a server is refused: its own log has the status only. Strangers fill no log."""
        now = wall_clock_ms()
        if self._refused_at is None or now - self._refused_at >= SILENCE:
            self._refused_at = now
            CarefulLogger(self._client.logger).warning("a request was refused: %s", error.message)

    def _demand(self, key: str | None) -> None:
        """Refuse whoever has not shown the signing key, in production."""
        if self._client.is_production and key is None:
            raise SigVerificationFailedError("the request is not signed by the signing key")

    def _foreign_kind(self, request: Request) -> str | None:
        """The kind of the server that asks, if it is not the kind that is expected."""
        kind = request.headers.get(headers.SERVER_KIND, "")
        return kind if kind in SERVER_KINDS and kind != self._mode else None

    @property
    def _mode(self) -> str:
        return "cloud" if self._client.is_production else "dev"

    # -- what is asked

    async def _answer(
        self, request: Request, key: str | None, threads: Threads | None, timing: ServerTiming
    ) -> Response | Stream:
        if request.method == "GET":
            return self._introspected(request, key)
        if request.method == "HEAD":
            return self._introspected(request, key)._replace(body=b"")
        if request.method == "PUT":
            return await self._registered(request, key)
        if request.method == "POST":
            self._demand(key)
            return await self.calls.answer(request, threads, timing)
        return as_json(
            405, {"code": "method_not_allowed", "message": "expected GET, POST or PUT"}, {"allow": "GET, POST, PUT"}
        )

    def _introspected(self, request: Request, key: str | None) -> Response:
        self._demand(key)
        if self._foreign_kind(request):
            return as_json(403, {})
        count = len(self._functions)
        if not self._client.is_production:
            return as_json(200, introspection.short(self._client, count))
        return as_json(200, introspection.full(self._client, count, self._framework, self._settings))

    async def _registered(self, request: Request, key: str | None) -> Response:
        if kind := self._foreign_kind(request):
            message = f"Sync rejected since it's from {SERVER_KINDS[kind]} but expected {EXPECTED_KINDS[self._mode]}"
            return as_json(400, {"code": "server_kind_mismatch", "message": message})
        if self._client.is_production and request.headers.get(headers.SYNC_KIND) == "in_band":
            self._demand(key)
            return self._registrar.in_band(request)
        if not self._settings.unauthenticated_sync:
            self._demand(key)
        return await self._registrar.out_of_band(request)

    # -- what each answer carries

    def _completed(self, answer: Response | Stream, key: str | None, timing: ServerTiming) -> Response | Stream:
        told = {headers.SERVER_TIMING: timing.header}
        if answer.status == 401:
            return answer._replace(headers={**answer.headers, headers.SDK_HANDLED: "true", **told})
        signed: dict[str, str] = {}
        if key is not None and isinstance(answer, Response):
            signed[headers.SIGNATURE] = signing.sign(answer.body, key, wall_clock_ms())
        return answer._replace(headers={**self._common, **answer.headers, **told, **signed})


def refused(error: Error) -> Response:
    """The answer to a request that asks for something wrong."""
    return as_json(500, {"code": error.code.value, "message": error.message, "name": error.name})


def _unauthorized() -> Response:
    return as_json(401, {"message": "Unauthorized"})
