"""The app about itself: what a server, or a person, sees of an endpoint and its settings. No secret is told."""

from __future__ import annotations

import hashlib

from inngest.protocol import headers
from inngest.protocol.wire.signing import hashed
from inngest.sdk.function import Client

from .settings import Settings

SCHEMA = "2024-05-24"
CAPABILITIES = {"connect": "v1", "in_band_sync": "v1", "trust_probe": "v1"}


def short(client: Client, functions: int) -> dict[str, object]:
    """The part that anybody may see.

    Args:
        client: whose settings they are.
        functions: how many are served, without those that handle failures.
    """
    return {
        "schema_version": SCHEMA,
        "function_count": functions,
        "has_event_key": client.event_key is not None,
        "has_signing_key": client.signing_key is not None,
        "has_signing_key_fallback": client.signing_key_fallback is not None,
        "mode": "cloud" if client.is_production else "dev",
    }


def full(client: Client, functions: int, framework: str, settings: Settings) -> dict[str, object]:
    """The whole, for a server that has shown the signing key."""
    return {
        **short(client, functions),
        "api_origin": client.api_origin,
        "app_id": client.app_id,
        "authentication_succeeded": True,
        "capabilities": CAPABILITIES,
        "env": client.env,
        "event_api_origin": client.event_api_origin,
        "event_key_hash": None if client.event_key is None else hashlib.sha256(client.event_key.encode()).hexdigest(),
        "framework": framework,
        "sdk_language": "py",
        "sdk_version": headers.VERSION,
        "serve_origin": settings.origin,
        "serve_path": settings.registered_path,
        "signing_key_fallback_hash": _hash(client.signing_key_fallback),
        "signing_key_hash": _hash(client.signing_key),
    }


def _hash(key: str | None) -> str | None:
    return None if key is None else hashed(key)
