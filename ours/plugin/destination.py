"""What a destination is: a class with two names, its settings, and ``build``. All else has a default."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from marshmallow import Schema
from requests import Request, Response

from ours.plugin.batching import Batching
from ours.plugin.mapped import Mapped
from ours.plugin.network import Network
from ours.plugin.reading import by_status, oauth_token
from ours.plugin.types import Delivery, Outcome, Rejected, Skipped, Token

Category = Literal["advertising", "analytics", "crm", "infrastructure"]
Identify = Literal["event", "profile", "skipped"]

API_VERSION = 1
"""The version of this door. It rises when a plugin written for it would have to change."""


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
    identify: ClassVar[Identify] = "event"
    """What becomes of ``$identify``: a person's ``profile`` is updated, it is ``skipped``, or sent as an ``event``."""
    version: ClassVar[str] = "1"
    """Kept with every attempt."""
    dedupes: ClassVar[bool] = False
    """True when the receiver drops a second delivery with the same id. Says whether an unanswered try is repeated."""
    hashed: ClassVar[Sequence[str]] = ()
    """The fields of the mapping whose value leaves as a hash or not at all; the kit sees to it."""
    needs: ClassVar[Sequence[str]] = ()
    """Modules that it works with and that Ours does not bring. Import them in the function that uses them."""
    agreement: ClassVar[str] = ""
    """What people must know of agreements and law before they send anybody's data there, in a sentence or two."""
    default_mapping: ClassVar[Mapping[str, str | Mapped]] = {}
    """Destination field → template or ``Mapped``. What the operator maps is laid over this."""
    max_age: ClassVar[float | None] = None
    """Seconds. An event that happened longer ago is stopped as ``too_old``, and ``build`` is not asked."""
    ordered: ClassVar[bool] = False
    """True: what a visitor did arrives in order, so the next event waits until the one before has ended."""
    batching: ClassVar[Batching | None] = None
    """How much goes into one request. Then write ``item`` and ``pack``; ``build`` follows from them."""

    class Settings(Schema):
        """What the operator fills in: a marshmallow schema whose fields carry ``metadata={"label", "help"}``."""

    def build(self, delivery: Delivery) -> Request | Skipped | Rejected:
        """The request that delivers ``delivery``, or why there can be none. Where there is batching: a batch of one."""
        if self.batching is None:
            raise NotImplementedError
        item = self.item(delivery)
        return item if isinstance(item, Skipped | Rejected) else self.pack([item], delivery.settings)

    def item(self, delivery: Delivery) -> Any | Skipped | Rejected:
        """This event's part of a request, as JSON can carry it; or why it has none. Pure, as ``build`` is."""
        raise NotImplementedError

    def pack(self, items: Sequence[Any], settings: Mapping[str, Any]) -> Request:
        """The request that carries ``items``. Pure, as ``build`` is."""
        raise NotImplementedError

    def group(self, delivery: Delivery) -> str:  # noqa: ARG002
        """Only events of the same group go into one request. The default: all may."""
        return ""

    def read(self, response: Response) -> Outcome:
        """What the answer means. The default goes by status alone."""
        return by_status(response)

    def read_batch(self, response: Response, items: Sequence[Any]) -> Outcome | Sequence[Outcome]:  # noqa: ARG002
        """What the answer means: one outcome for all, or a list with one for each of ``items``, in their order.

        Where there is batching, Ours asks this of one event too, and ``read`` only through this default.
        """
        return self.read(response)

    def token_request(self, settings: Mapping[str, Any], now: int) -> Request | None:  # noqa: ARG002
        """The request that fetches an access token; None when none is needed. Pure: ``now`` (milliseconds) is the time.

        The token is kept until shortly before it expires, and fetched once more when it is refused. Requests are sent
        with ``Authorization: Bearer TOKEN``, unless they have an ``Authorization`` of their own.
        """
        return None

    def read_token(self, response: Response) -> Token | Outcome:
        """The token, or why there is none. The default reads ``access_token`` and ``expires_in``, as OAuth says."""
        return oauth_token(response)

    def send(self, request: Request, settings: Mapping[str, Any], network: Network) -> Outcome | Sequence[Outcome]:
        """Only for what is not HTTP (a file, a bucket, a table): do what ``request`` says. Live mode only.

        ``network`` is the way to any other machine: it says which addresses may be reached, or opens the connection.
        A batching destination may answer a list, with one outcome for each item of the request.
        """
        raise NotImplementedError


def sends_itself(plugin: Destination | type[Destination]) -> bool:
    """Whether this destination is not HTTP and brings its own ``send``."""
    kind = plugin if isinstance(plugin, type) else type(plugin)
    return kind.send is not Destination.send
