"""Endpoints in each framework, and how a request is carried to them: by test clients, or a real server."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from types import ModuleType
from typing import Any

import fastapi
import flask
import httpx
import litestar
import starlette.applications
import starlette.routing
import tornado.httpserver
import tornado.netutil
import tornado.web
from django.conf import settings

import inngest
import inngest.aws_lambda
import inngest.digital_ocean
import inngest.django
import inngest.fast_api
import inngest.flask
import inngest.litestar
import inngest.starlette
import inngest.tornado
from inngest.experimental.digital_ocean_simulator import FULL_PATH, DigitalOceanSimulator

from .driving import Carry, Told

Functions = Sequence[inngest.Function[Any]]
Opens = Callable[..., AbstractContextManager[Carry]]

if not settings.configured:
    settings.configure(ALLOWED_HOSTS=["*"], SECRET_KEY="of the tests")
PATH = "/api/inngest"


def _by_httpx(client: httpx.Client) -> Carry:
    def carry(method: str, query: str, headers: Mapping[str, str], body: bytes) -> Told:
        url = f"{PATH}?{query}" if query else PATH
        answer = client.request(method, url, headers=dict(headers), content=body)
        return Told(answer.status_code, answer.headers, answer.content)

    return carry


@contextmanager
def over_asgi(app: Any, path: str = PATH) -> Generator[Carry]:
    """All requests on one loop, as with a server."""
    with asyncio.Runner() as runner:
        asker = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver")

        def carry(method: str, query: str, headers: Mapping[str, str], body: bytes) -> Told:
            url = f"{path}?{query}" if query else path
            answer = runner.run(asker.request(method, url, headers=dict(headers), content=body))
            return Told(answer.status_code, answer.headers, answer.content)

        yield carry
        runner.run(asker.aclose())


@contextmanager
def fast_api(client: inngest.Inngest, functions: Functions, **options: Any) -> Generator[Carry]:
    app = fastapi.FastAPI()
    inngest.fast_api.serve(app, client, functions, **options)
    with over_asgi(app) as carry:
        yield carry


@contextmanager
def starlette_(client: inngest.Inngest, functions: Functions, **options: Any) -> Generator[Carry]:
    app = starlette.applications.Starlette()
    inngest.starlette.serve(app, client, functions, **options)
    with over_asgi(app) as carry:
        yield carry


@contextmanager
def asgi(client: inngest.Inngest, functions: Functions, **options: Any) -> Generator[Carry]:
    mounted = starlette.routing.Mount("/under", inngest.starlette.endpoint(client, functions, **options))
    with over_asgi(starlette.applications.Starlette(routes=[mounted]), "/under/") as carry:
        yield carry


@contextmanager
def litestar_(client: inngest.Inngest, functions: Functions, **options: Any) -> Generator[Carry]:
    app = litestar.Litestar()
    inngest.litestar.serve(app, client, functions, **options)
    with over_asgi(app) as carry:
        yield carry


def over_werkzeug(app: flask.Flask, path: str = PATH) -> Carry:
    asker = app.test_client()

    def carry(method: str, query: str, headers: Mapping[str, str], body: bytes) -> Told:
        answer = asker.open(path, method=method, query_string=query, headers=dict(headers), data=body)
        return Told(answer.status_code, dict(answer.headers), answer.data)

    return carry


@contextmanager
def flask_(client: inngest.Inngest, functions: Functions, **options: Any) -> Generator[Carry]:
    app = flask.Flask("tests")
    inngest.flask.serve(app, client, functions, **options)
    yield over_werkzeug(app)


@contextmanager
def digital_ocean(client: inngest.Inngest, functions: Functions, **options: Any) -> Generator[Carry]:
    yield over_werkzeug(DigitalOceanSimulator(inngest.digital_ocean.serve(client, functions, **options)).app, FULL_PATH)


@contextmanager
def django(client: inngest.Inngest, functions: Functions, **options: Any) -> Generator[Carry]:
    """Under WSGI."""
    from django.test import Client

    with _urls(client, functions, options):
        asker: Any = Client()

        def carry(method: str, query: str, headers: Mapping[str, str], body: bytes) -> Told:
            answer = asker.generic(method, f"{PATH}?{query}", body, "application/json", headers=headers)
            return Told(answer.status_code, dict(answer.headers), answer.content)

        yield carry


@contextmanager
def django_asgi(client: inngest.Inngest, functions: Functions, **options: Any) -> Generator[Carry]:
    from django.test import AsyncClient

    with _urls(client, functions, options), asyncio.Runner() as runner:
        asker: Any = AsyncClient()

        def carry(method: str, query: str, headers: Mapping[str, str], body: bytes) -> Told:
            asking = asker.generic(method, f"{PATH}?{query}", body, "application/json", headers=headers)
            answer = runner.run(_awaited(asking))
            return Told(answer.status_code, dict(answer.headers), answer.content)

        yield carry


@contextmanager
def django_app(client: inngest.Inngest, functions: Functions) -> Generator[Any]:
    """Under ASGI, as a server has it."""
    from django.core.handlers.asgi import ASGIHandler

    with _urls(client, functions, {}):
        yield ASGIHandler()


async def _awaited(asking: Any) -> Any:
    return await asking


def _urls(client: inngest.Inngest, functions: Functions, options: Any) -> AbstractContextManager[Any]:
    from django.test.utils import override_settings

    urls = ModuleType("urls")
    urls.__dict__["urlpatterns"] = [inngest.django.serve(client, functions, **options)]
    overridden: AbstractContextManager[Any] = override_settings(ROOT_URLCONF=urls)
    return overridden


@contextmanager
def tornado_(client: inngest.Inngest, functions: Functions, **options: Any) -> Generator[Carry]:
    """A real server, in a thread."""
    app = tornado.web.Application()
    inngest.tornado.serve(app, client, functions, **options)
    sockets = tornado.netutil.bind_sockets(0, "127.0.0.1")
    loop = asyncio.new_event_loop()
    over = asyncio.Event()

    async def main() -> None:
        server = tornado.httpserver.HTTPServer(app)
        server.add_sockets(sockets)
        await over.wait()
        server.stop()
        await server.close_all_connections()
        await loop.shutdown_asyncgens()

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),))
    thread.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{sockets[0].getsockname()[1]}", timeout=None) as asker:
            yield _by_httpx(asker)
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()


def _lambda(event_of: Callable[[str, str, dict[str, str], bytes], dict[str, Any]]) -> Opens:
    @contextmanager
    def opens(client: inngest.Inngest, functions: Functions, **options: Any) -> Generator[Carry]:
        handler = inngest.aws_lambda.serve(client, functions, **options)

        def carry(method: str, query: str, headers: Mapping[str, str], body: bytes) -> Told:
            answer = handler(event_of(method, query, {**headers, "Host": "testserver"}, body), None)
            return Told(answer["statusCode"], answer["headers"], answer["body"].encode())

        yield carry

    return opens


def _function_url(method: str, query: str, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    return {
        "version": "2.0",
        "rawPath": PATH,
        "rawQueryString": query,
        "headers": {name.lower(): value for name, value in headers.items()},
        "requestContext": {"http": {"method": method, "path": PATH}, "domainName": "testserver"},
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }


def _gateway(method: str, query: str, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    pairs = httpx.QueryParams(query)
    return {
        "httpMethod": method,
        "path": "/inngest",
        "requestContext": {"path": PATH, "domainName": "testserver", "stage": "api"},
        "headers": headers,
        "queryStringParameters": dict(pairs) or None,
        "multiValueQueryStringParameters": {name: pairs.get_list(name) for name in pairs} or None,
        "body": body.decode() or None,
        "isBase64Encoded": False,
    }


ENDPOINTS: Mapping[str, Opens] = {
    "fast_api": fast_api,
    "starlette": starlette_,
    "starlette mounted": asgi,
    "litestar": litestar_,
    "flask": flask_,
    "django": django,
    "django under asgi": django_asgi,
    "tornado": tornado_,
    "digital_ocean": digital_ocean,
    "function url": _lambda(_function_url),
    "api gateway": _lambda(_gateway),
}
"""By framework."""


def bodies(carry: Carry) -> Iterator[Told]:
    """The answers to a look at the endpoint by each method that it does not know."""
    for method in ("DELETE", "PATCH"):
        yield carry(method, "", {}, b"")
