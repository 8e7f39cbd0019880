"""Where functions run: on the framework's loop, in the thread of a request, or in threads of the endpoint's."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import flask
import pytest
from asgiref.sync import sync_to_async
from django import db

import inngest
import inngest.flask
from inngest.sdk.serving.blocking import BlockingHandler
from inngest.sdk.serving.handler import Handler
from inngest.sdk.serving.settings import resolve

from .asking import FakeApi, asked, call, client_of, handler_of
from .carriers import ENDPOINTS, django_app
from .driving import Carry, Run, Told

STARTED = inngest.TriggerEvent(event="test/started")
LABEL: ContextVar[str] = ContextVar("LABEL", default="unset")
BLOCKING = ["flask", "django", "digital_ocean", "function url"]


def made(handler: Callable[..., Any]) -> tuple[inngest.Inngest, list[inngest.Function[Any]]]:
    client = client_of(production=False)
    return client, [client.create_function(fn_id="f", trigger=STARTED, retries=3)(handler)]


def driven(framework: str, handler: Callable[..., Any]) -> Any:
    with ENDPOINTS[framework](*made(handler)) as carry:
        ended = Run(carry, "shop-f").drive()
    assert ended.error is None, ended
    return ended.output


@pytest.mark.parametrize("framework", BLOCKING)
def test_a_plain_body_and_its_steps_run_in_the_thread_of_the_request(framework: str) -> None:
    def f(ctx: inngest.ContextSync) -> list[int]:
        return [threading.get_ident(), ctx.step.run("a", threading.get_ident)]

    assert driven(framework, f) == [threading.get_ident()] * 2


@pytest.mark.parametrize("framework", [*BLOCKING, "fast_api", "django under asgi"])
def test_an_async_function_runs_on_a_loop(framework: str) -> None:
    async def f(ctx: inngest.Context) -> str:
        await asyncio.sleep(0)
        return threading.current_thread().name

    name = driven(framework, f)
    assert (name == "inngest-engine") == (framework not in ("fast_api", "django under asgi"))


@pytest.mark.parametrize("framework", ["fast_api", "tornado", "litestar", "starlette"])
def test_a_plain_function_does_not_block_the_loop_of_the_framework(framework: str) -> None:
    def f(ctx: inngest.ContextSync) -> str:
        return threading.current_thread().name

    assert driven(framework, f) == "inngest-function"


async def test_as_many_plain_functions_run_beside_each_other_as_the_settings_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    together = threading.Barrier(2)
    at_work: list[int] = []
    most: list[int] = []

    def f(ctx: inngest.ContextSync) -> None:
        at_work.append(1)
        most.append(len(at_work))
        together.wait()
        at_work.pop()

    monkeypatch.setenv("INNGEST_THREAD_POOL_MAX_WORKERS", "2")
    client, functions = made(f)
    handler = Handler(client, functions, "test", resolve({}), http=FakeApi())
    answers = await asyncio.gather(*(asked(handler, call()) for _ in range(6)))
    assert [answer.status for answer in answers] == [200] * 6
    assert max(most) == 2


# -- Flask


@pytest.fixture
def app() -> flask.Flask:
    return flask.Flask("shop", static_folder=None)


def asking(app: flask.Flask) -> Carry:
    asker = app.test_client()

    def carry(method: str, query: str, headers: Any, body: bytes) -> Told:
        answer = asker.open("/api/inngest", method=method, query_string=query, headers=dict(headers), data=body)
        return Told(answer.status_code, dict(answer.headers), answer.data)

    return carry


def test_flasks_context_is_there(app: flask.Flask) -> None:
    client = client_of(production=False)

    @client.create_function(fn_id="plain", trigger=STARTED)
    def plain(ctx: inngest.ContextSync) -> list[Any]:
        flask.g.seen = "in the body"
        step = ctx.step.run("a", lambda: [flask.current_app.name, flask.request.method, flask.g.seen])
        return [flask.current_app.name, flask.request.path, step]

    @client.create_function(fn_id="async", trigger=STARTED)
    async def also(ctx: inngest.Context) -> list[Any]:
        return [flask.current_app.name, flask.request.path]

    inngest.flask.serve(app, client, [plain, also])
    assert Run(asking(app), "shop-plain").drive().output == ["shop", "/api/inngest", ["shop", "POST", "in the body"]]
    assert Run(asking(app), "shop-async").drive().output == ["shop", "/api/inngest"]


def test_branches_of_a_plain_function_have_flasks_context_too(app: flask.Flask) -> None:
    client = client_of(production=False)

    @client.create_function(fn_id="f", trigger=STARTED)
    def f(ctx: inngest.ContextSync) -> list[Any]:
        def name() -> list[str]:
            return [flask.current_app.name, threading.current_thread().name]

        return list(ctx.group.parallel((lambda: ctx.step.run("a", name), lambda: ctx.step.run("b", name))))

    inngest.flask.serve(app, client, [f])
    assert Run(asking(app), "shop-f").drive().output == [["shop", "inngest-function"]] * 2


def test_a_function_in_a_request_leaves_nothing_in_its_context(app: flask.Flask) -> None:
    client = client_of(production=False)

    @client.create_function(fn_id="f", trigger=STARTED)
    def f(ctx: inngest.ContextSync) -> None:
        LABEL.set("by the function")

    inngest.flask.serve(app, client, [f])
    assert Run(asking(app), "shop-f").drive().error is None
    assert LABEL.get() == "unset"


# -- Django


def of_the_request(framework: str) -> Any:
    """The connection of the thread in which Django handles a request of the test's client."""
    if framework == "django":
        return db.connections["default"]
    return asyncio.run(sync_to_async(lambda: db.connections["default"], thread_sensitive=True)())


@pytest.mark.parametrize("framework", ["django", "django under asgi"])
@pytest.mark.parametrize("mixed", [True, False])
def test_a_plain_body_has_the_connections_of_its_request_also_beside_async_functions(
    framework: str, mixed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []
    monkeypatch.setattr(db.connections, "close_all", lambda: closed.append(threading.current_thread().name))
    seen: list[Any] = []
    in_branches: list[Any] = []

    def look(found: list[Any]) -> None:
        found.append(db.connections["default"])

    def f(ctx: inngest.ContextSync) -> None:
        look(seen)
        ctx.step.run("a", look, seen)
        ctx.group.parallel((lambda: ctx.step.run("b", look, in_branches),))

    async def other(ctx: inngest.Context) -> str:
        await asyncio.sleep(0)
        return "async"

    client, functions = made(f)
    if mixed:
        functions.append(client.create_function(fn_id="other", trigger=STARTED)(other))
    with ENDPOINTS[framework](client, functions) as carry:
        assert Run(carry, "shop-f").drive().error is None
        if mixed:
            assert Run(carry, "shop-other").drive().output == "async"
    own = of_the_request(framework)
    assert [one is own for one in seen] == [True] * len(seen)
    assert [one is own for one in in_branches] == [False]
    assert set(closed) == {"inngest-function"}  # those of branches


async def test_a_client_that_leaves_cuts_no_step_of_an_async_view() -> None:
    began, goes_on = asyncio.Event(), asyncio.Event()
    over: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def charge() -> None:
        began.set()
        try:
            await goes_on.wait()
        except asyncio.CancelledError:
            over.set_result("it was cut")
            raise
        over.set_result("it came to its end")

    async def f(ctx: inngest.Context) -> None:
        await ctx.step.run("charge", charge)

    given = call()
    messages: asyncio.Queue[dict[str, object]] = asyncio.Queue()
    messages.put_nowait({"type": "http.request", "body": given.body, "more_body": False})

    async def send(_: object) -> None: ...

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/inngest",
        "query_string": b"fnId=shop-f&stepId=step",
        "headers": [(b"host", b"app.example"), (b"content-length", str(len(given.body)).encode())],
        "scheme": "http",
        "server": ("app.example", 80),
    }
    with django_app(*made(f)) as app:
        view = asyncio.ensure_future(app(scope, messages.get, send))
        async with asyncio.timeout(60):  # what is wrong in another way must not hang
            await began.wait()
            messages.put_nowait({"type": "http.disconnect"})
            await asyncio.wait((view,))
            goes_on.set()
            assert await over == "it came to its end"


# -- the end of a process

ENDING = """
import json, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import flask, inngest, inngest.flask

class Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "11")
        self.end_headers()
        self.wfile.write(b'{"ok":true}')

    def log_message(self, *args): ...

api = ThreadingHTTPServer(("127.0.0.1", 0), Api)
threading.Thread(target=api.serve_forever, daemon=True).start()
client = inngest.Inngest(app_id="shop", is_production=False, api_base_url=f"http://127.0.0.1:{api.server_port}")

@client.create_function(fn_id="f", trigger=inngest.TriggerEvent(event="e"))
async def f(ctx): ...

app = flask.Flask("shop")
inngest.flask.serve(app, client, [f])
print(app.test_client().put("/api/inngest").json)
"""


def test_a_process_that_ends_leaves_no_connection_open() -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "always::ResourceWarning", "-c", ENDING], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "{'ok': True}\n", "")


# -- forks


def test_a_fork_has_a_loop_and_threads_of_its_own() -> None:
    """As under gunicorn with its application loaded, and used, before the fork."""

    async def f(ctx: inngest.Context) -> int:
        return os.getpid()

    client, functions = made(f)
    handler = BlockingHandler(handler_of(client, functions))

    def pid() -> str:
        return handler.handle(call()).body.decode()

    assert pid() == str(os.getpid())
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, pid().encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        assert told.read() == str(child)
    assert os.waitpid(child, 0)[1] == 0
