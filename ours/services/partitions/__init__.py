"""Events and attempts by day, on PostgreSQL and on request."""

from ours.services.partitions.days import AHEAD, FEW, rows_until
from ours.services.partitions.service import Partitions, State

__all__ = ["AHEAD", "FEW", "Partitions", "State", "rows_until"]
