"""Keeps the dashboard safe: headers on every answer, forms that can't be forged, sessions that can be ended."""

from dataclasses import dataclass
from typing import ClassVar

from flask import Flask, Request, Response, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_login import LoginManager
from flask_wtf.csrf import CSRFProtect

from ours.errors import NotFound
from ours.services.people import Person
from ours.web.current import ours
from ours.web.ingest.answers import Answer

_SESSION_SECONDS = 12 * 3600
_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # not no-referrer: the check of forms under TLS wants one
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_TLS_ONLY = {"Strict-Transport-Security": "max-age=31536000"}


def init_app(app: Flask) -> None:
    from ours.web import ingest

    app.config.from_mapping(
        SESSION_COOKIE_NAME="ours_session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=_SESSION_SECONDS,
        SESSION_REFRESH_EACH_REQUEST=False,  # a page that refreshes itself keeps nobody signed in
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session
    )
    app.session_interface = _Sessions()
    app.after_request(_add_headers)
    CSRFProtect(app).exempt(ingest.blueprint)  # its callers carry a key and no cookie
    # Not by its init_app, which would open the session of every request, those of backends too.
    app.login_manager = manager = LoginManager()  # type: ignore[attr-defined]
    manager.login_view = "show.sign_in"
    manager.login_message = None  # the page says enough
    manager.user_loader(load_person)


def _add_headers(response: Response) -> Response:
    """The ingest API's answers have their own."""
    if not isinstance(response, Answer):
        response.headers.extend(HEADERS)
    if request.is_secure:
        response.headers.extend(_TLS_ONLY)
    return response


class _Sessions(SecureCookieSessionInterface):
    """A cookie that travels over TLS alone when the request did; none at all for backends, who carry a key."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        return None if request.path.startswith("/api/") else super().open_session(app, request)

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002
        return request.is_secure


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A person with an open session. Its id names the session number, so that raising the number ends it."""

    person: Person
    is_authenticated: ClassVar[bool] = True
    is_active: ClassVar[bool] = True
    is_anonymous: ClassVar[bool] = False

    def get_id(self) -> str:
        return f"{self.person.id}.{self.person.session}"


def load_person(session_id: str) -> SignedIn | None:
    try:
        signed_in = SignedIn(ours().people.get(int(session_id.partition(".")[0])))
    except (ValueError, NotFound):
        return None
    return signed_in if signed_in.get_id() == session_id else None
