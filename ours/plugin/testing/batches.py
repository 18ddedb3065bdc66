"""What the contract asks of a destination that takes many events in one request."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain, islice
from typing import Any

from requests import Request, Response

from ours.plugin.batching import Batching
from ours.plugin.destination import sends_itself
from ours.plugin.envelope import to_json
from ours.plugin.testing.examined import Examined
from ours.plugin.testing.exchange import (
    ANSWERS,
    ODD_HEADERS,
    answer,
    check_outcome,
    check_sendable,
    expect,
    no_json,
    prepared,
    text_of,
)
from ours.plugin.testing.purity import pure
from ours.plugin.testing.watching import forget, watched
from ours.plugin.types import Delivered, Delivery, Duplicate, Outcome, Rejected, Skipped, Split

_AROUND, _AROUND_EACH = 4_096, 64
"""Bytes that a request may have besides its items, and beside each of them."""


class BatchChecks(Examined):
    """A part of ``DestinationContract``; passes when the destination does not batch."""

    def test_a_batch_can_be_sent_and_carries_each_of_its_events(self) -> None:
        for deliveries in self._batches():
            items = [item for one in deliveries if not isinstance(item := self._item(one), Skipped | Rejected)]
            if not items:
                continue
            request = self._pack(items)
            check_sendable(request, over_http=not sends_itself(self.destination))
            sent = text_of(request)
            forget()
            carried = all(self.dedupe_id(one) in sent for one in deliveries) or not self.destination.dedupes
            expect(carried or len(items) < len(deliveries), "A packed request does not carry the id of each event.")

    def test_a_full_batch_keeps_to_its_bytes(self) -> None:
        for items in self._full_batches():
            body = prepared(self._pack(items)).body or b""
            size = sum(len(to_json(item)) for item in items)
            fine = len(body) <= size + _AROUND + _AROUND_EACH * len(items)
            expect(fine, f"pack makes {len(body)} bytes of items that have {size}: batching counts those of the items.")

    def test_items_and_packing_are_pure(self) -> None:
        for deliveries in self._batches():
            with pure(self.destination):
                first, second = [[self._item(one) for one in deliveries] for _ in "12"]
            expect(repr(first) == repr(second), "Two items of the same delivery differ.")
            items = [item for item in first if not isinstance(item, Skipped | Rejected)]
            before = json.dumps(items)
            with pure(self.destination):
                packed = [self._pack(items) for _ in "12" if items]
            expect(json.dumps(items) == before, "pack changed the items that it was handed.")
            expect(len({text_of(one) for one in packed}) < 2, "Two requests packed from the same items differ.")

    def test_events_are_grouped_by_a_text(self) -> None:
        for deliveries in self._batches():
            groups = [watched(self.destination).group(one) for one in deliveries]
            expect(all(isinstance(group, str) for group in groups), "group must return a text.")

    def test_each_event_of_a_batch_has_an_outcome_whatever_the_answer(self) -> None:
        for items in self._full_batches(most=3):
            for status, body in ANSWERS:
                outcomes = self._read_batch(answer(status, body, ODD_HEADERS), items)
                arrived = any(isinstance(one, Delivered | Duplicate) for one in outcomes)
                fine = status < 300 or 400 <= status < 500 or not arrived
                expect(fine, f"An answer {status} can't mean that events were delivered.")

    def test_splitting_a_batch_comes_to_an_end(self) -> None:
        for status, body in ANSWERS if self._alone else ():
            for outcome in self._read_batch(answer(status, body), self._alone):
                expect(not isinstance(outcome, Split), "One event alone can't be Split: say Rejected.")

    def _batches(self) -> Iterator[list[Delivery]]:
        if self.destination.batching is not None:
            for deliveries in (self._deliveries(), list(self._hostile_deliveries())):
                together = deliveries[: self.destination.batching.max_items]
                yield [replace(one, id=f"{number:032x}") for number, one in enumerate(together)]

    def _full_batches(self, most: int = 1_000) -> Iterator[list[Any]]:
        """Items up to the declared limits, out of whatever callers may send."""
        batching = self.destination.batching
        if batching is None:
            return
        asked = map(self._item, chain(self._deliveries(), self._hostile_deliveries()))
        found = [*islice((item for item in asked if not isinstance(item, Skipped | Rejected)), most)]
        items = _limited(found * (batching.max_items // max(len(found), 1) + 1), batching, most)
        if items:
            yield items

    @cached_property
    def _alone(self) -> list[Any]:
        """A batch of one; of none where no event becomes an item."""
        return next(self._full_batches(most=1), [])

    def _item(self, delivery: Delivery) -> Any:
        item = watched(self.destination).item(delivery)
        if isinstance(item, Skipped | Rejected):
            check_outcome(item)
        else:
            wrong = no_json(item, "item")
            expect(wrong is None, f"item returned what can't be sent: {wrong}.")
            json.loads(to_json(item))
        return item

    def _pack(self, items: Sequence[Any]) -> Request:
        made: object = watched(self.destination).pack(items, self._loaded())
        expect(isinstance(made, Request), f"pack returned {made!r}, not a Request.")
        return made  # type: ignore[return-value]

    def _read_batch(self, response: Response, items: Sequence[Any]) -> list[Outcome]:
        before = json.dumps(items)
        said: object = watched(self.destination).read_batch(response, items)
        expect(json.dumps(items) == before, "read_batch changed the items that it was handed.")
        fits = isinstance(said, Outcome | Sequence) and not isinstance(said, str | bytes)
        expect(fits, f"read_batch returned {said!r}, neither an outcome nor a list with one for each event.")
        outcomes: list[Any] = list(said) if isinstance(said, Sequence) else [said] * len(items)
        expect(len(outcomes) == len(items), f"read_batch gave {len(outcomes)} outcomes for {len(items)} events.")
        for one in outcomes:
            expect(isinstance(one, Outcome), f"read_batch returned {one!r}, which is no outcome.")
            check_outcome(one)
        return outcomes


def _limited(items: Sequence[Any], batching: Batching, most: int) -> list[Any]:
    kept: list[Any] = []
    size = 0
    for item in items[: min(batching.max_items, most)]:
        size += len(to_json(item))
        if kept and size > batching.max_bytes:
            break
        kept.append(item)
    return kept
