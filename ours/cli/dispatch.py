"""``ours dispatch``: one event's delivery to one destination."""

from typing import TYPE_CHECKING

import click

from ours import clock
from ours.cli.moments import Moment
from ours.cli.shell import ACTOR, Shell, json_option, pass_shell
from ours.core import subjects

if TYPE_CHECKING:
    from ours.services.replay import Filter


@click.group()
def dispatch() -> None:
    """Deliveries of events to destinations."""


@dispatch.command()
@click.argument("id")
@json_option
@pass_shell
def show(shell: Shell, id: str) -> None:
    """Show one dispatch with each of its attempts. A test dispatch shows what would have been sent."""
    document = shell.ours.overview.dispatch_json(id)
    shell.ours.audit.note_read(subjects.dispatch(id), actor=ACTOR)
    shell.show(document)


@dispatch.command()
@click.argument("id", required=False)
@click.option("--destination", metavar="NAME", help="Instead of an ID: all ambiguous dispatches of this destination.")
@click.option(
    "--since", type=Moment(), help="Of those, only what was made since this time, or within this long: 90m, 24h, 7d."
)
@click.option("--until", type=Moment(), help="Only what was made before this time.")
@click.option("--yes", is_flag=True, help="Do it, without asking.")
@json_option
@pass_shell
def confirm(
    shell: Shell, /, id: str | None, destination: str | None, since: int | None, until: int | None, yes: bool
) -> None:
    """Confirm that an ambiguous dispatch arrived. You found it at the destination; nothing is sent.

    For a destination, it shows how many first, and asks; with --json, it needs --yes.
    """
    from ours.services.replay import Filter

    if id and not destination:
        shell.ours.confirming.one(id, actor=ACTOR)
        shell.show({"id": id, "status": "delivered"})
    elif destination and not id:
        place = shell.ours.destinations.find(destination)
        _confirm_all(shell, Filter(destination_id=place.id, since=since, until=until), place.name, yes)
    else:
        raise click.UsageError("Name one dispatch by its ID, or a destination with --destination.")


def _confirm_all(shell: Shell, wanted: "Filter", name: str, yes: bool) -> None:
    seen, count = clock.now_ms(), shell.ours.confirming.count(wanted)
    if not (yes or shell.as_json) and count:
        yes = click.confirm(f"Did all {count:,} arrive at “{name}”?", err=True)
    done = shell.ours.confirming.many(wanted, seen=seen, actor=ACTOR) if yes else 0
    shell.show({"ambiguous": count, "confirmed": done})
