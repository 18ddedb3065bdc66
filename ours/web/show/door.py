"""The one blueprint of the dashboard, and who may pass: each page says the role it needs, or it is nobody's."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Literal

from flask import Blueprint, abort, current_app, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user as session_holder

from ours.services import actors
from ours.services.people import Person
from ours.web.current import ours
from ours.web.show.back import form_path

Role = Literal["anyone"] | actors.Role
RANKS: dict[str, int] = {"anyone": 0, **actors.RANKS}
_OUT = "show.sign_out"

blueprint = Blueprint("show", __name__)
View = Callable[..., ResponseReturnValue]


def page(rule: str, role: Role, methods: Sequence[str] = ("GET",)) -> Callable[[View], View]:
    """Put a view at ``rule`` for everybody of at least ``role``. A form's view takes ``GET`` and ``POST``; ``HEAD``
    is answered as ``GET`` is, and does no more.
    """

    def register(view: View) -> View:
        @wraps(view)
        def guarded(**values: Any) -> ResponseReturnValue:
            if request.method == "HEAD":  # no form was sent: what is not GET must not be taken for one
                request.method = "GET"
            refusal = _refusal(role)
            if refusal and "HX-Request" in request.headers:  # a part of a page: let the browser ask for all of it
                return "", 401, {"HX-Refresh": "true"}
            return refusal or view(**values)

        guarded.needed_role = role  # type: ignore[attr-defined]
        blueprint.add_url_rule(rule, view.__name__, guarded, methods=list(methods))
        return view

    return register


def _refusal(role: Role) -> ResponseReturnValue | None:
    """What is answered instead of the page; None when the person may have it."""
    if role == "anyone":
        return None
    if not session_holder.is_authenticated:
        if request.method == "POST":
            return _unsaved()
        found: ResponseReturnValue = current_app.login_manager.unauthorized()  # type: ignore[attr-defined]
        return found
    if (first := owes(person())) and request.endpoint not in {first, _OUT}:
        return redirect(url_for(first))
    if not may(role):
        abort(403, f"This needs the role {role}; yours is {person().role}. An admin can give you another.")
    return None


def _unsaved() -> ResponseReturnValue:
    """To sign in, back to the form, and there told that it was not taken: only whoever had a session comes here."""
    if request.endpoint == _OUT:
        return redirect(url_for("show.sign_in"))
    session["unsaved"] = True
    return redirect(url_for("show.sign_in", next=form_path()))


def person() -> Person:
    """Who is signed in. Only for pages that need a role."""
    holder: Person = session_holder.person
    return holder


def whoever() -> Person | None:
    """Who is signed in, if somebody is, and if that can be found out."""
    return None if g.get("broken") or not session_holder.is_authenticated else person()


def owes(found: Person | None) -> str | None:
    """The page that this person has to see to before any other."""
    if found and found.must_change:
        return "show.password"
    required = ours().settings.second_factor == "required"
    return "show.second_factor" if found and required and not found.second_factor_at else None


def may(role: str) -> bool:
    """Whether the person signed in has at least that role."""
    return role in roles(whoever())


def roles(found: Person | None) -> frozenset[str]:
    """The roles that this person has or exceeds."""
    rank = RANKS[found.role] if found else -1
    return frozenset(role for role, least in RANKS.items() if least <= rank)


@blueprint.after_request
def _never_kept(response: Any) -> Any:
    """Pages show what is personal: nothing on the way or in the browser keeps them."""
    response.headers["Cache-Control"] = "no-store"
    return response
