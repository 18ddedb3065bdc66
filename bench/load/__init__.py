"""The load: requests that no two are alike, sent from a process of their own over connections that stay open."""

from bench.load.job import Job, Load
from bench.load.press import press

__all__ = ["Job", "Load", "press"]
