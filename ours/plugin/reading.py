"""Reads an HTTP answer by its status, as most destinations mean it (conventions of docs/plugins.md)."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from requests import Response

from ours.plugin.types import Delivered, Outcome, Rejected, Retry

_TRANSIENT = {408, 425, 429, 500, 502, 503, 504}
AFTER_CEILING = 24 * 3600.0


def by_status(response: Response) -> Outcome:
    """2xx delivered; 408, 425, 429 and 5xx retry; everything else, redirects too, rejected for good."""
    status = response.status_code
    if 200 <= status < 300:
        return Delivered()
    code = f"http_{status}"
    if status in _TRANSIENT or status >= 500:
        return Retry(code, f"The destination answered {status}.", retry_after(response))
    if 300 <= status < 400:
        return Rejected(code, "The destination answered with a redirect, and redirects are never followed.")
    return Rejected(code, f"The destination answered {status}.")


def read_json(response: Response) -> Any:
    """The answer's JSON; None when it is none, be it empty, cut short or a proxy's HTML."""
    try:
        return response.json()
    except (ValueError, RecursionError):
        return None


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


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
