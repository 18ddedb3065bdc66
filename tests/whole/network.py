"""Machines that are none: network namespaces on a bridge, each with a cable that can be cut. Needs root and Linux."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

NETWORK = "198.18.77.0/24"  # of the range kept for tests of networks: nobody lives there
MIDDLE = "198.18.77.1"
"""The bridge's own address: where all namespaces find the database, the queue and the receiver."""


class NoNamespaces(Exception):
    """They can't be had here; the message says why."""


class Host:
    """A network namespace. ``within``: the words that start a program in it."""

    def __init__(self, name: str, cable: str, address: str) -> None:
        self.address = address
        self.within = ("ip", "netns", "exec", name)
        self._cable = cable

    def cut(self) -> None:
        _ip("link", "set", self._cable, "down")

    def mend(self) -> None:
        _ip("link", "set", self._cable, "up")


@contextmanager
def hosts(count: int) -> Iterator[list[Host]]:
    """So many namespaces on a bridge of their own; nothing of it is left when the block ends.

    :raises NoNamespaces: where this machine or this user can't make them.
    """
    if not shutil.which("ip") or os.geteuid() != 0:
        raise NoNamespaces("it takes root, Linux and iproute2")
    mark = f"o{os.getpid() % 100_000}"
    bridge, names = f"{mark}b", [f"{mark}n{number}" for number in range(count)]
    try:
        _ip("link", "add", bridge, "type", "bridge")
        _ip("address", "add", f"{MIDDLE}/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        yield [_host(name, bridge, f"198.18.77.{11 + number}") for number, name in enumerate(names)]
    finally:
        for name in names:
            _try("netns", "delete", name)
            _try("link", "delete", f"{name}c")
        _try("link", "delete", bridge)


def _host(name: str, bridge: str, address: str) -> Host:
    cable, end = f"{name}c", f"{name}e"
    _ip("netns", "add", name)
    _ip("link", "add", cable, "type", "veth", "peer", "name", end, "netns", name)
    _ip("link", "set", cable, "master", bridge, "up")
    _ip("-n", name, "address", "add", f"{address}/24", "dev", end)
    _ip("-n", name, "link", "set", end, "up")
    _ip("-n", name, "link", "set", "lo", "up")
    return Host(name, cable, address)


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoNamespaces(f"`ip {' '.join(words)}` says: {done.stderr.strip()}")


def _try(*words: str) -> None:
    subprocess.run(["ip", *words], capture_output=True, check=False)
