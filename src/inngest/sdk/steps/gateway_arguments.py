"""Arguments of `step.fetch` and `step.ai.infer`, checked where they are written, and their results."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable
from urllib.parse import urlsplit, urlunsplit

from inngest.protocol import codec, durations, limits
from inngest.protocol.opcodes import Opcode, OpTarget
from inngest.protocol.requests import BASE64, Request, Secrets, apart, without_credentials
from inngest.sdk.errors import StepArgumentError

from .calls import WaitRequest

Body = str | bytes | Mapping[str, Any] | Sequence[Any]
"""The body of a request: text, bytes, or a value that becomes JSON."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
CONTENT_TYPE = "content-type"


@dataclass(frozen=True)
class FetchResponse:
    """The answer to a `step.fetch`, as it was recorded.

    Attributes:
        status_code: of any kind: an error's too.
        headers: by name in lower case; several of one name are joined with ", ".
        body: as text in its charset (UTF-8 if it names none). What is no text in it is kept as base64.
        url: where it came from, after redirects.
        encoding: "base64" if the body is; else "".
    """

    status_code: int
    headers: Mapping[str, str]
    body: str
    url: str = ""
    encoding: str = ""

    @property
    def ok(self) -> bool:
        """Whether the status is one of success, 200 to 299."""
        return 200 <= self.status_code < 300

    @property
    def content(self) -> bytes:
        """The body's bytes; of text, in UTF-8."""
        return base64.b64decode(self.body) if self.encoding == BASE64 else self.body.encode()

    def json(self) -> object:
        """The value of a body that is JSON.

        Raises:
            ValueError: it is not.
        """
        return codec.loads(self.body)


FORMATS = ("openai-chat", "anthropic", "gemini", "bedrock")
"""APIs whose authorization and answers the engine understands."""


@runtime_checkable
class BaseAdapter(Protocol):
    """A provider, as `step.ai.infer` needs to know it. A protocol because any object with these methods will do."""

    def auth_key(self) -> str:
        """The key; the format says where in the request it goes. It is never stored."""
        ...

    def format(self) -> str:
        """The provider of the API: "openai-chat", "anthropic", "gemini" or "bedrock"."""
        ...

    def headers(self) -> dict[str, str]:
        """Headers to send. Those whose names look like credentials are never stored."""
        ...

    def url_infer(self) -> str:
        """Where the request goes."""
        ...

    def on_call(self, body: dict[str, Any]) -> None:
        """Complete the body, in place."""
        ...


class ModelAdapter:
    """An adapter of one provider.

    Args:
        auth_key: the provider's key.
        model: the model to ask, unless the body names one.
        base_url: where the API is, with its version; a proxy's, for example. The path of the call is added to it.
        headers: to send beside the provider's own.
    """

    FORMAT: ClassVar[str] = "openai-chat"
    BASE: ClassVar[str]
    PATH: ClassVar[str] = "/chat/completions"
    HEADERS: ClassVar[Mapping[str, str]] = {}

    def __init__(
        self, *, auth_key: str, model: str, base_url: str | None = None, headers: dict[str, str] | None = None
    ) -> None:
        self._auth_key = auth_key
        self._model = model
        self._base = (base_url or self.BASE).rstrip("/")
        given = dict(headers or {})
        named = {name.lower() for name in given}
        self._headers = {**{name: value for name, value in self.HEADERS.items() if name not in named}, **given}

    def __repr__(self) -> str:
        return f"{type(self).__module__}.Adapter(model={self._model!r})"

    def auth_key(self) -> str:
        """The provider's key."""
        return self._auth_key

    def format(self) -> str:
        """The provider of the API."""
        return self.FORMAT

    def headers(self) -> dict[str, str]:
        """Headers to send."""
        return dict(self._headers)

    def url_infer(self) -> str:
        """Where the request goes."""
        return self._base + self.PATH.format(model=self._model)

    def on_call(self, body: dict[str, Any]) -> None:
        """Name the model, if the body does not."""
        body.setdefault("model", self._model)


def fetch(
    step_id: str,
    url: str,
    method: str,
    headers: Mapping[str, str] | None,
    body: Body | None,
    timeout: durations.Duration | None,
) -> WaitRequest:
    """A `step.fetch`.

    Raises:
        StepArgumentError: an argument is wrong. Names the step and the argument.
    """
    where = f'step "{step_id}"'
    if not isinstance(method, str) or not _TOKEN.fullmatch(method):
        raise StepArgumentError(f"{where}: method: expected the name of an HTTP method, got {method!r}")
    text, encoding, content_type = _body(where, body)
    given, secret = apart(_headers(where, headers, content_type))
    whole = _url(where, url)
    stored = without_credentials(whole)
    request = Request(
        stored, method.upper(), given, text, encoding, timeout=_timeout(where, timeout, limits.FETCH_TIMEOUT)
    )
    return _waiting(step_id, Opcode.GATEWAY, request, Secrets(secret, url="" if stored == whole else whole))


def infer(
    step_id: str, adapter: BaseAdapter, body: Mapping[str, Any], timeout: durations.Duration | None
) -> WaitRequest:
    """A `step.ai.infer`.

    Raises:
        StepArgumentError: an argument is wrong. Names the step and the argument.
    """
    where = f'step "{step_id}"'
    if not isinstance(adapter, BaseAdapter):
        raise StepArgumentError(
            f"{where}: adapter: expected an adapter such as inngest.experimental.ai.openai.Adapter, got {adapter!r}"
        )
    if not isinstance(body, Mapping):
        raise StepArgumentError(f"{where}: body: expected a mapping, got {type(body).__name__}")
    if adapter.format() not in FORMATS:
        raise StepArgumentError(f"{where}: adapter: format {adapter.format()!r} is none of {', '.join(FORMATS)}")
    sent = dict(body)
    adapter.on_call(sent)
    text, _, content_type = _body(where, sent)
    given, secret = apart(_headers(where, adapter.headers(), content_type))
    whole = _url(where, adapter.url_infer())
    stored = without_credentials(whole)
    request = Request(
        stored,
        "POST",
        given,
        text,
        format=adapter.format(),
        timeout=_timeout(where, timeout, limits.INFER_TIMEOUT),
    )
    return _waiting(
        step_id, Opcode.AI_GATEWAY, request, Secrets(secret, adapter.auth_key(), "" if stored == whole else whole)
    )


def response_of(value: object) -> FetchResponse:
    """The answer that a `step.fetch` gave."""
    assert isinstance(value, Mapping), f"a response is recorded as {value!r}"
    return FetchResponse(value["status_code"], value["headers"], value["body"], value["url"], value.get("encoding", ""))


def answer_of(value: object) -> dict[str, Any]:
    """The answer that a `step.ai.infer` gave."""
    assert isinstance(value, dict), f"a model's answer is recorded as {value!r}"
    return value


def _waiting(step_id: str, kind: Opcode, request: Request, secrets: Secrets) -> WaitRequest:
    text = request.to_json()
    if codec.size(text) > limits.MAX_REQUEST:
        raise StepArgumentError(
            f'step "{step_id}": the request has {codec.size(text):,} bytes; at most {limits.MAX_REQUEST:,} are kept: '
            "send it from a step.run"
        )
    return WaitRequest(step_id, kind, OpTarget(_shown(request), data=text, secrets=secrets or None))


def _shown(request: Request) -> str:
    """A request for people: without the query, which may hold what is nobody's business."""
    return f"{request.method} {urlunsplit(urlsplit(request.url)._replace(query='', fragment=''))}"


def _url(where: str, url: object) -> str:
    try:
        parts = urlsplit(url) if isinstance(url, str) and url.encode() else None
        fine = parts is not None and parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        parts, fine = None, False
    if not fine or parts is None or not isinstance(url, str):
        raise StepArgumentError(f"{where}: url: expected http://… or https://…, got {url!r}")
    if parts.username is not None:
        raise StepArgumentError(
            f"{where}: url: it holds a user name, and would be stored: send an Authorization header, which is not"
        )
    return url


def _headers(where: str, headers: Mapping[str, str] | None, content_type: str) -> dict[str, str]:
    given: dict[str, str] = {CONTENT_TYPE: content_type} if content_type else {}
    if headers is not None and not isinstance(headers, Mapping):
        raise StepArgumentError(f"{where}: headers: expected a mapping, got {type(headers).__name__}")
    for name, value in (headers or {}).items():
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            raise StepArgumentError(f"{where}: headers: {name!r} is no name of a header")
        if not isinstance(value, str) or not value.isascii() or _CONTROL.search(value):
            raise StepArgumentError(f"{where}: headers: expected a line of ASCII for {name}, got something else")
        given[name.lower()] = value
    return given


def _body(where: str, body: object) -> tuple[str | None, str, str]:
    """The text that is kept, its encoding, and the content type that goes with it if none is given."""
    if body is None:
        return None, "", ""
    if isinstance(body, str):
        try:
            body.encode()
        except UnicodeEncodeError as error:
            raise StepArgumentError(f"{where}: body is no text: {error}") from None
        return body, "", "text/plain; charset=utf-8"
    if isinstance(body, bytes):
        return base64.b64encode(body).decode(), BASE64, "application/octet-stream"
    try:
        return codec.dumps(dict(body) if isinstance(body, Mapping) else body), "", "application/json"
    except codec.NotJsonError as error:
        raise StepArgumentError(f"{where}: body is not JSON, text or bytes: {error}") from None


def _timeout(where: str, timeout: durations.Duration | None, default: int) -> int:
    if timeout is None:
        return default
    try:
        length = durations.to_ms(timeout)
    except TypeError as error:
        raise StepArgumentError(f"{where}: timeout: {error}") from None
    if not 0 < length <= limits.MAX_REQUEST_TIMEOUT:
        raise StepArgumentError(f"{where}: timeout: expected more than 0 and at most 2 hours, got {length} ms")
    return length
