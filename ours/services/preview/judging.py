"""What becomes of an event at a destination that is set up in a certain way, up to the request that would be sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import orjson
from marshmallow import ValidationError
from requests import PreparedRequest

from ours.core import governance, retry, routing
from ours.core.governance import Rule
from ours.core.incoming import Kind
from ours.core.mapping import Context
from ours.core.redact import Masker
from ours.errors import Invalid
from ours.plugin import Destination as Plugin
from ours.plugin import Outcome, Rejected, secrets_of
from ours.plugin.types import Mode
from ours.services.deliver import tries
from ours.services.deliver.letters import Letter
from ours.services.deliver.targets import Target
from ours.services.deliver.tokens import PLACEHOLDER
from ours.services.deliver.tries import Parcel, Try
from ours.services.destinations import asking, typed
from ours.services.destinations.config import Config
from ours.services.destinations.limits import Limits
from ours.services.destinations.mapping import mapper_of
from ours.services.gates import category_of
from ours.store.queries.dispatches import Claimed

_NOISE = {"content-length", "webhook-signature"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """``request`` is what would be sent, without credentials; None when nothing would be, for ``reason``."""

    reason: str | None
    request: Mapping[str, Any] | None = None
    fields: Mapping[str, Any] | None = None
    case: str | None = None


@dataclass(frozen=True, slots=True)
class Side:
    """One destination with a configuration, as routing and as delivery see it, and the rules that hold."""

    gate: routing.Gate
    target: Target
    rules: tuple[Rule, ...]

    def judge(self, row: Any, context: Context) -> Verdict:
        kept = self.kept(row, governance.fired(self.rules, context))
        return Verdict(kept) if kept else self.tried(row, context)

    def kept(self, row: Any, fired: Sequence[Rule]) -> str | None:
        """Why an event does not even get as far as a try, given the rules that fired for it; None: it does."""
        kind, mode = cast("Kind", row.kind), cast("Mode", row.mode)
        plan = routing.plan(row.name, kind, mode, [self.gate], source_id=row.source_id, fired=fired)
        if not plan.dispatches:
            return "not_allowed"
        return plan.dispatches[0].reason if plan.dispatches[0].state != "pending" else None

    def tried(self, row: Any, context: Context) -> Verdict:
        """What delivery makes of it, by itself and when it came, so that its age is the same on both sides."""
        claimed = Claimed(row.id, row.id, self.target.id, row.mode, 1, row.received_at, row.id)
        one = Try.begun(Letter(claimed, context.event, context.visitor), self.target, row.received_at)
        one.token = PLACEHOLDER if self.target.fetches_token else None
        parcel = Parcel([one])
        outcome = tries.refusal(one) or _asked(parcel)
        released = one.released or self.target.mapping.apply(context)
        if outcome is None:
            return Verdict(None, _shown(parcel.ready[1], self.target.masker), released.fields, released.case)
        dedupes = self.target.plugin.dedupes
        decision = retry.decide(
            outcome, attempt=1, now=row.received_at, dispatch_id=row.id, dedupes=dedupes, mode=row.mode
        )
        return Verdict(decision.reason, fields=released.fields, case=released.case)


def _asked(parcel: Parcel) -> Outcome | None:
    """What the plugin says instead of a request; a bug of it is what a preview is to show."""
    (one,) = parcel.tries
    try:
        return (tries.ask_item(one) if one.travels_in_batches else None) or tries.ask_request(parcel)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 - whatever it raises
        return Rejected("build_failed")


def side(
    destination_id: int, plugin: Plugin, config: Config, rules: tuple[Rule, ...], hidden: Sequence[str] = ()
) -> Side:
    """``hidden``: secrets besides those that the plugin says are some.

    :raises Invalid: when nothing could be built with this configuration.
    """
    try:
        settings = asking.loaded(plugin, config.settings)
    except ValidationError as error:
        wrong = ", ".join(error.messages_dict)
        raise Invalid(f"The settings do not fit what the plugin asks for. Look at: {wrong}.") from None
    category = category_of(config, plugin)
    allowed = typed.allow_list(config.events) if config.events else {}
    gate = routing.Gate(destination_id, "on", plugin_present=True, allowed=frozenset(allowed),
                        sources=frozenset(config.sources) or None, category=category)  # fmt: skip
    mapper, masker = mapper_of(plugin, category, config.mapping, config.cases), Masker([*secrets_of(settings), *hidden])
    return Side(gate, Target(destination_id, 0, 0, plugin, settings, mapper, masker, Limits()), rules)


def _shown(request: PreparedRequest, masker: Masker) -> dict[str, Any]:
    headers = {name: value for name, value in request.headers.items() if name.lower() not in _NOISE}
    return {
        "method": request.method,
        "url": masker.url(request.url or ""),
        "headers": masker.headers(headers),
        "body": _body(request.body, masker),
    }


def _body(body: Any, masker: Masker) -> Any:
    """JSON as what it stands for, so that it can be compared field by field."""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body or "")
    hidden = masker.text(text)
    try:
        return orjson.loads(hidden)
    except orjson.JSONDecodeError:
        return hidden
