"""What a change would do, tried on the latest real events before it is made. Nothing here writes or sends."""

from ours.services.preview.service import Effect, Preview, Report

__all__ = ["Effect", "Preview", "Report"]
