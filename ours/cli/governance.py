"""``ours governance``: rules that stop events, whatever the allow lists say."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import click

from ours.cli.changing import latest_option, report, why_option
from ours.cli.conditions import condition_options, read_logic
from ours.cli.files import read_document
from ours.cli.shell import ACTOR, Column, Shell, json_option, options, pass_shell
from ours.core.agreements import CATEGORIES
from ours.errors import Invalid

if TYPE_CHECKING:
    from ours.services.rules import Rule


@click.group()
def governance() -> None:
    """Rules that stop events, whatever the allow lists say.

    A rule whose conditions hold STOPS the event for the destinations that it covers. The first to fire is the reason.
    """


_what = options(
    click.option("--covers", multiple=True, metavar="NAME",
                 help=f"A destination, one of {', '.join(CATEGORIES)}, or '*' for all; may be repeated."),
    click.option("--note", metavar="TEXT", help="What it is for."),
)  # fmt: skip


@governance.command("list")
@json_option
@pass_shell
def list_(shell: Shell) -> None:
    """List all rules, in the order in which they are checked."""
    columns: dict[str, Column] = {
        "id": itemgetter("id"),
        "name": itemgetter("name"),
        "status": lambda one: "on" if one["enabled"] else "off",
        "covers": lambda one: ", ".join(one["covers"]) or "no destination that is left",
        "stops when": lambda one: one["logic"],
    }
    documents = [_document(shell, rule) for rule in shell.ours.governance.list()]
    shell.show_all(documents, columns, "There is no rule yet: what the allow lists name may leave.")


@governance.command()
@click.argument("name")
@_what
@condition_options
@click.option("--off", is_flag=True, help="Add it switched off.")
@why_option
@json_option
@pass_shell
def add(
    shell: Shell, /, name: str, covers: Sequence[str], note: str | None, off: bool, why: str, **conditions: Any
) -> None:
    """Add a rule, which is checked last."""
    from ours.services.rules import Rule

    logic = read_logic(conditions["when"], conditions["logic"], any_=conditions["any_"])
    rule = Rule(name=name, covers=_covers(shell, covers), note=note or "", enabled=not off, logic=logic)
    shell.show(_document(shell, shell.ours.governance.add(rule, actor=ACTOR, why=why)))


@governance.command()
@click.argument("name")
@click.option("--name", "new_name", metavar="NAME", help="A new name.")
@_what
@condition_options
@click.option("--on/--off", "enabled", default=None, help="Switch it on or off.")
@click.option("--place", type=click.IntRange(1), help="Check it as the first (1), the second, …")
@why_option
@json_option
@pass_shell
def update(shell: Shell, /, name: str, new_name: str | None, place: int | None, why: str, **given: Any) -> None:
    """Change a rule; options that you leave out change nothing. NAME is its name or id."""
    found = shell.ours.governance.find(name).id or 0
    changes = {
        "name": new_name,
        "note": given["note"],
        "enabled": given["enabled"],
        "covers": _covers(shell, given["covers"]) if given["covers"] else None,
        "logic": read_logic(given["when"], given["logic"], any_=given["any_"]),
    }
    if any(value is not None for value in changes.values()):
        shell.ours.governance.change(found, actor=ACTOR, why=why, **changes)
    if place is not None:
        shell.ours.governance.move(found, place, actor=ACTOR)
    shell.show(_document(shell, shell.ours.governance.find(found)))


@governance.command()
@click.argument("name")
@why_option
@json_option
@pass_shell
def remove(shell: Shell, name: str, why: str) -> None:
    """Remove a rule. NAME is its name or id."""
    found = shell.ours.governance.find(name)
    shell.ours.governance.remove(found.id or 0, actor=ACTOR, why=why)
    shell.show({"removed": found.name})


@governance.command("set")
@click.argument("file")
@click.option("--preview", is_flag=True, help="Only show what it would do to the latest events.")
@latest_option
@why_option
@json_option
@pass_shell
def set_(shell: Shell, file: str, preview: bool, latest: int, why: str) -> None:
    """Replace all rules with those of a file. It is a list, in JSON or YAML."""
    from ours.services.rules.service import from_documents

    written = read_document(file)
    if not isinstance(written, list) or not all(isinstance(one, Mapping) for one in written):
        raise Invalid("The file holds a list of rules: name, covers, logic, and perhaps note and enabled.")
    given = [{key: value for key, value in one.items() if key != "id"} for one in written]
    rules = from_documents([one | {"covers": _covers(shell, one.get("covers") or [])} for one in given])
    if preview:
        shell.show(report(shell.ours.preview.governance(rules, latest=latest)))
        return
    put = shell.ours.governance.put(rules, actor=ACTOR, why=why)
    shell.show({"rules": [_document(shell, rule) for rule in put]})


def _covers(shell: Shell, names: Sequence[str | int]) -> list[int | str]:
    from ours.core.governance import EVERY

    known = (*CATEGORIES, EVERY)
    return [str(name) if name in known else shell.ours.destinations.find(name).id for name in names]


def _document(shell: Shell, rule: "Rule") -> Mapping[str, Any]:
    names = {one.id: one.name for one in shell.ours.destinations.list()}
    covers = [names.get(one, str(one)) if isinstance(one, int) else one for one in rule.covers]
    return {"id": rule.id, "name": rule.name, "enabled": rule.enabled, "covers": covers, "note": rule.note,
            "logic": rule.logic}  # fmt: skip
