"""The key ring that lies in the data folder, where the environment names none."""

import base64
import os
import secrets
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from marshmallow import ValidationError

from ours.errors import SettingsInvalid
from ours.settings.kinds import Keys
from ours.settings.values import Settings

_FILE = "secret.key"
_GONE = (
    "There is no {}, and {} is there, sealed with other keys than would be made now. Put that file back, or set"
    " OURS_SECRET_KEYS as the server has it: without its keys nothing that is stored can be opened."
)


def has_own_keys(home: Path) -> bool:
    return (home / _FILE).exists()


def own_keys(home: Path, database: Path | None) -> tuple[bytes, ...]:
    """The ring kept in the data folder, newest first; made once, by whichever process is first.

    :param database: SQLite's file, if there is to be one: what it holds already was sealed with other keys.
    :raises SettingsInvalid: when the file holds no keys, or is gone.
    """
    path = home / _FILE
    if not path.exists():
        if database and database.exists() and database.stat().st_size:
            raise SettingsInvalid({"OURS_HOME": _GONE.format(path, database)})
        fresh = _written(home, [secrets.token_bytes(32)])
        with suppress(FileExistsError):
            os.link(fresh, path)
        fresh.unlink()
        _flush(home)
    keys = _read(path)
    if not keys:
        problem = (
            f"{path} holds no secret keys. Put back what it held: without it nothing that is stored can be opened."
        )
        raise SettingsInvalid({"OURS_HOME": problem})
    return keys


def present_keys(settings: Settings) -> tuple[bytes, ...]:
    """The ring as it is now: a key may have been added to the data folder's since this process began."""
    now = _read(settings.home / _FILE) if has_own_keys(settings.home) else ()
    return now if set(settings.secret_keys) <= set(now) else settings.secret_keys


def add_own_key(settings: Settings) -> bool:
    """Put a new key first in the ring of the data folder; False when the ring comes from the environment."""
    path = settings.home / _FILE
    if not path.exists() or _read(path) != settings.secret_keys:
        return False
    _written(settings.home, [secrets.token_bytes(32), *settings.secret_keys]).replace(path)
    _flush(settings.home)
    return True


def _read(path: Path) -> tuple[bytes, ...]:
    """The keys in the file; none when it is empty or damaged."""
    try:
        keys: tuple[bytes, ...] = Keys().deserialize(path.read_text("latin-1"))
    except ValidationError:
        return ()
    return keys


def _written(home: Path, keys: Iterable[bytes]) -> Path:
    """A file of its own with these keys, that is on disk and only ours to read. It is to be given the right name:
    so whoever reads meanwhile sees the old ring or the new one, and a power failure leaves one of the two."""
    handle, name = tempfile.mkstemp(prefix=f"{_FILE}.", dir=home)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(b",".join(base64.urlsafe_b64encode(key) for key in keys))
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        Path(name).unlink()  # it holds keys, and nobody would look for them there
        raise
    return Path(name)


def _flush(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
