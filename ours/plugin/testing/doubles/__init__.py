"""Receiver doubles: small servers that answer as vendors do, with their limits and the shapes of their errors.

They are built from the recorded contracts, not from the vendors' machines. Each keeps what it took in ``kept``.
"""

from ours.plugin.testing.doubles.server import Answer, Call, Double

__all__ = ["Answer", "Call", "Double"]
