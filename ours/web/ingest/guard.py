"""Lets a request through to its work: is the body readable, whose key is it, and is the source within its limit?"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from flask import Response, current_app
from flask.globals import request_ctx

from ours.errors import Invalid
from ours.web.current import ours
from ours.web.ingest import bodies
from ours.web.ingest.answers import Refusal
from ours.web.ingest.limits import Allowance, Limits
from ours.web.ingest.telling import SOURCE

if TYPE_CHECKING:
    from ours.services.accept import Caller

LIMITS = "ours.ingest.limits"
Work = Callable[["Caller", dict[str, Any]], Response]


def serve(limit: int, work: Work) -> Response:
    """Answer by ``work`` what passes the checks; ``limit`` is the most bytes a body may have.

    A refusal after the key was recognised counts for its source.
    """
    request, accept = request_ctx.request, ours().accept  # looked up once: each look costs
    body = bodies.read(request, limit)
    caller = accept.authenticate(_key(request.environ, body))
    if caller is None:
        raise _unauthorised("invalid_key", "This key is unknown, revoked or expired, or its source is deactivated.")
    try:
        allowance = _allowance(caller)
        response = work(caller, body)
    except (Refusal, Invalid):
        accept.refuse(caller)
        request.environ[SOURCE] = caller.source_id
        raise
    if allowance:
        response.headers.update(allowance.headers)
    return response


def _key(environ: Mapping[str, Any], body: Mapping[str, Any]) -> str:
    """The one key that was sent, wherever it stands."""
    token = body.get("token")
    if type(token) is str and "HTTP_AUTHORIZATION" not in environ and "HTTP_X_API_KEY" not in environ:
        return token.strip() or _no_key()
    scheme, _, bearer = environ.get("HTTP_AUTHORIZATION", "").strip().partition(" ")
    places = [token, environ.get("HTTP_X_API_KEY"), bearer if scheme.lower() == "bearer" else None]
    if not all(isinstance(place, str | None) for place in places):
        raise _unauthorised("invalid_key", "The token must be text.")
    sent: set[str] = {place.strip() for place in places if place} - {""}
    if not sent:
        _no_key("Authorization: Basic is not read. " if scheme.lower() == "basic" else "")
    if len(sent) > 1:
        raise _unauthorised("conflicting_keys", "The keys in the body and in the headers differ. Send one.")
    return sent.pop()


def _no_key(why: str = "") -> NoReturn:
    raise _unauthorised("missing_key", f"No key was sent. {why}Send it as token, Authorization: Bearer or X-API-Key.")


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
