"""The whole chain of one dispatch, from what the backend sent to what the destination answered; and the reverse."""

from ours.services.explain.service import Explain
from ours.services.explain.views import Chain, Field, Step, Use

__all__ = ["Chain", "Explain", "Field", "Step", "Use"]
