"""Signing in and out, and one's own password."""

from contextlib import suppress

from flask import flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import logout_user

from ours import clock
from ours.errors import Busy, Invalid
from ours.services.passwords import SHORTEST
from ours.services.people import HalfWay, Person, TooManyCodes, wrong_code
from ours.web.current import ours
from ours.web.known import known_as, make_known
from ours.web.security import APART, begin_session
from ours.web.show.back import UNSAVED, local_path
from ours.web.show.door import page, person
from ours.web.throttle import throttle

_WRONG = "Email and password do not match. A forgotten password is reset with `ours person reset EMAIL`."
_TOO_MANY = "Too many tries. Wait a minute, then try again."
_HALF_WAY = 5 * clock.MINUTE


@page("/sign-in", "anyone", ["GET", "POST"])
def sign_in() -> ResponseReturnValue:
    if request.method == "GET":
        return _form("")
    email = request.form.get("email", "")
    address = request.remote_addr or ""
    if not throttle().admits(address, email, known_as(email)):
        return _form(_TOO_MANY), 429
    found = ours().people.sign_in(email, request.form.get("password", ""), address)
    if found is None:
        return _form(_WRONG), 401
    if isinstance(found, HalfWay):
        session["half_way"] = [found.person_id, found.session, clock.now_ms()]
        return redirect(url_for("show.sign_in_code", next=local_path(request.args.get("next"))))
    return _come_in(found)


@page("/sign-in/code", "anyone", ["GET", "POST"])
def sign_in_code() -> ResponseReturnValue:
    """Only for who gave the right password a moment ago."""
    half = _half_way()
    if half is None:
        return redirect(url_for("show.sign_in", next=local_path(request.args.get("next"))))
    if request.method == "GET":
        return _code_form("")
    code = request.form.get("code", "")
    try:
        found = ours().people.finish(half, code, request.remote_addr or "")
    except TooManyCodes as error:
        return _code_form(str(error)), 429
    if found is None:
        return _code_form(wrong_code()), 401
    return _come_in(found, "" if "".join(code.split()).isdecimal() else _recovered(found))


def _recovered(found: Person) -> str:
    left = ours().second_factors.recovery_left(found.id)
    return f"You used a recovery code, which can't be used again. You have {left} left."


def _half_way() -> HalfWay | None:
    person_id, number, since = session.get("half_way") or (0, 0, 0)
    half = HalfWay(person_id, number)
    return half if -APART <= clock.now_ms() - since <= _HALF_WAY and ours().people.awaits_code(half) else None


def _come_in(found: Person, told: str = "") -> ResponseReturnValue:
    """Signed in, to the page they wanted."""
    unsaved = UNSAVED if "unsaved" in session else ""
    begin_session(found)
    for sentence in filter(None, (told, unsaved)):
        flash(sentence, "warn")
    answer = redirect(local_path(request.args.get("next")) or url_for("show.overview"))
    make_known(found.email, answer)
    return answer


def _form(problem: str) -> str:
    unsaved = UNSAVED if "unsaved" in session else ""
    return render_template(
        "sign_in/sign_in.html", problem=problem, email=request.form.get("email", ""), unsaved=unsaved
    )


def _code_form(problem: str) -> str:
    return render_template("sign_in/code.html", problem=problem)


@page("/sign-out", "viewer", ["POST"])
def sign_out() -> ResponseReturnValue:
    if request.form.get("everywhere"):
        ours().people.end_own_sessions(person().id)
    else:
        with suppress(Busy):  # the log has it; whoever wants out is let out
            ours().people.sign_out(person().id, request.remote_addr or "")
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
        return _password_form({"again": ["The two passwords do not match."]}), 400
    try:
        changed = ours().people.change_password(person().id, request.form.get("old", ""), new)
    except Invalid as error:
        return _password_form(error.errors), 400
    begin_session(changed)
    flash("Your password is changed. All your other sessions have ended.", "good")
    return redirect(url_for("show.overview"))


def _password_form(errors: dict[str, list[str]]) -> str:
    return render_template("sign_in/password.html", errors=errors, shortest=SHORTEST)
