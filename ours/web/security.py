"""Keeps the dashboard safe: headers on every answer, forms that can't be forged, sessions that can be ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlsplit

from flask import Flask, Request, Response, abort, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_login import LoginManager, login_user
from flask_wtf.csrf import CSRFProtect
from itsdangerous import SignatureExpired, TimestampSigner, URLSafeTimedSerializer
from werkzeug.http import http_date

from ours import clock
from ours.errors import NotFound
from ours.services.people import Person
from ours.settings import OWN_HOSTS
from ours.web.current import ours
from ours.web.ingest.answers import Answer

_SESSION_SECONDS = 12 * 3600
LARGEST_FORM = 1024 * 1024
_SEEN_EVERY = 20 * clock.SECOND
APART = 5 * clock.MINUTE
"""So far may the clocks of two web servers be apart: who signed in at the one is known to the other."""
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
_FOR_MACHINES = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}
_FOR_PROGRAMS = {"ingest", "admin", "health"}
_TLS_ONLY = {"Strict-Transport-Security": "max-age=31536000"}


def init_app(app: Flask) -> None:
    from ours.web import admin, ingest

    app.config.from_mapping(
        SESSION_COOKIE_NAME="ours_session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=_SESSION_SECONDS,
        SESSION_REFRESH_EACH_REQUEST=False,  # a page that refreshes itself keeps nobody signed in
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session
        MAX_CONTENT_LENGTH=LARGEST_FORM,  # the doors for machines say their own
    )
    app.session_interface = _Sessions()
    app.before_request(_check_host)
    app.after_request(_add_headers)
    forms = CSRFProtect(app)
    for room in (ingest, admin):
        forms.exempt(room.blueprint)  # its callers carry a key or a token, and no cookie
    # Not by its init_app, which would open the session of every request, those of backends too.
    app.login_manager = manager = LoginManager()  # type: ignore[attr-defined]
    manager.login_view = "show.sign_in"
    manager.login_message = None  # the page says enough
    manager.user_loader(load_person)


def _check_host() -> None:
    """A page elsewhere may lead to us by a name of its own (DNS rebinding). Machines carry a key instead."""
    if (hosts := _names()) and not _is_named(request.host, hosts):
        abort(400, "The dashboard is not served under this name. If it should be, put the name in OURS_ALLOWED_HOSTS.")


def _names() -> Sequence[str]:
    """The names under which this may be asked for; none: any. A monitor does not know what the dashboard is called."""
    settings = ours().settings
    if request.blueprint in _FOR_PROGRAMS or (request.blueprint == "metrics" and settings.metrics_token):
        return ()
    hosts = settings.dashboard_hosts
    return (*hosts, *OWN_HOSTS) if hosts and request.blueprint == "metrics" else hosts


def _is_named(host: str, names: Sequence[str]) -> bool:
    try:
        asked = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return any(asked == name.strip("[]") or (name[0] == "." and asked.endswith(name)) for name in names)


def _add_headers(response: Response) -> Response:
    """The ingest API's answers have their own."""
    if not isinstance(response, Answer):
        # Browsers count a cookie's end by it, and the server's own stands still once the clock was ahead.
        response.headers["Date"] = http_date(clock.now_ms() // clock.SECOND)
        response.headers.extend(_FOR_MACHINES if request.blueprint == "admin" else HEADERS)
    if request.is_secure:
        response.headers.extend(_TLS_ONLY)
    return response


class _Signer(TimestampSigner):
    """Takes what was signed a little ahead of our clock, which the library's own takes for expired."""

    def unsign(self, signed_value: Any, max_age: int | None = None, return_timestamp: bool = False) -> Any:
        value, signed = super().unsign(signed_value, return_timestamp=True)
        age = self.get_timestamp() - signed.timestamp()
        if max_age is not None and not -APART // clock.SECOND <= age <= max_age:
            raise SignatureExpired("The session was signed too long ago, or ahead of our clock.", value, signed)
        return (value, signed) if return_timestamp else value


class _Sessions(SecureCookieSessionInterface):
    """A cookie that travels over TLS alone when the request did; none at all for backends, who carry a key."""

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        if serializer := super().get_signing_serializer(app):
            serializer.signer = _Signer
        return serializer

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


def begin_session(person: Person) -> None:
    """Have them be signed in from now on. Nothing that was there before outlives it."""
    session.clear()
    session.permanent = True
    session["began"] = session["seen"] = clock.now_ms()
    login_user(SignedIn(person))


def _is_over() -> bool:
    """Whether nobody has clicked for too long, or the session is too old; what a page asks by itself is no click."""
    now = clock.now_ms()
    began, seen = (session.setdefault(name, now) for name in ("began", "seen"))
    idle = ours().settings.session_idle_minutes * clock.MINUTE
    if now - seen > idle or now - began > _SESSION_SECONDS * clock.SECOND:
        return True
    if now - seen > _SEEN_EVERY and "HX-Request" not in request.headers:
        session["seen"] = now
    return False


def load_person(session_id: str) -> SignedIn | None:
    if _is_over():
        return None
    try:
        signed_in = SignedIn(ours().people.get(int(session_id.partition(".")[0])))
    except (ValueError, NotFound):
        return None
    return signed_in if signed_in.get_id() == session_id else None
