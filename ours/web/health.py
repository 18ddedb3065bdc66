"""``/health/live``: this process answers. ``/health/ready``: it can make an event durable, too."""

from flask import Blueprint, Response, jsonify

from ours.errors import Busy
from ours.store import migrate
from ours.web.current import ours

blueprint = Blueprint("health", __name__, url_prefix="/health")


@blueprint.get("/live")
def live() -> Response:
    return jsonify(status="ok")


@blueprint.get("/ready")
def ready() -> tuple[Response, int]:
    """503 with the reason when an event would be answered 503. A queue that is away only costs time."""
    here = ours()
    queue = "ok" if here.queue.reachable() else "away: deliveries go on, more slowly"
    try:
        if not migrate.is_current(here.store):
            return jsonify(status="unavailable", database="needs `ours db upgrade`", queue=queue), 503
        here.accept.check()
    except Busy as error:
        return jsonify({"status": "unavailable", error.reason: error.sentence, "queue": queue}), 503
    return jsonify(status="ok", database="ok", queue=queue), 200
