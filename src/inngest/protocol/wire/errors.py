"""Errors as JSON objects, in both directions: `ErrorInfo` and what stands for it on the wire."""

from __future__ import annotations

from inngest.protocol.errors import ErrorInfo

from . import members

MAX_ERROR = 65_536
"""Characters that are kept of an error's message, and of its stack: they are for people."""

MAX_ID = 1_024
"""The same of a step's id, which its hash stands for, and of an error's name."""


def written(error: ErrorInfo) -> dict[str, object]:
    """An error as it stands in bodies and reports: `code`, `message`, `name`, `stack`."""
    return {"code": error.code or "unknown", "message": error.message, "name": error.name, "stack": error.stack}


def read(value: object) -> ErrorInfo:
    """An error that was reported, whatever stands there: an object, a text, or nothing.

    Raises:
        BodyInvalidError: it holds a number that no double can hold.
    """
    if isinstance(value, dict):
        error = ErrorInfo.from_mapping({name: _text_of(one) for name, one in value.items()})
    else:
        error = ErrorInfo("Error", _text_of(value) or "")
    return error._replace(
        name=cut(error.name, MAX_ID),
        message=cut(error.message, MAX_ERROR),
        stack=None if error.stack is None else cut(error.stack, MAX_ERROR),
        code=None if error.code is None else cut(error.code, MAX_ID),
    )


def cut(text: str, most: int) -> str:
    """A text for people that has at most so many characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _text_of(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else members.json_of(value, "error")
