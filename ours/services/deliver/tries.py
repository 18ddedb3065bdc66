"""One try at one dispatch, and the parcel it travels in: alone, or with others of a batching destination."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from requests import PreparedRequest, Request

from ours import log, timebox
from ours.core.breaker import FAULTS, PLUGIN_TIMEOUT
from ours.core.frozen import filled
from ours.core.mapping import Released, context_of
from ours.plugin import Delivery, Outcome, Rejected, SecretValue, Skipped, Split, Unauthorized, to_json
from ours.services.deliver import faults
from ours.services.deliver.letters import Letter
from ours.services.deliver.preparing import prepare
from ours.services.deliver.targets import Target

_logger = log.get("deliver")
_PATIENT_ROUNDS = 8
MOST_BYTES = 10 * 1024 * 1024
"""So much may a plugin put into one request. Of a batch that is larger, each half goes by itself."""


@dataclass(slots=True)
class Try:
    """A try under way at the dispatch ``id``.

    ``number`` grows, and ``spared`` with it, each time it has to be sent again at once. A test event does not travel
    in batches: its request shows it alone.

    ``probes``: it shows whether a destination that failed is back.

    ``token`` is the access token that it needs; ``renewed``: it has its second one. ``item`` and ``body`` are its part
    of a batching destination's request, ``group`` says with whom it may travel.
    """

    id: str
    live: bool
    travels_in_batches: bool
    letter: Letter
    target: Target
    started_at: int
    number: int
    spared: int
    probes: bool = False
    token: SecretValue | None = None
    renewed: bool = False
    build_ms: int = 0
    item: Any = None
    body: bytes = b""
    group: str = ""
    released: Released | None = None

    @classmethod
    def begun(cls, letter: Letter, target: Target, now: int, *, probes: bool = False) -> "Try":
        claimed = letter.claimed
        live = claimed.mode == "live"
        batched = live and target.batches
        return cls(claimed.id, live, batched, letter, target, now, claimed.attempt, claimed.spared, probes)

    def stays(self, outcome: Outcome | None) -> bool:
        """Whether it stays in hand, for the outcome is no fault of its own and the next try begins at once."""
        return isinstance(outcome, Split) or self.wants_new_token(outcome)

    def wants_new_token(self, outcome: Outcome | None) -> bool:
        return isinstance(outcome, Unauthorized) and self.live and self.token is not None and not self.renewed

    def goes_on(self) -> None:
        self.number += 1
        self.spared += 1


@dataclass(slots=True)
class Parcel:
    """What goes into one request. ``made`` is the plugin's request, ``request`` what goes on the wire.

    ``asked``: the destination was asked for a token for it. ``about`` is what its plugin's calls are about.
    """

    tries: list[Try]
    rounds: int = 0
    asked: bool = False
    made: Request | None = None
    request: PreparedRequest | None = None
    tag: str = field(init=False)
    target: Target = field(init=False)
    about: str = field(init=False)

    def __post_init__(self) -> None:
        first = self.tries[0]
        self.tag, self.target = first.id, first.target
        self.about = first.id if len(self.tries) == 1 else faults.MANY

    @property
    def ready(self) -> tuple[Request, PreparedRequest]:
        """The request as the plugin made it and as it goes on the wire.

        :raises ValueError: when there is none yet.
        """
        if self.made is None or self.request is None:
            raise ValueError("The parcel has no request yet.")
        return self.made, self.request

    def smaller(self, again: Sequence[Try]) -> list["Parcel"]:
        """The parcels in which ``again``, some of these tries, travel next: fewer in each than there were here."""
        rounds = self.rounds + 1
        if len(again) < len(self.tries) and rounds <= _PATIENT_ROUNDS:
            return [Parcel(list(again), rounds)] if again else []
        middle = (len(again) + 1) // 2
        return [Parcel(list(part), rounds) for part in (again[:middle], again[middle:]) if part]


def refusal(one: Try) -> Outcome | None:
    """Why the plugin is not even asked, if so."""
    max_age, age = one.target.plugin.max_age, one.started_at - one.letter.event.occurred_at
    if max_age is not None and age > max_age * 1000:
        return Skipped("too_old", f"It happened {age // 1000} seconds ago; this destination takes {max_age:.0f}.")
    if unwanted := one.target.unwanted(one.letter.event, one.letter.source_id):
        return unwanted
    released = one.target.release(context_of(one.letter.event, one.letter.visitor))
    if not isinstance(released, Released):
        return released
    one.released = released
    return None


def make_item(one: Try) -> Outcome | None:
    """Have the plugin make the try's item. An outcome means that there is nothing to send; its bug is one, too."""
    return _guarded([one], "item", one.id, partial(ask_item, one))


def make_request(parcel: Parcel) -> Outcome | None:
    """Have the plugin build the request. An outcome means that there is nothing to send; a plugin's bug is one, too."""
    return _guarded(parcel.tries, _verb(parcel), parcel.about, partial(ask_request, parcel))


def ask_item(one: Try) -> Outcome | None:
    """As ``make_item``; raises what the plugin raises."""
    plugin, delivery = one.target.plugin, _delivery(one)
    item: object = plugin.item(delivery)
    if isinstance(item, Skipped | Rejected):
        return item
    one.item, one.body, one.group = item, to_json(item), str(plugin.group(delivery))
    return None


def ask_request(parcel: Parcel) -> Outcome | None:
    """As ``make_request``; raises what the plugin raises."""
    first, made = parcel.tries[0], _made(parcel)
    if isinstance(made, Skipped | Rejected):
        return made
    if not isinstance(made, Request):
        return Rejected("build_failed", f"The plugin's {_verb(parcel)}() gave no request.")
    if first.token is not None and made.auth is None and not _names(made.headers, "authorization"):
        made.headers = {**made.headers, "Authorization": f"Bearer {first.token.reveal()}"}
    ready = prepare(made)
    if isinstance(ready.body, str | bytes) and len(ready.body) > MOST_BYTES:
        sentence = f"The plugin's {_verb(parcel)}() made a request of {len(ready.body):,} bytes."
        return Rejected("request_too_large", sentence)
    parcel.made, parcel.request = made, ready
    return None


def _verb(parcel: Parcel) -> str:
    return "pack" if parcel.tries[0].travels_in_batches else "build"


def did_not_end(outcome: Outcome | None) -> bool:
    """Whether the plugin's call did not come back in time."""
    return getattr(outcome, "code", None) == PLUGIN_TIMEOUT


def is_fault(outcome: Outcome | None) -> bool:
    """Whether it is the plugin's, whatever the destination is like."""
    return did_not_end(outcome) or getattr(outcome, "code", None) in FAULTS


def too_long(verb: str) -> str:
    return f"The plugin's {verb}() had not ended after {timebox.SECONDS:.0f} seconds."


def _names(headers: Iterable[str], name: str) -> bool:
    return any(one.lower() == name for one in headers)


def _made(parcel: Parcel) -> object:
    """Whatever the plugin makes of it: a request, if it keeps its word."""
    first, target = parcel.tries[0], parcel.target
    if first.travels_in_batches:
        return target.plugin.pack([one.item for one in parcel.tries], target.settings)
    return target.plugin.build(_delivery(first))


def _delivery(one: Try) -> Delivery:
    released = one.released or one.target.mapping.apply(context_of(one.letter.event, one.letter.visitor))
    return filled(
        Delivery,
        id=one.letter.claimed.delivery_id,
        event=released.event,
        fields=released.fields,
        settings=one.target.settings,
        attempt=one.number,
        now=one.started_at,
        token=one.token,
    )


def _guarded(tries: Sequence[Try], verb: str, about: str, make: Callable[[], Outcome | None]) -> Outcome | None:
    """Have the plugin do its part, and see how long that takes."""
    one, begun = tries[0], time.perf_counter()
    try:
        return faults.owned(verb, one.target.id, about, partial(timebox.limited, make))
    except timebox.TooLong:
        _logger.warning("plugin_timeout", plugin=one.target.plugin.slug, verb=verb, dispatch=one.id)
        return Rejected(PLUGIN_TIMEOUT, too_long(verb))
    except BaseException as error:  # noqa: BLE001 - whatever a plugin raises concerns its own dispatches
        return Rejected("build_failed", faults.told("build_failed", one.target.plugin, verb, error, dispatch=one.id))
    finally:
        took = round((time.perf_counter() - begun) * 1000)
        for each in tries:
            each.build_ms += took
