"""Runs the contract without pytest: a plugin can be checked where no test of it has been written yet."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from marshmallow import ValidationError

from ours.plugin.destination import Destination
from ours.plugin.settings import SettingInfo, describe_settings, load_settings
from ours.plugin.testing.contract import DestinationContract
from ours.plugin.testing.watching import forget, given, running
from ours.plugin.tracing import home_of, line_of, place_of
from ours.plugin.types import Delivery

_MADE_UP: Mapping[str, Any] = {
    "url": "https://receiver.example.com/events",
    "number": 1,
    "boolean": True,
    "headers": {},
    "json": {},
}
_OF_ANSWERS = {"read", "read_batch", "read_token"}
_WORD = re.compile(r"[\w-]+")


class Check(NamedTuple):
    """One question of the contract. ``fault`` says what is wrong; None when nothing is. ``given``: with what input."""

    name: str
    fault: str | None
    given: str | None = None


class _Found(NamedTuple):
    """A fault. Two with the same ``mistake`` are one of the author's. ``advice`` holds where the input was odd."""

    fault: str
    mistake: object
    given: str | None
    odd: bool
    advice: str = ""


def made_up_settings(kind: type[Destination], given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings to check with: what was ``given``, and something likely for whatever else is required.

    :raises ValidationError: when that won't do for a setting; then it must be given.
    """
    required = [one for one in describe_settings(kind) if one.required]
    settings = {one.name: _likely(one) for one in required} | dict(given)
    load_settings(kind, settings)
    return settings


def filled_settings(kind: type[Destination], given: Mapping[str, Any]) -> dict[str, Any]:
    """The same with every other setting given too, secrets above all, as far as something likely will do."""
    known = {one.name: one for one in describe_settings(kind)}
    settings = {name: _otherwise(one) for name, one in known.items()} | dict(given)
    settings = {name: value for name, value in settings.items() if value is not None}
    while True:
        try:
            load_settings(kind, settings)
        except ValidationError as error:
            wrong = [name for name in error.messages_dict if name in settings.keys() - given.keys()]
            if not wrong:
                return made_up_settings(kind, given)
            settings = {name: value for name, value in settings.items() if name not in wrong}
        else:
            return settings


def run(kind: type[Destination], given: Mapping[str, Any], *, secrets_in_url: bool = False) -> list[Check]:
    """Every check of the contract, with the settings that must be given and with all of them.

    The id that repeats are dropped by may be the delivery's or the event's. What comes of one mistake has the same
    ``fault`` in every check.

    :raises ValidationError: as ``made_up_settings`` does.
    """
    few, all_of_them = made_up_settings(kind, given), filled_settings(kind, given)
    found = _run(kind, few, secrets_in_url)
    if all_of_them != few:
        for name, one in _run(kind, all_of_them, secrets_in_url).items():
            if one and found[name] is None:
                found[name] = one._replace(given=", ".join(filter(None, [one.given, "every setting given"])))
    return [Check(_words(name), one and _told(one, found.values()), one and one.given) for name, one in found.items()]


def _run(kind: type[Destination], settings: Mapping[str, Any], secrets_in_url: bool) -> dict[str, "_Found | None"]:
    declared = {"destination": kind, "settings": settings, "secrets_in_url": secrets_in_url}
    contract = type("Contract", (_Lenient,), declared)
    names = [name for name in sorted(dir(contract)) if name.startswith("test_")]
    return {name: _found(kind, getattr(contract(), name)) for name in names}


def told(kind: type[Destination], error: Exception) -> str:
    """What a plugin raised, and where, in a sentence."""
    line, said = line_of(error, home_of(kind.__module__)), f"{type(error).__name__}: {error}".rstrip(": ")
    who = running() if line and running() else "It"
    return f"{who} raised {said}{f' ({line})' if line else ''}."


class _Lenient(DestinationContract):
    def dedupe_id(self, delivery: Delivery) -> str:
        """Whichever id the request carries, or what it makes of one; the delivery's when it carries none."""
        sent = self.sent(delivery)
        ids = (delivery.id, delivery.event.distinct_id, delivery.event.id)
        return next((one for one in [*ids, *self._made_of_ids(delivery, sent)] if one in sent), delivery.id)

    def _made_of_ids(self, delivery: Delivery, sent: str) -> list[str]:
        """The words of a request that would be others if nothing but the ids were: a hash of an id, say."""
        event = replace(delivery.event, id="0" * 32, distinct_id="another")
        others = set(_WORD.findall(self.sent(replace(delivery, id="0" * 32, event=event))))
        return [one for one in _WORD.findall(sent) if one not in others]


def _words(name: str) -> str:
    return name.removeprefix("test_").replace("_", " ")


def _told(one: _Found, others: Iterable[_Found | None]) -> str:
    """The fault, as it was found first; with advice on odd input only where usual input does no harm."""
    same = [other for other in others if other and other.mistake == one.mistake]
    return f"{same[0].fault} {one.advice if all(other.odd for other in same) else ''}".rstrip()


def _found(kind: type[Destination], check: Any) -> _Found | None:
    forget()
    home = home_of(kind.__module__)
    try:
        check()
    except AssertionError as error:
        line = line_of(error, home)
        said = f"{error} ({line})" if line else str(error)
        return _Found(said, place_of(error, home) or said, *_input())
    except Exception as error:  # noqa: BLE001 - whatever the plugin raises is what its author must hear
        notes = " ".join(note for note in getattr(error, "__notes__", ()) if not note.startswith(running()))
        mistake = (type(error), running(), place_of(error, home) or str(error))
        advice = "An answer may be anything." if running() in _OF_ANSWERS else "Take what callers may send."
        return _Found(f"{told(kind, error)} {notes}".strip(), mistake, *_input(), advice)
    return None


def _input() -> tuple[str | None, bool]:
    return given() or (None, False)


def _otherwise(setting: SettingInfo) -> Any:
    """Something likely that differs from the default; None where the default will do."""
    if setting.kind == "boolean":
        return not setting.default
    if setting.choices:
        return next((choice for choice in setting.choices if choice != setting.default), None)
    return _likely(setting) if setting.default is None else None


def _likely(setting: SettingInfo) -> Any:
    if setting.example:
        return setting.example
    if setting.choices:
        return setting.choices[0]
    return _MADE_UP.get(setting.kind, f"a-{setting.name}-for-checks")


def complaints_of(error: ValidationError) -> list[str]:
    """``["secret: Must be whsec_ …"]``."""
    return [f"{name}: {' '.join(map(str, _flat(told)))}" for name, told in error.messages_dict.items()]


def _flat(told: Any) -> list[Any]:
    if isinstance(told, Mapping):
        return [one for inner in told.values() for one in _flat(inner)]
    return list(told) if isinstance(told, list) else [told]
