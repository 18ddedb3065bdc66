"""``ours db``: the database's shape."""

import click

from ours.cli.shell import Shell, json_option, pass_shell


@click.group()
def db() -> None:
    """The database: upgrade, copy, partition."""


@db.command()
@json_option
@pass_shell
def upgrade(shell: Shell) -> None:
    """Upgrade the database to the current schema. Every other command does this by itself."""
    from ours.store import Store, migrate

    store = Store(shell.settings)
    store.hurry(shell.say)
    try:
        store.reach()
        was_current = migrate.is_current(store)
        if not was_current:
            migrate.upgrade(store)
    finally:
        store.close()
    shell.show({"upgraded": not was_current, "current": True})


@db.command()
@click.argument("url")
@click.option(
    "--running", is_flag=True, help="Copy although a server is running: events it accepts meanwhile are not copied."
)
@json_option
@pass_shell
def copy(shell: Shell, url: str, running: bool) -> None:
    """Copy everything into another, empty database, and compare. URL is postgresql://… or sqlite:///…

    Stop the server first, and start it on the new OURS_DATABASE_URL afterwards. Use the same secret keys.
    """
    from dataclasses import replace

    from ours.cli.backup import finish
    from ours.errors import Invalid
    from ours.settings import SettingsSchema
    from ours.store import Store

    if SettingsSchema().validate({"database_url": url}) or not url:
        raise Invalid("The address begins with postgresql:// or sqlite:///.")
    if not running and shell.ours.is_served():
        raise Invalid("A server or worker runs on this database. Stop it first, or it accepts what is not copied.")
    to = Store(replace(shell.settings, database_url=url))
    try:
        to.reach()
        finish(shell, shell.ours.backup.copy(to))
    finally:
        to.close()


@db.command()
@click.option("--plan", "only_plan", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
@pass_shell
def partition(shell: Shell, only_plan: bool, yes: bool) -> None:
    """Partition events and attempts by day (PostgreSQL only). Then old data is dropped instead of deleted.

    The server may keep running: nothing is copied, and each table is locked only for a moment. Run again, it adds
    missing days, and moves rows that are outside their day.
    """
    from ours.cli import partitions

    partitions.run(shell, only_plan=only_plan, yes=yes)


@db.command(hidden=True)
@click.argument("message")
@pass_shell
def revise(shell: Shell, message: str) -> None:
    """Write a migration from the difference between the tables in the code and the database (for developers)."""
    from ours.store import migrate

    migrate.revise(shell.ours.store, message)
