"""Rules that stop events for some destinations, whatever the allow lists say: the first that fires is the reason."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ours.core.logic import Logic
from ours.core.paths import Context

EVERY = "*"
PREFIX = "rule:"
LONGEST_NAME = 80


class RuleCode(str):
    """The code of a rule that stopped a dispatch: people wrote its name, so it may be more than one word."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """``covers`` holds ids of destinations, names of categories, or ``*`` for all there are and will be."""

    name: str
    covers: frozenset[int | str]
    logic: Logic

    @property
    def reason(self) -> RuleCode:
        """The code that a dispatch it stopped carries."""
        return RuleCode(PREFIX + self.name)

    def concerns(self, destination_id: int, category: str) -> bool:
        return not self.covers.isdisjoint((destination_id, category, EVERY))


def fired(rules: Sequence[Rule], context: Context) -> list[Rule]:
    """The rules whose conditions hold for an event, in their order."""
    return [rule for rule in rules if rule.logic.fires(context)]


def stopping(rules: Iterable[Rule], destination_id: int, category: str) -> Rule | None:
    """The first of these rules that concerns a destination."""
    return next((rule for rule in rules if rule.concerns(destination_id, category)), None)
