"""A real server on loopback that answers requests of steps as it is told, and what came."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from .loopback import Silent, serving


@dataclass(frozen=True)
class Answer:
    """What the server does with one request."""

    body: object = "ok"  # text or bytes as they are; else as JSON
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    hang_up: bool = False  # close the connection without a word
    held: bool = False  # keep the client waiting until `release`, or until it goes away


@dataclass(frozen=True)
class Request:
    """What came."""

    method: str
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        """The value of the body."""
        return json.loads(self.body)


@dataclass
class Server:
    """The server."""

    url: str = ""
    answers: list[Answer] = field(default_factory=list)  # the last one is repeated
    requests: list[Request] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    came: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))  # one for each request

    def answer(self, request: Request) -> Answer:
        """What to do with the request that came just now."""
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.came.release()
        return answer


@contextmanager
def answering(*answers: Answer | object) -> Generator[Server, None, None]:
    """Run a server; what is no Answer is the body of one."""
    server = Server(answers=[one if isinstance(one, Answer) else Answer(one) for one in answers or ("ok",)])

    class Handler(Silent, BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = server.answer(Request(self.command, self.path, headers, body))
            if answer.held:
                server.released.wait()
            if answer.hang_up:
                self.close_connection = True
                return
            content = _bytes(answer.body)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            try:
                self.wfile.write(content)
            except OSError:  # the client has gone
                self.close_connection = True

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - as the library has it

    with serving(Handler, server.released.set) as server.url:
        yield server


def _bytes(body: object) -> bytes:
    if isinstance(body, bytes):
        return body
    return (body if isinstance(body, str) else json.dumps(body)).encode()


def openai(text: str, tools: Sequence[str] = ()) -> dict[str, object]:
    """A chat completion."""
    calls = [{"type": "function", "id": name, "function": {"name": name, "arguments": "{}"}} for name in tools]
    message = {"role": "assistant", "content": text, **({"tool_calls": calls} if calls else {})}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "gpt-4o-2024-08-06",
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 34, "total_tokens": 46},
    }


def anthropic(text: str) -> dict[str, object]:
    """A message."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-3-5-sonnet-20241022",
        "content": [
            {"type": "text", "text": text},
            {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}},
        ],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 5, "cache_read_input_tokens": 100, "output_tokens": 7},
    }


def gemini(text: str) -> dict[str, object]:
    """Generated content."""
    return {
        "candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 9, "thoughtsTokenCount": 2},
        "modelVersion": "gemini-1.5-flash-001",
    }
