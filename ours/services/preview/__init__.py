"""What a change would do, tried on the latest real events before it is made. Nothing here writes or sends."""

from ours.services.preview.service import PATIENCE, Effect, Preview, Report

__all__ = ["PATIENCE", "Effect", "Preview", "Report"]
