"""Visitors: found by what names them, shown, exported, and forgotten."""

from ours.services.visitors.finding import KINDS, Found
from ours.services.visitors.receipts import Place, Receipt
from ours.services.visitors.service import Profile, Visitors

__all__ = ["KINDS", "Found", "Place", "Profile", "Receipt", "Visitors"]
