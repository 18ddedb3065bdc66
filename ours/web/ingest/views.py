"""The doors for backends: ``/track``, ``/identify``, ``/batch``, and the document that describes them."""

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request
from flask.blueprints import BlueprintSetupState

from ours import clock
from ours.errors import Busy, Invalid
from ours.web import request_id
from ours.web.current import ours
from ours.web.ingest import astray, openapi, telling
from ours.web.ingest.answers import Refusal, answer, broken, invalid, listed, unavailable
from ours.web.ingest.batch import take
from ours.web.ingest.guard import LIMITS, serve
from ours.web.ingest.late import Late
from ours.web.ingest.limits import Limits
from ours.web.ingest.schemas import IDENTIFY_BODY, TRACK_BODY

if TYPE_CHECKING:
    from ours.core.incoming import Incoming
    from ours.services.accept import Caller, Receipt

LARGEST = 1024 * 1024
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"]

blueprint = Blueprint("ingest", __name__, url_prefix="/api/v1")
_as_it_is = {"strict_slashes": False, "provide_automatic_options": False}


@blueprint.record
def _count_per_app(state: BlueprintSetupState) -> None:
    state.app.extensions[LIMITS] = Limits()


@blueprint.post("/track", **_as_it_is)
def track() -> Response:
    return serve(LARGEST, _track)


@blueprint.post("/identify", **_as_it_is)
def identify() -> Response:
    return serve(LARGEST, _identify)


@blueprint.post("/batch", **_as_it_is)
def batch() -> Response:
    return serve(ours().settings.max_batch_bytes, take)


@blueprint.get("/openapi", **_as_it_is)
def describe() -> Response:
    settings = ours().settings
    return answer(openapi.document(LARGEST, settings.max_batch_bytes, settings.max_batch_rows))


@blueprint.route("/<path:rest>", methods=_METHODS, **_as_it_is)
def elsewhere(rest: str) -> Response:  # noqa: ARG001 - the address as it was sent says more
    """Whatever the doors above don't take."""
    raise astray.refusal(request.path, request.method)


def _track(caller: "Caller", body: dict[str, Any]) -> Response:
    return Late(caller, TRACK_BODY.incoming(body, clock.now_ms()), _tracked)


def _tracked(incoming: "Incoming", receipt: "Receipt") -> dict[str, Any]:
    said: dict[str, Any] = {"success": True, "eventId": receipt.event_id, "distinctId": receipt.distinct_id}
    if receipt.duplicate:
        said["duplicate"] = True
    if incoming.warnings or receipt.differs:
        said["warnings"] = listed(incoming.warnings, receipt.differs)
    return said


def _identify(caller: "Caller", body: dict[str, Any]) -> Response:
    return Late(caller, IDENTIFY_BODY.incoming(body, clock.now_ms()), _identified)


def _identified(incoming: "Incoming", _: "Receipt") -> dict[str, Any]:
    said: dict[str, Any] = {"success": True}
    if incoming.warnings:
        said["warnings"] = listed(incoming.warnings)
    return said


@blueprint.errorhandler(Refusal)
def _refused(refusal: Refusal) -> Response:
    telling.refused(refusal)
    return refusal.response()


@blueprint.errorhandler(Invalid)
def _invalid(problem: Invalid) -> Response:
    return _refused(invalid(problem))


@blueprint.errorhandler(Busy)
def _busy(problem: Busy) -> Response:
    return _refused(unavailable(problem))


@blueprint.errorhandler(Exception)
def _broken(error: Exception) -> Response:
    return broken(error, request_id.of(request.environ)).response()
