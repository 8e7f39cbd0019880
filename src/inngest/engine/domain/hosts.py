"""Which hosts requests go to, and how many each may have under way (decision 0048). Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from urllib.parse import urlsplit

from .index_keys import index_key

NOWHERE = "-"
"""The host of a URL that has none."""

PORTS = {"http": 80, "https": 443}


def host_of(url: str) -> str:
    """Name and port of the host that a URL leads to, as they stand in an index."""
    try:
        parts = urlsplit(url)
        name, port = parts.hostname, parts.port or PORTS.get(parts.scheme, 0)
    except ValueError:
        return NOWHERE
    return index_key(f"{name}:{port}") if name else NOWHERE


class Hosts:
    """The places for requests: a host gets another one while it has fewer than are free.

    One host alone gets half of them, the next one half of what is left, and each is left one for a long time.

    Args:
        places: how many there are.
        under_way: how many requests each host has under way.
    """

    def __init__(self, places: int, under_way: Mapping[str, int]) -> None:
        self._under_way = Counter(under_way)
        self.free = max(0, places - self._under_way.total())

    def take(self, host: str) -> bool:
        """Take a place for a host; whether it may have one."""
        if self._under_way[host] >= self.free:
            return False
        self._under_way[host] += 1
        self.free -= 1
        return True
