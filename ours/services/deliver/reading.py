"""What came of a parcel: exactly one outcome for each try in it, whatever the plugin answers."""

from collections.abc import Sequence
from functools import partial

from requests import Response

from ours import log, timebox
from ours.core.answer import Failure
from ours.core.breaker import PLUGIN_TIMEOUT
from ours.plugin import Delivered, Destination, Duplicate, Outcome, Rejected, Retry, Split, Unauthorized, Unknown
from ours.plugin.types import NOT_THE_API
from ours.services.deliver import faults
from ours.services.deliver.tries import Parcel, too_long
from ours.transport import CappedResponse

_HOPELESS = {"ssrf_refused", "invalid_request"}
_TOO_LARGE = 413
_MAY_BE_FOR_ONE = {400, 406, 409, 422}


_logger = log.get("deliver")


def read(parcel: Parcel, response: Response) -> list[Outcome]:
    """What the plugin reads from the answer."""
    plugin, one = parcel.target.plugin, parcel.tries[0]
    batch = one.travels_in_batches
    verb = "read_batch" if batch else "read"

    def ask() -> object:
        if not batch:
            return plugin.read(response)
        return listed(plugin.read_batch(response, [one.item for one in parcel.tries]))

    try:
        said = faults.owned(verb, parcel.target.id, parcel.about, partial(timebox.limited, ask))
    except timebox.TooLong:  # it was sent; what came of it nobody can say now
        _logger.warning("plugin_timeout", plugin=plugin.slug, verb=verb, dispatch=one.id)
        return _all(parcel, Unknown(PLUGIN_TIMEOUT, too_long(verb)))
    except BaseException as error:  # noqa: BLE001 - whatever a plugin raises concerns its own dispatches
        return _all(parcel, Unknown("read_failed", faults.told("read_failed", plugin, verb, error, dispatch=one.id)))
    outcomes = each(parcel, said, "read_failed", verb)
    if isinstance(response, CappedResponse) and response.truncated and _reads_each(plugin):
        outcomes = _of_a_cut_answer(parcel, outcomes)
    if response.status_code == _TOO_LARGE and not any(isinstance(one, Delivered | Duplicate) for one in outcomes):
        return _split(parcel, outcomes, whole=True)
    return _apart(outcomes) if response.status_code in _MAY_BE_FOR_ONE else outcomes


def _apart(outcomes: list[Outcome]) -> list[Outcome]:
    """A firewall refuses all for what it finds in one: that one must not keep the others back, nor pause all."""
    if len(outcomes) == 1 or not all(isinstance(one, Unauthorized) and one.code == NOT_THE_API for one in outcomes):
        return outcomes
    return [Split(NOT_THE_API, getattr(one, "message", "")) for one in outcomes]


def _reads_each(plugin: Destination) -> bool:
    return type(plugin).read_batch is not Destination.read_batch


def _of_a_cut_answer(parcel: Parcel, outcomes: list[Outcome]) -> list[Outcome]:
    """What it says of each event was not seen to its end, so no yes is sure, and a no only where it is meant for all.
    Of fewer events, less is said."""
    plugin, alone = parcel.target.plugin, len(outcomes) == 1
    sure: tuple[type[Outcome], ...] = (Retry, Unauthorized, Split)
    if alone or (plugin.batching and plugin.batching.atomic):
        sure += (Rejected,)
    kind = Split if plugin.dedupes and not alone else Unknown
    cut = kind("answer_cut", "The answer was too long to be read to its end, so it may say more than was seen.")
    return [one if isinstance(one, sure) else cut for one in outcomes]


def listed(said: object) -> object:
    """Called where the plugin is: a sequence of its own may compute what it holds, and fail at that."""
    return list(said) if isinstance(said, Sequence) and not isinstance(said, str | bytes) else said


def sent(parcel: Parcel, said: object) -> list[Outcome]:
    """What the plugin's send() gave, or raised."""
    if not isinstance(said, BaseException):
        return each(parcel, said, "send_failed", "send")
    sentence = faults.told("send_failed", parcel.target.plugin, "send", said, dispatch=parcel.tag)
    return _all(parcel, Rejected("send_failed", sentence))


def each(parcel: Parcel, said: object, code: str, verb: str) -> list[Outcome]:
    """The outcomes that a plugin's ``verb`` gave; unknown where it gave none."""
    if isinstance(said, Outcome):
        return _split(parcel, _all(parcel, said))
    if not (isinstance(said, list) and parcel.tries[0].travels_in_batches):
        return _all(parcel, Unknown(code, f"The plugin's {verb}() returned no outcome."))
    if len(said) != len(parcel.tries):
        sentence = f"The plugin's {verb}() returned {len(said)} outcomes for {len(parcel.tries)} events."
        return _all(parcel, Unknown(code, sentence))
    missing = Unknown(code, f"The plugin's {verb}() returned no outcome for this event.")
    return _split(parcel, [one if isinstance(one, Outcome) else missing for one in said])


def unanswered(parcel: Parcel, failure: Failure) -> list[Outcome]:
    """What a request that got no answer means."""
    if failure.code in _HOPELESS:
        return _all(parcel, Rejected(failure.code, failure.message))
    kind = Unknown if failure.arrived else Retry
    return _all(parcel, kind(failure.code, failure.message))


def unread(parcel: Parcel) -> list[Outcome]:
    """It was answered, and the plugin is not asked what that means, for it does not come back, or not soon."""
    return _all(parcel, Unknown("not_read", "The plugin's read() was not asked: its calls take too long."))


def _all(parcel: Parcel, outcome: Outcome) -> list[Outcome]:
    return [outcome] * len(parcel.tries)


def _split(parcel: Parcel, outcomes: list[Outcome], *, whole: bool = False) -> list[Outcome]:
    """A batch that was refused as a whole is split until the bad ones are alone; what is alone can't be split."""
    if len(outcomes) == 1:
        only = outcomes[0]
        return [Rejected(only.code, only.message)] if isinstance(only, Split) else outcomes
    batching = parcel.target.plugin.batching
    if whole or (batching and batching.atomic and all(isinstance(one, Rejected) for one in outcomes)):
        return [Split(getattr(one, "code", "split"), getattr(one, "message", "")) for one in outcomes]
    return outcomes
