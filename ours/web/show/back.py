"""The way back to the form that somebody sent, after it was not taken."""

from urllib.parse import urlsplit

from flask import request

UNSAVED = "What you sent was not saved, because you had been signed out. Send it again."


def local_path(target: str | None) -> str | None:
    """``target`` if it is a path on this server and nothing else; None for whatever could lead elsewhere."""
    if not target or not target.startswith("/") or target[1:2] in {"/", "\\"} or not target.isprintable():
        return None
    parts = urlsplit(target)
    return None if parts.scheme or parts.netloc or "\\" in target else target


def form_path() -> str | None:
    """Where the form of this request stood, as the browser says; None when that is no page of ours."""
    try:
        parts = urlsplit(request.referrer or "")
    except ValueError:
        return None
    return local_path(parts._replace(scheme="", netloc="").geturl()) if parts.netloc == request.host else None
