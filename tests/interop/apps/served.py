"""An app in Python: serves the programs with a framework, by the SDK that its environment has.

It prints its URL as soon as it listens: `python served.py FRAMEWORK`, with INNGEST_* variables for the rest.
PROGRAMS: which of them, a module beside this one.
"""

from __future__ import annotations

import importlib
import logging
import os
import socket
import sys
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import inngest

sys.path.insert(0, str(Path(__file__).parent))
PROGRAMS = importlib.import_module(os.environ.get("PROGRAMS", "programs"))

SILENT = logging.getLogger("scenarios")
SILENT.setLevel(logging.CRITICAL)

COLOURS = (
    ("async def ", "def "),
    ("await ", ""),
    ("asyncio.sleep", "time.sleep"),
    ("inngest.Context", "inngest.ContextSync"),
    ("inngest.Middleware)", "inngest.MiddlewareSync)"),
)


def functions_of(client: inngest.Inngest) -> list[inngest.Function[Any]]:
    found: list[inngest.Function[Any]] = PROGRAMS.functions(client)
    return found


def plain_functions_of(client: inngest.Inngest) -> list[inngest.Function[Any]]:
    """The same programs as plain functions: the text without its colour."""
    text = Path(str(PROGRAMS.__file__)).read_text(encoding="utf-8")
    for coloured, colourless in COLOURS:
        text = text.replace(coloured, colourless)
    found: dict[str, Any] = {"__name__": "plain_programs"}
    exec(compile(text, "plain_programs", "exec", dont_inherit=True), found)
    made: list[inngest.Function[Any]] = found["functions"](client)
    return made


def listening() -> socket.socket:
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind(("127.0.0.1", 0))
    found.listen(128)
    return found


def say(port: int) -> None:
    print(f"http://127.0.0.1:{port}/api/inngest", flush=True)


def by_uvicorn(app: Any) -> None:
    import uvicorn

    found = listening()
    say(found.getsockname()[1])
    uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off")).run(sockets=[found])


def by_threads(app: Any) -> None:
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    say(server.server_port)
    server.serve_forever()


def on_fast_api(client: inngest.Inngest) -> None:
    import fastapi

    app = fastapi.FastAPI()
    importlib.import_module("inngest.fast_api").serve(app, client, functions_of(client))
    by_uvicorn(app)


def on_flask(client: inngest.Inngest) -> None:
    import flask

    app = flask.Flask("scenarios")
    importlib.import_module("inngest.flask").serve(app, client, plain_functions_of(client))
    by_threads(app)


def _django(client: inngest.Inngest, functions: list[inngest.Function[Any]]) -> None:
    """Set up a project of one pattern."""
    import django
    from django.conf import settings

    project = types.ModuleType("scenarios_urls")
    sys.modules[project.__name__] = project
    settings.configure(
        ALLOWED_HOSTS=["*"],
        DATA_UPLOAD_MAX_MEMORY_SIZE=None,
        LOGGING_CONFIG=None,
        ROOT_URLCONF=project.__name__,
        SECRET_KEY="scenarios",
    )
    django.setup()
    project.__dict__["urlpatterns"] = [importlib.import_module("inngest.django").serve(client, functions)]


def on_django(client: inngest.Inngest) -> None:
    from django.core.wsgi import get_wsgi_application

    _django(client, plain_functions_of(client))
    by_threads(get_wsgi_application())


def on_django_async(client: inngest.Inngest) -> None:
    from django.core.asgi import get_asgi_application

    _django(client, functions_of(client))
    by_uvicorn(get_asgi_application())


SERVED: Mapping[str, Callable[[inngest.Inngest], None]] = {
    "fast_api": on_fast_api,
    "flask": on_flask,
    "django": on_django,
    "django_async": on_django_async,
}

if __name__ == "__main__":
    own: Mapping[str, Any] = {"checkpointing": False} if os.environ.get("CHECKPOINTING") == "0" else {}
    production = "INNGEST_SIGNING_KEY" in os.environ
    app_client = inngest.Inngest(app_id="app", is_production=production, logger=SILENT, **own)
    SERVED[sys.argv[1]](app_client)
