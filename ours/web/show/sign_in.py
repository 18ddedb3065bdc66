"""Signing in and out, and one's own password."""

from flask import flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_user, logout_user

from ours.errors import Invalid
from ours.services.passwords import SHORTEST
from ours.services.people import Person
from ours.web.current import ours
from ours.web.security import SignedIn, begin_session
from ours.web.show.back import UNSAVED, local_path
from ours.web.show.door import page, person
from ours.web.throttle import throttle

_WRONG = "Email and password do not match. A forgotten password is reset with `ours person reset EMAIL`."
_TOO_MANY = "Too many tries. Wait a minute, then try again."


@page("/sign-in", "anyone", ["GET", "POST"])
def sign_in() -> ResponseReturnValue:
    if request.method == "GET":
        return _form("")
    email = request.form.get("email", "")
    address = request.remote_addr or ""
    if not throttle().admits(address, email):
        return _form(_TOO_MANY), 429
    found = ours().people.sign_in(email, request.form.get("password", ""), address)
    if found is None:
        return _form(_WRONG), 401
    unsaved = "unsaved" in session
    _begin(found)
    if unsaved:
        flash(UNSAVED, "warn")
    return redirect(local_path(request.args.get("next")) or url_for("show.overview"))


def _form(problem: str) -> str:
    unsaved = UNSAVED if "unsaved" in session else ""
    return render_template(
        "sign_in/sign_in.html", problem=problem, email=request.form.get("email", ""), unsaved=unsaved
    )


def _begin(found: Person) -> None:
    begin_session()
    login_user(SignedIn(found))


@page("/sign-out", "viewer", ["POST"])
def sign_out() -> ResponseReturnValue:
    if request.form.get("everywhere"):
        ours().people.end_own_sessions(person().id)
    logout_user()
    session.clear()
    return redirect(url_for("show.sign_in"))


@page("/password", "viewer", ["GET", "POST"])
def password() -> ResponseReturnValue:
    if request.method == "GET":
        return _password_form({})
    if not throttle().admits_password(person().id):
        return _password_form({"old": [_TOO_MANY]}), 429
    new = request.form.get("new", "")
    if new != request.form.get("again", ""):
        return _password_form({"again": ["This is not what you typed above."]}), 400
    try:
        changed = ours().people.change_password(person().id, request.form.get("old", ""), new)
    except Invalid as error:
        return _password_form(error.errors), 400
    _begin(changed)
    flash("Your password is changed. All your other sessions have ended.", "good")
    return redirect(url_for("show.overview"))


def _password_form(errors: dict[str, list[str]]) -> str:
    return render_template("sign_in/password.html", errors=errors, shortest=SHORTEST)
