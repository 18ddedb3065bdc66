"""URLs made shorter, so that what a page was about stays at home."""

import re
from urllib.parse import SplitResult, urlsplit

_BARE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}([/?#:].*)?", re.IGNORECASE | re.DOTALL)
_FAKE = "https://example.com"


def full(text: str) -> str | None:
    """All of it but a user's name and password, and what stands behind ``#``."""
    if (parts := _split(text)) is None:
        return None
    return parts._replace(netloc=_host(parts), fragment="").geturl()


def domain(text: str) -> str | None:
    parts = _split(text)
    return f"{parts.scheme}://{_host(parts)}" if parts else None


def domain_path(text: str) -> str | None:
    parts = _split(text)
    return f"{parts.scheme}://{_host(parts)}{parts.path}" if parts else None


def domain_utms(text: str) -> str | None:
    parts = _split(text)
    return f"{parts.scheme}://{_host(parts)}{_utms(parts)}" if parts else None


def domain_path_utms(text: str) -> str | None:
    parts = _split(text)
    return f"{parts.scheme}://{_host(parts)}{parts.path}{_utms(parts)}" if parts else None


def fake(text: str) -> str | None:
    return _FAKE if _split(text) else None


def fake_real_path(text: str) -> str | None:
    parts = _split(text)
    return f"{_FAKE}{parts.path}" if parts else None


def _split(text: str) -> SplitResult | None:
    """None for what is no address of a web page; a bare ``shop.example.com/a`` counts as https."""
    given = text.strip()
    try:
        parts = urlsplit(f"https://{given}" if _BARE.fullmatch(given) else given)
        usable = parts.scheme in ("http", "https") and parts.hostname is not None and parts.port != 0
    except ValueError:
        return None
    return parts if usable else None


def _host(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2].lower()


def _utms(parts: SplitResult) -> str:
    kept = [field for field in parts.query.split("&") if field.lower().startswith("utm_")]
    return "?" + "&".join(kept) if kept else ""
