"""``ours allow``: which events may leave for which destinations, seen from the side of the events."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

import click

from ours.cli.changing import why_option
from ours.cli.shell import ACTOR, Column, Shell, json_option, pass_shell
from ours.clock import iso

_ALL_LISTED = "Every name that came lately may leave for some destination, or none came."


@click.group()
def allow() -> None:
    """Which events may leave for which destinations."""


@allow.command("list")
@click.option("--unlisted", is_flag=True, help="Only names that came lately and that no destination may have.")
@json_option
@pass_shell
def list_(shell: Shell, unlisted: bool) -> None:
    """Show which destinations may have which events. Lists every name that is on a list or came lately."""
    names = {one.id: one.name for one in shell.ours.destinations.list()}
    listed = shell.ours.allow.unlisted() if unlisted else shell.ours.allow.list()
    documents: list[Mapping[str, Any]] = [
        {
            "event": one.name,
            "destinations": [names[place] for place in one.destinations if place in names],
            "count": one.count,
            "lastSeen": iso(one.last),
        }
        for one in listed
    ]
    columns: dict[str, Column] = {
        "event": itemgetter("event"),
        "destinations": lambda one: ", ".join(one["destinations"]) or "none",
        "seen": itemgetter("count"),
        "last seen": itemgetter("lastSeen"),
    }
    shell.show_all(documents, columns, _ALL_LISTED if unlisted else "No event has come, and no list names one.")


@allow.command()
@click.argument("event")
@click.option("--to", "places", multiple=True, required=True, metavar="NAME", help="A destination; may be repeated.")
@why_option
@json_option
@pass_shell
def add(shell: Shell, event: str, places: Sequence[str], why: str) -> None:
    """Allow events with this name to leave for these destinations too."""
    ids = [shell.ours.destinations.find(name).id for name in places]
    _show(shell, event, shell.ours.allow.add(event, ids, actor=ACTOR, why=why))


@allow.command()
@click.argument("event")
@click.option("--from", "places", multiple=True, required=True, metavar="NAME", help="A destination; may be repeated.")
@why_option
@json_option
@pass_shell
def remove(shell: Shell, event: str, places: Sequence[str], why: str) -> None:
    """Take events with this name off these destinations' allow lists."""
    ids = [shell.ours.destinations.find(name).id for name in places]
    _show(shell, event, shell.ours.allow.remove(event, ids, actor=ACTOR, why=why))


def _show(shell: Shell, event: str, changed: Sequence[Any]) -> None:
    listed = [{"id": one.id, "name": one.name, "events": list(one.events)} for one in changed]
    shell.show({"event": event, "destinations": listed})
