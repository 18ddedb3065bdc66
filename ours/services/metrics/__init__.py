"""Figures for a monitor, read from rows: a restart loses none, and every process tells the same."""

from ours.services.metrics.catalogue import CATALOGUE, Metric
from ours.services.metrics.counting import Counting
from ours.services.metrics.reading import Metrics, Sample

__all__ = ["CATALOGUE", "Counting", "Metric", "Metrics", "Sample"]
