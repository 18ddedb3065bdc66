"""``ours dispatch``: one event's delivery to one destination."""

import click

from ours.cli.shell import ACTOR, Shell, json_option, pass_shell
from ours.core import subjects


@click.group()
def dispatch() -> None:
    """Deliveries that events owe to destinations."""


@dispatch.command()
@click.argument("id")
@json_option
@pass_shell
def show(shell: Shell, id: str) -> None:
    """One dispatch with each of its attempts. A test dispatch shows what would have been sent."""
    document = shell.ours.overview.dispatch_json(id)
    shell.ours.audit.note_read(subjects.dispatch(id), actor=ACTOR)
    shell.show(document)
