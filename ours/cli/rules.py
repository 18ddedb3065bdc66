"""``ours rules``: what may be wrong with what is set."""

from operator import itemgetter

import click

from ours.cli.changing import latest_option
from ours.cli.shell import Column, Shell, json_option, pass_shell


@click.group()
def rules() -> None:
    """Check allow lists, rules and mappings for mistakes."""


@rules.command()
@latest_option
@json_option
@pass_shell
def check(shell: Shell, latest: int) -> None:
    """List paths in rules and mappings that led nowhere. None of the latest events had them: they may be misspelt."""
    found = [{"place": one.place, "path": one.path, "events": one.events} for one in shell.ours.check.run(latest)]
    columns: dict[str, Column] = {name: itemgetter(name) for name in ("place", "path", "events")}
    shell.show_all(found, columns, "Every path led somewhere, or there are no events yet to try them on.")
