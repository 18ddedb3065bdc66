"""A destination's mapping out of its layers: what its plugin says, what was set for it, its conditional mappings."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ours.core import logic
from ours.core.mapping import Case, Mapper, MappingInvalid, Rows, compile_mapping, lay_over, read_rows
from ours.core.sensitivity import at_start
from ours.errors import Invalid, in_words
from ours.plugin import Destination as Plugin
from ours.plugin import Mapped
from ours.plugin.mapped import ONE_BRACE


def mapper_of(plugin: Plugin, category: str, mapping: Mapping[str, Any], cases: Sequence[Mapping[str, Any]]) -> Mapper:
    """Everything read and ready to be applied.

    :raises MappingInvalid: when a row can't be read.
    :raises LogicInvalid: when the conditions of a conditional mapping can't be.
    """
    rows = base_rows(plugin, category, mapping)
    made = [
        Case(case["name"], logic.read(case["logic"]), compile_mapping(lay_over(rows, read_rows(case["mapping"]))))
        for case in cases
        if case.get("enabled", True)
    ]
    return Mapper(compile_mapping(rows), tuple(made))


def base_rows(plugin: Plugin, category: str, mapping: Mapping[str, Any]) -> Rows:
    """The plugin's rows with the operator's laid over. Rows that a category withholds are there, and empty."""
    said, own = plugins_rows(plugin), read_rows(mapping)
    starting = at_start(said, category)
    begun = {field: row if field in starting else replace(row, template="") for field, row in said.items()}
    return lay_over(begun, own)


def plugins_rows(plugin: Plugin) -> Rows:
    """What the plugin maps by itself. Fields that it says it hashes are no less hashed than those a row says so of."""
    return _marked(read_rows(plugin.default_mapping), hashed_by(plugin))


def hashed_by(plugin: Plugin) -> frozenset[str]:
    """The fields whose value leaves as a hash, whoever mapped them."""
    return frozenset(plugin.hashed) | {field for field, row in read_rows(plugin.default_mapping).items() if row.hashed}


def withheld(plugin: Plugin, category: str, mapping: Mapping[str, Any]) -> Rows:
    """The plugin's rows that do not hold, because of the destination's category, until somebody maps them."""
    said = plugins_rows(plugin)
    starting = at_start(said, category)
    return {field: row for field, row in said.items() if field not in starting and field not in mapping}


def check(plugin: Plugin, category: str, mapping: Mapping[str, Any], cases: Sequence[Mapping[str, Any]]) -> None:
    """:raises Invalid: with the sentences for each field under ``mapping.FIELD`` or ``cases.NAME.FIELD``."""
    errors = _faults("mapping", lambda: compile_mapping(base_rows(plugin, category, mapping)))
    errors |= {} if errors else _untaken(plugin, mapping)
    for case in cases if not errors else ():
        place = f"cases.{case['name']}"
        errors |= _faults(f"{place}.logic", lambda case=case: logic.read(case["logic"]))
        errors |= _faults(place, lambda case=case: compile_mapping(read_rows(case["mapping"])))
    _refuse(errors)


def check_new(
    mapping: Mapping[str, Any],
    cases: Sequence[Mapping[str, Any]],
    before: Mapping[str, Any],
    cases_before: Sequence[Mapping[str, Any]],
) -> None:
    """See that no row has a slip that it did not have before: one of old holds up no other change.

    :raises Invalid: as ``check`` does.
    """
    errors = _slips("mapping", mapping, before)
    known = {case["name"]: case["mapping"] for case in cases_before}
    for case in cases:
        errors |= _slips(f"cases.{case['name']}", case["mapping"], known.get(case["name"], {}))
    _refuse(errors)


def _refuse(errors: dict[str, list[str]]) -> None:
    if errors:
        said = {place.removeprefix("mapping."): told for place, told in errors.items()}
        raise Invalid(f"The mapping can't be read: {in_words(said)}", errors)


def all_rows(
    plugin: Plugin | None, category: str, mapping: Mapping[str, Any], cases: Sequence[Mapping[str, Any]]
) -> dict[str, Mapped]:
    """Every row by which something may leave, by where it stands: the plugin's own as far as they hold, and what a
    person wrote. Without its plugin, what a person wrote."""
    hashed = hashed_by(plugin) if plugin else frozenset[str]()
    base = base_rows(plugin, category, mapping) if plugin else read_rows(mapping)
    rows = _marked(base, hashed)
    for case in cases:
        own = read_rows(case["mapping"])
        laid = _marked(lay_over(base, own), hashed)
        rows |= {f"{case['name']}: {field}": laid[field] for field in own}
    return rows


def _marked(rows: Rows, hashed: frozenset[str]) -> dict[str, Mapped]:
    return {field: replace(row, hashed=row.hashed or field in hashed) for field, row in rows.items()}


def _faults(place: str, read: Any) -> dict[str, list[str]]:
    try:
        read()
    except (MappingInvalid, logic.LogicInvalid) as error:
        return {f"{place}.{field}" if field else place: list(told) for field, told in error.errors.items()}
    return {}


def _slips(place: str, mapping: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, list[str]]:
    """What is no fault of a template, and never meant."""
    new = {field: row for field, row in mapping.items() if row != before.get(field)}
    found = {field: ONE_BRACE.search(row.template) for field, row in read_rows(new).items()}
    return {
        f"{place}.{field}": [f"{slip[0]} would be sent as it stands. Write it with two braces: {{{slip[0]}}}."]
        for field, slip in found.items()
        if slip
    }


def _untaken(plugin: Plugin, mapping: Mapping[str, Any]) -> dict[str, list[str]]:
    """A field that the plugin needs can be mapped otherwise, and not taken back."""
    needed = {field for field, row in read_rows(plugin.default_mapping).items() if row.required}
    own = read_rows(mapping)
    return {
        f"mapping.{field}": ["The destination needs this field: it can't be left out."]
        for field in needed & set(own)
        if not own[field].template
    }
