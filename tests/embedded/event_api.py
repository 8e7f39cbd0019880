"""A real event API on loopback that answers as it is told, and what a client sent to it."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from .loopback import Silent, serving


@dataclass(frozen=True)
class Answer:
    """What the server does with one request."""

    status: int = 200
    body: object = None  # None: ids for the events that came; bytes: as they are; else as JSON
    hang_up: bool = False  # close the connection without a word
    never: bool = False  # keep the client waiting until the server stops


@dataclass(frozen=True)
class Request:
    """What came."""

    path: str
    headers: dict[str, str]  # names in lower case
    events: Any


@dataclass
class EventApi:
    """The server."""

    origin: str = ""
    answers: list[Answer] = field(default_factory=list)  # the last one is repeated
    requests: list[Request] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def answer(self) -> Answer:
        """What to do with the request that came just now."""
        if not self.answers:
            return Answer()
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def event_api(*answers: Answer) -> Generator[EventApi, None, None]:
    """Run a server."""
    api = EventApi(answers=list(answers))

    class Handler(Silent, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            api.requests.append(Request(self.path, headers, json.loads(sent)))
            answer = api.answer()
            if answer.never:
                api.stopping.wait()
            if answer.hang_up or answer.never:
                self.close_connection = True
                return
            given = {"ids": [f"id{index}" for index in range(len(api.requests[-1].events))], "status": answer.status}
            body = given if answer.body is None else answer.body
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(answer.status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with serving(Handler, api.stopping.set) as url:
        api.origin = f"{url}/"
        yield api
