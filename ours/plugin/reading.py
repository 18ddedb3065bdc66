"""Reads an HTTP answer by its status, as most destinations mean it (conventions of docs/plugins.md)."""

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from requests import Response

from ours.plugin.types import (
    NOT_THE_API,
    Delivered,
    Outcome,
    Rejected,
    Retry,
    SecretValue,
    Split,
    Token,
    Unauthorized,
    Unknown,
)

_TRANSIENT = {408, 425}
_NO_ACCESS = {401, 402, 403, 407}
_NOT_HERE = {404, 405, 410, 421}
_TOO_LARGE = 413
_PAGE = re.compile(
    rb"(\xef\xbb\xbf)?\s*(?>(<\?xml[^>]{0,200}>|<!--.{0,1000}?-->)\s*)*<(!doctype html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_RESETS = ("X-RateLimit-Retry-After", "RateLimit-Reset", "X-RateLimit-Reset", "X-Rate-Limit-Reset")
_EPOCH = 1e9  # A reset that is larger is a moment, in seconds; beyond a thousand times that, in milliseconds.
AFTER_CEILING = 24 * 3600.0
_HOUR, _YEAR = 3600.0, 365 * 24 * 3600.0


def by_status(response: Response) -> Outcome:
    """2xx delivered; 408, 425, 429, 5xx retry; 401, 402, 403, 407 unauthorized; all else, redirects too, rejected.

    A 403 with ``Retry-After`` is a 429: nobody knows when credentials will be good again.
    """
    status = response.status_code
    if 200 <= status < 300:
        return Delivered()
    code, said = f"http_{status}", f"The destination answered {status}."
    if status == 429 or (status == 403 and retry_after(response)):
        return Retry(code, said, rate_limit_after(response), throttle=True)
    if status in _TRANSIENT or status >= 500:
        return Retry(code, said, retry_after(response))
    if status in _NO_ACCESS:
        return Unauthorized(code, said)
    if 300 <= status < 400:
        return Rejected(code, "The destination answered with a redirect, and redirects are never followed.")
    return Rejected(code, said)


def by_api_status(response: Response, *, pages: bool = False) -> Outcome:
    """The same of one fixed address, a vendor's say: that nothing is there (404, 405, 410, 421), or something else (a
    redirect, a web page in the place of an answer), is no event's fault. ``pages``: what is there may answer so."""
    status = response.status_code
    if status in _NOT_HERE or 300 <= status < 400:
        return Unauthorized(
            f"http_{status}",
            f"The destination answered {status}: nothing at this address accepts it. Fix the address.",
        )
    outcome = by_status(response)
    if not pages and _is_verdict(outcome, response) and _is_page(response):
        said = "The destination answered with a web page: there is something else at this address. Fix the address."
        return Unauthorized(NOT_THE_API, said)
    return outcome


def by_api_answer(response: Response, *, taken: bool, in_json: bool = True) -> Outcome:
    """The same of a vendor that says in its answer whether it took the events; ``taken``: it says so. A 2xx that does
    not may come from anybody: whether they arrived, nobody knows.

    ``in_json``: it says everything so. A 400 without is a proxy's, a firewall's, another server's, and no verdict.
    """
    outcome = by_api_status(response)
    if isinstance(outcome, Delivered) and not taken:
        return Unknown("not_confirmed", "The answer does not say that it was taken.")
    if in_json and isinstance(outcome, Rejected) and _is_verdict(outcome, response) and not _begins_as_json(response):
        said = f"The destination answered {response.status_code}, and not in its API's words: it was something else"
        return Unauthorized(NOT_THE_API, f"{said}, here or on the way. Fix the address or the proxy.")
    return outcome


def by_api_code(response: Response, code: str, message: str) -> Outcome:
    """The same of an answer that is a no, in the vendor's own words. With a 2xx, it is rejected."""
    outcome = by_api_status(response)
    if isinstance(outcome, Retry | Unauthorized):
        return replace(outcome, code=code, message=message)
    return Rejected(code, message)


def read_json(response: Response) -> Any:
    """The answer's JSON; None when it is none, be it empty, cut short or a proxy's HTML."""
    try:
        return response.json()
    except (ValueError, RecursionError):
        return None


def read_object(response: Response) -> dict[str, Any]:
    """The JSON object that the answer is; an empty one where it is anything else."""
    answer = read_json(response)
    return answer if isinstance(answer, dict) else {}


def refused_together(named: Mapping[int, Outcome], count: int, who: str) -> list[Outcome]:
    """Of a batch that ``who`` refused whole: those that are ``named``, by position, for that; the others go again."""
    rest = Split("refused_with_others", f"{who} refused the request for another event in it.")
    return [named.get(index, rest) for index in range(count)]


def refused_whole(outcome: Outcome, count: int, who: str) -> Outcome:
    """Of a batch of ``count`` that ``who`` refused whole and named none: all go again in smaller parts; who is alone is
    rejected, for ``outcome``. One that is no ``Rejected`` stays as it is."""
    if isinstance(outcome, Rejected) and count > 1:
        return Split(outcome.code, f"{who} refused the whole request, and named none of the events.")
    return outcome


def retry_after(response: Response) -> float | None:
    """Seconds that ``Retry-After`` asks for, in either of its forms, at most 24 hours; None when it can't be read."""
    raw = response.headers.get("Retry-After", "").strip()
    if not raw:
        return None
    if raw.isascii() and raw.isdigit():
        return min(float(raw[:9]), AFTER_CEILING)
    try:
        until = parsedate_to_datetime(raw)
        sent = parsedate_to_datetime(response.headers["Date"])
    except (ValueError, KeyError, TypeError, OverflowError):
        return None
    return min(max((_utc(until) - _utc(sent)).total_seconds(), 0.0), AFTER_CEILING)


def rate_limit_after(response: Response) -> float | None:
    """Seconds until we may go on after a 429: ``Retry-After``, or else when the vendor says that its limit is reset.

    ``X-RateLimit-Retry-After``, ``RateLimit-Reset`` and ``X-RateLimit-Reset`` are read as seconds to wait, or as a
    moment. At most 24 hours.
    """
    asked = retry_after(response)
    if asked is not None:
        return asked
    waits = (_until_reset(response, name) for name in _RESETS)
    return next((wait for wait in waits if wait is not None), None)


def oauth_token(response: Response) -> Token | Outcome:
    """The access token of an OAuth answer. One that will not give it refuses our credentials, however it says so."""
    outcome, answer = by_status(response), read_object(response)
    if isinstance(outcome, Retry):
        return outcome
    token = answer.get("access_token")
    if isinstance(outcome, Delivered) and isinstance(token, str) and token:
        return Token(SecretValue(token), _lasts(answer.get("expires_in")))
    return Unauthorized("no_token", f"No access token was given (status {response.status_code}).")


def _lasts(seconds: Any) -> float:
    """How many, at most a year; an hour where the answer does not say it. Some write the number as a text."""
    if isinstance(seconds, str) and seconds.isascii() and seconds.isdigit():
        seconds = float(seconds[:9])
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0:
        return _HOUR
    return float(min(seconds, _YEAR))


def _is_verdict(outcome: Outcome, response: Response) -> bool:
    """On the events. What is too large is so for whatever is on the way, too."""
    return isinstance(outcome, Delivered) or (isinstance(outcome, Rejected) and response.status_code != _TOO_LARGE)


def _begins_as_json(response: Response) -> bool:
    """It may have been cut further on."""
    return response.content.lstrip()[:1] in {b"{", b"["} or read_json(response) is not None


def _is_page(response: Response) -> bool:
    body = response.content
    told = "html" in response.headers.get("Content-Type", "").lower()
    return bool(_PAGE.match(body)) or (told and body[:100].lstrip()[:1] == b"<")


def _until_reset(response: Response, name: str) -> float | None:
    try:
        reset = float(response.headers.get(name, "").strip())
        if reset >= _EPOCH:
            reset = reset / (1000 if reset >= 1000 * _EPOCH else 1)
            reset -= _utc(parsedate_to_datetime(response.headers["Date"])).timestamp()
    except (ValueError, KeyError, TypeError, OverflowError):
        return None
    return min(max(reset, 0.0), AFTER_CEILING) if math.isfinite(reset) else None


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
