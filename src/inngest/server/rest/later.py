"""The routes of the API that this server does not have: they answer 501, and the page *REST API* lists them.

A file of its own: both versions, the OpenAPI document and the documentation are held to it.
"""

from __future__ import annotations

from typing import Final

LATER: Final = (
    ("GET", "/v1/prom/{environment}"),
    ("POST", "/v1/traces/userland"),
    ("POST", "/v0/connect/start"),
    ("POST", "/v0/connect/flush"),
    ("POST", "/v1/realtime/publish"),
    ("POST", "/v1/realtime/token"),
    ("GET", "/v1/realtime/connect"),
    ("POST", "/v2/envs"),
    ("PATCH", "/v2/envs/{env_id}"),
    ("GET", "/v2/env/webhooks"),
    ("POST", "/v2/env/webhooks"),
    ("POST", "/v2/apps/{app}/syncs"),
    ("GET", "/v2/partner/accounts"),
    ("POST", "/v2/partner/accounts"),
    ("GET", "/v2/insights/{rest:path}"),
    ("POST", "/v2/insights/{rest:path}"),
    ("GET", "/v2/experiments"),
    ("GET", "/v2/sessions"),
    ("GET", "/v2/sandboxes"),
    ("POST", "/v2/sandboxes"),
)
"""By method and path. Those of version 2 stand below both of its prefixes."""
