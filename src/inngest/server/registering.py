"""Apps register here: `POST /fn/register`, as SDKs do after they were asked to by a PUT."""

from __future__ import annotations

import uuid

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from inngest.embedded.host import EngineHost
from inngest.engine.apps import INVALID, Apps, Registered
from inngest.protocol.errors import BodyInvalidError
from inngest.protocol.wire import registration
from inngest.protocol.wire.registration import RegistrationInvalidError

from .answers import Json

EXPECTED = "x-inngest-expected-server-kind"


class Registering:
    """The actions of the routes.

    Args:
        host: the engine.
        kind: of this server, "dev" or "cloud": an app that expects the other is refused.
    """

    def __init__(self, host: EngineHost, kind: str) -> None:
        self._host = host
        self._kind = kind

    @property
    def routes(self) -> list[BaseRoute]:
        """Where they are reached."""
        return [
            Route("/fn/register", self.register, methods=["POST", "PUT"]),
            Route("/fn/remove", self.remove, methods=["DELETE", "POST"]),
        ]

    @property
    def _apps(self) -> Apps:
        return self._host.on_its_loop().service.apps

    async def register(self, request: Request) -> Response:
        """Make an app known, with all of its functions; or say everything that is wrong, and keep it for people."""
        expected = request.headers.get(EXPECTED, self._kind)
        if expected != self._kind:
            return _refused(f"Expected server kind {expected}, got {self._kind}")
        try:
            given = registration.read(await request.body())
        except RegistrationInvalidError as error:
            return _refused(str(error), [{"path": member, "text": reason} for member, reason in error.problems])
        except BodyInvalidError as error:
            return _refused(error.message)
        found = await self._apps.register(given)
        if found.problems:
            return _refused(INVALID, [problem._asdict() for problem in found.problems])
        return Json(
            {
                "ok": True,
                "modified": found.modified,
                "sync_id": str(_sync_id(found)),
                "app_id": found.app.uuid,
            }
        )

    async def remove(self, request: Request) -> Response:
        """Archive the apps at a URL: nothing starts their functions any more."""
        url = request.query_params.get("url", "")
        names = [app.name for app in await self._apps.listed() if app.url == url]
        if not names:
            return Json({"error": f"no app is known at {url!r}: give its URL, as ?url=…", "status": 404}, 404)
        for name in names:
            await self._apps.archive(name)
        return Json({"ok": True, "archived": names})


def _sync_id(found: Registered) -> uuid.UUID:
    return uuid.uuid5(uuid.UUID(found.app.uuid), f"{found.app.checksum} {found.app.synced_at}")


def _refused(error: str, problems: list[dict[str, str]] | None = None) -> Response:
    body: dict[str, object] = {"error": error, "status": 400}
    if problems is not None:
        body["problems"] = problems
    return Json(body, 400)
