"""``ours secrets``: the keys that seal what is stored."""

import sys
from dataclasses import asdict
from operator import itemgetter
from typing import TYPE_CHECKING

import click

from ours.cli.shell import ACTOR, Column, Shell, json_option, pass_shell

if TYPE_CHECKING:
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
    """How much the newest key has sealed, and how much older ones."""
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
    """Put a new key first in the data folder's ring (secret.key). Start every process again before you rotate."""
    shell.ours.secrets.add_key(actor=ACTOR)
    shell.show({"added": True, "next": "Start every process again, then: ours secrets rotate"})


@secrets.command()
@json_option
@pass_shell
def rotate(shell: Shell) -> None:
    """Seal anew with the newest key, while the server runs. Interrupt it as you like, and do it again."""
    done = shell.ours.secrets.rotate(_counting(), actor=ACTOR)
    shell.show({"resealed": done})


def _counting() -> "Progress":
    """Says on a terminal how far it is."""
    seen: dict[str, int] = {}

    def say(name: str, count: int) -> None:
        seen[name] = seen.get(name, 0) + count
        if sys.stderr.isatty():
            click.echo(f"\r{name}: {seen[name]:,} looked at\033[K", err=True, nl=False)

    return say
