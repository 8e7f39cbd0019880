"""The JSON codec of values: what `json.dumps` accepts, minus NaN and infinities, with integers of any size kept exact.

The standard library's codec is used on purpose: orjson turns integers over 64 bits into floats, NaN into null, and
accepts enums and UUIDs that `json` refuses, so the same step would answer differently with and without it
(docs/decisions/0002).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_encode_ascii = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode
_decoder = json.JSONDecoder()


def loads(text: str) -> Any:
    """The value of a JSON text."""
    try:
        value, end = _decoder.raw_decode(text)
    except ValueError:
        return _decoder.decode(text)  # takes white space around it, or says what is wrong
    return value if end == len(text) else _decoder.decode(text)


class NotJsonError(ValueError):
    """A value that JSON cannot hold. `path` says where in the value (`$.items[2].price`), `reason` why."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path}: {reason}" if path != "$" else reason)


def dumps(value: object) -> str:
    """JSON text of a value.

    Raises:
        NotJsonError: names the place and the reason.
    """
    if value is None:
        return "null"
    try:
        text = repr(value) if type(value) is int else _encode(value)  # an encoder is made for each call
    except (TypeError, ValueError, RecursionError) as error:
        raise _explain(value, error) from None
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:  # a lone surrogate: JSON can hold it escaped, UTF-8 cannot
            return _encode_ascii(value)
    return text


def size(text: str) -> int:
    """UTF-8 bytes of a JSON text, or of an error's, in which half of a surrogate pair counts as three."""
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))


def _explain(value: object, error: Exception) -> NotJsonError:
    if isinstance(error, RecursionError):
        return NotJsonError("$", "nested too deeply")
    if "Circular" in str(error):
        return NotJsonError("$", "contains itself (circular reference)")
    try:
        found = _find(value, "$")
    except RecursionError:  # this looks with larger steps than the encoder
        found = None
    return found or NotJsonError("$", str(error))


def _find(value: object, path: str) -> NotJsonError | None:
    """The first place that JSON refuses, in depth-first order."""
    if isinstance(value, float):
        return None if math.isfinite(value) else NotJsonError(path, f"{value} is not a JSON number")
    if isinstance(value, int):
        return _find_in_integer(value, path)
    if value is None or isinstance(value, str):
        return None
    if isinstance(value, dict):
        return _find_in_dict(value, path)
    if isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            if found := _find(item, f"{path}[{index}]"):
                return found
        return None
    return NotJsonError(path, f"{type(value).__name__} is not JSON serializable")


def _find_in_integer(value: int, path: str) -> NotJsonError | None:
    try:
        int.__repr__(value)
    except ValueError as error:  # sys.set_int_max_str_digits
        return NotJsonError(path, str(error).partition(";")[0])
    return None


def _find_in_dict(value: Mapping[object, object], path: str) -> NotJsonError | None:
    for key, item in value.items():
        if not isinstance(key, (str, int, float, bool)) and key is not None:
            return NotJsonError(path, f"key {key!r} must be str, int, float, bool or None, not {type(key).__name__}")
        if isinstance(key, float) and not math.isfinite(key):
            return NotJsonError(path, f"key {key} is not a JSON number")
        if found := _find(item, f"{path}.{key}"):
            return found
    return None
