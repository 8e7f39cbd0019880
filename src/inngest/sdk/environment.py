"""What a client takes from its arguments and the environment: mode, keys, origins (sdk-api §2.1, §2.2)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from .errors import URLInvalidError

DEFAULT_API_ORIGIN = "https://api.inngest.com/"
DEFAULT_EVENT_ORIGIN = "https://inn.gs/"
DEV_ORIGIN = "http://127.0.0.1:8288/"

_BRANCHES = ("INNGEST_ENV", "RAILWAY_GIT_BRANCH", "RENDER_GIT_BRANCH", "VERCEL_GIT_COMMIT_REF")
_FALSE = ("", "0", "false")


@dataclass(frozen=True)
class Settings:
    """The settings of a client, resolved."""

    is_production: bool
    api_origin: str
    event_api_origin: str
    env: str | None
    event_key: str | None
    signing_key: str | None
    signing_key_fallback: str | None


def resolve(
    *,
    is_production: bool | None,
    api_base_url: str | None,
    event_api_base_url: str | None,
    env: str | None,
    event_key: str | None,
    signing_key: str | None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Settings from arguments first, the environment second, defaults last.

    Raises:
        URLInvalidError: an origin has no domain or port.
    """
    given = os.environ if environ is None else environ
    dev = given.get("INNGEST_DEV", "")
    is_dev = dev.casefold() not in _FALSE
    production = is_production if is_production is not None else not is_dev
    dev_url = dev if is_dev and _looks_like_url(dev) else None
    both = given.get("INNGEST_BASE_URL") or dev_url

    def origin(argument: str | None, specific: str, default: str) -> str:
        chosen = argument or given.get(specific) or both or (default if production else DEV_ORIGIN)
        return normalize(chosen, production)

    return Settings(
        is_production=production,
        api_origin=origin(api_base_url, "INNGEST_API_BASE_URL", DEFAULT_API_ORIGIN),
        event_api_origin=origin(event_api_base_url, "INNGEST_EVENT_API_BASE_URL", DEFAULT_EVENT_ORIGIN),
        env=env or next((given[name] for name in _BRANCHES if given.get(name)), None),
        event_key=event_key or given.get("INNGEST_EVENT_KEY") or None,
        signing_key=signing_key or given.get("INNGEST_SIGNING_KEY") or None,
        signing_key_fallback=given.get("INNGEST_SIGNING_KEY_FALLBACK") or None,
    )


def normalize(url: str, is_production: bool) -> str:
    """A URL with a scheme: https in production, http otherwise, where it has none.

    Raises:
        URLInvalidError: it has no domain or port.
    """
    if "." not in url and ":" not in url:
        raise URLInvalidError(f"the URL {url!r} has no domain or port: expected something like http://localhost:8288")
    if "://" not in url:
        url = f"{'https' if is_production else 'http'}://{url}"
    if not urlsplit(url).netloc:
        raise URLInvalidError(f"the URL {url!r} has no domain or port: expected something like http://localhost:8288")
    return url if url.endswith("/") else f"{url}/"


def _looks_like_url(text: str) -> bool:
    return "://" in text or "." in text or ":" in text
