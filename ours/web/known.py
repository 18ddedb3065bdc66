"""A browser in which somebody has signed in has tries of its own: what strangers try keeps nobody out.

It opens nothing: the password, and the code, are asked for as ever.
"""

from hashlib import sha256
from secrets import token_urlsafe

from flask import current_app, request, url_for
from itsdangerous import BadSignature, Signer
from werkzeug.wrappers import Response

_COOKIE = "ours_known"
_SECONDS = 90 * 86_400


def known_as(email: str) -> str:
    """How this browser is called among those in which ``email`` has signed in; empty: it is none of them."""
    try:
        return _signer(email.strip().lower()).unsign(request.cookies.get(_COOKIE, "")).decode()
    except BadSignature:
        return ""


def make_known(email: str, answer: Response) -> None:
    """From now on this browser is one in which ``email`` has signed in. Its cookie does not tell who that is."""
    name, path = _signer(email).sign(token_urlsafe(16)).decode(), url_for("show.sign_in")
    answer.set_cookie(_COOKIE, name, _SECONDS, secure=request.is_secure, httponly=True, samesite="Strict", path=path)


def _signer(email: str) -> Signer:
    return Signer(current_app.secret_key or "", f"{_COOKIE} {email}", key_derivation="hmac", digest_method=sha256)
