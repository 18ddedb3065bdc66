"""``ours db``: the database's shape."""

import click

from ours.cli.shell import Shell, json_option, pass_shell


@click.group()
def db() -> None:
    """The database."""


@db.command()
@json_option
@pass_shell
def upgrade(shell: Shell) -> None:
    """Bring the database to the present shape (every other verb does so by itself)."""
    from ours.store import Store, migrate

    store = Store(shell.settings)
    try:
        was_current = migrate.is_current(store)
        if not was_current:
            migrate.upgrade(store)
    finally:
        store.close()
    shell.show({"upgraded": not was_current, "current": True})


@db.command(hidden=True)
@click.argument("message")
@pass_shell
def revise(shell: Shell, message: str) -> None:
    """Write a migration from the difference between the tables in the code and the database (for developers)."""
    from ours.store import migrate

    migrate.revise(shell.ours.store, message)
