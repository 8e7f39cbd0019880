"""Values and bytes that were damaged by chance, from a seed: what no SDK, and no server, should ever say."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence

DEEP = "[" * 3_000 + "]" * 3_000
DEEPER = '{"a":' * 60_000 + "1" + "}" * 60_000
LONG = json.dumps("x" * 200_000)

NASTY: Sequence[str] = (
    *("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "-0", "0", "1", "-1", "1.5", "1e2", "true", "false", "null"),
    *("9007199254740993", "9223372036854775807", "9223372036854775808", "-9223372036854775809", "9" * 400, "9" * 5_000),
    *('""', '" "', '"\\u0000"', '"\\ud800"', '"\\udfff\\ud800"', '"\\u202e"', '"null"', '"1"', '"' + "é" * 300 + '"'),
    *("[]", "{}", "[[]]", "[null]", "[[],{}]", '{"":null}', '{"a":1,"a":2}', '{"__proto__":{}}', DEEP, LONG),
    *('"1ms"', '"366d"', '"99999999d"', '"-1s"', '"2026-13-01T00:00:00Z"', '"9999-12-31T23:59:59Z"', '"0001-01-01"'),
)
"""JSON texts, or what looks like one."""

PIECES = (b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"1e999", b"NaN", b"\\ud800", b"{", b"[" * 2_000, b'"', b"9" * 5_000)


def damaged(draw: random.Random, value: object, rate: float) -> str:
    """The JSON text of a value in which some parts are others, missing, doubled, or under another name.

    Args:
        draw: decides which.
        value: it is left as it is.
        rate: of the parts that are damaged.
    """
    if draw.random() < rate:
        return draw.choice(NASTY)
    if isinstance(value, dict):
        members: list[str] = []
        for name, one in value.items():
            fate = draw.random() / rate if rate else 2.0
            if fate < 0.3:
                continue
            shown = draw.choice(['""', '"op"', '"\\ud800"', json.dumps(str(name).upper())]) if fate < 0.4 else None
            member = f"{shown or json.dumps(name)}:{damaged(draw, one, rate)}"
            members += [member] * (2 if 0.4 <= fate < 0.5 else 1)
        return f"{{{','.join(members)}}}"
    if isinstance(value, list):
        texts = [damaged(draw, one, rate) for one in value for _ in range(1 + (draw.random() < rate))]
        return f"[{','.join(texts)}]"
    return json.dumps(value)


def cut_up(draw: random.Random, body: bytes) -> bytes:
    """Bytes, damaged in a few places."""
    for _ in range(draw.randrange(4)):
        at = draw.randrange(len(body) + 1)
        until = min(len(body), at + draw.randrange(6))
        body = body[:at] + draw.choice([b"", bytes([draw.randrange(256)]), draw.choice(PIECES)]) + body[until:]
    return body


def body_of(draw: random.Random, value: object) -> bytes:
    """A body for a value: whole, or damaged in one way or the other."""
    text = damaged(draw, value, draw.choice([0.0, 0.03, 0.1, 0.4])).encode("utf-8", "surrogatepass")
    if draw.random() < 0.25:
        return cut_up(draw, text)
    if draw.random() < 0.01:
        return DEEPER.encode()
    return text
