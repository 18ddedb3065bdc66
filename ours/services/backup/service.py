"""Takes an installation out of its database, and puts it into an empty one: all of it, or nothing."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, Table, exc

from ours import clock, log
from ours.core.deeds import Verb
from ours.errors import Busy, Invalid
from ours.services import audit
from ours.services.backup import access, form
from ours.services.backup.access import Access
from ours.services.backup.form import Head, Seal, Section
from ours.services.metrics.counting import SCHEDULER
from ours.services.overview import figures
from ours.store import Store, binding, migrate
from ours.store.failing import cause
from ours.store.queries import counters, dispatches, people, snapshot, whole

_logger = log.get("backup")
_SUBJECT = "database"
Again = Callable[[Store], object]
Then = Callable[[Store, Head], object]
Counts = Mapping[str, int]
_WORTHLESS = frozenset({"checks", "counters", "keepsakes"})
"""What an installation makes by itself before it has anything to keep."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What was written or put back: rows by table, of which moment, and, of what was put back, the balance's
    difference and who may do what.
    """

    at: int
    counts: Counts
    difference: int = 0
    access: Access | None = None

    @property
    def rows(self) -> int:
        return sum(self.counts.values())


class Backup:
    """``again``: what must be done once more to a database that was put back, such as forgetting who was forgotten."""

    def __init__(self, store: Store, again: Sequence[Again] = ()) -> None:
        self._store = store
        self._again = again

    def write(self, path: Path) -> Moved:
        """Everything of one moment, while the server goes on. The audit log keeps it, if the database takes writes.

        :raises Invalid: when the file can't be written, or a newer version has migrated the database: what only that
            one knows of would not be in it.
        """
        with form.writing(path) as file, _taken(self._store, "back_up") as (connection, head):
            counts = form.write(file, head, _sections(connection), _binary(), self._seal)
        return Moved(head.at, counts)

    @staticmethod
    def check(path: Path, unseal: Seal | None = None, *, sealed: bool = True) -> Moved:
        """Read a backup from start to end.

        :raises Invalid: when it is none, or not whole.
        """
        with form.reading(path, unseal, sealed=sealed) as read:
            for section in read.sections:
                _table(section.table)
            return Moved(read.head.at, read.counts)

    def restore(self, path: Path, old: Store | None = None, *, sealed: bool = True) -> Moved:
        """Put a backup into this database, which must be empty, and bring it to the present shape.

        ``old``: the database that this one takes the place of, where it can still be read. Who may do what is as it is
        there. One that was interrupted is finished by the next, which must be of the same backup. ``sealed``: it must
        have a seal, as those of form 1 have not.

        :raises Invalid: when the backup is damaged or the database is not empty; then nothing was put in.
        :raises Unsealable: when our secret keys don't open what is in it; then too.
        """
        with _alone(self._store):
            with self._store.read() as connection:
                begun = whole.unfinished(connection)
                are_in = whole.are_in(begun)
                if not are_in:
                    _check_empty(connection)
            moved = self.check(path, self._unseal, sealed=sealed)
            if are_in and begun != moved.at:
                raise Invalid(f"A restore was interrupted here: finish it with the backup of {clock.iso(begun)} first.")
            if not are_in:
                with form.reading(path, self._unseal, sealed=sealed) as read, _taking(path):
                    _put(self._store, read.head, read.sections, partial(_arrive, old=old))
            for one in self._again:
                one(self._store)
            with self._store.write() as connection:
                whole.finish(connection)
        return _weighed(self._store, moved)

    def copy(self, to: Store) -> Moved:
        """Put everything into another database, which must be empty.

        :raises Invalid: as ``restore`` does, or when this database is not of the present shape.
        """
        with _alone(to), _taken(self._store, "copy") as (connection, head):
            counts = _put(to, head, _sections(connection))
        return _weighed(to, Moved(head.at, counts))

    def _seal(self, digest: bytes) -> bytes:
        return self._store.sealer.seal(digest, binding.backup())

    def _unseal(self, sealed: bytes) -> bytes:
        return self._store.sealer.open(sealed, binding.backup())


@contextmanager
def _alone(store: Store) -> Iterator[None]:
    """Of two at once, the one that comes second would take back what the first noted of its being under way."""
    with store.alone("restore", for_long=True) as mine:
        if not mine:
            raise Invalid("Another restore, or copy, into this database is under way.")
        yield


@contextmanager
def _taken(store: Store, verb: Verb) -> Iterator[tuple[Connection, Head]]:
    """A connection that sees one moment for as long as the block lasts, and what there is to say about it."""
    if not migrate.is_current(store):
        raise Invalid("The database has another version. Run `ours db upgrade` first.")
    migrate.check_known(store)
    _note(store, verb)
    _ = store.lookup  # made by now, so that whoever puts it back sees whether the secret keys fit
    with store.read() as connection:
        snapshot.take(connection)
        yield connection, Head(migrate.head(), clock.now_ms(), whole.sequences(connection))


def _note(store: Store, verb: Verb) -> None:
    """A database that takes no writes is one that needs a backup, so that is let go on without."""
    try:
        with store.write() as connection:
            audit.record(connection, "cli", verb, _SUBJECT)
    except Busy as error:
        _logger.warning("not_in_the_audit_log", verb=verb, error=str(error))


def _sections(connection: Connection) -> Iterator[Section]:
    for table in whole.tables():
        names = [str(column.name) for column in table.columns]
        yield Section(str(table.name), names, whole.rows(connection, table))


def _put(store: Store, head: Head, sections: Iterable[Section], then: Then = lambda _store, _head: None) -> Counts:
    """All rows in one transaction, into tables of the shape that they were taken from, and all that follows from it."""
    with store.read() as connection:
        _check_empty(connection)
    migrate.check_known(store)
    if head.revision > migrate.head():
        raise Invalid("It was made by a newer version of ours. Update first.")
    migrate.upgrade(store)
    with store.write() as connection:  # until the rows are in, nobody takes the tables for a new installation's
        whole.begin(connection)
    try:
        with store.whole(large=True):
            migrate.move(store, head.revision)
            counts = _load(store, head, sections)
            migrate.upgrade(store)
            then(store, head)
            with store.write() as connection:
                counters.forget(connection, SCHEDULER)  # nobody is at work here yet
                detail = {"taken_at": clock.iso(head.at), "rows": sum(counts.values())}
                audit.record(connection, "cli", "restore", _SUBJECT, detail)
    except Exception:
        with suppress(Busy), store.write() as connection:
            whole.finish(connection)
        raise
    return counts


def _check_empty(connection: Connection) -> None:
    if filled := [name for name in whole.filled(connection) if name not in _WORTHLESS]:
        raise Invalid(f"That database is not empty ({', '.join(filled)} hold rows). Choose an empty one.")


def _arrive(store: Store, head: Head, *, old: Store | None) -> None:
    """Nobody has anything in hand here, and no session that was ended since goes on."""
    with store.write() as connection:
        whole.begin(connection, head.at)
        dispatches.end_leases(connection)
        people.end_all_sessions(connection, clock.now_ms())
    if old:
        access.take_over(store, old)


@contextmanager
def _taking(path: Path) -> Iterator[None]:
    """The tables themselves refuse what none of our versions writes."""
    try:
        yield
    except exc.StatementError as error:
        raise Invalid(f"{path} holds what its tables do not take ({cause(error)}). Nothing was put in.") from None


def _load(store: Store, head: Head, sections: Iterable[Section]) -> Counts:
    with store.write() as connection:
        snapshot.unhurried(connection)
        whole.clear(connection, _WORTHLESS)
        counts = {one.table: whole.load(connection, _table(one.table), one.columns, one.rows) for one in sections}
        whole.set_sequences(connection, head.sequences)
        if counts != {name: whole.count(connection, name) for name in counts}:
            raise Invalid("The copy differs from the original, so it was rolled back.")
        store.check_keys(connection)
    return counts


def _weighed(store: Store, moved: Moved) -> Moved:
    """See whether it adds up."""
    with store.read() as connection:
        difference = figures.standing(connection).balance.difference
        return replace(moved, difference=difference, access=access.of(connection, clock.now_ms()))


def _table(name: str) -> Table:
    found = {table.name: table for table in whole.tables()}.get(name)
    if found is None:
        raise Invalid(f'There is no table "{name}" in this version of ours.')
    return found


def _binary() -> dict[str, set[str]]:
    return {
        str(table.name): {column.name for column in table.columns if form.is_binary(column.type)}
        for table in whole.tables()
    }
