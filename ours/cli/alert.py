"""``ours alert``: what wants a person, and whether word of it gets out."""

from collections.abc import Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import click

from ours.cli.shell import Column, Shell, json_option, pass_shell
from ours.clock import iso
from ours.errors import Invalid

if TYPE_CHECKING:
    from ours.services.alerts import Alert


@click.group()
def alert() -> None:
    """Problems that need a person; sent by webhook or e-mail."""


@alert.command("list")
@click.option("--all", "closed", is_flag=True, help="Past alerts too, newest first.")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="With --all: at most so many."
)
@json_option
@pass_shell
def list_(shell: Shell, closed: bool, limit: int) -> None:
    """List the open alerts, oldest first."""
    columns: dict[str, Column] = {
        "since": itemgetter("openedAt"),
        "state": itemgetter("state"),
        "alert": lambda one: one["message"] + (f"\n→ {one['remedy']}" if one["state"] == "open" else ""),
        "told": itemgetter("toldAt"),
        "problem": itemgetter("problem"),
    }
    found = shell.ours.alerts.list(closed=closed, limit=limit)
    shell.show_all([_document(one) for one in found], columns, "Nothing wants a person.")


@alert.command()
@json_option
@pass_shell
def test(shell: Shell) -> None:
    """Send a test message through every channel that is set up. Exits with status 1 if one fails."""
    told = shell.ours.alerts.test()
    if not told:
        raise Invalid("No channel is set up. Set OURS_ALERT_WEBHOOK, or OURS_ALERT_EMAIL and OURS_SMTP_URL.")
    documents = [{"channel": one.channel, "taken": one.problem is None, "problem": one.problem} for one in told]
    columns: dict[str, Column] = {
        "channel": itemgetter("channel"),
        "status": lambda one: "ok" if one["taken"] else "fail",
        "problem": itemgetter("problem"),
    }
    shell.show_all(documents, columns, "")
    if not all(one["taken"] for one in documents):
        click.get_current_context().exit(1)


def _document(one: "Alert") -> Mapping[str, Any]:
    return {
        "id": one.id,
        "kind": one.kind,
        "subject": one.subject or None,
        "state": "closed" if one.closed_at else "open",
        "message": one.words,
        "remedy": one.remedy,
        "openedAt": iso(one.opened_at),
        "closedAt": iso(one.closed_at),
        "toldAt": iso(one.told_at),
        "problem": one.problem,
    }
