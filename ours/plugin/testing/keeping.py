"""The part of the contract that asks whether anything of a delivery stays behind: it would leave with the next."""

import math
from collections import Counter, deque
from collections.abc import Iterable
from contextlib import suppress
from contextvars import copy_context
from dataclasses import replace
from typing import Any

from requests import Request

from ours.plugin.destination import Destination, sends_itself
from ours.plugin.testing.examined import Examined
from ours.plugin.testing.exchange import answer, expect
from ours.plugin.testing.reaching import MOST, reached
from ours.plugin.testing.sending import Nowhere
from ours.plugin.testing.watching import forget, watched
from ours.plugin.types import Delivery

_MANY = 8
_MARK, _ID = "of-somebody-before", "9e3779b97f4a7c15"
_MARKS: dict[Any, tuple[Any, ...]] = {str: (_MARK, _ID)} | dict.fromkeys(
    (bytes, bytearray), (_MARK.encode(), _ID.encode())
)
_CONTAINERS = (list, tuple, dict, set, frozenset, deque)
_HINT = "It is there as long as the process, and may leave with the next event: keep nothing from one call to the next."


class KeepingChecks(Examined):
    def test_nothing_of_a_delivery_stays_behind(self) -> None:
        copy_context().run(self._look_for_what_stays)

    def _look_for_what_stays(self) -> None:
        plugin = watched(self.destination)
        self._hand_over(plugin, 0)
        before = _sizes(plugin)
        self._hand_over(plugin, 1)
        forget()
        kept = {place for place, thing in reached(plugin) if _is_marked(thing)}
        expect(not kept, f"What a delivery says is kept in {_listed(kept)}. {_HINT}")
        more = {place for place, size in _sizes(plugin).items() if size - before.get(place, 0) >= _MANY}
        expect(not more, f"With each delivery there is more in {_listed(more)}. {_HINT}")

    def _hand_over(self, plugin: Destination, turn: int) -> None:
        """The samples, of other people each time, and answers that name them. The one that says most comes last."""
        for number in range(turn * _MANY, (turn + 1) * _MANY):
            for delivery in reversed(self._deliveries()):
                with suppress(Exception):  # told by the other tests
                    _ask(plugin, _marked(delivery, number), once=not number)


def _ask(plugin: Destination, delivery: Delivery, *, once: bool) -> None:
    said = answer(400, f'{{"error": "{_MARK}"}}'.encode())
    _ = said.content
    request: Any
    if plugin.batching:
        plugin.group(delivery)
        items = [plugin.item(delivery)]
        request = plugin.pack(items, delivery.settings)
        plugin.read_batch(said, items)
    else:
        request = plugin.build(delivery)
        plugin.read(said)
    if once and sends_itself(plugin) and isinstance(request, Request):
        plugin.send(request, delivery.settings, Nowhere())


def _marked(delivery: Delivery, number: int) -> Delivery:
    """Every other time its texts are no more what they should be, so that none of them is passed over."""
    fresh = f"{_ID}{number:016x}"
    event = replace(delivery.event, id=fresh, distinct_id=f"{_MARK}-{number}")
    fields = {name: _told(value, number) for name, value in delivery.fields.items()}
    return replace(delivery, id=fresh, event=event, fields=fields)


def _told(value: Any, number: int) -> Any:
    if not isinstance(value, str):
        return value
    if "@" in value:
        return f"{_MARK}-{number}@example.com"
    return f"{_MARK}-{number}" if number % 2 else value


def _is_marked(thing: Any) -> bool:
    """Asked of the kind, not of the thing, which may be anything."""
    for kind, marks in _MARKS.items():
        if issubclass(type(thing), kind):
            return any(kind.__contains__(thing, mark) for mark in marks)
    return False


def _sizes(plugin: Destination) -> dict[str, float]:
    """How much there is in each place; endlessly much where not all of it is walked."""
    found, sizes = Counter[str](), Counter[str]()
    for place, thing in reached(plugin):
        found[place] += 1
        sizes[place] += 1 + (len(thing) if issubclass(type(thing), _CONTAINERS) else 0)  # type: ignore[arg-type]
    return {place: size if found[place] < MOST else math.inf for place, size in sizes.items()}


def _listed(places: Iterable[str]) -> str:
    return ", ".join(sorted(places))
