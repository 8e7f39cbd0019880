"""The fields of a form that stands for an event.

Pure: bytes in, fields out.
"""

from __future__ import annotations

import email.parser
import email.policy
import email.utils
import re
import urllib.parse
from collections.abc import Mapping
from email.message import Message

from inngest.protocol import limits

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"

MAX_FORM = 10 * limits.MB
"""Bytes of a form: it stands for one event, whose 3 MB may be written as %XX."""

MAX_FIELDS = 10_000
"""Fields of a form, and parts of a multipart form."""

MAX_PART_HEAD = 2 * 1024
"""Bytes of the headers of one part, and of the content type of the form."""

_HEAD_ENDS = re.compile(rb"\r?\n\r?\n")


class BodyError(ValueError):
    """The body as a whole cannot be read; no event of it was accepted."""


def fields(body: bytes, content_type: str) -> Mapping[str, list[str]]:
    """The values of each field, in order; files are passed over.

    Args:
        body: at most 10 MB, with at most 10,000 fields.
        content_type: of the body, `FORM` or `MULTIPART` with its parameters.

    Raises:
        BodyError: what is wrong, and what was expected.
    """
    if len(body) > MAX_FORM:
        raise BodyError(f"the form has {len(body):,} bytes; at most {MAX_FORM:,} are read: send events as JSON")
    if content_type.partition(";")[0].strip().lower() == MULTIPART:
        return _multipart(body, content_type)
    try:
        return urllib.parse.parse_qs(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError as error:
        raise BodyError(f"the form cannot be read: {error}") from None


def _multipart(body: bytes, content_type: str) -> Mapping[str, list[str]]:
    """The fields of a multipart form (RFC 7578). A part is not looked into, whatever it holds."""
    found: dict[str, list[str]] = {}
    for part in _parts(body, _boundary(content_type)):
        ends = _HEAD_ENDS.search(part)
        head, content = (part, b"") if ends is None else (part[: ends.start()], part[ends.end() :])
        if len(head) > MAX_PART_HEAD:
            raise BodyError(f"the form cannot be read: a part has over {MAX_PART_HEAD:,} bytes of headers")
        message = _message(head.strip(b"\r\n").decode(errors="replace"))
        name = message.get_param("name", header="content-disposition")
        if name is None or message.get_filename() is not None:
            continue
        message.set_payload(content.decode("ascii", "surrogateescape"))
        value = message.get_payload(decode=True)
        assert isinstance(value, bytes)
        found.setdefault(email.utils.collapse_rfc2231_value(name), []).append(value.decode(errors="replace"))
    return found


def _boundary(content_type: str) -> bytes:
    if len(content_type) > MAX_PART_HEAD:
        raise BodyError(f"the form cannot be read: its content type has over {MAX_PART_HEAD:,} bytes")
    boundary = _message(f"content-type: {content_type}").get_boundary()
    if not boundary:
        raise BodyError("the form cannot be read: its content type names no boundary of its parts")
    return boundary.encode("latin-1", "replace")


def _parts(body: bytes, boundary: bytes) -> list[bytes]:
    """The bytes between boundaries."""
    mark = b"--" + boundary
    if body.count(mark) > MAX_FIELDS + 1:
        raise BodyError(f"the form has over {MAX_FIELDS:,} parts")
    line = re.compile(rb"(?:\A|\r?\n)" + re.escape(mark) + rb"(--)?[ \t]*(?=\r?\n|\Z)")
    parts: list[bytes] = []
    begins: int | None = None
    for found in line.finditer(body):
        if begins is not None:
            parts.append(body[begins : found.start()])
        begins = found.end()
        if found[1] is not None:
            return parts
    if begins is None:
        raise BodyError("the form cannot be read: its parts were not found by the boundary in its content type")
    return [*parts, body[begins:]]  # the end is missing, or was cut


def _message(head: str) -> Message:
    return email.parser.HeaderParser(policy=email.policy.compat32).parsestr(head)
