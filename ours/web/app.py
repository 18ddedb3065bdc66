"""Flask, without what a backend's request does not need and would pay for, and with quick links for pages."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask, Request, Response, has_request_context
from flask.globals import request_ctx
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import IntegerConverter, Map, MapAdapter, Rule

from ours import log
from ours.web import request_id
from ours.web.admin import door
from ours.web.ingest import astray, telling
from ours.web.ingest.answers import Answer

if TYPE_CHECKING:
    from types import TracebackType

    from _typeshed.wsgi import StartResponse

MOST = 2**63 - 1


class App(Flask):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.url_map.converters["int"] = _Number
        self.url_map.merge_slashes = False  # a redirect would have key and body sent again, to where Host says
        self._plain: dict[tuple[str, str], Rule] = {}
        self._linked: dict[tuple[str, ...], Rule | None] = {}

    def wsgi_app(self, environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        return super().wsgi_app(environ, request_id.told(environ, start_response))

    def log_exception(self, exc_info: "tuple[type, BaseException, TracebackType] | tuple[None, None, None]") -> None:
        """What a page broke by, under the name that the page tells."""
        request = request_ctx.request
        log.get("web.show").error(
            "a request failed", request=request_id.of(request.environ), path=request.path, exc_info=exc_info
        )

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Nothing here is asynchronous, so nothing needs to be asked whether it is."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """The API's addresses do not depend on the host, so it is not taken apart for them."""
        if request is None or not request.path.startswith("/api/"):
            return super().create_url_adapter(request)
        return _Adapter(
            self.url_map,
            request.environ.get("HTTP_HOST", ""),
            request.root_path,
            "",
            request.scheme,
            request.path,
            request.method,
            request.query_string.decode("latin-1"),
        ).knowing(self._plain)

    def url_for(self, /, endpoint: str, **values: Any) -> str:
        """As Flask's own. A page has hundreds of links: which rule makes them is looked up once for each kind."""
        kind = endpoint, *values
        if kind not in self._linked:
            self._linked[kind] = self._only_rule(*kind)
        rule = self._linked[kind]
        built = rule.build(values) if rule and has_request_context() and None not in values.values() else None
        return request_ctx.request.root_path + built[1] if built else super().url_for(endpoint, **values)

    def _only_rule(self, endpoint: str, *names: str) -> Rule | None:
        """The rule that makes such links whatever else holds; None: there is no such, or more was asked for."""
        if endpoint not in self.view_functions or self.url_default_functions or any(name[0] == "_" for name in names):
            return None
        rules = [rule for rule in self.url_map.iter_rules(endpoint) if rule.arguments <= {*names}]
        return rules[0] if len(rules) == 1 else None

    def preprocess_request(self) -> ResponseReturnValue | None:
        """What guards the pages looks at hosts and cookies; a backend's request carries a key instead."""
        request = request_ctx.request
        return None if request.path.startswith("/api/v1/") or _is_astray(request) else super().preprocess_request()

    def handle_http_exception(self, e: HTTPException) -> HTTPException | ResponseReturnValue:
        """A backend that took the wrong address is told the right one, and a program that there is none; no page."""
        request = request_ctx.request
        if _is_astray(request):
            answered = e.valid_methods if isinstance(e, MethodNotAllowed) else None
            refusal = astray.refusal(request.path, request.method, answered or ())
            telling.refused(refusal)
            return refusal.response()
        if request.path.startswith("/api/admin/"):
            return door.refusal(e)
        return super().handle_http_exception(e)

    def process_response(self, response: Response) -> Response:
        """An answer to a backend is whole when it is made; only over TLS is there something to add."""
        if isinstance(response, Answer) and request_ctx.request.scheme == "http":
            return response
        return super().process_response(response)


class _Number(IntegerConverter):
    """A number that a database can look for: there is nothing at an address with a longer one."""

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, max=MOST)


def _is_astray(request: Request) -> bool:
    return request.routing_exception is not None and astray.is_meant(
        request.path, request.method, is_json=request.is_json
    )


class _Adapter(MapAdapter):
    """Looks an address without variables up, once it was found."""

    def knowing(self, plain: dict[tuple[str, str], Rule]) -> "_Adapter":
        self._plain = plain
        return self

    def match(self, *args: Any, **options: Any) -> Any:
        asked = self.path_info, self.default_method
        rule = self._plain.get(asked)
        if rule:
            return rule, {}
        found = super().match(*args, **options)
        if not found[1]:
            self._plain[asked] = found[0]
        return found
