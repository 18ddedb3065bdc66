"""The only sender: many HTTP requests in flight from one thread, each ending in an answer and never in an exception."""

from ours.transport.answers import CappedResponse
from ours.transport.engine import Bell, Transport

__all__ = ["Bell", "CappedResponse", "Transport"]
