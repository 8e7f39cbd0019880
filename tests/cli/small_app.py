"""An app as small as one can be: it registers when it is asked, and answers calls with a greeting."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

SDK = "py:v0.0.1"


@dataclass
class SmallApp:
    """The app, and what came to it."""

    server: str = ""  # where it registers; "" for nowhere
    bearer: str = ""  # shown there
    event: str = "shop/said"  # what starts its function
    function: str = "greet"  # its id
    retries: int = 0
    answers: list[tuple[int, bytes]] = field(default_factory=list)  # to the first calls: status and body
    port: int = 0
    puts: int = 0
    calls: list[dict[str, str]] = field(default_factory=list)  # headers of each
    called: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """Where it serves its function."""
        return f"http://localhost:{self.port}/api/inngest"

    def register(self) -> tuple[int, bytes]:
        """Send what it serves; the server's answer."""
        if not self.server:
            return 200, b'{"ok": true, "modified": true}'
        step = {"id": "step", "name": "step", "retries": {"attempts": self.retries}}
        runtime = {"type": "http", "url": f"{self.url}?fnId=shop-{self.function}&stepId=step"}
        function = {
            "id": f"shop-{self.function}",
            "name": "Greet",
            "triggers": [{"event": self.event}] if self.event else [],
        }
        body = {
            "url": self.url,
            "appname": "shop",
            "framework": "none",
            "sdk": SDK,
            "v": "0.1",
            "deploy_type": "ping",
            "functions": [{**function, "steps": {"step": {**step, "runtime": runtime}}}],
        }
        parts = urlsplit(self.server)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
        try:
            headers = {"content-type": "application/json", "authorization": f"Bearer {self.bearer}"}
            connection.request("POST", "/fn/register", json.dumps(body), headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


@contextmanager
def small_app(app: SmallApp) -> Generator[SmallApp]:
    """Serve it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None: ...

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            if not self.path.startswith("/api/inngest"):
                self.say(404, b"{}", sdk=False)
            elif self.command == "PUT":
                app.puts += 1
                self.say(200, app.register()[1])
            elif self.command == "POST":
                app.calls.append({name.lower(): value for name, value in self.headers.items()})
                app.called.set()
                self.say(*(app.answers.pop(0) if app.answers else (200, b'"hello"')))
            else:
                self.say(200, b"{}")

        def say(self, status: int, body: bytes, *, sdk: bool = True) -> None:
            self.send_response(status)
            if sdk:
                self.send_header("x-inngest-sdk", SDK)
                self.send_header("x-inngest-req-version", "2")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = answer  # noqa: N815 - as the library has it

    server = ThreadingHTTPServer(("127.0.0.1", app.port), Handler)
    app.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield app
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
