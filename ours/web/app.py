"""Flask, without two things that no view of ours needs and that every request of a backend would pay for."""

from collections.abc import Callable
from typing import Any

from flask import Flask, Request
from werkzeug.routing import MapAdapter


class App(Flask):
    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Nothing here is asynchronous, so nothing needs to be asked whether it is."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """The API's addresses do not depend on the host, so it is not taken apart for them."""
        if request is None or not request.path.startswith("/api/"):
            return super().create_url_adapter(request)
        return MapAdapter(
            self.url_map,
            request.environ.get("HTTP_HOST", ""),
            request.root_path,
            "",
            request.scheme,
            request.path,
            request.method,
            request.query_string.decode("latin-1"),
        )
