"""``ours backup`` and ``ours restore``: an installation in a file, and back."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ours.cli.shell import Shell, json_option, pass_shell
from ours.clock import iso

if TYPE_CHECKING:
    from ours.services.backup import Moved

_AS_THEN = (
    "Keys, tokens, people, roles and passwords are again as they were then: revoke and remove anew what was since "
    "(`ours audit list` on the old database), and what was owed then is sent again."
)
_File = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("file", type=_File)
@json_option
@pass_shell
def backup(shell: Shell, file: Path) -> None:
    """Write everything of one moment to FILE, while the server goes on.

    The same form for SQLite and PostgreSQL. Secrets and personal data stay sealed in it; the secret keys that open them
    are not in it, so keep those elsewhere.
    """
    shell.show(document(shell.ours.backup.write(file)) | {"bytes": file.stat().st_size})


@click.command()
@click.argument("file", type=_File)
@click.option("--check", is_flag=True, help="Only read it from start to end: is it whole?")
@json_option
@pass_shell
def restore(shell: Shell, file: Path, check: bool) -> None:
    """Put a backup into an empty database: another OURS_HOME, or a new OURS_DATABASE_URL.

    All of it or nothing. Needs the secret keys that it was sealed with, and a version of ours that is not older.
    """
    from contextlib import closing

    from ours.bootstrap import Ours
    from ours.services.backup import Backup

    if check:
        shell.show(document(Backup.check(file)) | {"whole": True})
        return
    with closing(Ours(shell.settings)) as ours:  # not brought up to date first: the backup says which shape it needs
        moved = ours.backup.restore(file)
    shell.say(_AS_THEN, warn=True)
    finish(shell, moved)


def finish(shell: Shell, moved: "Moved") -> None:
    """Show what was put in; end with status 1 when it does not add up."""
    shell.show(document(moved) | {"difference": moved.difference})
    if moved.difference:
        click.get_current_context().exit(1)


def document(moved: "Moved") -> dict[str, Any]:
    return {"takenAt": iso(moved.at), "rows": moved.rows, "tables": {name: moved.counts[name] for name in moved.counts}}
