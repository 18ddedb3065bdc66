"""A destination's settings on their way in and out: checked by its plugin, merged when changed, masked when shown."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from marshmallow import RAISE, ValidationError

from ours.core import mistakes
from ours.core.redact import mask_url
from ours.errors import Invalid, in_words
from ours.plugin import Destination, SecretValue, SettingInfo, describe_settings
from ours.services.destinations import asking

MASK = "••••"
_BLANK = ("", MASK)
_KEPT = "\0kept"  # no secret: none may hold a NUL
_SECRET = ("secret", "headers")
_ELSEWHERE = (
    "The address leads to another server now. Type this again, so that no secret goes where it was not meant to."
)
_PLAIN = frozenset({"text", "url", "number", "boolean", "choice", "json"})


def read(plugin: Destination, raw: Mapping[str, Any]) -> dict[str, Any]:
    """What was typed → JSON values fit to be sealed, secrets in clear. Defaults are left to the plugin.

    :raises Invalid: with the sentences for each setting under ``settings.NAME``.
    """
    try:
        values = asking.dumped(plugin, asking.loaded(plugin, raw))
    except ValidationError as error:
        errors = {f"settings.{name}": told for name, told in plainly(plugin, error).items()}
        raise Invalid(f"These settings don't suit {plugin.label}: {in_words(errors)}", errors) from None
    return {name: value for name, value in values.items() if raw.get(name, "") != ""}


def plainly(plugin: Destination, error: ValidationError) -> Mapping[str, list[str]]:
    """What does not suit the plugin, in sentences for each setting."""
    return mistakes.plain(error.messages_dict, {one.name: one.label for one in describe_settings(plugin)})


def merge(plugin: Destination, kept: Mapping[str, Any], typed: Mapping[str, Any]) -> dict[str, Any]:
    """Lay what was typed over what is kept. A secret left blank, or as its mask, stays; None clears any setting.

    Headers typed as lines replace the old ones; as a mapping they are added to them, and None takes one away. What is
    kept and the plugin has no word for any more is dropped: a setting that a newer version renamed could not be filled
    in otherwise.
    """
    merged = _known(plugin, kept) | dict(typed)
    for setting in describe_settings(plugin):
        old, new = kept.get(setting.name), typed.get(setting.name)
        if old is None or new is None or setting.kind not in _SECRET:
            continue
        if new in _BLANK:
            merged[setting.name] = old
        elif setting.kind == "headers":
            merged[setting.name] = _merge_headers(old, new)
    return {name: value for name, value in merged.items() if value is not None}


def check_direction(plugin: Destination, kept: Mapping[str, Any], typed: Mapping[str, Any]) -> None:
    """See that a secret goes to no other server than the one for which somebody who knows it typed it.

    :raises Invalid: when an address leads to another server, naming each secret that was not typed again.
    """
    infos, after = describe_settings(plugin), merge(plugin, kept, typed)
    if all(_server(kept, one) == _server(after, one) for one in infos if one.address):
        return
    held = {one.name: _marked(kept[one.name]) for one in infos if one.kind in _SECRET and kept.get(one.name)}
    merged = merge(plugin, dict(kept) | held, typed)
    left = [name for name in held if _KEPT in (merged.get(name), *_inside(merged.get(name)))]
    if left:
        raise Invalid(_ELSEWHERE, {f"settings.{name}": [_ELSEWHERE] for name in left})


def show(plugin: Destination | None, raw: Mapping[str, Any]) -> dict[str, Any]:
    """For screens: every secret masked. Without the plugin nobody knows what is secret, so all is masked.

    What does not fit the plugin is shown as it is where that says that it is plain.
    """
    if plugin is None:
        return dict.fromkeys(raw, MASK)
    try:
        return asking.dumped(plugin, _masked(asking.known(plugin, raw)))
    except (ValidationError, asking.Unanswered):
        plain = plain_settings(plugin)
        return {name: value if name in plain else MASK for name, value in raw.items()}


def plain_settings(plugin: Destination) -> frozenset[str]:
    """The names of those that may be shown. What the plugin has no word for may be a secret that it had once."""
    return frozenset(one.name for one in describe_settings(plugin) if one.kind in _PLAIN)


def hidden_settings(plugin: Destination | None, raw: Mapping[str, Any]) -> list[str]:
    """The names of those in ``raw`` that its plugin of now does not call plain; all, without it. A version keeps them,
    for a later plugin may."""
    return sorted(set(raw) - (plain_settings(plugin) if plugin else frozenset()))


def without_secrets(shown: Mapping[str, Any]) -> dict[str, Any]:
    """What ``show`` gives, its addresses without the values of query fields whose name says secret."""
    return {name: mask_url(value) if isinstance(value, str) else value for name, value in shown.items()}


def _known(plugin: Destination, kept: Mapping[str, Any]) -> dict[str, Any]:
    if plugin.Settings().unknown != RAISE:
        return dict(kept)
    known = {setting.name for setting in describe_settings(plugin)}
    return {name: value for name, value in kept.items() if name in known}


def _merge_headers(old: Mapping[str, str], new: Mapping[str, str | None] | str) -> dict[str, str]:
    given: dict[str, str | None]
    if isinstance(new, str):
        pairs = (line.partition(":") for line in new.splitlines() if line.strip())
        given, base = {name.strip(): value.strip() for name, _, value in pairs}, {}
    else:
        given, base = dict(new), dict(old)
    laid = base | {name: old.get(name, value) if value in _BLANK else value for name, value in given.items()}
    return {name: value for name, value in laid.items() if value is not None}


def _server(settings: Mapping[str, Any], info: SettingInfo) -> Any:
    """Of an address, what says where it leads and whether in clear; of a host or a port, all."""
    value = str(settings.get(info.name) or info.default or "").strip().lower()
    return urlsplit(value)[:2] if info.kind == "url" else value


def _marked(value: Any) -> Any:
    return dict.fromkeys(value, _KEPT) if isinstance(value, Mapping) else _KEPT


def _inside(value: Any) -> Sequence[Any]:
    return tuple(value.values()) if isinstance(value, Mapping) else ()


def _masked(value: Any) -> Any:
    if isinstance(value, SecretValue):
        return MASK
    if isinstance(value, Mapping):
        return {name: _masked(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(inner) for inner in value]
    return value
