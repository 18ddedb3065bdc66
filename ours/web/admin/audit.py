"""The audit log."""

from dataclasses import asdict

from marshmallow import fields

from ours.clock import iso
from ours.services.actors import Actor
from ours.services.audit import Filter
from ours.web.admin.door import Json, endpoint, query
from ours.web.admin.paging import Paged, an_id
from ours.web.current import ours


class _Wanted(Paged):
    before = fields.String(load_default=None, validate=an_id)
    actor = fields.String(load_default=None)
    verb = fields.String(load_default=None)
    subject = fields.String(load_default=None)


@endpoint("/audit", "audit:read", reads="query")
def many(actor: Actor) -> Json:  # noqa: ARG001
    """The newest first; ``before`` is the id of the last one already seen."""
    asked = query(_Wanted())
    wanted = Filter(asked["actor"], asked["verb"], asked["subject"])
    found = ours().audit.list(asked["limit"], asked["before"], wanted)
    return [asdict(one) | {"at": iso(one.at), "detail": dict(one.detail)} for one in found]
