"""What was sent to an address beside the right one: says where that is, in the API's own shape."""

from collections.abc import Iterable, Sequence

from ours.web.ingest.answers import Refusal

_ALLOWED = {"track": "POST", "identify": "POST", "batch": "POST", "openapi": "GET, HEAD"}
_READS = {"GET", "HEAD"}
_NO_PAGES = " Pages in a browser can't send here: everybody would read the key in them. Send from your backend."
_SEGMENT, _MIXPANEL, _POSTHOG = "Segment and RudderStack", "Mixpanel", "PostHog"
_SENT_BY = {
    **{f"v1/{call}": _SEGMENT for call in ("track", "identify", "batch", "page", "screen", "group", "alias", "import")},
    "track": _MIXPANEL, "engage": _MIXPANEL, "groups": _MIXPANEL, "import": _MIXPANEL,
    "batch": "PostHog and Amplitude", "capture": _POSTHOG, "e": _POSTHOG, "i/v0/e": _POSTHOG, "flags": _POSTHOG,
    "2/httpapi": "Amplitude", "identify": "Amplitude", "mp/collect": "Google Analytics", "api/s/track": "Jitsu",
    "api/s/s2s/track": "Jitsu", "com.snowplowanalytics.snowplow/tp2": "Snowplow",
}  # fmt: skip
"""Whose libraries send to an address that is none of ours."""


def is_meant(path: str, method: str, *, is_json: bool) -> bool:
    """Whether a backend may have meant the ingest API by an address that is nobody's: pages never send JSON."""
    parts = _parts(path)
    if parts[:1] == ["api"]:
        return parts[1:2] != ["admin"]
    return method not in _READS and (is_json or _ALLOWED.get(_door(parts)) == "POST" or "/".join(parts) in _SENT_BY)


def refusal(path: str, method: str, answered: Iterable[str] = ()) -> Refusal:
    """405 at the API's own addresses, and at those where other methods are ``answered``; 404 anywhere else."""
    parts = _parts(path)
    door = _door(parts)
    allowed = _ALLOWED.get(door)
    if answered and parts[:1] != ["api"]:
        return _not_allowed(", ".join(sorted(answered)), " Events go to /api/v1/track.")
    if allowed and path.removesuffix("/") == f"/api/v1/{door}" and method not in allowed.split(", "):
        return _not_allowed(allowed, _NO_PAGES if method == "OPTIONS" else "")
    where = f"Use /api/v1/{door}." if allowed else "See /api/v1/openapi."
    sender = _SENT_BY.get("/".join(parts))
    library = f" The libraries of {sender} are not served: docs/sending.md says what to send instead." if sender else ""
    return Refusal("not_found", f"There is no such endpoint. {where}{library}")


def _not_allowed(allowed: str, more: str) -> Refusal:
    return Refusal("method_not_allowed", f"Only {allowed} is allowed here.{more}", headers={"Allow": allowed})


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part]


def _door(parts: Sequence[str]) -> str:
    return parts[-1].strip().lower() if parts else ""
