"""What keeps us from a database, in words that say what to do about it."""

import errno
import os
from pathlib import Path

NO_ADDRESS = (
    "It can't be read as an address: postgresql://user:password@host:5432/name. Write @, :, / in it as %40, %3A, %2F."
)
_FULL = "Raise its max_connections, or the limit of the user or the database, or run fewer processes of ours."
LENT = (
    "A pooler lends us another session for each transaction, but locks belong to a session. Have it lend one for as"
    " long as we are connected (PgBouncer: pool_mode = session), or name the server itself."
)
_READ_ONLY = (
    "{} lies on a disk that takes no writes. Fix that; or copy all of its folder to another disk, and name that one: a"
    " backup can be made there."
)
_REMEDIES = {
    "pooler": "Let it have more (PgBouncer: default_pool_size): 10 for each process of ours, at most 40.",
    "permission denied": "Let our role own the tables, or grant it what it lacks.",
    "must be owner": "Run it as the role that owns the tables.",
    "No space left": "Make room on the disk that it lies on: all resumes by itself.",
    "disk": "Check the disk that it lies on: is there room, and can it be written?",
    "too many c": _FULL,
    "connection slots": _FULL,
    "failed to resolve host": "Check the host in OURS_DATABASE_URL.",
    "pg_hba.conf": "Let this machine in, in the server's pg_hba.conf.",
    "password": "Check the user and the password in OURS_DATABASE_URL.",
    'role "': "Check the user in OURS_DATABASE_URL, or make it: createuser NAME.",
    'database "': "Check the name in OURS_DATABASE_URL, or make the database: createdb NAME.",
}


def problem_of(file: Path) -> str | None:
    """Why there can be no SQLite database in ``file``, which is made if it is not there; None: there can.

    One that is there is not opened: closing it would end all locks that SQLite has on it in this process.
    """
    folder = file.parent
    if not folder.is_dir():
        return f"There is no folder {folder}. Make it, or name a file in another."
    if file.is_dir():
        return f"{file} is a folder. Name a file in it: sqlite:///{file}/ours.db"
    try:
        if not file.exists():
            os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
        for path, rights in ((file, os.R_OK | os.W_OK), (folder, os.W_OK | os.X_OK)):
            if not os.access(path, rights, effective_ids=True):
                raise PermissionError(errno.EACCES, "Permission denied")
    except OSError as error:
        if os.statvfs(folder).f_flag & os.ST_RDONLY:
            return _READ_ONLY.format(file)
        said = (error.strerror or type(error).__name__).lower()
        return f"{file} can't be written ({said}). Whoever runs ours must be able to write it, and into its folder."
    return None


def remedy(said: str) -> str:
    """What to look at when a server does not let us in, by what it or its driver said."""
    reason = said.rpartition("failed: ")[2]
    return next(
        (words for sign, words in _REMEDIES.items() if sign in reason), "Check that it runs, and OURS_DATABASE_URL."
    )
