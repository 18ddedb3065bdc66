"""Whom a request comes from, and how it was asked for, as the proxies in front say."""

from typing import TYPE_CHECKING

from werkzeug.http import parse_list_header
from werkzeug.middleware.proxy_fix import ProxyFix

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class Forwarded(ProxyFix):
    """Of what so many ``proxies`` wrote into a header, that of the outermost counts.

    All of them add to ``X-Forwarded-For``. The scheme and the host most replace, or pass on as the one before wrote it:
    where there are fewer values than proxies, the first one is the outermost's.
    """

    def __init__(self, app: "WSGIApplication", proxies: int) -> None:
        super().__init__(app, x_for=proxies, x_proto=proxies, x_host=proxies)

    def _get_real_value(self, trusted: int, value: str | None) -> str | None:
        values = parse_list_header(value or "")[-trusted:] if trusted else []
        return values[0] if values else None
