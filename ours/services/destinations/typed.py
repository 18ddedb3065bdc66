"""What a person typed for a destination besides its settings: which events it may have, its conditional mappings."""

from collections.abc import Mapping, Sequence
from typing import Any

from ours.core import allow
from ours.errors import Invalid
from ours.plugin import IDENTIFY
from ours.services import naming

_LONGEST_EVENT = 1000
LONGEST_NAME = 80
MOST_CASES = 50


def allow_list(events: Sequence[str]) -> dict[str, str]:
    """Key → name as typed. ``*`` stands for every ordinary event, and names that differ only in case are one.

    :raises Invalid: when a name can't be an event's, or may not be allowed.
    """
    names = [name.strip() for name in events]
    for name in names:
        if not 1 <= len(name) <= _LONGEST_EVENT or not naming.is_text(name):
            raise Invalid.at(
                "events",
                f"An event's name has 1 to {_LONGEST_EVENT} characters, and none of them is a control character.",
            )
        if name.startswith("$") and name != IDENTIFY:
            raise Invalid.at(
                "events", f'"{name}" can\'t be allowed: of the names that begin with $, only {IDENTIFY} can.'
            )
    if allow.ALL in names:
        names = [name for name in names if name in (allow.ALL, IDENTIFY)]
    return {name if name == allow.ALL else allow.name_key(name): name for name in names}


def cases(given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Conditional mappings in their order, each ``{"name", "enabled", "logic", "mapping"}``; their rows are not read.

    :raises Invalid: when one has another form, or two have the same name.
    """
    made = [_case(number, one) for number, one in enumerate(given, 1)]
    names = [one["name"].casefold() for one in made]
    if len(made) > MOST_CASES:
        raise Invalid.at("cases", f"A destination has at most {MOST_CASES} conditional mappings.")
    if double := next((name for name in names if names.count(name) > 1), None):
        raise Invalid.at("cases", f"Two conditional mappings are named “{double}”. Give each a name of its own.")
    return made


def _case(number: int, one: Any) -> dict[str, Any]:
    if not isinstance(one, Mapping) or set(one) - {"name", "enabled", "logic", "mapping"}:
        raise Invalid.at(
            "cases", "A conditional mapping has a name, logic, a mapping, and perhaps enabled; nothing else."
        )
    name, rows = one.get("name") or f"Mapping {number}", one.get("mapping") or {}
    if not isinstance(name, str) or not naming.is_text(name) or not 1 <= len(name.strip()) <= LONGEST_NAME:
        raise Invalid.at("cases", f"A conditional mapping's name has 1 to {LONGEST_NAME} characters on one line.")
    if not isinstance(rows, Mapping):
        raise Invalid.at(f"cases.{name}", "Its mapping is an object: destination field → template.")
    if not isinstance(one.get("enabled", True), bool):
        raise Invalid.at(f"cases.{name}", "Its enabled is true or false.")
    return {
        "name": name.strip(),
        "enabled": one.get("enabled", True),
        "logic": one.get("logic"),
        "mapping": dict(rows),
    }
