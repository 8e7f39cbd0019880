"""Which hosts may be called: one policy, asked about each address that is about to be connected to.

A name says nothing about where it leads, and what it leads to may change between two questions. So the policy is asked
about resolved addresses, for each connection and each redirect (`connections.py` asks it).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_HOLDERS = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "::/96", "::ffff:0:0:0/96")))
"""IPv6 networks whose last 32 bits are an IPv4 address: of NAT64, of RFC 4291 2.5.5.1, and of SIIT (RFC 2765)."""

_OWN_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")
"""Leads to an IPv4 address too, and only its own network knows which of its bits are that (RFC 8215)."""

_RESERVED = (
    _OWN_NAT64,
    ipaddress.IPv6Network("fec0::/10"),  # addresses of a site (RFC 3879)
    ipaddress.IPv4Network("168.63.129.16/32"),  # the host of a virtual machine on Azure
)
"""Not public, though `ipaddress` takes them to be."""


def is_address(host: str) -> bool:
    """Whether a host is written as an IP address, and not as a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class EgressError(Exception):
    """The policy refuses a host; the text says which address, why, and how to allow it."""


@dataclass(frozen=True)
class Rule:
    """Hosts that a policy names.

    Attributes:
        name: a host's name in lower case, or "*.name" for the names below it; "" if the rule is about addresses.
        network: addresses; None if the rule is about a name.
        port: the only port that is meant; None for every port.
    """

    name: str
    network: Network | None
    port: int | None

    def covers(self, host: str, port: int, address: Address) -> bool:
        """Whether a connection is meant."""
        if self.port not in (None, port):
            return False
        if self.network is not None:
            return address in self.network
        return host == self.name or (self.name.startswith("*.") and host.endswith(self.name[1:]))


class Egress:
    """The hosts that may be called.

    A rule of `deny` counts first, then one of `allow`, and then whether the address is public.

    Args:
        allow: hosts that may be called though their address is not public: a name, "*.name", an address, or a network
            such as 10.0.0.0/8; names and addresses may have a port ("localhost:3000", "[::1]:3000").
        deny: hosts that are never called, written in the same way.
        private: whether addresses that are not public may be called: loopback, private networks, link-local, multicast.

    Raises:
        ValueError: which rule cannot be read, and what was expected.
    """

    def __init__(self, *, allow: Collection[str] = (), deny: Collection[str] = (), private: bool = True) -> None:
        self._allow = tuple(rule(text) for text in allow)
        self._deny = tuple(rule(text) for text in deny)
        self._private = private

    def also(self, allow: Collection[str]) -> Egress:
        """This policy, with more hosts that may be called.

        Raises:
            ValueError: as for the policy itself.
        """
        more = Egress(allow=allow, private=self._private)
        more._allow, more._deny = (*self._allow, *more._allow), self._deny
        return more

    @property
    def is_open(self) -> bool:
        """Whether it refuses nothing, so that nobody need ask."""
        return self._private and not self._deny

    def check(self, host: str, port: int, address: str) -> None:
        """Ask about one connection.

        Args:
            host: as the URL names it.
            port: that is connected to.
            address: the address that the host was resolved to.

        Raises:
            EgressError: it is refused.
        """
        if self.is_open:
            return
        name, found = host.rstrip(".").lower(), _embedded(ipaddress.ip_address(address.partition("%")[0]))
        if any(one.covers(name, port, meant) for one in self._deny for meant in _meant(found)):
            raise EgressError(f"{_shown(host, found)} is on the list of hosts that must not be called")
        if self._private or any(one.covers(name, port, found) for one in self._allow):
            return
        if not _is_public(found):
            raise EgressError(
                f"{_shown(host, found)} is not a public address, and this server calls no others; "
                f"start it with --allow-host {_as_rule(host, port)} if it is yours"
            )


def rule(text: str) -> Rule:
    """A rule, from its text.

    Raises:
        ValueError: it is none.
    """
    expected = ValueError(
        f"expected a host such as shop.internal, *.internal, 10.0.0.7, 10.0.0.0/8 or localhost:3000, got {text!r}"
    )
    given = text.strip().lower()
    try:
        return Rule("", ipaddress.ip_network(given.removeprefix("[").removesuffix("]"), strict=False), None)
    except ValueError:
        pass
    host, colon, digits = given.rpartition(":")
    port: int | None = None
    if colon:
        if not digits.isascii() or not digits.isdigit() or not 0 < int(digits) < 2**16:
            raise expected
        port = int(digits)
    else:
        host = given
    try:
        return Rule("", ipaddress.ip_network(host.removeprefix("[").removesuffix("]")), port)
    except ValueError:
        pass
    name = host.rstrip(".")
    if not name or any(mark in name for mark in " /:@[]?#\\") or "*" in name.removeprefix("*."):
        raise expected
    return Rule(name, None, port)


def _embedded(address: Address) -> Address:
    """The IPv4 address that an IPv6 address leads to, if it is such a one; else the address."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if not (address.is_loopback or address.is_unspecified) and any(address in holder for holder in _HOLDERS):
            return _last_of(address)
    return address


def _meant(address: Address) -> tuple[Address, ...]:
    """The addresses to which one may lead, for those that must not be called."""
    return (address, _last_of(address)) if address in _OWN_NAT64 else (address,)


def _last_of(address: Address) -> Address:
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)


def _is_public(address: Address) -> bool:
    return address.is_global and not address.is_multicast and not any(address in network for network in _RESERVED)


def _shown(host: str, address: Address) -> str:
    return host if host.strip("[]") == str(address) else f"{host} leads to {address}, which"


def _as_rule(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host and not host.startswith("[") else f"{host}:{port}"
