"""Keys that seal: which are in use, and sealing anew with the newest what older ones have sealed, while all runs."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ours import ids, processes
from ours.errors import Invalid, Unsealable
from ours.services import audit
from ours.services.actors import Who, needs
from ours.settings import Settings, add_own_key, present_keys
from ours.store import Store, migrate
from ours.store.alone import by_file
from ours.store.queries import sealed as queries
from ours.store.queries import whole
from ours.store.queries.sealed import SHELVES, Sealed, Shelf

_CHUNK = 200
_SUBJECT = "secret keys"
_NOT_THERE_YET = (
    "The newest key here is {}, and processes of ours run that seal with another ({}): what was sealed anew, they could"
    " perhaps not open. Give each the same keys, start it again, and rotate then. Nothing was changed."
)
_ELSEWHERE = "The keys come from OURS_SECRET_KEYS: put a new one first there, and start again."
_ADDED_MEANWHILE = "Somebody else put a new key there at the same moment. Nothing was added to it."
Progress = Callable[[str, int], None]
Unopened = Counter[tuple[str, str]]
"""How many can't be opened, by what is said of them and its code; there may be millions."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How many sealed values of one kind the newest key made, and how many an older one."""

    name: str
    newest: int
    older: int


class Secrets:
    """``actor`` is who does it; what they may not is refused here."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    def status(self) -> Sequence[Standing]:
        """By kind of value. It counts everything, which takes a while when there is much.

        :raises Invalid: when a newer version has migrated the database, which may have sealed what is not counted here.
        """
        migrate.check_known(self._store)
        head = self._store.sealer.head
        with self._store.read() as connection:
            return [Standing(shelf.name, *queries.count(connection, shelf, head)) for shelf in SHELVES]

    def any_old(self) -> bool:
        """Whether an older key may still be needed. Without one in the ring there is nothing to look for."""
        head = self._store.sealer.head
        if len(self._settings.secret_keys) < 2:
            return False
        if migrate.is_ahead(self._store):
            return True
        with self._store.read() as connection:
            return any(queries.any_other(connection, shelf, head) for shelf in SHELVES)

    @needs("admin")
    def add_key(self, *, actor: Who) -> None:
        """Put a new key first in the data folder's ring. Every process has to be started anew before it is used.

        :raises Invalid: when the ring is not kept in the data folder, or somebody else puts one there at the same time.
        """
        with by_file(self._settings.home, "secret-keys") as mine:
            added = mine and add_own_key(self._settings)
        if not added:
            changed = not mine or present_keys(self._settings) != self._settings.secret_keys
            raise Invalid(_ADDED_MEANWHILE if changed else _ELSEWHERE)
        newest = ids.of_secret_key(present_keys(self._settings)[0])
        with self._store.write() as connection:
            audit.record(connection, actor, "add_key", _SUBJECT, {"key": newest})

    @needs("admin")
    def rotate(self, progress: Progress = lambda _name, _count: None, *, actor: Who) -> int:
        """Seal anew with the newest key what older ones have sealed; how many values that was.

        Each part is a short transaction, and what others change meanwhile is theirs: interrupt it, and do it again.
        The audit log keeps that it was begun, and how many it was when it ended.

        :raises Invalid: when a process runs that seals with another key: it may not have ours, and does not use it.
            And as ``status`` does.
        :raises Unsealable: in the end, when some can't be opened. All others are done.
        """
        migrate.check_known(self._store)
        if strangers := self._strangers():
            raise Invalid(_NOT_THERE_YET.format(self._settings.sealing_key_id, ", ".join(strangers)))
        unopened = Unopened()
        self._note(actor)
        done = sum(self._shelf(shelf, progress, unopened) for shelf in SHELVES)
        self._note(actor, values=done)
        self._store.scrub()
        if unopened:
            (why, reason), *_ = unopened
            said = f"{done:,} values were sealed anew, and {unopened.total():,} were left as they are. {why}"
            raise Unsealable(said, reason)
        return done

    def _strangers(self) -> Sequence[str]:
        """The keys that seal in other processes of ours which run just now, where they are not ours; sorted."""
        if self._store.is_sqlite:
            notes = processes.notes(self._settings.home)
        else:
            with self._store.read() as connection:
                notes = [*whole.others(connection)]
        return sorted({note or "unknown" for note in notes} - {self._settings.sealing_key_id})

    def _note(self, actor: Who, **told: int) -> None:
        detail = {**told, "key": self._settings.sealing_key_id}
        with self._store.write() as connection:
            audit.record(connection, actor, "rotate", _SUBJECT, detail)

    def _shelf(self, shelf: Shelf, progress: Progress, unopened: Unopened) -> int:
        """Twice, if somebody put an old value in while we walked past; with the old key gone, nobody does."""
        done, after = 0, None
        while True:
            with self._store.read() as connection:
                found = queries.page(connection, shelf, after, _CHUNK)
            if not found:
                return done
            after = found[-1].key
            old = [one for one in found if not self._store.sealer.is_current(one.value)]
            if anew := list(self._anew(old, unopened)):
                with self._store.write() as connection:
                    done += queries.replace(connection, shelf, anew)
            progress(shelf.name, len(found))

    def _anew(self, old: Iterable[Sealed], unopened: Unopened) -> Iterator[tuple[Sealed, bytes]]:
        for one in old:
            try:
                plain = self._store.sealer.open(one.value, one.bound)
            except Unsealable as error:
                unopened[str(error), error.reason] += 1
            else:
                yield one, self._store.sealer.seal(plain, one.bound)
