"""Lets a request through to its work: is the body readable, whose key is it, and is the source within its limit?"""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from flask import Response, current_app
from flask.globals import request_ctx

from ours.errors import Busy, Invalid
from ours.web.current import ours
from ours.web.ingest import bodies, meant
from ours.web.ingest.answers import Refusal, invalid
from ours.web.ingest.limits import Allowance, Limits
from ours.web.ingest.telling import SOURCE, why

if TYPE_CHECKING:
    from ours.services.accept import Caller

LIMITS = "ours.ingest.limits"
_ALONE = re.compile(r"[\w.-]+")
_MORE = " What was sent is more than a key: it holds spaces, quotes, brackets or signs."
Work = Callable[["Caller", dict[str, Any]], Response]


def serve(limit: int, work: Work) -> Response:
    """Answer by ``work`` what passes the checks; ``limit`` is the most bytes a body may have.

    A refusal after the key was recognised counts for its source.
    """
    request = request_ctx.request  # looked up once: each look costs
    try:
        body = bodies.read(request, limit)
    except Refusal as refusal:
        with suppress(Refusal, Busy):  # a key that stands in the body can't be known
            _count(_caller(request.environ, {}), refusal)
        raise
    caller = _caller(request.environ, body)
    try:
        if not caller.works:
            raise _invalid_key()
        allowance = _allowance(caller)
        response = work(caller, body)
    except (Refusal, Invalid) as problem:
        _count(caller, problem if isinstance(problem, Refusal) else invalid(problem))
        raise
    if allowance:
        response.headers.update(allowance.headers)
    return response


def _caller(environ: Mapping[str, Any], body: Mapping[str, Any]) -> "Caller":
    """Who sends, and be it with a key that does not work any more."""
    sent = _key(environ, body)
    caller = ours().accept.known(sent)
    if caller is None:
        raise _invalid_key("" if _ALONE.fullmatch(sent) else _MORE)
    return caller


def _key(environ: Mapping[str, Any], body: Mapping[str, Any]) -> str:
    """The one key that was sent, wherever it stands."""
    token = body.get("token")
    if type(token) is str and "HTTP_AUTHORIZATION" not in environ and "HTTP_X_API_KEY" not in environ:
        return token.strip() or _no_key(environ, body)
    scheme, _, bearer = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    places = [token, environ.get("HTTP_X_API_KEY"), bearer if scheme.lower() == "bearer" else None]
    if not all(isinstance(place, str | None) for place in places):
        raise _unauthorised("invalid_key", "The token must be text.")
    sent: set[str] = {place.strip() for place in places if place} - {""}
    if not sent:
        _no_key(environ, body)
    if len(sent) > 1:
        raise _unauthorised("conflicting_keys", "The keys in the body and in the headers differ. Send one.")
    return sent.pop()


def _no_key(environ: Mapping[str, Any], body: Mapping[str, Any]) -> NoReturn:
    unread = meant.key_of_header(environ) or meant.key(body)
    why = f"{unread} is not read. " if unread else ""
    raise _unauthorised("missing_key", f"No key was sent. {why}Send it as token, Authorization: Bearer or X-API-Key.")


def _count(caller: "Caller", refusal: Refusal) -> None:
    ours().accept.refuse(caller, why(refusal.code, refusal.errors))
    request_ctx.request.environ[SOURCE] = caller.source_id


def _invalid_key(more: str = "") -> Refusal:
    return _unauthorised("invalid_key", f"This key is unknown, revoked or expired, or its source is deactivated.{more}")


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
            f"This source may send {caller.rate_limit} requests per second. Try again in {allowance.wait} s.",
            headers=allowance.headers,
        )
    return allowance
