"""The deliver station: claims due dispatches, has plugins build them, sends them, and writes down what came of it."""

from ours.services.deliver.drain import Deliver

__all__ = ["Deliver"]
