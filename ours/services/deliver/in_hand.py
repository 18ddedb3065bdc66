"""What a worker has in hand, and what came of it that is not written down yet."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ours.services.deliver.records import Finished
from ours.services.deliver.tries import Try


class Told(NamedTuple):
    """What is to be written down: the tries that ended, and by their ids the dispatches that are to be handed back,
    whose visitors were ``forgotten``, and for which nothing can be made now, each with the reason.
    """

    finished: Sequence[Finished]
    unsent: Sequence[str]
    forgotten: Sequence[str]
    held: Mapping[str, str]


class InHand:
    """``ids`` are the dispatches of which nothing is to be told yet, ``busy`` says how many they are of each
    destination; the others are as in ``Told``.
    """

    def __init__(self) -> None:
        self.ids: set[str] = set()
        self.busy: Counter[int] = Counter()
        self.finished: list[Finished] = []
        self.unsent: list[str] = []
        self.forgotten: list[str] = []
        self.held: Mapping[str, str] = {}

    def __len__(self) -> int:
        return sum(map(len, (self.ids, self.finished, self.unsent, self.forgotten, self.held)))

    def take(self, many: Sequence[Try]) -> None:
        self.ids.update(one.id for one in many)
        self.busy.update(one.target.id for one in many)

    def let_go(self, many: Sequence[Try]) -> None:
        for one in many:
            self.ids.discard(one.id)
            self.busy[one.target.id] -= 1

    def hand_back(self, many: Sequence[Try]) -> None:
        """They were not sent."""
        self.unsent += [one.id for one in many]
        self.let_go(many)

    def drop(self, many: Sequence[Try]) -> None:
        """They must not be sent: their visitors were forgotten."""
        self.forgotten += [one.id for one in many]
        self.let_go(many)

    def told(self) -> Told:
        return Told(list(self.finished), list(self.unsent), list(self.forgotten), self.held)

    def wrote(self, told: Told) -> None:
        """This much is written down."""
        del self.finished[: len(told.finished)], self.unsent[: len(told.unsent)]
        del self.forgotten[: len(told.forgotten)]
        self.held = {}
