"""The settings for people to read: on the Settings page, and in ``docs/settings.md``."""

from dataclasses import dataclass, field
from typing import Any

from marshmallow import fields

from ours.settings.schema import PREFIX, SettingsSchema
from ours.settings.values import Settings

_SECRETS = {"secret_keys", "metrics_token", "alert_webhook"}
_ADDRESSES = {"database_url", "redis_url", "smtp_url", "proxy"}


@dataclass(frozen=True, slots=True)
class Shown:
    """One setting for people to read. ``origin`` is environment, default, or data folder; ``kind`` says how much of
    ``value`` may be seen: all (``plain``), what is no password (``url``), or only that there is one (``secret``).
    """

    variable: str
    text: str
    value: str = field(repr=False)
    default: str
    origin: str
    kind: str


def shown(settings: Settings) -> list[Shown]:
    """All of them, in the order of ``docs/settings.md``."""
    return [_shown(settings, name, item) for name, item in SettingsSchema().fields.items()]


def _shown(settings: Settings, name: str, item: fields.Field[Any]) -> Shown:
    origin = "environment" if name in settings.given else "default"
    if name == "secret_keys" and origin == "default":
        origin = "data folder"
    kind = "secret" if name in _SECRETS else "url" if name in _ADDRESSES else "plain"
    set_to = getattr(settings, name)
    value = _words(set_to) if kind != "secret" else "set" if set_to else ""
    return Shown(PREFIX + name.upper(), item.metadata["text"], value, _default(item), origin, kind)


def _words(value: Any) -> str:
    return ", ".join(str(part) for part in value) if isinstance(value, tuple) else str(value)


def _default(item: fields.Field[Any]) -> str:
    return str(item.metadata.get("shown", item.load_default) or "–")


def document() -> str:
    """``docs/settings.md``: every variable, what it is for, and its default."""
    rows = []
    for name, item in SettingsSchema().fields.items():
        rows.append(f"| `{PREFIX}{name.upper()}` | {item.metadata['text']} | {_default(item)} |")
    head = (
        "# Settings\n\nFor operators. All settings are environment variables, read once at the start; problems are"
        " reported together. An admin sees them on the Settings page: each value (secrets masked), and whether it"
        " comes from the environment or is a default. This page is generated from the code"
        " (`python -m ours.settings > docs/settings.md`).\n\n"
        "| variable | what it is for | default |\n|---|---|---|\n"
    )
    return head + "\n".join(rows) + "\n"
