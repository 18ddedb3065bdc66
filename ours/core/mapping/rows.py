"""A mapping's rows as they are written down: destination field → template, or template and modification."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ours.core.modifications import MODIFICATIONS, NONE, NULL
from ours.errors import Invalid
from ours.plugin.mapped import Mapped

Rows = Mapping[str, Mapped]
EVENT_NAME = "$event"
"""The row of this field gives the name that the destination knows the event by."""
MOST_ROWS = 500
LONGEST_FIELD = 200
LONGEST_TEMPLATE = 10_000


class MappingInvalid(Invalid):
    """Rows can't be read. ``errors`` maps each destination field to what is wrong with its row."""

    code = "mapping_invalid"


class RowError(ValueError):
    """One row can't be read; its text is a sentence for the operator."""


def read_rows(written: Mapping[str, Any]) -> dict[str, Mapped]:
    """``{"email": "{{visitor.email}}", "city": {"map": "{{visitor.city}}", "modification": "Hash"}}`` as rows.

    :raises MappingInvalid: naming every field whose row has not this form, or names an unknown modification.
    """
    rows: dict[str, Mapped] = {}
    errors: dict[str, list[str]] = {}
    for field, row in written.items():
        try:
            rows[field] = _row(field, row)
        except RowError as error:
            errors[field] = [str(error)]
    if len(rows) > MOST_ROWS:
        errors[""] = [f"A mapping has at most {MOST_ROWS} fields."]
    if errors:
        raise invalid(errors)
    return rows


def write_rows(rows: Rows) -> dict[str, Any]:
    """The same as JSON, each row as briefly as it can be."""
    return {
        field: row.template if row.modification == NONE else {"map": row.template, "modification": row.modification}
        for field, row in rows.items()
    }


def lay_over(base: Rows, over: Rows) -> dict[str, Mapped]:
    """``base`` with the rows of ``over`` in place of its own. What a plugin says of a field goes on to hold."""
    laid = dict(base)
    for field, row in over.items():
        said = base.get(field)
        laid[field] = replace(row, required=said.required, hashed=said.hashed) if said else row
    return laid


def invalid(errors: dict[str, list[str]]) -> MappingInvalid:
    return MappingInvalid("The mapping can't be read: see each field.", errors)


def _row(field: str, row: Any) -> Mapped:
    if not field.strip() or len(field) > LONGEST_FIELD:
        raise RowError(f"A destination field has a name of 1 to {LONGEST_FIELD} characters.")
    if isinstance(row, Mapping):
        if set(row) - {"map", "modification"}:
            raise RowError("A row has a map and a modification, and nothing else.")
        if row.get("modification", "") is None:
            raise RowError('Its modification is no text. Write null as "Null", and nothing to be done as "None".')
        row = Mapped(row.get("map", ""), row.get("modification") or NONE)
    made = row if isinstance(row, Mapped) else Mapped(row)
    template: Any = made.template
    if not isinstance(template, str) or len(template) > LONGEST_TEMPLATE:
        raise RowError(f"A template must be text of at most {LONGEST_TEMPLATE} characters.")
    if made.modification not in MODIFICATIONS:
        raise RowError(f"There is no modification “{made.modification}”. There are: {', '.join(MODIFICATIONS)}.")
    if field == EVENT_NAME and made.modification == NULL:
        raise RowError("An event can't go without a name.")
    return made
