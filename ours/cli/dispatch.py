"""``ours dispatch``: one event's delivery to one destination."""

import click

from ours.cli.shell import Shell, json_option, pass_shell


@click.group()
def dispatch() -> None:
    """Deliveries that events owe to destinations."""


@dispatch.command()
@click.argument("id")
@json_option
@pass_shell
def show(shell: Shell, id: str) -> None:
    """One dispatch with each of its attempts. A test dispatch shows what would have been sent."""
    shell.show(shell.ours.overview.dispatch_json(id))
