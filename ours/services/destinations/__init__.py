"""Destinations: add one, change it, pause it, switch it off, remove it. Nothing leaves for one that nobody allowed."""

from ours.services.destinations.service import Destinations
from ours.services.destinations.shown import Destination

__all__ = ["Destination", "Destinations"]
