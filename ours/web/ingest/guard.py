"""Lets a request through to its work: is the body readable, whose key is it, and is the source within its limit?"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import Response, current_app, request

from ours.errors import Invalid
from ours.web.current import ours
from ours.web.ingest import bodies
from ours.web.ingest.answers import Refusal
from ours.web.ingest.limits import Allowance, Limits

if TYPE_CHECKING:
    from ours.services.accept import Caller

LIMITS = "ours.ingest.limits"
Work = Callable[["Caller", dict[str, Any]], Response]


def serve(limit: int, work: Work) -> Response:
    """Answer by ``work`` what passes the checks; ``limit`` is the most bytes a body may have.

    A refusal after the key was recognised counts for its source.
    """
    body = bodies.read(request, limit)
    caller = _caller(body)
    try:
        allowance = _allowance(caller)
        response = work(caller, body)
    except (Refusal, Invalid):
        ours().accept.refuse(caller)
        raise
    if allowance:
        response.headers.update(allowance.headers)
    return response


def _caller(body: dict[str, Any]) -> "Caller":
    caller = ours().accept.authenticate(_key(body))
    if caller is None:
        raise _unauthorised("invalid_key", "This key is unknown, revoked or expired, or its source is deactivated.")
    return caller


def _key(body: dict[str, Any]) -> str:
    """The one key that was sent, wherever it stands."""
    environ = request.environ
    scheme, _, bearer = environ.get("HTTP_AUTHORIZATION", "").strip().partition(" ")
    places = [body.get("token"), environ.get("HTTP_X_API_KEY"), bearer if scheme.lower() == "bearer" else None]
    if not all(isinstance(place, str | None) for place in places):
        raise _unauthorised("invalid_key", "The token must be text.")
    sent: set[str] = {place.strip() for place in places if place} - {""}
    if not sent:
        raise _unauthorised("missing_key", "No key was sent. Send it as token, Authorization: Bearer or X-API-Key.")
    if len(sent) > 1:
        raise _unauthorised("conflicting_keys", "The keys in the body and in the headers differ. Send one.")
    return sent.pop()


def _unauthorised(code: str, message: str) -> Refusal:
    return Refusal(code, message, headers={"WWW-Authenticate": 'Bearer realm="ours"'})


def _allowance(caller: "Caller") -> Allowance | None:
    if not caller.rate_limit:
        return None
    limits: Limits = current_app.extensions[LIMITS]
    allowance = limits.take(caller.source_id, caller.rate_limit)
    if allowance.wait is not None:
        raise Refusal(
            "rate_limited",
            f"This source may send {caller.rate_limit} requests a second. Try again in {allowance.wait} s.",
            headers=allowance.headers,
        )
    return allowance
