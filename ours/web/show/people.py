"""People: who may sign in, and what they may do."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ours.errors import Invalid
from ours.services.people import ROLES
from ours.web.current import ours
from ours.web.show.door import page, person


@page("/people", "admin")
def people() -> str:
    return _list()


@page("/people/add", "admin", ["POST"])
def add_person() -> ResponseReturnValue:
    """The new password is shown this once, on the answer itself: it stands in no address and in no cookie."""
    try:
        made, password = ours().people.add(
            request.form.get("email", ""), request.form.get("role", ""), actor=person().actor
        )
    except Invalid as error:
        return _list(errors=error.errors), 400
    return _list(handed=(made.email, password))


@page("/people/<int:person_id>/reset", "admin", ["POST"])
def reset_person(person_id: int) -> str:
    found = ours().people.get(person_id)
    return _list(handed=(found.email, ours().people.reset(found.email, actor=person().actor)))


@page("/people/<int:person_id>/sign-out", "admin", ["POST"])
def sign_out_person(person_id: int) -> ResponseReturnValue:
    found = ours().people.end_sessions(person_id, actor=person().actor)
    flash(f"All sessions of {found.email} have ended.", "good")
    return redirect(url_for("show.people"))


@page("/people/<int:person_id>/second-factor", "admin", ["POST"])
def remove_second_factor(person_id: int) -> ResponseReturnValue:
    found = ours().second_factors.remove(person_id, actor=person().actor)
    flash(f"{found.email} no longer has a second factor, and was signed out.", "good")
    return redirect(url_for("show.people"))


@page("/people/<int:person_id>/role", "admin", ["POST"])
def set_role(person_id: int) -> ResponseReturnValue:
    changed = ours().people.set_role(person_id, request.form.get("role", ""), actor=person().actor)
    flash(f"{changed.email} now has the role {changed.role}.", "good")
    return redirect(url_for("show.people"))


@page("/people/<int:person_id>/remove", "admin", ["GET", "POST"])
def remove_person(person_id: int) -> ResponseReturnValue:
    found = ours().people.get(person_id)
    if request.method == "GET":
        return render_template("people/remove.html", found=found, tokens=ours().tokens.left_by(found.email))
    ours().people.remove(person_id, actor=person().actor)
    flash(f"{found.email} can no longer sign in.", "good")
    return redirect(url_for("show.people"))


def _list(errors: dict[str, list[str]] | None = None, handed: tuple[str, str] | None = None) -> str:
    return render_template(
        "people/people.html", people=ours().people.list(), roles=ROLES, errors=errors or {}, handed=handed
    )
