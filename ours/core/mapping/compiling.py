"""Reads templates once, so that they are quick to apply to every event."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ours.core.mapping.rows import EVENT_NAME, MappingInvalid, RowError, invalid, read_rows
from ours.core.modifications import MODIFICATIONS, NONE, NULL, Modification
from ours.core.modifications.texts import as_text
from ours.core.paths import Context, FirstOf, Path, PathError, parse_first
from ours.plugin.mapped import Mapped

__all__ = ["Compiled", "MappingInvalid", "Row", "Template", "compile_mapping"]

_PLACE = re.compile(r"\{\{([^{}]*)\}\}")
_NOTHING_DONE = MODIFICATIONS[NONE]


class Row(NamedTuple):
    """What one template came to. ``found``: every path in it led to a value. None is a field that is left out.

    ``taken`` is what the template gave before the modification made ``value`` of it.
    """

    field: str
    template: str
    found: bool
    value: Any
    modification: str = NONE
    taken: Any = None


@dataclass(frozen=True, slots=True)
class Template:
    """What an operator wrote, as literal text and paths in turn, and what is done to the value that it gives."""

    text: str
    parts: tuple[str | Path | FirstOf, ...]
    modification: Modification = _NOTHING_DONE
    required: bool = False

    def __call__(self, context: Context) -> Any:
        value = self.take(context)
        return value if self.modification is _NOTHING_DONE else self.modification.apply(value)

    def take(self, context: Context) -> Any:
        """The value before it is modified."""
        if not self.parts:
            return None
        if len(self.parts) == 1 and not isinstance(self.parts[0], str):
            return self.parts[0](context)
        return "".join(part if isinstance(part, str) else as_text(part(context)) for part in self.parts)

    @property
    def quickest(self) -> Callable[[Context], Any]:
        """The same as this template, with nothing done for nothing: most are one path."""
        alone = self.modification is _NOTHING_DONE and len(self.parts) == 1
        return self.parts[0] if alone and not isinstance(self.parts[0], str) else self

    @property
    def gives_null(self) -> bool:
        return self.modification.name == NULL

    @property
    def paths(self) -> tuple[Path, ...]:
        parts = (part for part in self.parts if not isinstance(part, str))
        return tuple(path for part in parts for path in (part.paths if isinstance(part, FirstOf) else (part,)))

    def found(self, context: Context) -> bool:
        return all(part(context) is not None for part in self.parts if not isinstance(part, str))


class Compiled:
    """A mapping that was read. Names of destination fields stay as they are, dots and all."""

    __slots__ = ("_named", "_required", "_steps", "templates")

    def __init__(self, templates: Mapping[str, Template]) -> None:
        self.templates = templates
        self._named = templates.get(EVENT_NAME)
        self._required = [field for field, one in templates.items() if one.required]
        self._steps = [(field, one.quickest, one.gives_null) for field, one in templates.items() if field != EVENT_NAME]

    def apply(self, context: Context) -> dict[str, Any]:
        """Destination field → value; fields whose path leads nowhere are left out."""
        fields = {}
        for field, step, is_null in self._steps:
            value = step(context)
            if value is not None or is_null:
                fields[field] = value
        return fields

    def name_of(self, context: Context) -> str | None:
        """The name that the event goes by; None when its template gives none."""
        return (as_text(self._named(context)) or None) if self._named else context.event.name

    def missing(self, fields: Mapping[str, Any]) -> list[str]:
        """The required fields that have no value."""
        return [field for field in self._required if fields.get(field) in (None, "")]

    def explain(self, context: Context) -> list[Row]:
        """Every field with what became of its template, for people to see."""
        return [
            Row(field, one.text, one.found(context), one(context), one.modification.name, one.take(context))
            for field, one in self.templates.items()
        ]

    def paths(self) -> Iterator[tuple[str, Path]]:
        """Each destination field with each path that it takes from."""
        for field, template in self.templates.items():
            for path in template.paths:
                yield field, path


def compile_mapping(written: Mapping[str, Any]) -> Compiled:
    """Read ``written``: destination field → template, ``Mapped``, or ``{"map", "modification"}``.

    :raises MappingInvalid: naming every field whose row can't be read.
    """
    errors: dict[str, list[str]] = {}
    try:
        rows: Mapping[str, Mapped] = read_rows(written)
    except MappingInvalid as error:
        errors = dict(error.errors)
        rows = read_rows({field: row for field, row in written.items() if field not in errors})
    templates: dict[str, Template] = {}
    for field, row in rows.items():
        try:
            templates[field] = _read(row)
        except (PathError, RowError) as error:
            errors[field] = [str(error)]
    if errors:
        raise invalid(errors)
    return Compiled(templates)


def _read(row: Mapped) -> Template:
    # Odd pieces lie between double braces, even ones around them.
    pieces = _PLACE.split(row.template)
    around = "".join(pieces[::2])
    if any("{{" in piece for piece in pieces[::2]) or ("}}" in around and around.count("}") > around.count("{")):
        raise RowError("The braces do not match. Write each value as {{path}}.")
    parts = (parse_first(piece) if number % 2 else piece for number, piece in enumerate(pieces))
    kept = tuple(part for part in parts if part != "")
    return Template(row.template, kept, MODIFICATIONS[row.modification], row.required)
