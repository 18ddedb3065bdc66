"""Sources and their keys: add one, look at them, switch one off, give one a new key or a limit."""

from ours.services.sources.service import LONGEST_OVERLAP, MODES, MOST_REQUESTS, REFUSALS_DAYS, Sources
from ours.services.sources.values import Key, NewSource, Refusals, Source, Volume, working_key

__all__ = ["LONGEST_OVERLAP", "MODES", "MOST_REQUESTS", "REFUSALS_DAYS", "Key", "NewSource", "Refusals", "Source",
           "Sources", "Volume", "working_key"]  # fmt: skip
