"""Replay: send again what ended. The old dispatch stays as it ended; a new one names it and goes the usual road.

What may have arrived, a person may also confirm."""

from ours.services.replay.confirming import Confirming
from ours.services.replay.deciding import why_not
from ours.services.replay.paced import Paced, PacedReplays
from ours.services.replay.service import Replay
from ours.services.replay.views import FAILED, Filter, Preview

__all__ = ["FAILED", "Confirming", "Filter", "Paced", "PacedReplays", "Preview", "Replay", "why_not"]
