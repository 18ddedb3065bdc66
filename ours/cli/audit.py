"""``ours audit``: who changed or read what."""

from dataclasses import asdict
from operator import itemgetter
from typing import Any

import click

from ours.cli.moments import Moment
from ours.cli.shell import Column, Shell, json_option, pass_shell
from ours.clock import iso
from ours.core.deeds import VERBS


@click.group()
def audit() -> None:
    """Who changed something, and who read personal data."""


@audit.command("list")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many.")
@click.option("--actor", help="Who did it: an email, cli, or the beginning of a token's name.")
@click.option("--verb", type=click.Choice(VERBS), metavar="VERB", help="What was done: " + ", ".join(VERBS) + ".")
@click.option("--subject", help="Of what: source 3, destination 2, visitor HASH with their events, …")
@click.option("--since", type=Moment(), help="Done since 2026-08-11T01:15:00Z, or for so long: 90m, 24h, 7d.")
@click.option("--until", type=Moment(), help="Done before that moment.")
@json_option
@pass_shell
def list_(shell: Shell, /, limit: int, **wanted: Any) -> None:
    """List the audit log, newest entries first."""
    from ours.services.audit import Filter

    found = shell.ours.audit.list(limit, wanted=Filter(**wanted))
    documents = [asdict(one) | {"at": iso(one.at), "detail": dict(one.detail)} for one in found]
    columns: dict[str, Column] = {name: itemgetter(name) for name in ("at", "actor", "verb", "subject", "detail")}
    shell.show_all(documents, columns, "Nothing of that kind was done.")
