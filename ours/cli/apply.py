"""``ours export`` and ``ours apply``: the configuration as a file."""

from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, Any

import click

from ours.cli.changing import why_option
from ours.cli.shell import ACTOR, Shell, json_option, pass_shell

if TYPE_CHECKING:
    from ours.services.apply import Plan

_SIGNS = {"add": "+", "change": "~", "off": "-"}


@click.command()
@click.option(
    "--references", is_flag=True, help="Write secrets as ${NAME}, for another installation; by default as !keep."
)
@json_option
@pass_shell
def export(shell: Shell, references: bool) -> None:
    """Print the whole configuration as YAML. That is sources, destinations with all their settings, and governance.

    It contains no secrets and no keys.
    """
    from ours.services.apply import dump

    sections = shell.ours.configuration.export(references=references)
    for one in shell.ours.destinations.list():
        if not one.loaded:
            said = f'"{one.name}" has no plugin ("{one.slug}" is not loaded), so nobody knows which of its settings are'
            shell.say(f"{said} secret: none of their values is in here.", warn=True)
    if shell.as_json:
        shell.show(_plain(sections))
    else:
        click.echo(dump(sections), nl=False)


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option("--plan", "only_plan", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.option("--prune", is_flag=True, help="Switch off what the file does not name. Nothing is ever removed.")
@why_option
@json_option
@pass_shell
def apply(shell: Shell, /, file: IO[bytes], only_plan: bool, yes: bool, prune: bool, why: str) -> None:
    """Apply the configuration in FILE, all of it or nothing. See `ours export`; - reads stdin.

    Shows the plan first. Applying it again changes nothing.
    """
    from ours.services.apply import load
    from ours.settings import variables

    plan = shell.ours.configuration.plan(load(file.read()), variables(), prune=prune, why=why)
    if not shell.as_json:
        click.echo("\n".join(_lines(plan)) or "All is as the file says.")
    agreed = not only_plan and bool(plan.changes) and (yes or (shell.can_ask and click.confirm("Apply?", err=True)))
    if agreed:
        plan.make(ACTOR)
        shell.say(f"Applied: {len(plan.changes)} changes.")
    if shell.as_json:
        shell.show(_document(plan) | {"applied": agreed})
    if plan.changes and not agreed and not only_plan:
        shell.say("Nothing was changed. Say --yes to apply it without being asked.", warn=True)
        click.get_current_context().exit(1)


def _document(plan: "Plan") -> dict[str, Any]:
    changes = [
        {"verb": one.verb, "what": one.what, "name": one.name, "details": list(one.details)} for one in plan.changes
    ]
    return {"changes": changes}


def _lines(plan: "Plan") -> Sequence[str]:
    return [
        line
        for one in plan.changes
        for line in (f"{_SIGNS[one.verb]} {one.what} {one.name}", *(f"    {detail}" for detail in one.details))
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
