"""``ours mapping``: which fields leave for a destination, from where they are taken, and what is done to them."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import click

from ours.cli.changing import latest_option, override_option, report, why_option
from ours.cli.conditions import condition_options, read_logic
from ours.cli.files import read_document
from ours.cli.pairs import Pair
from ours.cli.shell import ACTOR, Column, Shell, json_option, options, pass_shell
from ours.errors import Invalid, NotFound

if TYPE_CHECKING:
    from ours.services.destinations import Destination


@click.group()
def mapping() -> None:
    """Which fields leave for a destination, and how."""


_rows = options(
    click.option("--map", "templates", type=Pair(), multiple=True, metavar="FIELD=TEMPLATE",
                 help="Map a field; an empty template leaves it out."),
    click.option("--modify", "modifications", type=Pair(), multiple=True, metavar="FIELD=NAME",
                 help="A modification for a field; `ours mapping modifications` lists them."),
    click.option("--unmap", multiple=True, metavar="FIELD", help="Remove your mapping of a field."),
    click.option("--rename", metavar="NAME", help="Rename the event; may be a template."),
    click.option("--file", metavar="FILE", help="A JSON or YAML file: field → template, or {map, modification}."),
)  # fmt: skip


@mapping.command()
@json_option
@pass_shell
def modifications(shell: Shell) -> None:
    """List every modification, and what it does."""
    from ours.core.modifications import MODIFICATIONS

    columns: dict[str, Column] = {name: itemgetter(name) for name in ("name", "description")}
    listed = [{"name": one.name, "label": one.label, "description": one.description} for one in MODIFICATIONS.values()]
    shell.show_all(listed, columns, "")


@mapping.command()
@click.argument("destination")
@json_option
@pass_shell
def show(shell: Shell, destination: str) -> None:
    """Show a destination's whole mapping. That is the plugin's rows, its own, and its conditional mappings."""
    shell.show(_document(shell, shell.ours.destinations.find(destination)))


@mapping.command("set")
@click.argument("destination")
@_rows
@click.option("--preview", is_flag=True, help="Only show what it would do to the latest events.")
@latest_option
@why_option
@override_option
@json_option
@pass_shell
def set_(shell: Shell, /, destination: str, preview: bool, latest: int, why: str, override: str, **rows: Any) -> None:
    """Map fields, over the plugin's own mapping. A file replaces the whole mapping; options change single fields."""
    found = shell.ours.destinations.find(destination)
    made = _mapped(found.mapping, rows)
    if preview:
        shell.show(report(shell.ours.preview.destination(found.id, latest=latest, mapping=made)))
        return
    changed = shell.ours.destinations.update(
        found.id, seen=found.version, mapping=made, actor=ACTOR, why=why, override=override
    )
    shell.show(_document(shell, changed))


@mapping.command("case")
@click.argument("destination")
@click.argument("name")
@_rows
@condition_options
@click.option("--on/--off", "enabled", default=None, help="Switch it on or off.")
@click.option("--place", type=click.IntRange(1), help="Check it as the first (1), the second, …")
@click.option("--remove", is_flag=True, help="Remove it.")
@why_option
@override_option
@json_option
@pass_shell
def case(shell: Shell, /, destination: str, name: str, why: str, override: str, **given: Any) -> None:
    """Add, change or remove a conditional mapping. The first whose conditions hold is laid over the rest."""
    found = shell.ours.destinations.find(destination)
    cases = _cases(found.cases, name, given)
    changed = shell.ours.destinations.update(
        found.id, seen=found.version, cases=cases, actor=ACTOR, why=why, override=override
    )
    shell.show(_document(shell, changed))


def _cases(known: Sequence[Mapping[str, Any]], name: str, given: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    cases = list(known)
    at = next((place for place, one in enumerate(cases) if one["name"].casefold() == name.casefold()), None)
    old = cases.pop(at) if at is not None else {"name": name, "enabled": True, "logic": None, "mapping": {}}
    if given["remove"]:
        if at is None:
            raise NotFound(f'There is no conditional mapping "{name}".')
        return cases
    logic = read_logic(given["when"], given["logic"], any_=given["any_"])
    enabled = old["enabled"] if given["enabled"] is None else given["enabled"]
    made = {"name": old["name"], "enabled": enabled, "logic": logic or old["logic"],
            "mapping": _mapped(old["mapping"], given)}  # fmt: skip
    place = given["place"] - 1 if given["place"] else (len(cases) if at is None else at)
    cases.insert(place, made)
    return cases


def _mapped(before: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    from ours.core.mapping import EVENT_NAME

    rows = dict(read_document(given["file"]) or {}) if given["file"] else dict(before)
    rows |= dict(given["templates"])
    if given["rename"] is not None:
        rows[EVENT_NAME] = given["rename"]
    for field in given["unmap"]:
        rows.pop(field, None)
    for field, name in given["modifications"]:
        row = rows.get(field)
        if row is None:
            raise Invalid(f"Map {field} too, to modify it: --map {field}=…")
        rows[field] = {"map": row["map"] if isinstance(row, Mapping) else row, "modification": name}
    return rows


def _document(shell: Shell, one: "Destination") -> Mapping[str, Any]:
    from ours.services.destinations.mapping import withheld

    plugin = shell.ours.registry.plugin(one.slug)
    said = plugin.default_mapping if plugin else {}
    held = withheld(plugin, one.category, one.mapping) if plugin else {}
    return {
        "destination": one.name,
        "plugin": [_row(field, row) for field, row in said.items() if field not in held],
        "withheld": [_row(field, row) for field, row in held.items()],
        "mapping": [_row(field, row) for field, row in one.mapping.items()],
        "conditional": [{**each, "mapping": [_row(*row) for row in each["mapping"].items()]} for each in one.cases],
    }


def _row(field: str, row: Any) -> Mapping[str, Any]:
    if isinstance(row, Mapping):
        return {"field": field, "map": row["map"], "modification": row["modification"]}
    template, modification = (row, "None") if isinstance(row, str) else (row.template, row.modification)
    return {"field": field, "map": template, "modification": modification}
