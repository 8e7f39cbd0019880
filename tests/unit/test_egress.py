"""Which hosts may be called, by the address that they lead to."""

from __future__ import annotations

import pytest

from inngest.runtime.egress import Egress, EgressError

PRIVATE = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.9.9.9",
    "169.254.169.254",
    "172.16.0.1",
    "192.168.1.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::7f00:1",
    "64:ff9b:1::808:808",
    "64:ff9b:1:7f00:0:100::",
    "::7f00:1",
    "::10.0.0.1",
    "::ffff:0:7f00:1",
    "fec0::1",
    "168.63.129.16",
    "2002:7f00:1::",
    "fc00::1",
    "fe80::1%eth0",
    "ff02::1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "2606:4700:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "::8.8.8.8",
    "::ffff:0:808:808",
]


def refused(egress: Egress, host: str, port: int, address: str) -> str | None:
    try:
        egress.check(host, port, address)
    except EgressError as error:
        return str(error)
    return None


@pytest.mark.parametrize("address", PRIVATE + PUBLIC)
def test_an_open_policy_refuses_nothing(address: str) -> None:
    assert Egress().is_open
    assert refused(Egress(), "x.test", 80, address) is None


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not_public_are_refused_whatever_the_name(address: str) -> None:
    assert not Egress(private=False).is_open
    text = refused(Egress(private=False), "shop.test", 8080, address)
    assert text is not None
    assert text.startswith("shop.test leads to ")
    assert "--allow-host shop.test:8080 " in text


@pytest.mark.parametrize("address", ["64:ff9b:1::7f00:1", "64:ff9b::7f00:1", "::7f00:1", "::ffff:0:7f00:1"])
def test_an_ipv4_address_that_must_not_be_called_is_so_in_any_form(address: str) -> None:
    text = refused(Egress(deny=["127.0.0.1"]), "shop.test", 80, address)
    assert text is not None
    assert "must not be called" in text


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_called(address: str) -> None:
    assert refused(Egress(private=False), "shop.test", 443, address) is None


@pytest.mark.parametrize(
    ("rule", "host", "port", "address"),
    [
        ("localhost", "localhost", 3000, "127.0.0.1"),
        ("LocalHost:3000", "localhost.", 3000, "::1"),
        ("shop.internal", "Shop.Internal", 80, "10.0.0.7"),
        ("*.internal", "a.shop.internal", 80, "10.0.0.7"),
        ("10.0.0.7", "shop.internal", 80, "10.0.0.7"),
        ("10.0.0.7:81", "10.0.0.7", 81, "10.0.0.7"),
        ("10.0.0.0/8", "shop.internal", 80, "10.200.0.7"),
        ("[::1]:3000", "::1", 3000, "::1"),
        ("::1", "localhost", 80, "::1"),
        ("fc00::/7", "shop.internal", 80, "fc00::7"),
        ("10.0.0.7", "x", 80, "::ffff:10.0.0.7"),
    ],
)
def test_what_is_allowed_may_be_private(rule: str, host: str, port: int, address: str) -> None:
    assert refused(Egress(allow=[rule], private=False), host, port, address) is None
    assert refused(Egress(private=False).also([rule]), host, port, address) is None
    assert refused(Egress(private=False), host, port, address) is not None


@pytest.mark.parametrize(
    ("rule", "host", "port", "address"),
    [
        ("localhost:3000", "localhost", 3001, "127.0.0.1"),
        ("internal", "shop.internal", 80, "10.0.0.7"),
        ("*.internal", "internal", 80, "10.0.0.7"),
        ("*.internal", "shopinternal", 80, "10.0.0.7"),
        ("shop.internal", "shop.internal.evil.test", 80, "10.0.0.7"),
        ("10.0.0.7", "10.0.0.7.evil.test", 80, "10.0.0.8"),
    ],
)
def test_a_rule_covers_nothing_else(rule: str, host: str, port: int, address: str) -> None:
    assert refused(Egress(allow=[rule], private=False), host, port, address) is not None


def test_what_is_denied_is_denied_first() -> None:
    egress = Egress(allow=["10.0.0.0/8"], deny=["10.0.0.7", "evil.test"])
    assert not egress.is_open
    assert refused(egress, "10.0.0.7", 80, "10.0.0.7") == "10.0.0.7 is on the list of hosts that must not be called"
    assert refused(egress, "evil.test", 80, "8.8.8.8") is not None
    assert refused(egress.also(["evil.test"]), "evil.test", 80, "8.8.8.8") is not None
    assert refused(egress, "10.0.0.8", 80, "10.0.0.8") is None


def test_the_mend_of_an_address_is_written_as_it_is_taken() -> None:
    text = refused(Egress(private=False), "::1", 3000, "::1")
    assert text is not None
    assert text.startswith("::1 is not a public address")
    assert "--allow-host [::1]:3000 " in text
    assert refused(Egress(allow=["[::1]:3000"], private=False), "::1", 3000, "::1") is None


@pytest.mark.parametrize(
    "text", ["", " ", "http://shop.test", "shop.test/x", "a:b", "a:0", "a:70000", "a b", "sh*p", "*"]
)
def test_what_is_no_rule_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"^expected a host such as shop\.internal") as failure:
        Egress(allow=[text])
    assert repr(text) in str(failure.value)
