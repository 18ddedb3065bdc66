"""The ingest API: what backends post to ``/api/v1``, and what they learn from the answers."""

from ours.web.ingest.views import blueprint

__all__ = ["blueprint"]
