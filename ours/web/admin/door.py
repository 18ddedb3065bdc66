"""The one blueprint of the admin API, and who may pass: each endpoint names its scope, or it is nobody's."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial, wraps
from http import HTTPStatus
from typing import Any, Literal

import orjson
from flask import Blueprint, Response, request
from marshmallow import RAISE, Schema, ValidationError
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge

from ours import log
from ours.core import mistakes
from ours.errors import Busy, Changed, Forbidden, Invalid, NotFound, OursError, Unsealable
from ours.services import actors
from ours.services.actors import Actor
from ours.services.tokens import SCOPES
from ours.web import request_id
from ours.web.current import ours
from ours.web.throttle import throttle

LARGEST = 256 * 1024
blueprint = Blueprint("admin", __name__, url_prefix="/api/admin/v1")
_seldom = log.Seldom(most=20)
_SENTENCES = {
    "not_found": "There is nothing at this address. docs/api.md lists all that there is.",
    "method_not_allowed": "This address takes another method: the Allow header names them.",
}
Json = Mapping[str, Any] | Sequence[Mapping[str, Any]]
View = Callable[..., Json | bytes]
Reads = Literal["", "body", "query"]
_BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})


class Unauthorised(OursError):
    code = "invalid_token"


class TooMany(OursError):
    code = "too_many_tries"


def endpoint(
    rule: str, scope: str, methods: Sequence[str] = ("GET",), status: int = 200, *, reads: Reads = ""
) -> Callable[[View], View]:
    """Put a view at ``rule`` for tokens with ``scope``; it is handed the ``actor``, and answers JSON or what
    becomes it.

    ``reads`` is what the view asks for, ``body`` or ``query``. Whatever else is sent is refused: who sends it means it
    to count.
    """
    need = SCOPES[scope].need

    def register(view: View) -> View:
        @wraps(view)
        def guarded(**values: Any) -> Response:
            actor = _actor()
            actors.check(actor, need)
            if reads != "query":
                query(Schema())
            if reads != "body" and request.method not in _BODILESS:
                body(Schema(), optional=True)
            return _answer(view(actor=actor, **values), status)

        guarded.needed_scope = scope  # type: ignore[attr-defined]
        blueprint.add_url_rule(rule, f"{view.__module__.rpartition('.')[2]}_{view.__name__}", guarded, methods=methods)
        return view

    return register


def body(schema: Schema, *, optional: bool = False) -> dict[str, Any]:
    """The request's JSON, as ``schema`` says it must be. ``optional``: no body is one without fields.

    :raises Invalid: naming every field that is wrong.
    """
    request.max_content_length = LARGEST
    given = {} if optional and not request.get_data() else request.get_json(force=True, silent=True)
    if not isinstance(given, dict):
        raise Invalid("The body must be a JSON object.")
    return _loaded(schema, given)


def query(schema: Schema) -> dict[str, Any]:
    """The parameters in the address, as ``schema`` says they must be; a blank one was left out.

    :raises Invalid: naming every parameter that is wrong: what it would have narrowed must not be answered whole.
    """
    return _loaded(schema, {name: text for name, text in request.args.items() if text})


def _loaded(schema: Schema, given: Mapping[str, Any]) -> dict[str, Any]:
    try:
        loaded: dict[str, Any] = schema.load(given, unknown=RAISE)
    except ValidationError as error:
        names = {field.data_key or name: "" for name, field in schema.load_fields.items()}
        raise Invalid("Some fields are missing or wrong.", mistakes.plain(error.messages_dict, names)) from None
    return loaded


def _actor() -> Actor:
    """Whose token was sent. A good one is never refused for what others send from the same address.

    :raises Unauthorised: when there is none, or no good one.
    :raises TooMany: when that happened there too often.
    """
    scheme, _, text = request.headers.get("Authorization", "").strip().partition(" ")
    address = request.remote_addr or ""
    actor = ours().tokens.authenticate(text.strip()) if scheme.lower() == "bearer" and text.strip() else None
    if actor is None:
        if not throttle().may_try_token(address):
            raise TooMany("Too many wrong tokens came from your address. Wait a minute.")
        throttle().note_wrong_token(address)
        log.get("web.admin").warning("token_refused", address=address)
        raise Unauthorised("Send a token as `Authorization: Bearer …`; it is missing, unknown or no longer good.")
    return actor


def _answer(document: Json | bytes, status: int) -> Response:
    text = document if isinstance(document, bytes) else orjson.dumps(document)
    return Response(text, status, content_type="application/json")


def _refuse(error: OursError, status: int, headers: Mapping[str, str] | None = None) -> Response:
    told: dict[str, Any] = {"error": str(error), "code": error.code}
    if isinstance(error, Invalid) and error.errors:
        told["errors"] = error.errors
    if times := _seldom.times(error.code):
        name = request_id.of(request.environ)
        log.get("web.admin").info("refused", request=name, status=status, code=error.code, times=times)
    response = _answer(told, status)
    response.headers.update(headers or {})
    return response


@blueprint.after_request
def _never_kept(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response


for kind, status, headers in (
    (Unauthorised, 401, {"WWW-Authenticate": 'Bearer realm="ours admin"'}),
    (TooMany, 429, {"Retry-After": "60"}),
    (Forbidden, 403, None),
    (NotFound, 404, None),
    (Invalid, 400, None),
    (Changed, 409, None),
    (Unsealable, 409, None),
):
    blueprint.register_error_handler(kind, partial(_refuse, status=status, headers=headers))


@blueprint.errorhandler(RequestEntityTooLarge)
def _too_large(_: RequestEntityTooLarge) -> Response:
    return _refuse(Invalid(f"The body is larger than {LARGEST:,} bytes."), 413)


@blueprint.errorhandler(Busy)
def _busy(error: Busy) -> Response:
    return _refuse(Busy(error.sentence), 503, {"Retry-After": str(error.retry_after)})


def refusal(error: HTTPException) -> Response:
    """What a program is told that asks for an address that there is not, or in a way that is not answered there."""
    headers = {"Allow": ", ".join(sorted(error.valid_methods or ()))} if isinstance(error, MethodNotAllowed) else {}
    code = "method_not_allowed" if headers else "not_found" if error.code == HTTPStatus.NOT_FOUND else Invalid.code
    told = {"error": _SENTENCES.get(code, error.description or error.name), "code": code}
    response = _never_kept(_answer(told, error.code or HTTPStatus.BAD_REQUEST))
    response.headers.update(headers)
    return response


@blueprint.errorhandler(Exception)
def _broken(error: Exception) -> Response:
    if isinstance(error, HTTPException):
        return refusal(error)
    log.get("web.admin").exception("a request failed", request=request_id.of(request.environ))
    return _answer({"error": "Something broke on our side. It was logged.", "code": "internal_error"}, 500)
