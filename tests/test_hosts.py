"""Which hosts are left alone during one drain."""

from __future__ import annotations

import pytest

from fbsyncd.errors import FetchError, Intercepted, LinkDead, MediaTrouble, Unreachable
from fbsyncd.hosts import TRIES_PER_HOST, Hosts

HERE, THERE = "https://a.example/1.jpg", "https://b.example/2.jpg"


class Calls:
    """A fetch that ends as it is told, and counts how often it was tried."""

    def __init__(self) -> None:
        self.count = 0

    def end(self, error: Exception | None = None) -> str:
        self.count += 1
        if error is not None:
            raise error
        return "a picture"


def ask(hosts: Hosts, calls: Calls, url: str, error: FetchError | None = None) -> str:
    try:
        return hosts.ask(url, lambda: calls.end(error))
    except FetchError as raised:
        return str(raised)


@pytest.mark.parametrize("kind", [Unreachable, Intercepted])
def test_a_host_that_cannot_be_reached_is_left_alone(kind: type[FetchError]) -> None:
    """After so many tries in vain no more are made, and other hosts are asked as before."""
    hosts, calls = Hosts(), Calls()
    for _ in range(TRIES_PER_HOST):
        assert ask(hosts, calls, HERE, kind("away")) == "away"
    assert ask(hosts, calls, HERE) == "no connection to a.example"
    assert calls.count == TRIES_PER_HOST
    assert ask(hosts, calls, THERE) == "a picture"


@pytest.mark.parametrize("answer", [None, LinkDead("403")])
def test_any_answer_of_a_host_begins_the_count_anew(answer: FetchError | None) -> None:
    """A picture or a refusal shows that it is there."""
    hosts, calls = Hosts(), Calls()
    for error in (*[Unreachable("away")] * (TRIES_PER_HOST - 1), answer, Unreachable("away")):
        ask(hosts, calls, HERE, error)
    assert ask(hosts, calls, HERE) == "a picture"


def test_trouble_with_the_disk_says_nothing_of_the_host() -> None:
    """It is raised as it is, and no host is counted for it."""
    hosts, calls = Hosts(), Calls()
    for _ in range(TRIES_PER_HOST):
        with pytest.raises(MediaTrouble, match="full"):
            hosts.ask(HERE, lambda: calls.end(MediaTrouble("full")))
    assert ask(hosts, calls, HERE) == "a picture"
