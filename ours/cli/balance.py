"""``ours balance``: whether every decision that is owed was made, once."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from ours.cli.shell import Shell, json_option, pass_shell
from ours.clock import iso

if TYPE_CHECKING:
    from ours.services.conservation import Watched
    from ours.services.reconcile import Fault


@click.command()
@click.option(
    "--check",
    is_flag=True,
    help="Compare event by event, the newest 100,000; exit with status 1 if anything is missing or doubled.",
)
@click.option("--full", is_flag=True, help="With --check: all events.")
@json_option
@pass_shell
def balance(shell: Shell, check: bool, full: bool) -> None:
    """Compare what was accepted with what became of it. The difference is 0."""
    figures = shell.ours.overview.balance()
    document: dict[str, Any] = asdict(figures) | {"difference": figures.difference}
    document["watched"] = _watched(shell.ours.conservation.watched())
    if check or full:
        faults = shell.ours.reconcile.check(None) if full else shell.ours.reconcile.check()
        document["faults"] = [_document(fault) for fault in faults]
    shell.show(document)
    if document.get("faults"):
        click.get_current_context().exit(1)


def _watched(found: "Watched") -> Mapping[str, Any]:
    """What the scheduler's own check found last."""
    return {
        "at": iso(found.at),
        "difference": found.difference,
        "events": found.events,
        "wholeAt": iso(found.whole_at),
        "faults": [_document(fault) for fault in found.faults],
    }


def _document(fault: "Fault") -> dict[str, Any]:
    return {"event": fault.event_id, "destination": fault.destination_id, "kind": fault.kind}
