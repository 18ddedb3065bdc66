"""Configuration as a file: written from what there is, and applied to it, with a plan shown first."""

from ours.services.apply.form import dump, load
from ours.services.apply.service import Configuration, Plan

__all__ = ["Configuration", "Plan", "dump", "load"]
