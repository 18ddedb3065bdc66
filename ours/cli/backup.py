"""``ours backup`` and ``ours restore``: an installation in a file, and back."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ours.cli.shell import Shell, json_option, pass_shell
from ours.clock import iso

if TYPE_CHECKING:
    from ours.services.backup import Moved
    from ours.store import Store

_AS_THEN = (
    "These keys, tokens, people and destinations are as they were then, and good whatever was revoked, removed or "
    "turned off since; what was owed then is sent again. `ours lockout` refuses all tokens and passwords at once, with "
    "--keys all keys too."
)
_AS_BEFORE = (
    "Keys, tokens and people are as in the database that stood before; destinations and rules are as they were then, "
    "and what was owed then is sent again."
)
_NOT_THERE = "There is no database in {} that could have stood before."
_File = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("file", type=_File)
@json_option
@pass_shell
def backup(shell: Shell, file: Path) -> None:
    """Write a consistent backup of everything to FILE. The server may run.

    The format is the same for SQLite and PostgreSQL. Secrets and personal data stay sealed in it; the
    secret keys that open them are not in it, so keep those elsewhere.
    """
    shell.show(document(shell.ours.backup.write(file)) | {"bytes": file.stat().st_size})


@click.command()
@click.argument("file", type=_File)
@click.option("--check", is_flag=True, help="Only read it from start to end, to check that it is complete.")
@click.option(
    "--instead-of",
    metavar="OLD",
    help="The OURS_HOME, or the database's address, that this replaces, if it can still be read.",
)
@click.option("--unsealed", is_flag=True, help="Accept one that was made before backups were sealed.")
@json_option
@pass_shell
def restore(shell: Shell, file: Path, check: bool, instead_of: str | None, unsealed: bool) -> None:
    """Restore a backup into an empty database. That is another OURS_HOME, or a new OURS_DATABASE_URL.

    It restores everything or nothing; to finish an interrupted restore, run the same command again. It needs the
    secret keys that sealed the backup, and the same version of ours or a newer one. A backup that was changed after
    it was made is refused.

    A backup does not know what was revoked since. With --instead-of OLD, sources with their keys, tokens and people
    (with roles, passwords and sessions) are as they are in OLD; visitors forgotten there stay forgotten, and the
    audit log continues. Without it they are as they were then, which is shown by name, and all sessions end.
    """
    from contextlib import ExitStack, closing

    from ours.bootstrap import Ours
    from ours.services.backup import Backup

    if check:
        shell.show(document(Backup.check(file)) | {"whole": True})
        return
    with ExitStack() as stack:
        ours = stack.enter_context(closing(Ours(shell.settings)))  # the backup says which shape it needs
        ours.store.hurry(shell.say)
        ours.store.reach()
        old = stack.enter_context(closing(_old(shell, instead_of))) if instead_of else None
        moved = ours.backup.restore(file, old, sealed=not unsealed)
    shell.say(_AS_BEFORE if instead_of else _AS_THEN, warn=not instead_of)
    finish(shell, moved)


def _old(shell: Shell, where: str) -> "Store":
    """The database that stood before; never made when it is not there."""
    from dataclasses import replace

    from ours.errors import NotBegun
    from ours.store import Store

    place = {"database_url": where} if "://" in where else {"home": Path(where), "database_url": ""}
    old = Store(replace(shell.settings, **place))
    if old.is_new():
        raise NotBegun(_NOT_THERE.format(where))
    old.reach()
    return old


def finish(shell: Shell, moved: "Moved") -> None:
    """Show what was put in; end with status 1 when it does not add up."""
    access = {"access": asdict(moved.access)} if moved.access else {}
    shell.show(document(moved) | access | {"difference": moved.difference})
    if moved.difference:
        click.get_current_context().exit(1)


def document(moved: "Moved") -> dict[str, Any]:
    return {"takenAt": iso(moved.at), "rows": moved.rows, "tables": {name: moved.counts[name] for name in moved.counts}}
