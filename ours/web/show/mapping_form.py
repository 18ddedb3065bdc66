"""A mapping as a form: one line a row, with what is done to the value."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from werkzeug.datastructures import MultiDict

from ours.core.mapping import EVENT_NAME
from ours.core.modifications import NONE
from ours.errors import Invalid
from ours.plugin import Destination as Plugin
from ours.services.destinations.mapping import hashed_by

Form = MultiDict[str, str]
_TWICE = "has two rows. Keep one."


class Line(NamedTuple):
    field: str = ""
    template: str = ""
    modification: str = NONE


def lines(mapping: Mapping[str, Any], form: Form | None = None) -> Sequence[Line]:
    """The rows but for the event's name, as they were typed into a ``form`` if one was, and three to fill in."""
    rows = _typed(form) if form else [_line(field, row) for field, row in mapping.items() if field != EVENT_NAME]
    return [*(row for row in rows if row.field or row.template), Line(), Line(), Line()]


def shown(mapping: Mapping[str, Any]) -> Sequence[Line]:
    """The rows to look at, the event's name among them."""
    return [_line(field, row) for field, row in mapping.items()]


def of_plugin(plugin: Plugin) -> dict[str, Any]:
    """What pages show of a plugin's own mapping: its rows, and which of them leave as a hash alone."""
    said = (_line(field, row) for field, row in plugin.default_mapping.items())
    return {"plugin_lines": [line for line in said if line.field != EVENT_NAME], "hashed": hashed_by(plugin)}


def name_line(mapping: Mapping[str, Any]) -> Line:
    """What the event is renamed to."""
    return _line(EVENT_NAME, mapping.get(EVENT_NAME, ""))


def read(form: Form) -> dict[str, Any]:
    mapping = {row.field: _written(row) for row in _typed(form) if row.field}
    renamed = Line(EVENT_NAME, form.get("rename", "").strip(), form.get("rename_modification", NONE))
    return mapping | ({EVENT_NAME: _written(renamed)} if renamed.template else {})


def check(form: Form, place: str = "mapping.") -> None:
    """:raises Invalid: when a field has two rows, of which only one could be kept; ``place`` begins their names."""
    count = Counter(row.field for row in _typed(form) if row.field)
    errors = {f"{place}{field}": [_TWICE] for field, rows in count.items() if rows > 1}
    if errors:
        raise Invalid(_TWICE, errors)


def _typed(form: Form) -> list[Line]:
    columns = (form.getlist(f"map_{name}") for name in Line._fields)
    return [Line(*(text.strip() for text in row)) for row in zip(*columns, strict=False)]


def _written(row: Line) -> Any:
    return row.template if row.modification == NONE else {"map": row.template, "modification": row.modification}


def _line(field: str, row: Any) -> Line:
    if isinstance(row, Mapping):
        return Line(field, row.get("map", ""), row.get("modification", NONE))
    if isinstance(row, str):
        return Line(field, row)
    return Line(field, row.template, row.modification)
