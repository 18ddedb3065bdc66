"""Makes whatever would tell two builds of one delivery apart fail: the clock, chance, the network and the disk."""

import builtins
import datetime as dt
import http.client
import io
import os
import random
import secrets
import socket
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NoReturn
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
_SENDING = {"request", "send", "urlopen"}


def _refusal(name: str) -> Any:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        did = "sent a request by itself" if name in _SENDING else f"called {name}"
        raise AssertionError(f"{running() or 'build'} {did}. {PURE}")

    return refuse


class _Datetime(dt.datetime):
    now = utcnow = today = staticmethod(_refusal("datetime.now"))


class _Date(dt.date):
    today = staticmethod(_refusal("date.today"))


@contextmanager
def pure(plugin: type) -> Iterator[None]:
    """Within, ``plugin``'s module and the rest of Python find no clock, no chance, no network and no file."""
    replaced = {id(getattr(room, name)): _refusal(name) for room, names in _IMPURE for name in names}
    replaced |= {id(dt.datetime): _Datetime, id(dt.date): _Date}
    rooms = [room for room, _ in _IMPURE] + [dt, sys.modules.get(plugin.__module__)]
    with ExitStack() as stack:
        for room in filter(None, rooms):
            for name, value in list(vars(room).items()):
                if id(value) in replaced:
                    stack.enter_context(mock.patch.object(room, name, replaced[id(value)]))
        yield
