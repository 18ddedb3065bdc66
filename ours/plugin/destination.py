"""What a destination is: a class with two names, its settings, and ``build``. All else has a default."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from marshmallow import Schema
from requests import Request, Response

from ours.plugin.reading import by_status
from ours.plugin.types import Delivery, Outcome, Rejected, Skipped

Category = Literal["advertising", "analytics", "crm", "infrastructure"]


class Destination:
    """Subclass this, return the class from ``register_destinations``, and you have a plugin.

    ``build`` is pure: the same delivery gives the same request, and nothing is sent from it. Sending, time-outs,
    retries, recording and test mode are the platform's.
    """

    slug: ClassVar[str]
    """The stable machine name: lower-case letters, digits, ``-`` and ``_``."""
    label: ClassVar[str]
    """The name that people see."""
    summary: ClassVar[str] = ""
    """One sentence for the catalogue."""
    category: ClassVar[Category] = "infrastructure"
    version: ClassVar[str] = "1"
    """Kept with every attempt."""
    dedupes: ClassVar[bool] = False
    """True when the receiver drops a second delivery with the same id. Says whether an unanswered try is repeated."""
    default_mapping: ClassVar[Mapping[str, str]] = {}
    """Destination field → template. What the operator maps is laid over this."""

    class Settings(Schema):
        """What the operator fills in: a marshmallow schema whose fields carry ``metadata={"label", "help"}``."""

    def build(self, delivery: Delivery) -> Request | Skipped | Rejected:
        """The request that delivers ``delivery``, or why there can be none."""
        raise NotImplementedError

    def read(self, response: Response) -> Outcome:
        """What the answer means. The default goes by status alone."""
        return by_status(response)

    def send(self, request: Request, settings: Mapping[str, Any]) -> Outcome:
        """Only for what is not HTTP (a file, a bucket, a table): do what ``request`` says. Live mode only."""
        raise NotImplementedError


def sends_itself(plugin: Destination | type[Destination]) -> bool:
    """Whether this destination is not HTTP and brings its own ``send``."""
    kind = plugin if isinstance(plugin, type) else type(plugin)
    return kind.send is not Destination.send
