"""One's own second factor: set up with a picture that an authenticator reads, its recovery codes, and its end."""

import segno
from flask import flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from ours.errors import Invalid
from ours.services.people import TooManyCodes, codes
from ours.web.current import ours
from ours.web.security import begin_session
from ours.web.show.door import page, person
from ours.web.throttle import throttle

_SECRET = "second_factor"  # noqa: S105 - where the session keeps it until it is set


@page("/second-factor", "viewer", ["GET", "POST"])
def second_factor() -> ResponseReturnValue:
    """Set it up; or what there is to do with the one that is set."""
    if request.method == "GET":
        return _form({})
    if not throttle().admits_password(person().id):
        return _form({"password": ["Too many tries. Wait a minute, then try again."]}), 429
    given = {name: request.form.get(name, "") for name in ("password", "code")}
    try:
        changed, recovery = ours().second_factors.set(person().id, _secret(), **given)
    except Invalid as error:
        return _form(error.errors), 400
    begin_session(changed)
    return _codes(recovery)


@page("/second-factor/recovery", "viewer", ["POST"])
def renew_recovery() -> ResponseReturnValue:
    try:
        return _codes(ours().second_factors.renew_recovery(person().id, _code()))
    except Invalid as error:
        return _refused(error)


@page("/second-factor/off", "viewer", ["POST"])
def turn_off_second_factor() -> ResponseReturnValue:
    try:
        ours().second_factors.turn_off(person().id, _code())
    except Invalid as error:
        return _refused(error)
    flash("Your second factor is off: from now on your password is enough.", "warn")
    return redirect(url_for("show.password"))


def _code() -> str:
    return request.form.get("code", "")


def _refused(error: Invalid) -> ResponseReturnValue:
    return _form(error.errors), 429 if isinstance(error, TooManyCodes) else 400


def _secret() -> str:
    """The one that is being set up: the same until it is, so that the page may be loaded again."""
    found: str = session.setdefault(_SECRET, codes.new_secret())
    return found


def _form(errors: dict[str, list[str]]) -> str:
    whose = person()
    if whose.second_factor_at:
        left = ours().second_factors.recovery_left(whose.id)
        return render_template("sign_in/second_factor.html", errors=errors, left=left)
    secret = _secret()
    picture = segno.make(codes.address(secret, whose.email, request.host), error="m")
    drawn = Markup(picture.svg_inline(omitsize=True, border=4, light="#fff", svgclass="qr", lineclass=None))  # noqa: S704 - modules of a picture, no text
    return render_template("sign_in/set_second_factor.html", errors=errors, picture=drawn, secret=secret)


def _codes(recovery: list[str]) -> str:
    """They are shown this once, on the answer itself: they stand in no address and in no cookie."""
    return render_template("sign_in/recovery.html", recovery=recovery)
