"""Who was forgotten, and when: in the database and in a list beside it, so that a backup brings nobody back."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ours.errors import Busy
from ours.store import Store
from ours.store.chunks import batched
from ours.store.queries import forgetting as queries
from ours.store.queries import visitors

_CHUNK = 200
_LIST = "forgotten.log"
_LINE = re.compile(r"([0-9a-f]{32}) ([0-9]{13})$", re.MULTILINE)
_NOT_LISTED = (
    "{} can't be written ({}), so that a backup could bring them back. They are still here: make room, and do it again."
)


class Remembered:
    def __init__(self, store: Store, home: Path) -> None:
        self._store = store
        self._list = home / _LIST

    def add(self, family: Sequence[str], now: int) -> None:
        """Before anything of theirs is taken, and twice: if anything fails after this, it is done again.

        :raises Busy: when the list beside the database can't be written.
        """
        if not family:
            return
        with self._store.write() as connection:
            queries.remember(connection, dict.fromkeys(family, now))
        try:
            with os.fdopen(os.open(self._list, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a") as file:
                file.writelines(f"{one} {now}\n" for one in family)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise Busy(_NOT_LISTED.format(_LIST, error.strerror), reason="disk") from None

    def known(self) -> dict[str, int]:
        """Who was forgotten, and when, by the list in the database and the one beside it."""
        with self._store.read() as connection:
            known = queries.remembered(connection)
        for one, at in self._listed().items():
            known[one] = max(at, known.get(one, 0))
        return known

    def complete(self, known: Mapping[str, int]) -> None:
        """Have all of ``known`` in the database, too."""
        for part in batched(list(known.items()), _CHUNK):
            with self._store.write() as connection:
                queries.remember(connection, dict(part))

    def returned(self, known: Mapping[str, int]) -> list[str]:
        """Those of ``known`` who are here all the same."""
        with self._store.read() as connection:
            found = (row for part in batched(list(known), _CHUNK) for row in visitors.by_id(connection, part))
            return [row.id for row in found if row.created_at <= known[row.id]]

    def _listed(self) -> dict[str, int]:
        """A line that was cut short, by a crash or a full disk, is passed over: its forgetting was not finished either.
        The next one stands right behind it."""
        text = self._list.read_text() if self._list.exists() else ""
        return {match[1]: int(match[2]) for match in _LINE.finditer(text)}
