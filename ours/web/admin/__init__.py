"""The admin API: what programs do with a token, at ``/api/admin/v1``. One file per noun; ``door`` says who may pass."""

from ours.web.admin import audit, destinations, events, sources, visitors  # noqa: F401 - they put themselves on it
from ours.web.admin.door import blueprint

__all__ = ["blueprint"]
