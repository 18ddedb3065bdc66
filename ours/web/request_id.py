"""What a request is called: in its answer, in our log, and in the log of whoever sent it."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ours import ids

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

HEADER = "X-Request-Id"
_KEY = "ours.request_id"
_PLAIN = re.compile(r"[A-Za-z0-9._:/+=-]{1,64}")


def of(environ: dict[str, Any]) -> str:
    """As the caller or a proxy calls it, where that is short and can be nothing but a name; else one of ours."""
    known: str | None = environ.get(_KEY)
    if known is None:
        given = environ.get("HTTP_X_REQUEST_ID")
        known = environ[_KEY] = given if given and _PLAIN.fullmatch(given) else ids.new_id()
    return known


def told(environ: dict[str, Any], start_response: "StartResponse") -> "StartResponse":
    """Begin the answer with it."""

    def start(status: str, headers: Iterable[tuple[str, str]], *more: Any) -> Any:
        return start_response(status, [*headers, (HEADER, of(environ))], *more)

    return start
