"""An app in Python: serves the programs with a framework, by the SDK that its environment has.

It prints its URL as soon as it listens: `python served.py FRAMEWORK`, with INNGEST_* variables for the rest.
"""

from __future__ import annotations

import importlib
import logging
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import inngest

sys.path.insert(0, str(Path(__file__).parent))
programs = importlib.import_module("programs")

SILENT = logging.getLogger("scenarios")
SILENT.setLevel(logging.CRITICAL)


def plain_programs() -> Mapping[str, Any]:
    """The same programs as plain functions: the text without its colour."""
    text = Path(str(programs.__file__)).read_text(encoding="utf-8")
    for coloured, colourless in (("async def ", "def "), ("await ", ""), ("inngest.Context", "inngest.ContextSync")):
        text = text.replace(coloured, colourless)
    found: dict[str, Any] = {"__name__": "plain_programs"}
    exec(compile(text, "plain_programs", "exec", dont_inherit=True), found)
    plain: Mapping[str, Any] = found["PROGRAMS"]
    return plain


def functions_of(client: inngest.Inngest, found: Mapping[str, Any]) -> list[inngest.Function[Any]]:
    made: list[inngest.Function[Any]] = []
    for name, (handler, retries) in found.items():
        trigger = inngest.TriggerEvent(event="test/started")
        make = client.create_function(fn_id=name, trigger=trigger, retries=retries)
        made.append(make(handler))
    return made


def listening() -> socket.socket:
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind(("127.0.0.1", 0))
    found.listen(128)
    return found


def say(port: int) -> None:
    print(f"http://127.0.0.1:{port}/api/inngest", flush=True)


def on_fast_api(client: inngest.Inngest) -> None:
    import fastapi
    import uvicorn

    app = fastapi.FastAPI()
    importlib.import_module("inngest.fast_api").serve(app, client, functions_of(client, programs.PROGRAMS))
    found = listening()
    say(found.getsockname()[1])
    uvicorn.Server(uvicorn.Config(app, log_level="critical")).run(sockets=[found])


def on_flask(client: inngest.Inngest) -> None:
    import flask
    from werkzeug.serving import make_server

    app = flask.Flask("scenarios")
    importlib.import_module("inngest.flask").serve(app, client, functions_of(client, plain_programs()))
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    say(server.server_port)
    server.serve_forever()


if __name__ == "__main__":
    own: Mapping[str, Any] = {"checkpointing": False} if os.environ.get("CHECKPOINTING") == "0" else {}
    production = "INNGEST_SIGNING_KEY" in os.environ
    app_client = inngest.Inngest(app_id="app", is_production=production, logger=SILENT, **own)
    {"fast_api": on_fast_api, "flask": on_flask}[sys.argv[1]](app_client)
