"""The load: requests that no two are alike, sent from a process of their own over connections that stay open."""

from bench.load.job import Course, Job, Load, Steady
from bench.load.press import press, steadily

__all__ = ["Course", "Job", "Load", "Steady", "press", "steadily"]
