"""Anthropic's messages.

A file of its own: users import it by this name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from inngest.sdk.steps.gateway_arguments import ModelAdapter

__all__ = ["Adapter"]


class Adapter(ModelAdapter):
    """Asks Anthropic: `POST /v1/messages`.

    Args:
        auth_key: the key of the API. It is never stored.
        model: the model to ask, unless the body names one.
        base_url: where the API is, with its version, instead of https://api.anthropic.com/v1.
        headers: to send beside those of the API.
    """

    FORMAT = "anthropic"
    BASE = "https://api.anthropic.com/v1"
    PATH = "/messages"
    HEADERS: ClassVar[Mapping[str, str]] = {"anthropic-version": "2023-06-01"}
