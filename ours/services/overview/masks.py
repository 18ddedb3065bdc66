"""What may be seen of an event: whom it is about masked, credentials out of requests."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from marshmallow import ValidationError
from sqlalchemy import Connection

from ours.core.mapping import Context
from ours.core.modifications import texts
from ours.core.redact import Masker, Person, cut_url, texts_in
from ours.plugin import describe_settings, secrets_of
from ours.registry import Registry
from ours.services.destinations import asking
from ours.store import Sealer, binding
from ours.store.queries import destinations

GROUPS = {
    "event_properties": "Event properties",
    "user_properties": "User properties",
    "default_properties": "Default properties",
    "identity_context": "Identity context",
}
_HIDDEN_BODY = "(not JSON, so it is shown to editors alone)"


class Cover(Masker):
    """Over a destination's credentials. ``whole``: the address is somebody's own from end to end, so that its path may
    be what keeps it secret."""

    def __init__(self, secrets: Iterable[str], *, whole: bool) -> None:
        super().__init__(secrets)
        self.whole = whole


class Maskers:
    """One for each destination, made anew when its settings change."""

    def __init__(self, registry: Registry, sealer: Sealer) -> None:
        self._registry = registry
        self._sealer = sealer
        self._made: dict[int, tuple[tuple[int, int], Cover]] = {}

    def get(self, connection: Connection, destination_id: int) -> Cover:
        """:raises Unsealable: when its settings can't be opened: nobody knows what is to be masked."""
        row = destinations.one(connection, destination_id)
        if row is None:
            return NOTHING
        known, state = self._made.get(destination_id), (row.version, row.updated_at)
        if known is None or known[0] != state:
            known = self._made[destination_id] = (state, Cover(self._secrets(row), whole=self._whole(row.slug)))
        return known[1]

    def _whole(self, slug: str) -> bool:
        plugin = self._registry.plugin(slug)
        return plugin is None or any(one.kind == "url" and one.required for one in describe_settings(plugin))

    def _secrets(self, row: Any) -> list[str]:
        """All that its settings hold when nobody knows which of them are secret."""
        raw = self._sealer.open_json(row.settings, binding.settings(row.id))
        plugin = self._registry.plugin(row.slug)
        try:
            return secrets_of(asking.loaded(plugin, raw)) if plugin else texts_in(raw)
        except (ValidationError, asking.Unanswered):
            return texts_in(raw)


NOTHING = Cover([], whole=True)


class Veil:
    """Masks a person in what was exchanged: as ``Person`` does, and by their values in every disguise."""

    def __init__(self, *bags: Mapping[str, Any]) -> None:
        self._bags = bags
        self.person = Person(*bags)
        self._masker = Masker(form for value in self.person.values for form in (value, *_glued(value)))

    def over(self, bag: Mapping[str, Any] | None) -> "Veil":
        """One over what the person was called then, too: names change, and what was sent does not."""
        return Veil(*self._bags, bag) if bag else self

    def text(self, text: str) -> str:
        return self._masker.text(self.person.text(text))

    def body(self, body: str) -> str:
        if not body:
            return body
        try:
            shown = self.person.value("", orjson.loads(body))
        except orjson.JSONDecodeError:
            return _HIDDEN_BODY
        return self._masker.text(orjson.dumps(shown).decode())


def _glued(value: str) -> tuple[str, ...]:
    """What the modification CamelCase makes of several words: nobody would know them apart in it."""
    camel = texts.camel(value)
    return (camel, camel[:1].upper() + camel[1:]) if len(texts.words(value)) > 1 else ()


def known_of(profile: Mapping[str, Any]) -> dict[str, Any]:
    """All that is known of a visitor, by names that say what is personal."""
    return {"phone": profile.get("phone"), **(profile.get("properties") or {})}


def person_of(context: Context) -> Person:
    """Whom an event is about, by all that it says and that is known of them."""
    event, visitor = context.event, context.visitor
    return Person(
        event.event_properties,
        event.user_properties,
        event.default_properties,
        event.identity_context,
        visitor.properties,
    )


def message(kept: Mapping[str, Any] | None, masker: Cover, hidden: Veil | None) -> dict[str, Any] | None:
    """A request or an answer without credentials; without what ``hidden`` masks too, unless that is None."""
    if not kept:
        return None
    shown = dict(kept)
    if "url" in shown:
        shown["url"] = masker.url(str(shown["url"] or ""))
    shown["headers"] = masker.headers(shown.get("headers") or {})
    shown["body"] = masker.text(str(shown.get("body") or ""))
    if hidden is not None:
        url = shown.get("url") or ""
        shown["url"] = hidden.text(cut_url(url) if masker.whole else url)
        shown["headers"] = {name: hidden.text(str(value)) for name, value in shown["headers"].items()}
        shown["body"] = hidden.body(shown["body"])
    return shown
