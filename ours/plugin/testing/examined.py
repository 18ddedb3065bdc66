"""The destination that the contract is asked of, and what its parts try it with."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from ours.plugin.destination import Destination
from ours.plugin.settings import load_settings
from ours.plugin.testing.hostile import hostile_bags, hostile_values
from ours.plugin.testing.samples import SAMPLES, sample_delivery, sample_event
from ours.plugin.types import Delivery

_BAGS = tuple(hostile_bags())


class Examined:
    destination: ClassVar[type[Destination]]
    settings: ClassVar[Mapping[str, Any]]

    def dedupe_id(self, delivery: Delivery) -> str:
        """What the receiver drops repeats by. Override it where that is not the dispatch's id."""
        return delivery.id

    def _loaded(self) -> dict[str, Any]:
        return load_settings(self.destination, self.settings)

    def _deliveries(self, **changes: Any) -> list[Delivery]:
        mapping, settings = self.destination.default_mapping, self._loaded()
        return [sample_delivery(sample, mapping=mapping, settings=settings, **changes) for sample in SAMPLES]

    def _hostile_deliveries(self) -> Iterator[Delivery]:
        settings, mapping = self._loaded(), self.destination.default_mapping
        for bag in _BAGS:
            event = sample_event(event_properties=bag, user_properties=bag)
            yield sample_delivery(event=event, mapping=mapping, settings=settings)
        for value in hostile_values():
            fields = dict.fromkeys(mapping, value)
            name = value if isinstance(value, str) and value.strip() else "Pinged"
            yield sample_delivery(event=sample_event(name=name), fields=fields, settings=settings)
