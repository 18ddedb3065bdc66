"""``ours history``: every change of a destination or of governance, to compare and to go back to."""

from operator import itemgetter
from typing import TYPE_CHECKING, Any

import click

from ours.cli.changing import difference, override_option, why_option
from ours.cli.shell import ACTOR, Column, Shell, json_option, pass_shell
from ours.clock import iso

if TYPE_CHECKING:
    from ours.services.history import Version


@click.group()
def history() -> None:
    """Every change of the configuration: who, when, why.

    OF is a destination's name or id, be it removed, or `governance`.
    """


@history.command("list")
@click.argument("of", required=False)
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many.")
@json_option
@pass_shell
def list_(shell: Shell, of: str | None, limit: int) -> None:
    """List versions, newest first; of all, or of one."""
    subject = shell.ours.history.subject(of) if of else None
    columns: dict[str, Column] = {name: itemgetter(name) for name in ("at", "of", "version", "by", "what", "why")}
    listed = [_document(one) for one in shell.ours.history.list(subject, limit)]
    shell.show_all(listed, columns, "Nothing has been changed yet.")


@history.command()
@click.argument("of")
@click.argument("version", type=int)
@json_option
@pass_shell
def show(shell: Shell, of: str, version: int) -> None:
    """Show the whole configuration of a version; secrets stay hidden."""
    found = shell.ours.history.show(shell.ours.history.subject(of), version)
    shell.show(_document(found) | {"set": found.document})


@history.command()
@click.argument("of")
@click.argument("older", type=int)
@click.argument("newer", type=int, required=False)
@json_option
@pass_shell
def diff(shell: Shell, of: str, older: int, newer: int | None) -> None:
    """Show what changed between two versions, or since one."""
    found = shell.ours.history.diff(shell.ours.history.subject(of), older, newer)
    columns: dict[str, Column] = {
        "path": itemgetter("path"),
        "kind": itemgetter("kind"),
        "before": lambda one: one.get("before"),
        "after": lambda one: one.get("after"),
    }
    shell.show_all([difference(one) for one in found], columns, "Nothing differs.")


@history.command()
@click.argument("of")
@click.argument("version", type=int)
@why_option
@override_option
@json_option
@pass_shell
def rollback(shell: Shell, of: str, version: int, why: str, override: str) -> None:
    """Go back to a version. This makes a new version, and takes effect at once."""
    subject = shell.ours.history.subject(of)
    shell.show(_document(shell.ours.history.roll_back(subject, version, actor=ACTOR, why=why, override=override)))


def _document(one: "Version") -> dict[str, Any]:
    return {"at": iso(one.at), "of": one.subject, "version": one.number, "by": one.actor, "what": one.verb,
            "why": one.why}  # fmt: skip
