"""Checks a prepared request and writes it the way libcurl wants it, so that nothing can be smuggled into it."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import requests
from requests.structures import CaseInsensitiveDict

from ours.core.headers import in_text, plain
from ours.errors import OursError

_URL = re.compile(r"https?://[^/?#@\\\x00-\x20\x7f-\U0010ffff]+([/?#][!-~]*)?", re.ASCII | re.IGNORECASE)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_WRITTEN_BY_US = {"content-length", "expect"}  # from the body; never


class Unsendable(OursError):
    """The request is wrong in itself; the text says how."""

    code = "invalid_request"

    def __init__(self, sentence: str, code: str = "invalid_request") -> None:
        super().__init__(sentence)
        self.code = code


class Outgoing(NamedTuple):
    """A request as libcurl takes it. ``body`` None: no body, and no ``Content-Length`` either."""

    method: str
    url: str
    headers: list[bytes]
    body: bytes | None


def check(request: requests.PreparedRequest) -> Outgoing:
    """``request`` as libcurl takes it, byte for byte what it says.

    :raises Unsendable: when its URL, method, headers or body can't be sent as they are.
    """
    url, method = request.url or "", request.method or ""
    if not _URL.fullmatch(url):
        raise Unsendable(
            "The URL must be http:// or https:// and a host, without a user name, blanks, line breaks or letters"
            " beyond ASCII. Credentials belong in the destination's settings."
        )
    if not _TOKEN.fullmatch(method):
        raise Unsendable("The method must be one word, such as POST.")
    body = _body(method, request.body)
    headers = _lines(request.headers)
    if body is not None and "Content-Type" not in request.headers:
        headers.append(b"Content-Type:")
    return Outgoing(method, url, headers, body)


def _lines(headers: CaseInsensitiveDict[str]) -> list[bytes]:
    """Headers in libcurl's spelling: ``Name;`` is one without a value, ``Name:`` keeps libcurl from adding its own."""
    try:
        return _written(plain(headers))
    except TypeError:  # not all of them are texts
        return _written(in_text(headers))


def _written(headers: Mapping[str, str]) -> list[bytes]:
    if not _VALUE.fullmatch("".join(headers.values())):
        raise Unsendable("The value of a header has a line break or another sign that HTTP forbids there.")
    bare = [(name, value.strip(" \t")) for name, value in headers.items() if _is_for_the_plugin(name)]
    lines = ["Expect:", *[f"{name}: {value}" if value else f"{name};" for name, value in bare]]
    return "\n".join(lines).encode("latin-1").split(b"\n")


@lru_cache(1024)
def _is_for_the_plugin(name: str) -> bool:
    """Whether a header of this name is sent as the plugin says, and not written from the body."""
    kind = name.lower()
    if not _TOKEN.fullmatch(name):
        raise Unsendable("The name of a header has a blank, a line break or another sign that HTTP forbids there.")
    if kind == "transfer-encoding":
        raise Unsendable("The header Transfer-Encoding can't be set: the body is sent whole.")
    return kind not in _WRITTEN_BY_US


def _body(method: str, body: object) -> bytes | None:
    if isinstance(body, str):
        body = body.encode(errors="surrogatepass")
    if body is not None and not isinstance(body, bytes):
        raise Unsendable("The body must be text or bytes; a file or a stream can't be sent again.")
    if body and method == "HEAD":
        raise Unsendable("A HEAD request can't carry a body.")
    return (body or b"") if body or method not in {"GET", "HEAD"} else None
