"""Makes whatever would tell two builds of one delivery apart fail: the clock, chance, the network and the disk."""

import builtins
import datetime as dt
import http.client
import http.cookiejar
import io
import logging
import os
import random
import secrets
import socket
import sys
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import FrameType, SimpleNamespace
from typing import Any
from unittest import mock

import requests

from ours.plugin.testing.watching import PURE, running

_IMPURE: list[tuple[Any, list[str]]] = [
    (time, ["time", "time_ns"]),
    (random, ["random", "randint", "randrange", "choice", "choices", "sample", "shuffle", "uniform", "getrandbits"]),
    (secrets, ["token_bytes", "token_hex", "token_urlsafe", "choice", "randbelow", "randbits"]),
    (uuid, ["uuid1", "uuid4"]),
    (os, ["urandom", "getenv"]),
    (socket, ["socket", "create_connection", "getaddrinfo"]),
    (builtins, ["open"]),
    (io, ["open"]),
    (requests.Session, ["request", "send"]),
    (http.client.HTTPConnection, ["request"]),
    (urllib.request, ["urlopen"]),
]
_CLOCKS: list[tuple[type, list[str]]] = [(dt.datetime, ["now", "utcnow", "today"]), (dt.date, ["today"])]
_SENDING = {"request", "send", "urlopen"}


def _refusal(name: str, real: Callable[..., Any]) -> Any:
    """``real`` for all threads but the one that makes this, and for a log line, which says when it was written."""
    thread = threading.get_ident()

    def refuse(*given: Any, **more: Any) -> Any:
        if threading.get_ident() != thread or _is_a_log_line(sys._getframe(1)):  # noqa: SLF001 - the only quick way
            return real(*given, **more)
        did = "sent a request by itself" if name in _SENDING else f"called {name}"
        raise AssertionError(f"{running() or 'build'} {did}. {PURE}")

    return refuse


def _is_a_log_line(caller: FrameType | None) -> bool:
    """Whether a log line, or what writes it down, is among those that ask."""
    while caller and caller.f_globals.get("__name__") != logging.__name__:
        caller = caller.f_back
    return caller is not None


def _timeless(kind: type, names: Sequence[str]) -> type:
    """``kind``, a class of ``datetime``, without what asks the clock."""
    refusals = {name: _refusal(f"{kind.__name__}.{name}", getattr(kind, name)) for name in names}
    return type(kind.__name__, (kind,), {name: staticmethod(refuse) for name, refuse in refusals.items()})


@contextmanager
def pure(plugin: type) -> Iterator[None]:
    """Within, ``plugin``'s module and the rest of Python find no clock, no chance, no network and no file. Other
    threads find what they always do, and so does a jar of cookies, which any prepared request has."""
    replaced = {id(real := getattr(room, name)): _refusal(name, real) for room, names in _IMPURE for name in names}
    replaced |= {id(kind): _timeless(kind, names) for kind, names in _CLOCKS}
    rooms = [room for room, _ in _IMPURE] + [dt, sys.modules.get(plugin.__module__)]
    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(http.cookiejar, "time", SimpleNamespace(**vars(time))))
        for room in filter(None, rooms):
            for name, value in list(vars(room).items()):
                if id(value) in replaced:
                    stack.enter_context(mock.patch.object(room, name, replaced[id(value)]))
        yield


@contextmanager
def standing(zone: str) -> Iterator[None]:
    """Within, the machine stands in ``zone``, in the words of ``TZ``."""
    try:
        with mock.patch.dict("os.environ", TZ=zone):
            time.tzset()
            yield
    finally:
        time.tzset()
