"""``ours visitor``: whom events are about. ``-`` reads who is meant from standard input, out of shell histories."""

import sys
from contextlib import nullcontext
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ours.cli.files import new_file
from ours.cli.shell import ACTOR, Column, Shell, dump, json_option, pass_shell
from ours.clock import iso
from ours.core.piecewise import pieces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ours.services.visitors import Found, Profile, Receipt

_KIND = click.option(
    "--kind",
    type=click.Choice(["userId", "externalId", "email", "phone", "visitor"]),
    help="What kind of identifier WHO is; by default any.",
)


@click.group()
def visitor() -> None:
    """Visitors: find, show, export, forget.

    WHO is a userId, an externalId, an email, a phone number or a visitor's hash; - reads it from standard input.
    """


@visitor.command()
@click.argument("who")
@_KIND
@json_option
@pass_shell
def find(shell: Shell, who: str, kind: str | None) -> None:
    """Find the visitors with the identifier WHO, live and test. The audit log records the search."""
    found = shell.ours.visitors.find(_typed(who), kind, actor=ACTOR)
    documents = [{"id": one.id, "mode": one.mode, "foundBy": one.kind} for one in found]
    columns: dict[str, Column] = {name: itemgetter(key) for name, key in _FOUND.items()}
    shell.show_all(documents, columns, "Nobody of that name is here.")


_FOUND = {"id": "id", "mode": "mode", "found by": "foundBy"}


@visitor.command()
@click.argument("who")
@_KIND
@json_option
@pass_shell
def show(shell: Shell, who: str, kind: str | None) -> None:
    """Show what is known about a visitor, in clear. The audit log records that it was read."""
    documents = [_document(shell.ours.visitors.show(one, actor=ACTOR)) for one in _ids(shell, who, kind)]
    if shell.as_json:
        click.echo(dump(documents))
    else:
        for document in documents:
            shell.show(document)


@visitor.command()
@click.argument("who")
@_KIND
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="A new file, which only you can read.")
@json_option
@pass_shell
def export(shell: Shell, who: str, kind: str | None, output: Path | None) -> None:
    """Export everything that is kept about a visitor, as JSON. That is profile, events, and what was sent where.

    Output is written as it is read. If the exit status is 1, the export broke off: discard what was printed.
    """
    found = _ids(shell, who, kind)
    documents = (shell.ours.visitors.export(visitor_id, actor=ACTOR) for visitor_id in found)
    with new_file(output) if output else nullcontext() as file:
        for text in pieces(documents, dump):
            click.echo(text, file, nl=False)
        click.echo(file=file)
    if output:
        shell.show({"file": str(output), "visitors": len(found)})


@visitor.command()
@click.argument("who", required=False)
@_KIND
@click.option("--again", is_flag=True, help="Forget again whoever a restored backup brought back; without WHO.")
@click.option("--yes", is_flag=True, help="Do it, without asking.")
@json_option
@pass_shell
def forget(shell: Shell, who: str | None, kind: str | None, again: bool, yes: bool) -> None:
    """Forget a visitor for good. Stops what waits, erases what is kept, and prints a receipt.

    Asks first; in a script, and with --json, it needs --yes.
    """
    if again == (who is not None):
        raise click.UsageError("Say WHO is to be forgotten, or --again.")
    if who is None:
        _show(shell, list(shell.ours.visitors.reapply_forgotten(actor=ACTOR)))
        return
    found = _found(shell, who, kind)
    if not yes:
        _confirm(shell, found)
    _show(shell, [shell.ours.visitors.forget(one.id, actor=ACTOR) for one in found])


def _confirm(shell: Shell, found: "Sequence[Found]") -> None:
    """Ask a person at a terminal; a script must say --yes, for nothing brings back what is erased."""
    from ours.errors import Invalid

    if not shell.can_ask:
        raise Invalid("Nobody was forgotten. Use --yes to confirm without a prompt.")
    named = ", ".join(f"{one.mode} {one.id}" for one in found)
    click.confirm(f"Forget {named} for good?", abort=True, err=True)


def _ids(shell: Shell, who: str, kind: str | None) -> list[str]:
    return [one.id for one in _found(shell, who, kind)]


def _found(shell: Shell, who: str, kind: str | None) -> "Sequence[Found]":
    from ours.errors import NotFound

    found = shell.ours.visitors.find(_typed(who), kind, actor=ACTOR)
    if not found:
        raise NotFound("No visitor has this identifier. They may have been forgotten, or never existed.")
    return found


def _typed(who: str) -> str:
    return sys.stdin.readline() if who == "-" else who


def _show(shell: Shell, receipts: "list[Receipt]") -> None:
    columns: dict[str, Column] = {
        **{name: itemgetter(name) for name in ("visitor", "mode", "events", "attempts", "stopped")},
        "sent before to": lambda one: [place["name"] for place in one["destinations"]],
    }
    shell.show_all([one.document for one in receipts], columns, "Nobody came back.")
    if receipts:
        shell.say(
            "What destinations were sent before is theirs now: ask each of them to delete it, and whoever was sent"
        )
        shell.say("events that retention has deleted since, of which nothing is known here any more.")
    gone = {one.visitor_id for one in receipts}
    for twin, mode in {twin: one.mode for one in receipts for twin in one.twins if twin not in gone}.items():
        other = "test" if mode == "live" else "live"
        shell.say(f"The same person is still here in {other} mode: ours visitor forget {twin} --kind visitor.")


def _document(one: "Profile") -> dict[str, Any]:
    named = [
        {"kind": each.kind, "value": each.value, "attachedAt": iso(each.attached_at)} for each in one.identifiers
    ]  # fmt: skip
    merged = [{"id": visitor_id, "visitorId": name} for visitor_id, name in one.merged]
    moments = {"createdAt": iso(one.created_at), "seenAt": iso(one.seen_at)}
    told = {"id": one.id, "mode": one.mode, "visitorId": one.public_id, **moments}
    why = {"unopened": one.unopened.words} if one.unopened else {}
    return told | why | {"identifiers": named, "mergedFrom": merged, "properties": dict(one.properties)}
