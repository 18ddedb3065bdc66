"""Conditions as a form: plain rows that must all hold or of which one is enough, or JSON for what is nested."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from werkzeug.datastructures import MultiDict

from ours.errors import Invalid

_OF_NOTHING = "A condition has a value but no path. Enter its path, or remove the value."


class Row(NamedTuple):
    property: str = ""
    operator: str = "Is"
    value: str = ""


@dataclass(frozen=True, slots=True)
class Conditions:
    """``written`` is JSON, and empty where rows say it all; ``any_``: one of the rows is enough."""

    rows: Sequence[Row]
    any_: bool = False
    written: str = ""

    @property
    def shown(self) -> Sequence[Row]:
        """The rows, and two to fill in."""
        return [*self.rows, Row(), Row()]

    def logic(self) -> Any:
        """:raises Invalid: when the JSON can't be read, or nothing was said."""
        if self.written.strip():
            try:
                return json.loads(self.written)
            except json.JSONDecodeError as error:
                where = f"This is not valid JSON from line {error.lineno}, column {error.colno}."
                raise Invalid.at("logic", where) from None
            except RecursionError:
                raise Invalid.at("logic", "This is nested too deeply.") from None
        if not all(row.property for row in self.rows):
            raise Invalid.at("logic", _OF_NOTHING)
        parts = [{"condition": row._asdict()} for row in self.rows]
        if not parts:
            raise Invalid("Give at least one condition.", {"logic": ["Give at least one condition."]})
        return parts[0] if len(parts) == 1 else {"OR" if self.any_ else "AND": parts}


def of(logic: Any) -> Conditions:
    """Logic as the form shows it."""
    if isinstance(logic, dict) and len(logic) == 1:
        ((kind, inner),) = logic.items()
        parts = [logic] if kind == "condition" else inner if kind in ("AND", "OR") else []
        if parts and all(set(part) == {"condition"} for part in parts):
            return Conditions([_row(part["condition"]) for part in parts], any_=kind == "OR")
    return Conditions([], written=json.dumps(logic, indent=2, ensure_ascii=False) if logic else "")


def read(form: MultiDict[str, str]) -> Conditions:
    columns = (form.getlist(f"condition_{name}") for name in Row._fields)
    rows = [Row(*(text.strip() for text in row)) for row in zip(*columns, strict=False)]
    return Conditions(
        [row for row in rows if row.property or row.value], form.get("any") == "any", form.get("logic", "")
    )


def _row(condition: dict[str, Any]) -> Row:
    value = condition.get("value")
    return Row(condition.get("property", ""), condition.get("operator", ""), "" if value is None else str(value))
