"""Governance: the rules that stop events, and what is asked of them."""

from ours.services.rules.rulebook import Rulebook, compiled
from ours.services.rules.service import Governance, Rule

__all__ = ["Governance", "Rule", "Rulebook", "compiled"]
