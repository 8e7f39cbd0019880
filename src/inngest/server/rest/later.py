"""The routes of the API that this server does not have: they answer 501, and the page *REST API* lists them.

A file of its own: both versions, the OpenAPI document and the documentation are held to it.
"""

from __future__ import annotations

from typing import Final


def _all_of(path: str, *methods: str) -> list[tuple[str, str]]:
    """A path and everything below it."""
    return [(method, one) for one in (path, f"{path}/{{rest:path}}") for method in methods]


LATER: Final = (
    ("GET", "/v1/prom/{environment}"),
    ("POST", "/v1/traces/userland"),
    ("POST", "/dev/traces"),
    ("POST", "/fn/step-limit"),
    ("DELETE", "/fn/step-limit"),
    ("POST", "/fn/state-size-limit"),
    ("DELETE", "/fn/state-size-limit"),
    ("POST", "/v0/connect/start"),
    ("POST", "/v0/connect/flush"),
    ("POST", "/v0/gql"),
    ("GET", "/mcp"),
    ("POST", "/mcp"),
    ("DELETE", "/mcp"),
    ("POST", "/v1/realtime/publish"),
    ("POST", "/v1/realtime/publish/tee"),
    ("POST", "/v1/realtime/token"),
    ("GET", "/v1/realtime/connect"),
    ("GET", "/v1/realtime/sse"),
    ("GET", "/v2/operations"),
    ("POST", "/v2/envs"),
    ("PATCH", "/v2/envs/{env_id}"),
    ("GET", "/v2/env/webhooks"),
    ("POST", "/v2/env/webhooks"),
    ("POST", "/v2/apps/{app}/syncs"),
    *_all_of("/v2/partner/accounts", "GET", "POST"),
    *_all_of("/v2/insights", "GET", "POST"),
    *_all_of("/v2/experiments", "GET"),
    *_all_of("/v2/sessions", "GET"),
    *_all_of("/v2/sandboxes", "GET", "POST", "PUT", "PATCH", "DELETE"),
)
"""By method and path. Those of version 2 stand below both of its prefixes."""
