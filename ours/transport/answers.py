"""Builds the response that a plugin reads from what came over the wire."""

from collections.abc import Iterable
from email.utils import formatdate
from functools import cached_property, lru_cache

import requests
from requests.cookies import RequestsCookieJar
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers

from ours import clock
from ours.core.headers import Written, look_up, of_written

_BLANK = {name: value for name, value in vars(requests.Response()).items() if name != "cookies"}


class CappedResponse(requests.Response):
    """A response whose body may have been cut at the sender's limit.

    Its cookie jar is made when it is asked for: that is half the work.

    :param lines: a status line and headers, perhaps interim answers before and trailers after them.
    """

    def __init__(self, lines: Iterable[bytes], body: bytes, *, truncated: bool) -> None:
        vars(self).update(_BLANK, history=[])
        self.reason, self.headers = _read_head(lines)
        self.encoding = _encoding(look_up(self.headers, "content-type"))
        self.truncated = truncated
        self._content = body
        self._content_consumed = True  # nothing is left to be read from a socket

    @cached_property
    def cookies(self) -> RequestsCookieJar:  # type: ignore[override]
        """Empty: cookies are not kept."""
        return RequestsCookieJar()


def _read_head(lines: Iterable[bytes]) -> tuple[str, CaseInsensitiveDict[str]]:
    """The status line's words, and the headers.

    A response without a ``Date`` gets one, so that a date in ``Retry-After`` can be read without a clock.
    """
    blocks = b"".join(lines).decode("latin-1").replace("\r\n", "\n").split("\n\n")
    status_line, *headers = [block for block in blocks if block.startswith("HTTP/")][-1].split("\n")
    written = _written(headers)
    if "date" not in written:
        written["date"] = ("Date", _date(clock.now_ms() // 1000))
    return status_line.split(" ", 2)[2] if status_line.count(" ") > 1 else "", of_written(written)


@lru_cache(8)
def _date(seconds: int) -> str:
    return formatdate(seconds, usegmt=True)


@lru_cache(256)
def _encoding(content_type: str | None) -> str | None:
    return get_encoding_from_headers(CaseInsensitiveDict({"content-type": content_type or ""}))


def _written(headers: Iterable[str]) -> Written:
    """One that comes several times is joined by commas, as HTTP says."""
    written: Written = {}
    for header in headers:
        name, _, value = header.partition(":")
        value = value.strip()
        lowered = name.lower()
        written[lowered] = (name, f"{written[lowered][1]}, {value}" if lowered in written else value)
    return written
