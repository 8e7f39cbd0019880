"""APIs of models: where their keys go, and what their answers say of the tokens that were used. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple


class Usage(NamedTuple):
    """The tokens that a call of a model used."""

    model: str | None  # as the answer names it
    input_tokens: int | None
    output_tokens: int | None
    stop_reason: str | None  # as the provider words it
    tools: tuple[str, ...] = ()  # names of the tools that the answer calls, in order


def authorization(format: str, key: str) -> dict[str, str]:
    """The headers that show who asks. A key never goes into a URL: those are logged everywhere."""
    if format == "anthropic":
        return {"x-api-key": key}
    if format == "gemini":
        return {"x-goog-api-key": key}
    if format == "bedrock":
        return {"authorization": key}
    return {"authorization": f"Bearer {key}"}


def usage(format: str, answer: Mapping[str, Any]) -> Usage | None:
    """The use that an answer states; None if it says nothing that is understood."""
    reader = _READERS.get(format)
    found = None if reader is None else reader(answer)
    return found if found is not None and any(found) else None


def _openai(answer: Mapping[str, Any]) -> Usage:
    used = _mapping(answer.get("usage"))
    choice = _first(answer.get("choices"))
    calls = _mappings(_mapping(choice.get("message")).get("tool_calls"))
    return Usage(
        _text(answer.get("model")),
        _count(used.get("prompt_tokens")),
        _count(used.get("completion_tokens")),
        _text(choice.get("finish_reason")),
        _names(_mapping(call.get("function")).get("name") for call in calls),
    )


def _anthropic(answer: Mapping[str, Any]) -> Usage:
    used = _mapping(answer.get("usage"))
    blocks = _mappings(answer.get("content"))
    cached = sum(_count(used.get(name)) or 0 for name in ("cache_creation_input_tokens", "cache_read_input_tokens"))
    read = _count(used.get("input_tokens"))
    return Usage(
        _text(answer.get("model")),
        None if read is None else read + cached,
        _count(used.get("output_tokens")),
        _text(answer.get("stop_reason")),
        _names(block.get("name") for block in blocks if block.get("type") == "tool_use"),
    )


def _gemini(answer: Mapping[str, Any]) -> Usage:
    used = _mapping(answer.get("usageMetadata"))
    candidate = _first(answer.get("candidates"))
    parts = _mappings(_mapping(candidate.get("content")).get("parts"))
    written = _count(used.get("candidatesTokenCount"))
    thought = _count(used.get("thoughtsTokenCount"))
    return Usage(
        _text(answer.get("modelVersion")),
        _count(used.get("promptTokenCount")),
        None if written is None and thought is None else (written or 0) + (thought or 0),
        _text(candidate.get("finishReason")),
        _names(_mapping(part.get("functionCall")).get("name") for part in parts),
    )


_READERS: Mapping[str, Callable[[Mapping[str, Any]], Usage]] = {
    "openai-chat": _openai,
    "anthropic": _anthropic,
    "gemini": _gemini,
}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _first(value: object) -> Mapping[str, Any]:
    return next(iter(_mappings(value)), {})


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _names(values: Iterable[object]) -> tuple[str, ...]:
    return tuple(value for value in values if isinstance(value, str))
