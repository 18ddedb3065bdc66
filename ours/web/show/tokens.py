"""Tokens: what programs use the admin API with."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ours import clock
from ours.errors import Invalid
from ours.services.tokens import MOST_DAYS, SCOPES, USUAL_DAYS
from ours.web.current import ours
from ours.web.show.door import page, person


@page("/tokens", "admin")
def tokens() -> str:
    return _list()


@page("/tokens/add", "admin", ["POST"])
def add_token() -> ResponseReturnValue:
    """The token is shown this once, on the answer itself: it stands in no address and in no cookie."""
    form = request.form
    days = form.get("days", USUAL_DAYS, type=int)
    try:
        made, text = ours().tokens.add(form.get("name", ""), form.getlist("scope"), days, actor=person().actor)
    except Invalid as error:
        return _list(errors=error.errors), 400
    return _list(handed=(made.name, text))


@page("/tokens/<int:token_id>/revoke", "admin", ["POST"])
def revoke_token(token_id: int) -> ResponseReturnValue:
    ours().tokens.revoke(token_id, actor=person().actor)
    flash("The token is revoked. Requests with it are now refused.", "good")
    return redirect(url_for("show.tokens"))


def _list(errors: dict[str, list[str]] | None = None, handed: tuple[str, str] | None = None) -> str:
    now = clock.now_ms()
    return render_template(
        "tokens/tokens.html",
        tokens=[(one, one.works(now)) for one in ours().tokens.list()],
        scopes=SCOPES,
        days=USUAL_DAYS,
        most=MOST_DAYS,
        errors=errors or {},
        handed=handed,
    )
