"""Signatures: the vectors of RFC 8785 and of the protocol; each key, form and age; headers that are none."""

from __future__ import annotations

import json
import math
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inngest.protocol.errors import SigVerificationFailedError
from inngest.protocol.wire import signing

KEY = "signkey-test-00112233445566778899aabbccddeeff"
OTHER = "signkey-prod-ffeeddccbbaa99887766554433221100"
AT = 1_700_000_000_000
BODY = '{"b":1,"a":[true,null,"é"]}'.encode()
HEADER = "t=1700000000&s=2fa5ce6a40581db97f8513b2a68fbfa7d8c48d5b2c36925f6c1216cfecd5725f"
"""Of the canonical form of `BODY`: the protocol's worked example."""

finite = st.floats(allow_nan=False, allow_infinity=False)
leaves = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | finite | st.text(st.characters())


def _grown(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters()), inner, max_size=4)


json_values = st.recursive(leaves, _grown, max_leaves=12)


def test_the_worked_example_of_the_protocol() -> None:
    assert signing.canonical(BODY) == '{"a":[true,null,"é"],"b":1}'.encode()
    assert signing.sign(signing.canonical(BODY), KEY, AT) == HEADER
    assert signing.hashed(KEY) == "a8faed6abbf35c12a4b26e40f6feb19d736d90045c83b9f9a31f638d323e6811"
    assert signing.hashed(signing.bare(KEY)) == signing.hashed(KEY)


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        (0x0000000000000000, "0"),
        (0x8000000000000000, "0"),
        (0x0000000000000001, "5e-324"),
        (0x8000000000000001, "-5e-324"),
        (0x7FEFFFFFFFFFFFFF, "1.7976931348623157e+308"),
        (0xFFEFFFFFFFFFFFFF, "-1.7976931348623157e+308"),
        (0x4340000000000000, "9007199254740992"),
        (0xC340000000000000, "-9007199254740992"),
        (0x4430000000000000, "295147905179352830000"),
        (0x44B52D02C7E14AF5, "9.999999999999997e+22"),
        (0x44B52D02C7E14AF6, "1e+23"),
        (0x44B52D02C7E14AF7, "1.0000000000000001e+23"),
        (0x444B1AE4D6E2EF4E, "999999999999999700000"),
        (0x444B1AE4D6E2EF4F, "999999999999999900000"),
        (0x444B1AE4D6E2EF50, "1e+21"),
        (0x3EB0C6F7A0B5ED8C, "9.999999999999997e-7"),
        (0x3EB0C6F7A0B5ED8D, "0.000001"),
        (0x41B3DE4355555553, "333333333.3333332"),
        (0x41B3DE4355555557, "333333333.33333343"),
        (0xBECBF647612F3696, "-0.0000033333333333333333"),
        (0x43143FF3C1CB0959, "1424953923781206.2"),
    ],
)
def test_numbers_are_written_as_the_standard_lists_them(bits: int, text: str) -> None:
    (value,) = struct.unpack(">d", bits.to_bytes(8, "big"))
    assert signing.number(value) == text


def test_the_standards_example_of_a_whole_text() -> None:
    text = r"""{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }"""
    assert signing.canonical_text(text) == (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        r'"string":"€$\u000f\nA' + r"""'B\"\\\\\"/"}"""
    )


def test_keys_are_sorted_by_their_utf_16_units() -> None:
    text = '{"\\u20ac":1,"\\r":2,"\\ufb33":3,"1":4,"\\ud83d\\ude00":5,"\\u0080":6,"\\u00f6":7}'
    assert list(json.loads(signing.canonical_text(text)).values()) == [2, 4, 6, 7, 1, 5, 3]


@settings(max_examples=300)
@given(json_values)
def test_the_canonical_form_has_the_value_and_is_its_own(value: object) -> None:
    once = signing.canonical_text(json.dumps(value))
    assert once == signing.canonical_text(once) == signing.canonical_text(json.dumps(value, indent=2, sort_keys=True))
    assert json.loads(once, parse_int=float) == value
    assert once.isascii() or once.encode()


@settings(max_examples=300)
@given(json_values, st.booleans())
def test_a_value_is_written_the_same_beside_a_number_that_only_we_can_write(value: object, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert signing.canonical_text(f"[{text},1e-7]") == f"[{signing.canonical_text(text)},1e-7]"


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("[999999999999999,-0]", "[999999999999999,0]"),
        ("[9007199254740993]", "[9007199254740992]"),
        ("[1.0,-0.0,1e3,-2.50,0.1e1]", "[1,0,1000,-2.5,1]"),
        (
            "[0.0001,0.00009,999999999999999.0,1e15,123456789012345.6]",
            "[0.0001,0.00009,999999999999999,1000000000000000,123456789012345.6]",
        ),
        ('["\\u001b[0m\\u00e9\\u2028"]', '["\\u001b[0mé\u2028"]'),
        ('["\\ud83d\\ude00"]', '["\U0001f600"]'),
        ('["\\ud83d"]', '["\\ud83d"]'),
        ('{"\U0001f600":1,"\uffff":2}', '{"\U0001f600":1,"\uffff":2}'),
        ('{"b":1,"a":2,"b":3}', '{"a":2,"b":3}'),
        ('["\x7f/"]', '["\x7f/"]'),
    ],
)
def test_the_edges_of_what_the_encoder_of_the_standard_library_can_write(text: str, canonical: str) -> None:
    assert signing.canonical_text(text) == canonical


@settings(max_examples=500)
@given(finite)
def test_a_number_is_written_as_ecmascript_does_and_is_read_back(value: float) -> None:
    text = signing.number(value)
    assert float(text) == value
    digits = text.lstrip("-").partition("e")[0].replace(".", "").strip("0")
    assert len(digits) <= 17
    small, large = 0 < abs(value) < 1e-6, abs(value) >= 1e21
    assert ("e" in text) is (small or large)
    assert text.lstrip("-")[0].isdigit()
    assert not text.startswith("-0") or text.startswith("-0.")


@pytest.mark.parametrize(
    "body", [b"{", b"[NaN]", b"[1e999]", b"-Infinity", b"[" + b"9" * 400 + b"]", b"\xff", b"{'a':1}", b" "]
)
def test_what_is_no_json_has_no_canonical_form(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"number|Expecting|utf-8"):
        signing.canonical(body)


def test_depth_is_no_accident() -> None:
    shallow, deep = (b"[" * depth + b"]" * depth for depth in (400, 200_000))
    assert signing.canonical(shallow) == shallow
    with pytest.raises(ValueError, match="too deeply"):
        signing.canonical(deep)
    with pytest.raises(SigVerificationFailedError):
        signing.verify(deep, HEADER, [KEY], AT)


def test_no_bytes_have_only_their_time_signed() -> None:
    assert signing.canonical(b"") == b""
    assert signing.verify(b"", signing.sign(b"", KEY, AT), [KEY], AT) == KEY


# -- verification


@given(st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode()), st.integers(0, 10**14))
def test_what_is_signed_is_verified_and_nothing_else(body: bytes, at: int) -> None:
    header = signing.sign(body, KEY, at)
    assert signing.verify(body, header, [KEY], at) == KEY
    for other, wrong in ((body + b"x", header), (body, header[:-1] + ("0" if header[-1] != "0" else "1"))):
        with pytest.raises(SigVerificationFailedError):
            signing.verify(other, wrong, [KEY], at)


@pytest.mark.parametrize("signed", [BODY, signing.canonical(BODY)], ids=["as it is", "canonical"])
def test_a_body_is_signed_as_it_is_or_in_canonical_form(signed: bytes) -> None:
    assert signing.verify(BODY, signing.sign(signed, KEY, AT), [KEY], AT) == KEY


def test_the_key_that_matched_is_told() -> None:
    assert signing.verify(BODY, signing.sign(BODY, OTHER, AT), [KEY, OTHER], AT) == OTHER
    assert signing.verify(BODY, HEADER, [KEY, OTHER], AT) == KEY
    assert signing.verify(BODY, HEADER, [signing.bare(KEY)], AT) == signing.bare(KEY)
    for keys in ([], [OTHER]):
        with pytest.raises(SigVerificationFailedError, match="another signing key"):
            signing.verify(BODY, HEADER, keys, AT)


@pytest.mark.parametrize("off", [-signing.MAX_AGE, signing.MAX_AGE])
def test_a_signature_has_its_time(off: int) -> None:
    assert signing.verify(BODY, HEADER, [KEY], AT + off) == KEY
    too_far = AT + off + int(math.copysign(1, off))
    with pytest.raises(SigVerificationFailedError, match="at most 300 seconds"):
        signing.verify(BODY, HEADER, [KEY], too_far)
    assert signing.verify(BODY, HEADER, [KEY], too_far, max_age=None) == KEY


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "t=1700000000",
        "s=00",
        "t=1700000000&s=",
        "t=&s=00",
        "t=x&s=00",
        "t=-1&s=00",
        "t=1e9&s=00",
        "t=\uff11&s=00",
        "t=1700000000&t=1700000000&s=00",
        f"{HEADER}, {HEADER}",
        f"{HEADER}&x=1",
        HEADER.upper(),
        "t=" + "9" * 5_000 + "&s=00",
        "t=1700000000&s=é\ud800",
    ],
)
def test_headers_that_are_none(header: str | None) -> None:
    with pytest.raises(SigVerificationFailedError) as caught:
        signing.verify(BODY, header, [KEY], AT)
    assert signing.bare(KEY) not in caught.value.message


def test_order_and_prefix_do_not_matter() -> None:
    time, digits = HEADER.split("&")
    assert signing.verify(BODY, f"{digits}&{time}", [signing.bare(KEY)], AT) == signing.bare(KEY)


@pytest.mark.parametrize("key", ["signkey-test-xyz", "0", "", "signkey-test-"])
def test_a_key_that_is_not_hexadecimal_has_no_hash(key: str) -> None:
    with pytest.raises(ValueError, match="hexadecimal") as caught:
        signing.hashed(key)
    assert not signing.bare(key) or f" {signing.bare(key)}" not in str(caught.value)
