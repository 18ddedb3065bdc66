"""Runs the contract without pytest: a plugin can be checked where no test of it has been written yet."""

import traceback
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from marshmallow import ValidationError

from ours.plugin.destination import Destination
from ours.plugin.settings import SettingInfo, describe_settings, load_settings
from ours.plugin.testing.contract import DestinationContract
from ours.plugin.types import Delivery

_MADE_UP: Mapping[str, Any] = {
    "url": "https://receiver.example.com/events",
    "number": 1,
    "boolean": True,
    "headers": {},
    "json": {},
}


class Check(NamedTuple):
    """One question of the contract. ``fault`` says what is wrong; None when nothing is."""

    name: str
    fault: str | None


def made_up_settings(kind: type[Destination], given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings to check with: what was ``given``, and something likely for whatever else is required.

    :raises ValidationError: when that won't do for a setting; then it must be given.
    """
    required = [one for one in describe_settings(kind) if one.required]
    settings = {one.name: _likely(one) for one in required} | dict(given)
    load_settings(kind, settings)
    return settings


def run(kind: type[Destination], settings: Mapping[str, Any], *, secrets_in_url: bool = False) -> Iterator[Check]:
    """Every check of the contract. The id that repeats are dropped by may be the delivery's or the event's."""
    declared = {"destination": kind, "settings": settings, "secrets_in_url": secrets_in_url}
    contract = type("Contract", (_Lenient,), declared)
    for name in sorted(dir(contract)):
        if name.startswith("test_"):
            yield Check(name.removeprefix("test_").replace("_", " "), _fault(getattr(contract(), name)))


class _Lenient(DestinationContract):
    def dedupe_id(self, delivery: Delivery) -> str:
        """Whichever id the request carries; the delivery's when it carries none."""
        sent = self.sent(delivery)
        ids = (delivery.id, delivery.event.distinct_id, delivery.event.id)
        return next((one for one in ids if one in sent), delivery.id)


def _fault(check: Any) -> str | None:
    try:
        check()
    except AssertionError as error:
        return str(error)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the plugin raises is what its author must hear
        last = traceback.extract_tb(error.__traceback__)[-1]
        told = traceback.format_exception_only(error)[-1].strip()
        return f"It raised {told} ({last.filename}, line {last.lineno}: {last.line}). Take what callers may send."
    return None


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
