"""``ours secrets``: the keys that seal what is stored."""

import sys
from dataclasses import asdict
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import click

from ours.cli.shell import ACTOR, Column, Shell, json_option, pass_shell
from ours.clock import iso

if TYPE_CHECKING:
    from ours.services.abandoning import Waiting
    from ours.services.secrets import Progress


@click.group()
def secrets() -> None:
    """The keys that seal secrets and personal data.

    To change the key: `ours secrets new` (or put a new one first in OURS_SECRET_KEYS), start every process again, `ours
    secrets rotate`. When `ours secrets status` counts nothing under older keys, take the old key away.
    """


@secrets.command()
@json_option
@pass_shell
def status(shell: Shell) -> None:
    """Show how much is sealed with which key."""
    found = [asdict(one) for one in shell.ours.secrets.status()]
    columns: dict[str, Column] = {
        "what": itemgetter("name"),
        "newest": itemgetter("newest"),
        "older": itemgetter("older"),
    }
    shell.show_all(found, columns, "")


@secrets.command()
@json_option
@pass_shell
def new(shell: Shell) -> None:
    """Put a new key first in the data folder's ring (secret.key). Restart every process before you rotate."""
    shell.ours.secrets.add_key(actor=ACTOR)
    shell.show({"added": True, "next": "Start every process again, then: ours secrets rotate"})


@secrets.command()
@json_option
@pass_shell
def rotate(shell: Shell) -> None:
    """Re-seal everything with the newest key, while the server runs. You can interrupt it, and run it again.

    Refused while processes run that seal with another key: give them the newest, and restart them.
    """
    done = shell.ours.secrets.rotate(_counting(), actor=ACTOR)
    shell.show({"resealed": done})


@secrets.command()
@click.argument("reason")
@click.option("--undo", is_flag=True, help="Undo it: route the events, replay what was held.")
@click.option("--yes", is_flag=True, help="Do it, without asking.")
@json_option
@pass_shell
def abandon(shell: Shell, reason: str, undo: bool, yes: bool) -> None:
    """Give up what waits because it can't be opened and never will be.

    REASON is what `ours doctor` names: key_missing:ID, damaged or unroutable. What is held is stopped; events that
    were set aside are delivered nowhere. Shows first what would happen, and asks; with --json, it needs --yes. What
    is older than OURS_KEEP_EVENTS_DAYS is then deleted soon, and can't be restored with --undo.
    """
    if undo:
        _take_back(shell, reason, yes)
        return
    waiting = shell.ours.abandoning.preview(reason)
    if not shell.as_json:
        _tell(shell, waiting)
        yes = bool(waiting) and (yes or click.confirm("Abandon them?", err=True))
    done = shell.ours.abandoning.run(reason, actor=ACTOR) if yes else None
    shell.show((_document(waiting) if shell.as_json else {}) | {"abandoned": done._asdict() if done else None})


def _take_back(shell: Shell, reason: str, yes: bool) -> None:
    if not (yes or shell.as_json):
        yes = click.confirm(f"Route and replay what was abandoned for {reason}?", err=True)
    done = shell.ours.abandoning.undo(reason, actor=ACTOR) if yes else None
    shell.show({"takenBack": done._asdict() if done else None})


def _tell(shell: Shell, waiting: "Waiting") -> None:
    """What would happen, at a terminal."""
    if waiting:
        columns: dict[str, Column] = {name: itemgetter(name) for name in ("destination", "mode", "held", "setAside")}
        shell.show_all(_document(waiting)["destinations"], columns, "No destination is owed any of it.")
        events = ", ".join(f"{count:,} {mode}" for mode, count in sorted(waiting.events.items())) or "none"
        shell.say(f"Events set aside: {events}. Dispatches held: {waiting.held:,}.")
        shell.say(f"The oldest is of {iso(waiting.oldest)}, the newest of {iso(waiting.newest)}.")
    else:
        shell.say(f"Nothing waits for {waiting.reason}.")
    if needed := ", ".join(f"{count:,} {name}" for name, count in waiting.sealed.items() if count):
        shell.say(f"The same key sealed {needed}: what comes for them waits anew. See docs/operations.md.", warn=True)


def _document(waiting: "Waiting") -> dict[str, Any]:
    return {
        "reason": waiting.reason,
        "events": dict(waiting.events),
        "dispatches": waiting.held,
        "destinations": [
            {"destination": one.destination, "mode": one.mode, "held": one.held, "setAside": one.aside}
            for one in waiting.losses
        ],
        "oldest": iso(waiting.oldest),
        "newest": iso(waiting.newest),
        "sealed": dict(waiting.sealed),
    }


def _counting() -> "Progress":
    """Says on a terminal how far it is."""
    seen: dict[str, int] = {}

    def say(name: str, count: int) -> None:
        seen[name] = seen.get(name, 0) + count
        if sys.stderr.isatty():
            click.echo(f"\r{name}: {seen[name]:,} looked at\033[K", err=True, nl=False)

    return say
