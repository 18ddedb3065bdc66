"""Writes a destination's page from its code, so that the page can't say anything else."""

import inspect
import json
from collections.abc import Iterator
from typing import Any

from requests import Request

from ours.plugin.destination import Destination
from ours.plugin.mapped import Mapped
from ours.plugin.settings import SettingInfo, describe_settings
from ours.plugin.testing import sample_delivery
from ours.plugin.types import SecretValue


def document(plugin: Destination) -> str:
    """The page as Markdown: what the destination does, its settings, its mapping, and a request as it is sent."""
    sections = [f"# {plugin.label}", plugin.summary, _facts(plugin), _agreement(plugin)]
    sections += [
        inspect.cleandoc(type(plugin).__doc__ or ""),
        *_adding(plugin),
        *_settings(plugin),
        *_mapping(plugin),
        *_example(plugin),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


_IDENTIFY = {"event": "is sent as an event", "profile": "updates the person", "skipped": "is passed over"}


def _facts(plugin: Destination) -> str:
    repeats = "can be recognised by the receiver" if plugin.dedupes else "can't be recognised by the receiver"
    facts = [f"Type `{plugin.slug}`", f"category {plugin.category}", f"version {plugin.version}", f"repeats {repeats}"]
    if plugin.batching:
        facts.append(f"up to {plugin.batching.max_items:,} events a request")
    if plugin.max_age is not None:
        facts.append(f"events up to {_span(plugin.max_age)} old")
    facts.append(f"`$identify` {_IDENTIFY[plugin.identify]}")
    return " · ".join(facts) + "."


def _agreement(plugin: Destination) -> str:
    return f"> **Agreements.** {plugin.agreement}" if plugin.agreement else ""


def _span(seconds: float) -> str:
    hours = round(seconds / 3600)
    return f"{hours // 24} days" if hours % 24 == 0 and hours > 72 else f"{hours} hours"


def _adding(plugin: Destination) -> Iterator[str]:
    given = "".join(f" --set {one.name}='{one.example or '…'}'" for one in describe_settings(plugin) if one.required)
    agreed = " --agreement signed" if plugin.category == "crm" else ""  # what a CRM knows people by leaves in clear
    yield "## Add one"
    yield f"```sh\nours destination add {plugin.slug} NAME{given}{agreed} --event 'Order Completed'\n```"


def _settings(plugin: Destination) -> Iterator[str]:
    if settings := describe_settings(plugin):
        yield "## Settings"
        yield _table(("setting", "", "what it is"), [(f"`{one.name}`", _nature(one), _told(one)) for one in settings])


def _mapping(plugin: Destination) -> Iterator[str]:
    if plugin.default_mapping:
        yield "## Default mapping"
        yield "Your own mapping is laid over this; an empty template removes a field."
        yield _table(("field", "template"), [(f"`{name}`", _row(row)) for name, row in plugin.default_mapping.items()])


def _row(row: str | Mapped) -> str:
    if isinstance(row, str):
        return f"`{row}`"
    said = (row.modification, "required" if row.required else "", "hashed by this destination" if row.hashed else "")
    return ", ".join([f"`{row.template}`", *(word for word in said if word not in ("", "None"))])


def _example(plugin: Destination) -> Iterator[str]:
    """A purchase as it would be sent with the examples of the required settings; a secret's name stands for it."""
    required = [one for one in describe_settings(plugin) if one.required]
    if all(one.example or one.secret for one in required):
        secrets = {one.name: SecretValue(one.name.upper()) for one in required if one.secret}
        told = {one.name: one.example for one in required if not one.secret}
        settings: dict[str, Any] = plugin.Settings(partial=tuple(secrets)).load(told) | secrets
        built = plugin.build(sample_delivery(mapping=plugin.default_mapping, settings=settings))
        if isinstance(built, Request):
            yield "## What is sent"
            yield f"```http\n{_shown(built)}\n```"


def _shown(request: Request) -> str:
    ready = request.prepare()
    body = ready.body.decode() if isinstance(ready.body, bytes) else ready.body or ""
    if body.startswith(("{", "[")):
        body = json.dumps(json.loads(body), ensure_ascii=False, indent=2)
    headers = [f"{name}: {value}" for name, value in ready.headers.items() if name != "Content-Length"]
    return "\n".join([f"{ready.method} {ready.url}", *headers, "", body])


def _nature(setting: SettingInfo) -> str:
    if setting.required:
        return "required"
    default = str(setting.default).lower() if isinstance(setting.default, bool) else setting.default
    return f"default `{default}`" if default is not None else "optional"


def _told(setting: SettingInfo) -> str:
    choices = f" One of {', '.join(f'`{one}`' for one in setting.choices)}." if setting.choices else ""
    return f"**{setting.label}.** {setting.help}{choices}"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    escaped = [tuple(cell.replace("|", "\\|") for cell in row) for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ("---",) * len(head), *escaped])
