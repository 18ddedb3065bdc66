"""What a person sees when something can't be shown: what is wrong, and how to go on."""

from flask import g, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from ours.errors import Busy, Forbidden, Invalid, NotFound, Unsealable
from ours.web import request_id
from ours.web.security import LARGEST_FORM
from ours.web.show.back import form_path
from ours.web.show.door import blueprint, whoever

_MACHINES = ("/api/", "/health/", "/static/")
_WORDS = {
    400: ("This can't be read", "Go back, check what you typed, and try again."),
    403: ("You can't do this", "An admin can give you another role."),
    404: ("Not found", "The address may be mistyped, or what was here no longer exists."),
    405: ("Not possible this way", "This address expects something else. Go back and use the page's own buttons."),
    409: ("This can't be opened", "Put the old secret key back, and restart."),
    413: ("Too much at once", f"A form takes at most {LARGEST_FORM:,} bytes. Send it in parts."),
    503: ("Not available right now", "Try again in a moment."),
    500: ("Something went wrong on our side", "The error is in the log. Try again in a moment."),
}
_STALE = (
    "This form has expired: the page was open for too long, or you signed out or in meanwhile."
    " Send it again from there."
)


@blueprint.app_errorhandler(HTTPException)
def http_error(error: HTTPException) -> ResponseReturnValue:
    """The dashboard's answer for whatever no other room answers; machines get the plain one."""
    if request.path.startswith(_MACHINES) or error.code is None:
        return error
    said = error.description if error.description != type(error).description else None
    return _page(said, error.code)


@blueprint.app_errorhandler(CSRFError)
def stale(_: CSRFError) -> ResponseReturnValue:
    return _page(_STALE, 400, form_path() or (None if whoever() else url_for("show.overview")))


@blueprint.errorhandler(NotFound)
def not_found(error: NotFound) -> ResponseReturnValue:
    return _page(str(error), 404)


@blueprint.errorhandler(Invalid)
def invalid(error: Invalid) -> ResponseReturnValue:
    return _page(str(error), 400, title="That can't be done")


@blueprint.errorhandler(Forbidden)
def forbidden(error: Forbidden) -> ResponseReturnValue:
    return _page(str(error), 403)


@blueprint.errorhandler(Busy)
def busy(error: Busy) -> ResponseReturnValue:
    return _page(f"{error.sentence} Try again in a moment.", 503)


@blueprint.errorhandler(Unsealable)
def unsealable(error: Unsealable) -> ResponseReturnValue:
    return _page(str(error), 409)


def _page(sentence: str | None, status: int, form: str | None = None, title: str | None = None) -> ResponseReturnValue:
    """``form``: where the form stands of which nothing was taken. Whatever else was asked for has a way back, too."""
    g.broken = status >= 500  # the page that says so asks the database nothing
    usual_title, usual = _WORDS.get(status, ("That did not work", "Try again in a moment."))
    back = None if form else form_path()
    if request.method != "POST" and back and back.split("?")[0] in {request.path, url_for("show.sign_in")}:
        back = None  # to this very page, or to one that has done its part
    shown = {"title": "Nothing was saved" if form else title or usual_title, "sentence": sentence or usual,
             "form": form, "back": back,
             "name": request_id.of(request.environ) if status == 500 else None}  # fmt: skip
    return render_template("errors/error.html", status=status, **shown), status
