"""What a person may see of an event: names and addresses masked, credentials out of requests."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from marshmallow import ValidationError
from sqlalchemy import Connection

from ours.core.redact import Masker, mask_value
from ours.plugin import load_settings, secrets_of
from ours.registry import Registry
from ours.store import Sealer
from ours.store.queries import destinations

_HIDDEN_BODY = "(not JSON, so it is shown to editors alone)"


def bag(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: mask_value(name, value) for name, value in values.items()}


class Maskers:
    """One masker for each destination, made anew when its settings change."""

    def __init__(self, registry: Registry, sealer: Sealer) -> None:
        self._registry = registry
        self._sealer = sealer
        self._made: dict[int, tuple[int, Masker]] = {}

    def get(self, connection: Connection, destination_id: int) -> Masker:
        """:raises Unsealable: when its settings can't be opened: nobody knows what is to be masked."""
        row = destinations.one(connection, destination_id)
        if row is None:
            return Masker([])
        known = self._made.get(destination_id)
        if known is None or known[0] != row.version:
            known = self._made[destination_id] = (row.version, Masker(self._secrets(row)))
        return known[1]

    def _secrets(self, row: Any) -> list[str]:
        """All that its settings hold when nobody knows which of them are secret."""
        raw = self._sealer.open_json(row.settings, f"destinations:{row.id}:settings")
        loaded = self._registry.get(row.slug)
        try:
            return secrets_of(load_settings(loaded.plugin, raw)) if loaded else _texts(raw)
        except ValidationError:
            return _texts(raw)


def _texts(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [text for inner in value.values() for text in _texts(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in _texts(inner)]
    return [value] if isinstance(value, str) else []


def people(*bags: Mapping[str, Any]) -> Masker:
    """Masks what is personal in these by its values, under whatever name it turns up elsewhere."""
    return Masker({text for each in bags for text in _personal("", each)})


def _personal(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _personal(f"{name}.{key}", inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _personal(name, inner)
    elif mask_value(name, value) != value:
        yield str(value).strip()


def message(kept: Mapping[str, Any] | None, masker: Masker, hidden: Masker | None) -> dict[str, Any] | None:
    """A request or an answer without credentials; without what ``hidden`` masks too, unless that is None."""
    if not kept:
        return None
    shown = dict(kept)
    if "url" in shown:
        shown["url"] = masker.url(str(shown["url"] or ""))
    shown["headers"] = masker.headers(shown.get("headers") or {})
    shown["body"] = masker.text(str(shown.get("body") or ""))
    if hidden is not None:
        shown["url"] = hidden.text(shown.get("url") or "")
        shown["headers"] = {name: hidden.text(str(value)) for name, value in shown["headers"].items()}
        shown["body"] = hidden.text(_veiled(shown["body"]))
    return shown


def _veiled(body: str) -> str:
    if not body:
        return body
    try:
        return orjson.dumps(mask_value("", orjson.loads(body))).decode()
    except orjson.JSONDecodeError:
        return _HIDDEN_BODY
