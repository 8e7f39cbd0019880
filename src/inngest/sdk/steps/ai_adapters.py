"""How `step.ai.infer` speaks to providers of models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

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
