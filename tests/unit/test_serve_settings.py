"""Settings of an endpoint: arguments, then the environment, then defaults."""

from __future__ import annotations

from typing import Any, cast

import pytest

import inngest
from inngest.errors import URLInvalidError
from inngest.protocol import limits
from inngest.sdk.serving.messages import Request
from inngest.sdk.serving.settings import Settings, StreamingOptions, default_threads, resolve

DEFAULTS = Settings(threads=default_threads())


def resolved(environ: dict[str, str] | None = None, **options: Any) -> Settings:
    return resolve(cast("StreamingOptions", options), streams=True, environ=environ or {})


def test_the_defaults() -> None:
    assert resolved() == DEFAULTS
    assert DEFAULTS.path == "/api/inngest"
    assert DEFAULTS.max_age == 5 * limits.MINUTE


@pytest.mark.parametrize(
    ("environ", "options", "changed"),
    [
        ({"INNGEST_SERVE_ORIGIN": "https://a.b"}, {}, {"origin": "https://a.b"}),
        ({"INNGEST_SERVE_ORIGIN": "https://a.b"}, {"serve_origin": "c.d:8"}, {"origin": "https://c.d:8"}),
        ({"INNGEST_SERVE_PATH": "/x"}, {}, {"path": "/x", "registered_path": "/x"}),
        ({"INNGEST_SERVE_PATH": "/x"}, {"serve_path": "y"}, {"path": "/y", "registered_path": "/y"}),
        ({}, {"serve_path": "/y", "public_path": "/p"}, {"path": "/y", "registered_path": "/p"}),
        ({}, {"public_path": "/p"}, {"registered_path": "/p"}),
        ({"INNGEST_ENABLE_UNAUTHED_SYNC": "false"}, {}, {"unauthenticated_sync": False}),
        ({"INNGEST_ENABLE_UNAUTHED_SYNC": "False"}, {}, {"unauthenticated_sync": False}),
        ({"INNGEST_ENABLE_UNAUTHED_SYNC": "0"}, {}, {"unauthenticated_sync": False}),
        ({"INNGEST_ENABLE_UNAUTHED_SYNC": ""}, {}, {}),
        ({"INNGEST_ENABLE_UNAUTHED_SYNC": "no"}, {}, {}),
        ({"INNGEST_ENABLE_UNAUTHED_SYNC": "0"}, {"enable_unauthed_sync": True}, {}),
        ({}, {"enable_unauthed_sync": False}, {"unauthenticated_sync": False}),
        ({"INNGEST_STREAMING": "force"}, {}, {"streams": True}),
        ({"INNGEST_STREAMING": "FORCE"}, {}, {"streams": True}),
        ({"INNGEST_STREAMING": "allow"}, {}, {"streams": True}),
        ({"INNGEST_STREAMING": "disable"}, {}, {}),
        ({"INNGEST_STREAMING": "1"}, {}, {}),
        ({"INNGEST_STREAMING": "force"}, {"streaming": inngest.Streaming.DISABLE}, {}),
        ({}, {"streaming": inngest.Streaming.FORCE}, {"streams": True}),
        ({"INNGEST_THREAD_POOL_MAX_WORKERS": "3"}, {}, {"threads": 3}),
        ({"INNGEST_THREAD_POOL_MAX_WORKERS": "0"}, {}, {"threads": None}),
        ({"INNGEST_THREAD_POOL_MAX_WORKERS": ""}, {}, {}),
        ({}, {"signature_max_age": 10}, {"max_age": 10_000}),
        ({}, {"signature_max_age": 0}, {"max_age": None}),
        ({}, {"serve_path": None, "serve_origin": None, "streaming": None, "signature_max_age": None}, {}),
    ],
)
def test_arguments_come_before_the_environment(
    environ: dict[str, str], options: dict[str, Any], changed: dict[str, Any]
) -> None:
    assert resolved(environ, **options) == DEFAULTS._replace(**changed)


def test_a_number_of_threads_that_is_none_is_told_and_not_used(caplog: pytest.LogCaptureFixture) -> None:
    assert resolved({"INNGEST_THREAD_POOL_MAX_WORKERS": "abc"}) == DEFAULTS
    assert "INNGEST_THREAD_POOL_MAX_WORKERS is 'abc'" in caplog.text


def test_a_wrong_setting_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="INNGEST_THREAD_POOL_MAX_WORKERS is -1"):
        resolved({"INNGEST_THREAD_POOL_MAX_WORKERS": "-1"})
    with pytest.raises(ValueError, match="signature_max_age"):
        resolved(signature_max_age=-1)
    with pytest.raises(URLInvalidError, match="nowhere"):
        resolved(serve_origin="nowhere")
    with pytest.raises(TypeError, match="'serve_orign'; it has enable_unauthed_sync, public_path, serve_origin"):
        resolved(serve_orign="https://a.b")
    with pytest.raises(TypeError, match="'streaming'"):
        resolve({"streaming": inngest.Streaming.FORCE}, environ={})


def test_the_parameters_of_a_url() -> None:
    made = Request("POST", "http://a.b/c?fnId=a+b%2Fc&stepId=&fnId=second", {}, b"")
    assert made.query == {"fnId": "a b/c", "stepId": ""}
