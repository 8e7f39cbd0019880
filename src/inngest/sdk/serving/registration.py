"""The functions of an app, told to its server: out of band by a request of the app's own, or in band in the answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from urllib.parse import urlencode, urlsplit, urlunsplit

from inngest.protocol import headers
from inngest.protocol.errors import BodyInvalidError, FunctionConfigInvalidError, RegistrationFailedError
from inngest.protocol.http import HttpError
from inngest.sdk.function import FAILURE_RETRIES, Client, Function

from . import introspection
from .messages import JSON_TYPE, Request, Response, as_json
from .server_api import ServerApi
from .settings import Settings

FAILED_EVENT = "inngest/function.failed"


class Registrar:
    """Registers what is served.

    Args:
        client: whose app it is.
        functions: what is served.
        framework: its name on the wire.
        settings: of the endpoint.
        api: of the server.
    """

    def __init__(
        self,
        client: Client,
        functions: Sequence[Function[object]],
        framework: str,
        settings: Settings,
        api: ServerApi,
    ) -> None:
        self._client = client
        self._functions = functions
        self._framework = framework
        self._settings = settings
        self._api = api

    async def out_of_band(self, request: Request) -> Response:
        """Tell the server, and answer what it says.

        Raises:
            FunctionConfigInvalidError: nothing is served.
            RegistrationFailedError: the server does not answer, or not with a JSON object.
        """
        url = registered_url(request.url, self._settings)
        body: dict[str, object] = {
            "appname": self._client.app_id,
            "appVersion": self._client.app_version,
            "capabilities": introspection.CAPABILITIES,
            "deploy_type": "ping",
            "framework": self._framework,
            "functions": self._configured(url),
            "sdk": f"py:v{headers.MARKED_VERSION}",
            "url": url,
            "v": "0.1",
        }
        deploy = request.query.get("deployId")
        more = {headers.FRAMEWORK: self._framework}
        if kind := request.headers.get(headers.SERVER_KIND):
            more[headers.EXPECTED_SERVER_KIND] = kind
        try:
            answer = await self._api.send(
                "POST", "fn/register", _dumped(body), query={"deployId": deploy} if deploy else None, more=more
            )
        except HttpError as error:
            raise RegistrationFailedError(f"{self._client.api_origin} does not answer: {error}") from None
        try:
            told = json.loads(answer.content)
        except ValueError:
            raise RegistrationFailedError("response is not valid JSON") from None
        if not isinstance(told, dict):
            raise RegistrationFailedError("response is not an object")
        return Response(200, {"content-type": JSON_TYPE, headers.SYNC_KIND: "out_of_band"}, answer.content)

    def in_band(self, request: Request) -> Response:
        """Tell the server in the answer.

        Raises:
            BodyInvalidError: the request does not say at which URL the app is served.
            FunctionConfigInvalidError: nothing is served.
        """
        url = registered_url(_url_in(request.body), self._settings)
        inspection = introspection.full(self._client, len(self._functions), self._framework, self._settings)
        body = {
            "app_id": self._client.app_id,
            "appVersion": self._client.app_version,
            "env": self._client.env,
            "framework": self._framework,
            "functions": self._configured(url),
            "inspection": inspection,
            "sdk_author": "inngest",
            "sdk_language": "py",
            "sdk_version": headers.MARKED_VERSION,
            "url": url,
        }
        return as_json(200, _without_nulls(body), {headers.SYNC_KIND: "in_band"})

    def _configured(self, url: str) -> list[dict[str, object]]:
        if not self._functions:
            raise FunctionConfigInvalidError("no functions found")
        return [one for function in self._functions for one in configured(function, url)]


def registered_url(url: str, settings: Settings) -> str:
    """The URL at which a server is to call: that of a request without its query, with what the settings replace."""
    parts = urlsplit(url)
    found = urlunsplit((parts.scheme, parts.netloc, settings.registered_path or parts.path, "", ""))
    if settings.origin is None:
        return found
    return settings.origin + found.removeprefix(f"{parts.scheme}://{parts.netloc}")


def configured(function: Function[object], url: str) -> list[dict[str, object]]:
    """The wire's object of a function, and of the one that handles its failure.

    Args:
        function: what is registered.
        url: at which the app is served.
    """
    objects = [_object(function.id, function.name, url, function.options.retries, function.options.to_wire())]
    if function.on_failure_fn_id is not None:
        condition = f"event.data.function_id == '{function.id}'"
        triggers = [{"event": FAILED_EVENT, "expression": condition}]
        name = f"{function.name} (failure)"
        objects.append(_object(function.on_failure_fn_id, name, url, FAILURE_RETRIES, {"triggers": triggers}))
    return objects


def _object(function_id: str, name: str, url: str, retries: int, options: dict[str, object]) -> dict[str, object]:
    target = f"{url}?{urlencode({'fnId': function_id, 'stepId': 'step'})}"
    step = {
        "id": "step",
        "name": "step",
        "retries": {"attempts": retries},
        "runtime": {"type": "http", "url": target},
    }
    return {"id": function_id, "name": name, **options, "steps": {"step": step}}


def _url_in(body: bytes) -> str:
    try:
        told = json.loads(body)
        url = told["url"]
    except (ValueError, TypeError, KeyError):
        url = None
    if not isinstance(url, str) or not url:
        raise BodyInvalidError('the body of an in-band sync has no "url", the URL at which this app is served')
    return url


def _dumped(value: dict[str, object]) -> bytes:
    return json.dumps(_without_nulls(value)).encode()


def _without_nulls(value: object) -> object:
    """Without members that are null, at every depth: a server may refuse them."""
    if isinstance(value, dict):
        return {key: _without_nulls(one) for key, one in value.items() if one is not None}
    return [_without_nulls(one) for one in value] if isinstance(value, list) else value
