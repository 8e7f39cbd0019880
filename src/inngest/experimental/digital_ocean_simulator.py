"""A stand-in for DigitalOcean Functions: a Flask application that calls `main(event, context)` as the cloud does."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

try:
    import flask
except ImportError as error:
    raise ImportError(
        "inngest.experimental.digital_ocean_simulator needs Flask: pip install 'pyngest[flask]'", name="flask"
    ) from error

__all__ = ["FULL_PATH", "DigitalOceanSimulator"]

_FUNCTION_NAME = "/fn-00000000/fake-name"

FULL_PATH = f"/api/v1/web{_FUNCTION_NAME}"
"""The path at which the function answers."""


@dataclasses.dataclass(frozen=True)
class _Context:
    """The things that the cloud hands to a function beside the event."""

    api_host: str
    function_name: str = _FUNCTION_NAME


class DigitalOceanSimulator:
    """Runs a function as the cloud would.

    Args:
        main: what `inngest.digital_ocean.serve` gives.

    Attributes:
        app: the Flask application, for its test client or a server.
    """

    def __init__(self, main: Callable[[Mapping[str, Any], Any], Mapping[str, Any]]) -> None:
        self._main = main
        self.app = flask.Flask(__name__)
        self.app.add_url_rule(FULL_PATH, view_func=self._call, methods=["GET", "POST", "PUT"])

    def _call(self) -> flask.Response:
        request = flask.request
        event = {
            "http": {
                "body": request.get_data(as_text=True),
                "headers": {name.lower(): value for name, value in request.headers.items()},
                "method": request.method,
                "path": "",
                "queryString": request.query_string.decode(),
            }
        }
        answer = self._main(event, _Context(request.host_url.rstrip("/")))
        return flask.Response(answer["body"], answer["statusCode"], dict(answer["headers"]))
