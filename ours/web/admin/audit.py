"""The audit log."""

from dataclasses import asdict

from flask import request

from ours.clock import iso
from ours.services.actors import Actor
from ours.services.audit import Filter
from ours.services.overview import is_id
from ours.web.admin.door import Json, endpoint
from ours.web.current import ours

MOST = 200


@endpoint("/audit", "audit:read")
def many(actor: Actor) -> Json:  # noqa: ARG001
    """The newest first; ``before`` is the id of the last one already seen."""
    args = request.args
    wanted = Filter(args.get("actor") or None, args.get("verb") or None, args.get("subject") or None)
    before = args.get("before", "")
    limit = min(max(args.get("limit", 50, type=int), 1), MOST)
    found = ours().audit.list(limit, before if is_id(before) else None, wanted)
    return [asdict(one) | {"at": iso(one.at), "detail": dict(one.detail)} for one in found]
