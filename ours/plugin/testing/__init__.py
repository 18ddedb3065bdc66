"""The conformance kit: subclass ``DestinationContract`` in a test module, and pytest does the rest."""

from ours.plugin.testing.contract import DestinationContract
from ours.plugin.testing.hostile import hostile_bags
from ours.plugin.testing.samples import SAMPLES, sample_delivery, sample_event, sample_visitor

__all__ = ["SAMPLES", "DestinationContract", "hostile_bags", "sample_delivery", "sample_event", "sample_visitor"]
