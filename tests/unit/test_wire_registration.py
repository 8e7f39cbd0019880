"""Registrations: the spelling of each SDK is read, and all that is missing is told at once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from inngest.protocol.errors import BodyInvalidError
from inngest.protocol.wire import registration
from inngest.protocol.wire.registration import Registration, RegistrationInvalidError

URL = "http://localhost:9000/api/inngest"
PYTHON = {
    "appname": "shop",
    "appVersion": "7",
    "capabilities": {"connect": "v1"},
    "deploy_type": "ping",
    "framework": "flask",
    "functions": [{"id": "shop-pay"}],
    "sdk": "py:v0.5.19",
    "url": URL,
    "v": "0.1",
}
TYPESCRIPT = {
    "url": URL,
    "deployType": "ping",
    "framework": "express",
    "appName": "shop",
    "functions": [],
    "sdk": "js:v4.24.0",
    "v": "0.1",
    "deployId": "d",
    "platform": "render",
}
IN_BAND = {
    "app_id": "shop",
    "appVersion": "7",
    "framework": "flask",
    "functions": [{"id": "shop-pay"}],
    "inspection": {"app_id": "other"},
    "sdk_author": "inngest",
    "sdk_language": "py",
    "sdk_version": "0.5.19",
    "url": URL,
}


def _read(value: object) -> Registration:
    return registration.read(json.dumps(value).encode())


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (PYTHON, Registration("shop", URL, [{"id": "shop-pay"}], "py:v0.5.19", "flask", version="7")),
        (TYPESCRIPT, Registration("shop", URL, [], "js:v4.24.0", "express", "render", deploy_id="d")),
        (IN_BAND, Registration("shop", URL, [{"id": "shop-pay"}], "py:v0.5.19", "flask", version="7")),
        ({"APP_NAME": "shop", "Url": URL, "FUNCTIONS": [1]}, Registration("shop", URL, [1])),
        ({"appname": "a", "url": URL, "functions": [], "sdk": 7, "framework": None}, Registration("a", URL, [])),
    ],
)
def test_the_spelling_of_each_sdk(body: object, expected: Registration) -> None:
    assert _read(body) == expected


@pytest.mark.parametrize(
    ("changes", "members"),
    [
        ({"appname": None, "url": "", "functions": {}}, ["appname", "url", "functions"]),
        ({"appname": " "}, ["appname"]),
        ({"appname": "a\0"}, ["appname"]),
        ({"url": 7, "functions": None}, ["url", "functions"]),
    ],
)
def test_all_that_is_missing_is_told_at_once(changes: dict[str, Any], members: list[str]) -> None:
    with pytest.raises(RegistrationInvalidError) as caught:
        _read({**PYTHON, **changes})
    assert [member for member, _ in caught.value.problems] == members
    assert all(f"{member}: " in str(caught.value) for member in members)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"a":NaN}', b"\xff", b"[" * 100_000])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(BodyInvalidError, match="the registration"):
        registration.read(body)
