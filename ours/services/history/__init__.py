"""Every change of the configuration as a version: who, when, why, and all that was set from then on."""

from ours.services.history.service import History, Version

__all__ = ["History", "Version"]
