"""What belongs to the whole process, and so to every other plugin in it: one that changes it harms all."""

import locale
import os
import socket
import sys
from collections.abc import Mapping
from typing import Any

_ENVIRONMENT: Mapping[Any, Any] = getattr(os.environ, "_data", os.environ)  # noqa: TID251 - not read, but compared
"""As Python keeps it, which is copied fifty times as quickly."""


def shared() -> Mapping[str, Any]:
    """Each of it, by what it is called."""
    return {
        "the environment": dict(_ENVIRONMENT),
        "the working folder": os.getcwd(),  # noqa: PTH109 - it is asked for twice at each call
        "the locale": locale.setlocale(locale.LC_ALL),
        "the default timeout of sockets": socket.getdefaulttimeout(),
        "the limit of recursion": sys.getrecursionlimit(),
    }


def changed(before: Mapping[str, Any]) -> str | None:
    """The first of it that is not as it was ``before``."""
    now = shared()
    return next((name for name, value in before.items() if now[name] != value), None)
