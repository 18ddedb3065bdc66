"""``ours event``: what was received, and what became of it."""

from collections import Counter
from collections.abc import Mapping
from operator import itemgetter
from typing import Any

import click

from ours.cli.shell import ACTOR, Column, Shell, json_option, pass_shell
from ours.core import subjects


@click.group()
def event() -> None:
    """Events that were received."""


@event.command("list")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many.")
@json_option
@pass_shell
def list_(shell: Shell, limit: int) -> None:
    """List the latest events, by when they occurred."""
    columns: dict[str, Column] = {
        "occurred": itemgetter("occurredAt"),
        **{name: itemgetter(name) for name in ("mode", "event", "source", "id")},
        "dispatches": _tally,
    }
    empty = "No event has come yet. `ours demo` sends some; `ours source show` tells the keys to send your own."
    shell.show_all(shell.ours.overview.events_json(limit), columns, empty)


@event.command()
@click.argument("id")
@json_option
@pass_shell
def show(shell: Shell, id: str) -> None:
    """Show one event with its dispatches, in clear. The audit log records that it was read."""
    document = shell.ours.overview.event_json(id)
    shell.ours.audit.note_read(subjects.event(id), actor=ACTOR)
    shell.show(document)


def _tally(one: Mapping[str, Any]) -> str:
    counts = Counter(dispatch["status"] for dispatch in one["dispatches"])
    return ", ".join(f"{count} {status}" for status, count in counts.most_common())
