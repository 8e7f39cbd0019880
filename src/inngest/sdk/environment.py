"""Settings that a client takes from its arguments and the environment: mode, keys, origins; arguments come first."""

from __future__ import annotations

import importlib.metadata
import os
import warnings
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from .errors import URLInvalidError

DEFAULT_API_ORIGIN = "https://api.inngest.com/"
DEFAULT_EVENT_ORIGIN = "https://inn.gs/"
DEV_ORIGIN = "http://127.0.0.1:8288/"

_BRANCHES = ("INNGEST_ENV", "RAILWAY_GIT_BRANCH", "RENDER_GIT_BRANCH", "VERCEL_GIT_COMMIT_REF")
_FALSE = ("", "0", "false")


class Settings(NamedTuple):
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

    def key(argument: str | None, name: str) -> str | None:
        """A key; the line break after one that was read from a file is not part of it."""
        return (argument or given.get(name) or "").strip() or None

    return Settings(
        is_production=production,
        api_origin=origin(api_base_url, "INNGEST_API_BASE_URL", DEFAULT_API_ORIGIN),
        event_api_origin=origin(event_api_base_url, "INNGEST_EVENT_API_BASE_URL", DEFAULT_EVENT_ORIGIN),
        env=env or next((given[name] for name in _BRANCHES if given.get(name)), None),
        event_key=key(event_key, "INNGEST_EVENT_KEY"),
        signing_key=key(signing_key, "INNGEST_SIGNING_KEY"),
        signing_key_fallback=key(None, "INNGEST_SIGNING_KEY_FALLBACK"),
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
    if not _is_origin(url):
        raise URLInvalidError(f"the URL {url!r} is wrong: expected something like http://localhost:8288")
    return url


def at(origin: str, path: str) -> str:
    """The URL of a path below an origin, which may end in a slash or not."""
    return f"{origin.removesuffix('/')}/{path}"


def _is_origin(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets that do not match, or a port that is no number
        return False


def branch_key_without_env(settings: Settings) -> str | None:
    """A warning for a key of branch environments when none is named, or None."""
    if settings.env or "branch" not in (settings.signing_key or ""):
        return None
    return (
        "the signing key is one for branch environments, but no environment is named: pass env, or set INNGEST_ENV, "
        "to the name of the branch"
    )


def _looks_like_url(text: str) -> bool:
    return "://" in text or "." in text or ":" in text


def warn_of_namesake() -> None:
    """Warn if the distribution `inngest` is installed beside `pyngest`: each overwrites files of the other."""
    try:
        version = importlib.metadata.version("inngest")
    except importlib.metadata.PackageNotFoundError:
        return
    warnings.warn(
        f'two distributions provide the package "inngest": pyngest, and inngest {version}, which overwrite files of '
        "each other. Remove the latter: `pip uninstall inngest`, then restore this one: "
        "`pip install --force-reinstall --no-deps pyngest`.",
        RuntimeWarning,
        stacklevel=3,
    )
