"""Reads templates once, so that they are quick to apply to every event."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ours.core.mapping.paths import Context, Path, PathError, parse
from ours.errors import Invalid

_PLACE = re.compile(r"\{\{([^{}]*)\}\}")


class MappingInvalid(Invalid):
    """Templates can't be read. ``errors`` maps each destination field to what is wrong with its template."""

    code = "mapping_invalid"


class Row(NamedTuple):
    """What one template came to. ``found``: every path in it led to a value. None is a field that is left out."""

    field: str
    template: str
    found: bool
    value: Any


@dataclass(frozen=True, slots=True)
class Template:
    """What an operator wrote, as literal text and paths in turn."""

    text: str
    parts: tuple[str | Path, ...]

    def __call__(self, context: Context) -> Any:
        if not self.parts:
            return None
        if len(self.parts) == 1 and isinstance(self.parts[0], Path):
            return self.parts[0](context)
        return "".join(part if isinstance(part, str) else _as_text(part(context)) for part in self.parts)

    def found(self, context: Context) -> bool:
        return all(isinstance(part, str) or part(context) is not None for part in self.parts)


@dataclass(frozen=True, slots=True)
class Compiled:
    """A mapping that was read. Names of destination fields stay as they are, dots and all."""

    templates: Mapping[str, Template]

    def apply(self, context: Context) -> dict[str, Any]:
        """Destination field → value; fields whose path leads nowhere are left out."""
        values = ((field, template(context)) for field, template in self.templates.items())
        return {field: value for field, value in values if value is not None}

    def explain(self, context: Context) -> list[Row]:
        """Every field with what became of its template, for people to see."""
        return [
            Row(field, template.text, template.found(context), template(context))
            for field, template in self.templates.items()
        ]


def compile_mapping(rows: Mapping[str, str]) -> Compiled:
    """Read ``rows``: destination field → template.

    :raises MappingInvalid: naming every field whose template can't be read.
    """
    templates: dict[str, Template] = {}
    errors: dict[str, list[str]] = {}
    for field, text in rows.items():
        try:
            templates[field] = _read(field, text)
        except PathError as error:
            errors[field] = [str(error)]
    if errors:
        raise MappingInvalid("The mapping can't be read: see each field.", errors)
    return Compiled(templates)


def _read(field: str, text: Any) -> Template:
    if not field.strip():
        raise PathError("The destination field has no name. Give it one.")
    if not isinstance(text, str):
        raise PathError("A template must be text.")
    # Odd pieces lie between double braces, even ones around them.
    pieces = _PLACE.split(text)
    around = "".join(pieces[::2])
    if any("{{" in piece for piece in pieces[::2]) or ("}}" in around and around.count("}") > around.count("{")):
        raise PathError("The braces do not match. Write each value as {{path}}.")
    parts = (parse(piece) if number % 2 else piece for number, piece in enumerate(pieces))
    return Template(text, tuple(part for part in parts if part != ""))


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
