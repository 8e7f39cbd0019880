"""OpenAI's chat completions, and what speaks the same language.

A file of its own: users import it by this name.
"""

from __future__ import annotations

from inngest.sdk.steps.gateway_arguments import ModelAdapter

__all__ = ["Adapter"]


class Adapter(ModelAdapter):
    """Asks OpenAI: `POST /v1/chat/completions`.

    Args:
        auth_key: the key of the API. It is never stored.
        model: the model to ask, unless the body names one.
        base_url: where the API is, with its version, instead of https://api.openai.com/v1.
        headers: to send beside those of the API.
    """

    BASE = "https://api.openai.com/v1"
