"""The key ring that lies in the data folder, where the environment names none."""

import base64
import os
import secrets
from pathlib import Path

from ours.settings.values import Settings

_FILE = "secret.key"


def own_keys(home: Path) -> tuple[bytes, ...]:
    """The ring kept in the data folder, newest first; made once, by whichever process is first."""
    path = home / _FILE
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return tuple(base64.urlsafe_b64decode(part) for part in path.read_bytes().split(b",") if part.strip())
    with os.fdopen(handle, "wb") as file:
        key = secrets.token_bytes(32)
        file.write(base64.urlsafe_b64encode(key))
    return (key,)


def present_keys(settings: Settings) -> tuple[bytes, ...]:
    """The ring as it is now: a key may have been added to the data folder's since this process began."""
    now = own_keys(settings.home) if (settings.home / _FILE).exists() else ()
    return now if set(settings.secret_keys) <= set(now) else settings.secret_keys


def add_own_key(settings: Settings) -> bool:
    """Put a new key first in the ring of the data folder; False when the ring comes from the environment."""
    path = settings.home / _FILE
    if not path.exists() or own_keys(settings.home) != settings.secret_keys:
        return False
    fresh = path.with_suffix(".new")
    keys = (secrets.token_bytes(32), *settings.secret_keys)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(b",".join(base64.urlsafe_b64encode(key) for key in keys))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)  # whoever reads meanwhile sees the old ring or the new one
    return True
