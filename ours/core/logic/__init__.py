"""Conditions on events and visitors: AND, OR and NOT over 31 operators, as a rule or a mapping carries them.

A condition has three answers: it holds, it does not, or nobody can say, because its path leads nowhere or its values
can't be compared. What nobody can say stays so under NOT, and logic fires only when it holds: so a path that leads
nowhere never fires, whatever stands around it. ``IsUndefined`` and ``IsNotUndefined`` alone ask about just that.
"""

from ours.core.logic.grammar import Condition, Logic, LogicInvalid, read
from ours.core.logic.operators import OPERATORS, Operator, table

__all__ = ["OPERATORS", "Condition", "Logic", "LogicInvalid", "Operator", "read", "table"]
