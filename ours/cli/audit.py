"""``ours audit``: who changed or read what."""

from dataclasses import asdict
from operator import itemgetter

import click

from ours.cli.shell import Column, Shell, json_option, pass_shell
from ours.clock import iso


@click.group()
def audit() -> None:
    """The record of who changed something, and of who read personal data."""


@audit.command("list")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many.")
@click.option("--actor", help="Who did it: an email, cli, or the beginning of a token's name.")
@click.option("--verb", help="What was done: add, update, read, export, forget, …")
@click.option("--subject", help="Of what: source 3, destination 2, visitor HASH, …")
@json_option
@pass_shell
def list_(shell: Shell, limit: int, actor: str | None, verb: str | None, subject: str | None) -> None:
    """The newest entries first."""
    from ours.services.audit import Filter

    found = shell.ours.audit.list(limit, wanted=Filter(actor, verb, subject))
    documents = [asdict(one) | {"at": iso(one.at), "detail": dict(one.detail)} for one in found]
    columns: dict[str, Column] = {name: itemgetter(name) for name in ("at", "actor", "verb", "subject", "detail")}
    shell.show_all(documents, columns, "Nothing of that kind was done.")
