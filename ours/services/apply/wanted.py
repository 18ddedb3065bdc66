"""A destination as the file has it: read from there, and written from what is set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import orjson

from ours.errors import Invalid
from ours.services.apply import form
from ours.services.apply.form import KEEP
from ours.services.apply.references import References
from ours.services.apply.section import How
from ours.services.destinations import typed
from ours.services.destinations.config import LIMITS, Config, Given
from ours.services.destinations.settings import MASK, without_secrets

KEYS = ("type", "status", "category", "agreement", "override", "settings", "sources", "events", "mapping", "cases",
        "limits")  # fmt: skip
_STATUS = ("on", "paused", "off")


@dataclass(frozen=True, slots=True)
class Wanted:
    """All of it, what is left out as it is by default. ``given`` has the settings in clear, and no sources: those are
    named in ``sources``; none named means all. ``override`` says why sensitive fields may leave."""

    slug: str
    status: str
    given: Given
    sources: Sequence[str]
    override: str


def read(written: Any, now: Config | None, there: tuple[str, str], how: How, where: str) -> Wanted:
    """``there``: type and status of the destination that there is; empty when there is none.

    :raises Invalid: when it has another form, or refers to what is not set, or empty.
    """
    one = form.keys(written, KEYS, where)
    missing: set[str] = set()
    settings = _filled(form.resolve(one.get("settings") or {}, how.environ, missing), now, where)
    if missing:
        raise Invalid(f"{where} refers to variables that are not set, or empty: {', '.join(sorted(missing))}.")
    sources = form.names(one["sources"], f"{where}, sources") if "sources" in one else []
    if "sources" in one and not sources:
        raise Invalid(f"{where}: name at least one of its sources, or leave sources out to listen to all.")
    given: dict[str, Any] = {
        "settings": settings,
        "events": form.names(one.get("events") or [], f"{where}, events"),
        "mapping": _rows(one.get("mapping") or {}, f"{where}, mapping"),
        "cases": _cases(one.get("cases") or [], f"{where}, cases"),
        "category": str(one.get("category") or ""),
        "agreement": str(one.get("agreement") or "none"),
        "limits": dict.fromkeys(LIMITS) | form.keys(one.get("limits") or {}, LIMITS, f"{where}, limits"),
    }
    slug, status = str(one.get("type") or there[0]), str(one.get("status") or there[1] or "on")
    if status not in _STATUS:
        raise Invalid(f"{where}: status is one of {', '.join(_STATUS)}.")
    return Wanted(slug, status, cast("Given", given), sources, str(one.get("override") or ""))


def changed(given: Given, now: Config) -> Given:
    """Without the settings and rows that are as they are: the plugin that would have to check them may be missing."""
    same = {
        "settings": given["settings"] == {name: _lines(value) for name, value in now.settings.items()},
        "mapping": given["mapping"] == now.mapping,
        "cases": typed.cases(given["cases"] or ()) == [dict(case) for case in now.cases],
    }
    return cast("Given", {key: value for key, value in given.items() if not same.get(key)})


def document(config: Config, sources: Sequence[str]) -> dict[str, Any]:
    """What is set, as the file has it; the settings in clear, and nothing that is as it is by default."""
    limits = dict(config.limits)
    if schedule := limits.get("retry_schedule"):
        limits["retry_schedule"] = orjson.loads(schedule)
    written = {
        "category": config.category,
        "agreement": "" if config.agreement == "none" else config.agreement,
        "settings": dict(config.settings),
        "sources": list(sources),
        "events": list(config.events),
        "mapping": dict(config.mapping),
        "cases": [_brief(case) for case in config.cases],
        "limits": limits,
    }
    return {key: value for key, value in written.items() if value or key == "events"}


def hidden(
    shown: Mapping[str, Any], kept: Mapping[str, Any], name: str, references: References | None
) -> dict[str, Any]:
    """``shown`` with a reference, or ``!keep``, for each mask; only what somebody gave, not the plugin's defaults.

    An address with a key or a password in it is a secret as a whole.
    """
    open_ = without_secrets(shown)
    given = {key: value if open_[key] == value else MASK for key, value in shown.items() if key in kept}
    given |= {key: kept[key] for key in given if kept[key] in (None, {})}  # of nothing, nothing can be kept
    unmasked: dict[str, Any] = _unmasked(form.escape(given), [name], references)
    return unmasked


def _brief(case: Mapping[str, Any]) -> dict[str, Any]:
    off = {} if case["enabled"] else {"enabled": False}
    return {"name": case["name"], **off, "logic": case["logic"], "mapping": case["mapping"]}


def _filled(given: Mapping[str, Any], now: Config | None, where: str) -> dict[str, Any]:
    """The settings with what is kept put in its place, and None for what is to be cleared.

    Headers are given as lines where there were some: those take the place of the old ones.
    """
    kept = now.settings if now else {}
    filled: dict[str, Any] = _put_in(given, kept, where)
    lined = {name: _lines(value) if name in kept else value for name, value in filled.items()}
    return dict.fromkeys(set(kept) - set(filled)) | lined


def _put_in(given: Any, kept: Any, where: str) -> Any:
    if given is KEEP:
        if kept is None or kept == {}:
            raise Invalid(f"{where} has nothing yet that !keep could keep: say ${{NAME}} and set that variable.")
        return kept
    if isinstance(given, dict):
        inner = kept if isinstance(kept, Mapping) else {}
        return {str(name): _put_in(value, inner.get(name), where) for name, value in given.items()}
    return given


def _lines(value: Any) -> Any:
    return "\n".join(f"{name}: {text}" for name, text in value.items()) if isinstance(value, Mapping) else value


def _rows(given: Any, where: str) -> dict[str, Any]:
    """Each a template, or a template and its modification."""
    if not isinstance(given, dict):
        raise Invalid(f"{where} must be a mapping: field → template.")
    return {str(field): row if isinstance(row, dict) else _text(row) for field, row in given.items()}


def _text(value: Any) -> str:
    """What YAML reads as a number is written so; nothing is the empty template, which leaves the field out."""
    return value if isinstance(value, str) else "" if value is None else orjson.dumps(value).decode()


def _cases(given: Any, where: str) -> list[Any]:
    if not isinstance(given, list):
        raise Invalid(f"{where} must be a list of conditional mappings.")
    return [
        {**case, "mapping": _rows(case.get("mapping") or {}, where)} if isinstance(case, dict) else case
        for case in given
    ]


def _unmasked(value: Any, path: list[str], references: References | None) -> Any:
    if value == MASK:
        return references.to(path) if references else KEEP
    if isinstance(value, dict):
        return {name: _unmasked(inner, [*path, name], references) for name, inner in value.items()}
    return value
