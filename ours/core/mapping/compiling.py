"""Reads templates once, so that they are quick to apply to every event."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ours.core.mapping.rows import EVENT_NAME, MappingInvalid, RowError, invalid, read_rows
from ours.core.modifications import MODIFICATIONS, NONE, NULL
from ours.core.modifications.texts import as_text
from ours.core.paths import Context, FirstOf, Path, PathError, Step, parse_first
from ours.plugin.mapped import Mapped

__all__ = ["Compiled", "MappingInvalid", "Row", "Template", "compile_mapping"]

_PLACE = re.compile(r"\{\{([^{}]*)\}\}")


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
    """What an operator wrote: ``take`` gives its value, ``give`` that value modified. Both are made once.

    ``paths`` are all that are named in it, ``places`` what gives each place in it its value.
    """

    text: str
    paths: tuple[Path, ...]
    places: tuple[Step, ...]
    take: Step
    give: Step
    modification: str = NONE
    required: bool = False

    @property
    def gives_null(self) -> bool:
        return self.modification == NULL

    def found(self, context: Context) -> bool:
        return all(place(context) is not None for place in self.places)


class Compiled:
    """A mapping that was read. Names of destination fields stay as they are, dots and all."""

    __slots__ = ("_named", "_required", "_steps", "templates")

    def __init__(self, templates: Mapping[str, Template]) -> None:
        self.templates = templates
        self._named = templates.get(EVENT_NAME)
        self._required = [field for field, one in templates.items() if one.required]
        self._steps = [(field, one.give, one.gives_null) for field, one in templates.items() if field != EVENT_NAME]

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
        return (as_text(self._named.give(context)) or None) if self._named else context.event.name

    def missing(self, fields: Mapping[str, Any]) -> list[str]:
        """The required fields that have no value."""
        return [field for field in self._required if fields.get(field) in (None, "")]

    def explain(self, context: Context) -> list[Row]:
        """Every field with what became of its template, for people to see."""
        return [
            Row(field, one.text, one.found(context), one.give(context), one.modification, one.take(context))
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
    parts = [parse_first(piece) if number % 2 else piece for number, piece in enumerate(pieces) if number % 2 or piece]
    places = [part for part in parts if not isinstance(part, str)]
    paths = tuple(path for place in places for path in (place.paths if isinstance(place, FirstOf) else [place]))
    take = _taker(parts)
    return Template(
        row.template, paths, tuple(place.take for place in places), take, _modified(take, row.modification),
        row.modification, row.required,
    )  # fmt: skip


def _taker(parts: Sequence[str | Path | FirstOf]) -> Step:
    match parts:
        case []:
            return lambda _context: None
        case [Path() | FirstOf() as place]:
            return place.take
        case [str() as text]:
            return lambda _context: text
    steps = [part if isinstance(part, str) else part.take for part in parts]
    return lambda context: "".join([one if isinstance(one, str) else as_text(one(context)) for one in steps])


def _modified(take: Step, modification: str) -> Step:
    if modification == NONE:
        return take
    apply = MODIFICATIONS[modification].apply
    return lambda context: apply(take(context))
