"""Places for requests: which host a URL leads to, and how many places each host gets."""

from __future__ import annotations

import pytest

from inngest.engine.domain.hosts import Hosts, host_of
from inngest.engine.gateway import AT_A_TIME


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://Example.com/a?b=c", "example.com:80"),
        ("https://example.com", "example.com:443"),
        ("https://example.com:8443/", "example.com:8443"),
        ("http://user:secret@example.com/", "example.com:80"),
        ("http://[::1]:8000/", "::1:8000"),
        ("http://[::1", "-"),
        ("http://example.com:99999/", "-"),
        ("/only/a/path", "-"),
    ],
)
def test_a_host_is_a_name_and_a_port(url: str, host: str) -> None:
    assert host_of(url) == host


def test_a_name_that_is_too_long_for_an_index_stands_as_its_hash() -> None:
    assert len(host_of(f"http://{'a' * 300}/")) == 65


def took(hosts: Hosts, host: str) -> int:
    """How many places a host gets when it wants all."""
    count = 0
    while hosts.take(host):
        count += 1
    return count


def test_each_slow_host_takes_half_of_what_is_left() -> None:
    hosts = Hosts(AT_A_TIME, {})
    assert [took(hosts, str(number)) for number in range(9)] == [96, 48, 24, 12, 6, 3, 2, 1, 0]
    assert hosts.free == 0


def test_a_host_that_has_more_than_there_are_left_waits_and_others_do_not() -> None:
    hosts = Hosts(8, {"slow": 6})
    assert not hosts.take("slow")
    assert took(hosts, "quick") == 1
    assert took(hosts, "other") == 1


def test_there_are_no_places_when_more_are_taken_than_there_are() -> None:
    assert (Hosts(0, {"slow": 3}).free, Hosts(0, {}).take("any")) == (0, False)
