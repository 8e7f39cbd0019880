"""Signatures of requests and answers, and the canonical form of JSON (RFC 8785) over which they are made.

A signature is `t={unix seconds}&s={hex}`, where `s` is HMAC-SHA256 of the body and the text of `t`. A server signs the
canonical form of a call and sends its body as it is; an SDK signs an answer as it is sent.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import re
from collections.abc import Sequence
from json.encoder import encode_basestring
from typing import Any, NamedTuple

from inngest.protocol import limits
from inngest.protocol.errors import SigVerificationFailedError

MAX_AGE = 5 * limits.MINUTE
"""Milliseconds by which the time of a signature may be off, in either direction."""

_PREFIX = re.compile(r"signkey-\w+-")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})+")
_SURROGATE = re.compile("[\ud800-\udfff]")
_SECONDS = re.compile(r"[0-9]{1,15}")

_LATE = re.compile("[\ue000-\uffff]")
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
"""Beside each other, these two kinds stand in another order by UTF-16 than by code points."""

_EXACT = 15
"""Digits that a double keeps, whatever they are."""

_WHOLE = 10.0**_EXACT
_SMALL = 1e-4
"""Between these, Python writes a double that is no whole number as ECMAScript does."""


def sign(body: bytes, key: str, at: int) -> str:
    """The value of the signature header for a body.

    Args:
        body: what is signed: as it is sent, or its canonical form.
        key: a signing key, with or without its prefix `signkey-…-`.
        at: unix ms; the header has seconds.
    """
    seconds = str(at // limits.SECOND)
    return f"t={seconds}&s={_mac(body, key, seconds)}"


def verify(body: bytes, header: str | None, keys: Sequence[str], at: int, max_age: int | None = MAX_AGE) -> str:
    """The first of several keys by which a body is signed, over its bytes or over their canonical form.

    Args:
        body: as it has come.
        header: of its signature; None if there is none.
        keys: the signing key, then its fallback.
        at: unix ms.
        max_age: ms by which the time in the header may be off, in either direction; None for any time.

    Raises:
        SigVerificationFailedError: says what is wrong, and nothing of the keys.
    """
    seconds, given = _read(header)
    if max_age is not None and abs(at - int(seconds) * limits.SECOND) > max_age:
        raise SigVerificationFailedError(
            f"the signature is of {seconds} (unix seconds), and it is {at // limits.SECOND}: at most "
            f"{max_age // limits.SECOND} seconds may lie between. Set the clocks right"
        )
    found = _matching(body, keys, seconds, given)
    if found is None:
        try:
            found = _matching(canonical(body), keys, seconds, given)
        except ValueError:
            found = None
    if found is None:
        raise SigVerificationFailedError("the signature is of another body, or made with another signing key")
    return found


def hashed(key: str) -> str:
    """The text by which a client of the API shows that it has a signing key: SHA-256 of its bytes, in hex.

    Raises:
        ValueError: the key is not hexadecimal. Does not tell the key.
    """
    text = bare(key)
    if not _HEX.fullmatch(text):
        raise ValueError(
            'a signing key is an even number of hexadecimal digits, with or without a prefix such as "signkey-prod-"'
        )
    return hashlib.sha256(bytes.fromhex(text)).hexdigest()


def bare(key: str) -> str:
    """A signing key without its prefix `signkey-…-`; so too the hash of one that a client sends."""
    prefix = _PREFIX.match(key)
    return key if prefix is None else key[prefix.end() :]


def canonical(body: bytes) -> bytes:
    """The canonical form of JSON (RFC 8785): sorted keys, no spaces, numbers as ECMAScript writes doubles.

    Half of a surrogate pair, which the standard refuses, is written as its escape, as JavaScript does. An empty body
    stays empty.

    Raises:
        ValueError: not JSON, nested too deeply, or with a number that no double can hold.
    """
    if not body:
        return b""
    return canonical_text(body.decode()).encode()


def canonical_text(text: str) -> str:
    """The same for a text, which has to hold a value.

    Raises:
        ValueError: as for `canonical`.
    """
    try:
        plain = _encode(_decode_plain(text))
    except (_NotPlainError, RecursionError):
        plain = None
    if plain is not None and _is_in_order(plain):
        return plain
    try:
        value = json.loads(text, parse_int=float, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return _written(value)


class _NotPlainError(Exception):
    """A number that the standard library may write in another way."""


def _plain(digits: str) -> int:
    if len(digits) > _EXACT:
        raise _NotPlainError
    return int(digits)


def _plain_double(text: str) -> float:
    value = float(text)
    if value.is_integer() and abs(value) < _WHOLE:
        return int(value)
    if _SMALL <= abs(value) < _WHOLE:
        return value
    raise _NotPlainError


def _is_in_order(text: str) -> bool:
    """Whether the encoder of the standard library has put keys in their order, and knows all characters."""
    if text.isascii():
        return True
    return _SURROGATE.search(text) is None and (_ASTRAL.search(text) is None or _LATE.search(text) is None)


class _Verbatim(NamedTuple):
    """A text between values."""

    text: str


def _written(value: object) -> str:
    """Without recursion: what could be parsed can be written, however deep it is."""
    out: list[str] = []
    rest: list[object] = [value]
    while rest:
        one: Any = rest.pop()
        if type(one) is _Verbatim:
            out.append(one.text)
        elif type(one) is str:
            out.append(_quoted(one))
        elif type(one) is float:
            out.append(number(one))
        elif type(one) is dict:
            rest.append(_Verbatim("}"))
            for key in sorted(one, key=_utf16, reverse=True):
                rest += (one[key], _Verbatim(f",{_quoted(key)}:"))
            _open(rest, "{")
        elif type(one) is list:
            rest.append(_Verbatim("]"))
            for item in reversed(one):
                rest += (item, _Verbatim(","))
            _open(rest, "[")
        else:
            out.append("null" if one is None else "true" if one else "false")
    return "".join(out)


def _open(rest: list[object], bracket: str) -> None:
    """The first text of a container: the bracket takes the place of the comma before the first member."""
    last = rest.pop()
    assert type(last) is _Verbatim
    rest.append(_Verbatim(bracket + last.text.removeprefix(",")))


def number(value: float) -> str:
    """A double as ECMAScript writes it: the fewest digits that give it back.

    Raises:
        ValueError: infinite, or no number.
    """
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a JSON number")
    if value == 0:
        return "0"
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    return ("-" if value < 0 else "") + _placed(digits, point)


def _placed(digits: str, point: int) -> str:
    """Digits with their decimal point, which stands after the first `point` of them."""
    count = len(digits)
    if count <= point <= 21:
        return digits + "0" * (point - count)
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    mantissa = digits if count == 1 else f"{digits[0]}.{digits[1:]}"
    return f"{mantissa}e{point - 1:+d}"


def _quoted(text: str) -> str:
    quoted = encode_basestring(text)
    return quoted if quoted.isascii() else _SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", quoted)


def _utf16(key: str) -> bytes:
    return key.encode("utf-16-be", "surrogatepass")


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not a JSON number")


_decode_plain = json.JSONDecoder(parse_float=_plain_double, parse_int=_plain, parse_constant=_refuse).decode
_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"), sort_keys=True).encode


def _mac(body: bytes, key: str, seconds: str) -> str:
    secret = bare(key).encode("utf-8", "surrogatepass")
    return hmac.new(secret, body + seconds.encode(), hashlib.sha256).hexdigest()


def _matching(body: bytes, keys: Sequence[str], seconds: str, given: bytes) -> str | None:
    found = None
    for key in reversed(keys):  # all of them, so that the time tells nothing
        if hmac.compare_digest(_mac(body, key, seconds).encode(), given):
            found = key
    return found


def _read(header: str | None) -> tuple[str, bytes]:
    """The seconds of a signature as they are written, and its digits."""
    if header is None:
        raise SigVerificationFailedError("the request has no signature: the header x-inngest-signature is missing")
    members = [member.partition("=") for member in header.split("&")]
    named = {name: value for name, _, value in members}
    if len(members) != 2 or named.keys() != {"t", "s"} or not _SECONDS.fullmatch(named["t"]) or not named["s"]:
        raise SigVerificationFailedError(
            "the header x-inngest-signature is malformed: expected t={unix seconds}&s={hexadecimal digits}"
        )
    return named["t"], named["s"].encode("utf-8", "surrogatepass")
