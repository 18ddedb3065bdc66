"""What becomes of an event at a destination that is set up in a certain way, up to the request that would be sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import orjson
from marshmallow import ValidationError
from requests import PreparedRequest, Request

from ours.core import governance, routing
from ours.core.governance import Rule
from ours.core.incoming import Kind
from ours.core.mapping import Context, Mapper
from ours.core.redact import Masker
from ours.core.routing import Target
from ours.errors import Invalid
from ours.plugin import Delivery, Rejected, SecretValue, Skipped, load_settings, secrets_of
from ours.plugin import Destination as Plugin
from ours.plugin.types import Mode
from ours.services.destinations import typed
from ours.services.destinations.config import Config
from ours.services.destinations.mapping import mapper_of

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
    """One destination with a configuration, and the rules that hold."""

    target: Target
    plugin: Plugin
    settings: Mapping[str, Any]
    mapper: Mapper
    masker: Masker
    rules: tuple[Rule, ...]

    def judge(self, row: Any, context: Context) -> Verdict:
        fired = governance.fired(self.rules, context) if self.rules else ()
        kind, mode = cast("Kind", row.kind), cast("Mode", row.mode)
        plan = routing.plan(row.name, kind, mode, [self.target], source_id=row.source_id, fired=fired)
        if not plan.dispatches:
            return Verdict("not_allowed")
        if plan.dispatches[0].state != "pending":
            return Verdict(plan.dispatches[0].reason)
        return self._built(row, context)

    def _built(self, row: Any, context: Context) -> Verdict:
        released = self.mapper.apply(context)
        if released.missing:
            return Verdict("field_missing", fields=released.fields, case=released.case)
        delivery = Delivery(
            row.id,
            released.event,
            released.fields,
            self.settings,
            now=row.received_at,
            token=SecretValue("preview-token"),
        )
        try:
            made: object = self.plugin.build(delivery)
            if isinstance(made, Skipped):
                return Verdict(made.reason or "skipped", fields=released.fields, case=released.case)
            if isinstance(made, Rejected):
                return Verdict(made.code or "rejected", fields=released.fields, case=released.case)
            request = made.prepare() if isinstance(made, Request) else None
        except (Exception, SystemExit):  # noqa: BLE001 - a plugin's bug is what a preview is to show
            request = None
        if request is None:
            return Verdict("build_failed", fields=released.fields, case=released.case)
        return Verdict(None, _shown(request, self.masker), released.fields, released.case)


def side(
    destination_id: int, plugin: Plugin, config: Config, rules: tuple[Rule, ...], hidden: Sequence[str] = ()
) -> Side:
    """``hidden``: secrets besides those that the plugin says are some.

    :raises Invalid: when nothing could be built with this configuration.
    """
    try:
        settings = load_settings(plugin, config.settings)
    except ValidationError as error:
        wrong = ", ".join(error.messages_dict)
        raise Invalid(f"The settings do not fit what the plugin asks for. Look at: {wrong}.") from None
    category = config.kind(plugin)
    allowed = typed.allow_list(config.events) if config.events else {}
    target = Target(destination_id, "on", plugin_present=True, allowed=frozenset(allowed),
                    sources=frozenset(config.sources) or None, category=category)  # fmt: skip
    mapper = mapper_of(plugin, category, config.mapping, config.cases)
    return Side(target, plugin, settings, mapper, Masker([*secrets_of(settings), *hidden]), rules)


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
