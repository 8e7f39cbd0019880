"""Google's Gemini.

A file of its own: users import it by this name.
"""

from __future__ import annotations

from typing import Any

from inngest.sdk.steps.gateway_arguments import ModelAdapter

__all__ = ["Adapter"]


class Adapter(ModelAdapter):
    """Asks Gemini: `POST /v1beta/models/{model}:generateContent`.

    Args:
        auth_key: the key of the API. It is never stored.
        model: the model to ask, unless the body names one.
        base_url: where the API is, with its version, instead of https://generativelanguage.googleapis.com/v1beta.
        headers: to send beside those of the API.
    """

    FORMAT = "gemini"
    BASE = "https://generativelanguage.googleapis.com/v1beta"
    PATH = "/models/{model}:generateContent"

    def on_call(self, body: dict[str, Any]) -> None:
        """Nothing: the URL names the model."""
