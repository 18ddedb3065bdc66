"""Prepares requests for the wire as ``requests`` does, and sooner where they are plain: most of ours are.

``Request.prepare`` looks for cookies, hooks, files, credentials and queries that a plugin's request hardly ever has,
and parses the same address again each time.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from requests import PreparedRequest, Request

from ours.core.headers import in_text, of_mapping

_BLANK = vars(PreparedRequest())
_LINES = re.compile(r"([!-~][ -~]*(\n[!-~][ -~]*)*)?")


def prepare(request: Request) -> PreparedRequest:
    """What ``request.prepare()`` gives, with texts for headers, and raises what it raises."""
    if not _is_plain(request):
        odd = request.prepare()
        odd.headers = of_mapping(in_text(odd.headers))
        return odd
    ready = PreparedRequest.__new__(PreparedRequest)
    headers = of_mapping(request.headers)
    headers["Content-Length"] = str(len(request.data))
    vars(ready).update(
        _BLANK,
        method=request.method.upper(),
        url=_address(request.url),
        headers=headers,
        body=request.data,
        hooks={"response": []},
    )
    return ready


def _is_plain(request: Request) -> bool:
    """A body of bytes for an address that is a text without credentials; nothing else but headers that are texts."""
    unusual = request.files or request.params or request.cookies or request.auth or request.json is not None
    return (
        not unusual
        and request.hooks == _BLANK["hooks"]
        and isinstance(request.data, bytes)
        and bool(request.data)
        and isinstance(request.method, str)
        and isinstance(request.url, str)
        and "@" not in request.url
        and isinstance(request.headers, dict)
        and _are_plain(request.headers)
    )


def _are_plain(headers: Mapping[Any, Any]) -> bool:
    """Whether all names and values are texts that no check of ``requests`` refuses."""
    parts = (*headers, *headers.values())
    try:
        names, lines = "".join(headers), "\n".join(parts)
    except TypeError:  # bytes, a number: anything but a text
        return False
    return ":" not in names and lines.count("\n") < max(len(parts), 1) and _LINES.fullmatch(lines) is not None


@lru_cache(1024)
def _address(url: str) -> str | None:
    ready = PreparedRequest()
    ready.prepare_url(url, None)
    return ready.url
