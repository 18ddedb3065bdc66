"""Opens the database: SQLite in the data folder, or PostgreSQL. ``Store`` is what the services hold."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, exc, insert, select

from ours import clock
from ours.errors import Busy, SettingsInvalid
from ours.once import once
from ours.settings import Settings, present_keys
from ours.store import alone, binding, connecting, failing, reaching
from ours.store.queries.sealed import first_sealed
from ours.store.sealing import Lookup, Sealer
from ours.store.tables import keepsakes
from ours.store.turnstile import Turnstile
from ours.store.wal import Wal

_LOOKUP_KEY = "lookup_key"
_SEALED_KEY = select(keepsakes.c.sealed).where(keepsakes.c.name == _LOOKUP_KEY)
_LOOKUP_BINDING = binding.keepsake(_LOOKUP_KEY)
_WRONG_CLOCK = "This machine's clock shows a time before 2025. Set it."
_NO_WAIT_THERE = "SET LOCAL synchronous_commit = off"


class Store:
    """One database. ``read()`` and ``write()`` give a connection for one transaction.

    ``patience``: for how many seconds PostgreSQL's answer is waited for; None: as long as it takes.
    """

    def __init__(self, settings: Settings, patience: float | None = None) -> None:
        self.sealer = Sealer(settings.secret_keys, lambda: present_keys(settings), self.vouch)
        self._vouched = False
        path = settings.home / "ours.db"
        self.url = connecting.full(settings.database_url) or f"sqlite:///{path}"
        self._setting = "OURS_DATABASE_URL" if settings.database_url else "OURS_HOME"
        self.is_sqlite = self.url.startswith("sqlite")
        self._name = f"ours {settings.sealing_key_id}"
        file = Path(self.url.removeprefix("sqlite:///"))
        self._file = file if self.is_sqlite else None
        self.turnstile = Turnstile(file.parent) if self.is_sqlite else None
        self._wal = Wal(file, self.turnstile) if self.turnstile else None
        self._whole: ContextVar[Connection | None] = ContextVar("whole", default=None)
        self._patience = patience

    @once
    def engine(self) -> Engine:
        """:raises SettingsInvalid: when there can be no database where the settings say."""
        if self._file is None:
            try:
                return connecting.to_server(self.url, self._name, self._patience)
            except (exc.ArgumentError, ValueError):
                raise SettingsInvalid({self._setting: reaching.NO_ADDRESS}) from None
        if problem := reaching.problem_of(self._file):
            raise SettingsInvalid({self._setting: problem})
        return connecting.to_file(self._file)

    def is_new(self) -> bool:
        """Whether it is a file that is not there yet."""
        return self._file is not None and not self._file.exists()

    def reach(self) -> None:
        """Connect once, at the start: what keeps us from it is told with what to do about it.

        :raises SettingsInvalid: when the settings name no database.
        :raises Busy: when it does not let us in just now.
        """
        try:
            with self.engine.connect() as connection:
                lent = not self.is_sqlite and alone.is_lent(connection)
        except Exception as error:
            said = failing.cause(error)
            if self._is_passing(error):
                raise Busy(f"The database can't be reached ({said}). {reaching.remedy(said)}") from error
            if not isinstance(error, exc.DBAPIError):
                raise
            said = f"The database can't be opened: {said}. Name another."
            raise SettingsInvalid({self._setting: said}) from error
        if lent:
            raise SettingsInvalid({self._setting: reaching.LENT})

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection to read from.

        :raises Busy: when the database can't be reached.
        """
        if whole := self._whole.get():
            yield whole
            return
        with self._refusing("read"), self._connected() as connection:
            self._begin(connection, "BEGIN")
            yield connection

    @contextmanager
    def write(
        self,
        *,
        durable: bool = True,
        wait: bool = True,
        large: bool = False,
        announce: Callable[[], None] | None = None,
    ) -> Iterator[Connection]:
        """A transaction that commits at the end. On SQLite, writers of all processes take turns.

        ``announce`` is called when others can read it (not within ``whole``). Then the disk is waited for, outside of
        the turn, but not where ``durable`` is false: such a transaction outlives every process; a power failure may
        undo it, but never without all that was committed later. Without ``wait``, ``flushed`` waits for the disk.
        ``large``: it makes indexes of what is there.

        :raises Busy: when the database can't be reached or can't be written, or the clock is wrong.
        """
        if whole := self._whole.get():
            yield whole
            return
        self.check_clock()
        with self._refusing("written"), self._connected() as connection:
            if large and self.is_sqlite:
                _sort_on_disk(connection)
            with self.turn():
                self._begin(connection, "BEGIN IMMEDIATE", durable)
                with connection.begin():
                    yield connection
            if announce:
                announce()
            if durable and self._wal:
                self._wal.flush() if wait else self._wal.begin_flush()

    def check_clock(self) -> None:
        """:raises Busy: when all that is written now would bear a moment, and an id, that are certainly wrong."""
        if clock.is_wrong():
            raise Busy(_WRONG_CLOCK, retry_after=5, reason="clock")

    def flushed(self) -> None:
        """Return when all is on disk that ``write`` wrote without ``wait``. To be asked by the same thread.

        :raises Busy: for as long as it can't be written.
        """
        if self._wal:
            self._wal.flushed()

    @contextmanager
    def whole(self, *, large: bool = False) -> Iterator[None]:
        """All that this thread reads and writes while the block lasts is one transaction: all of it holds, or nothing.

        ``large`` as of ``write``.

        :raises Busy: as ``write`` does.
        """
        with self.write(large=large) as connection, self._all_on(connection):
            yield

    @contextmanager
    def trial(self) -> Iterator[Connection]:
        """As ``write(large=True)``. Within ``whole``, what fails leaves all that was written before as it is.

        :raises Busy: as ``write`` does.
        """
        if whole := self._whole.get():
            with self._refusing("written"), whole.begin_nested():
                yield whole
        else:
            with self.write(large=True) as connection:
                yield connection

    @property
    def within_whole(self) -> bool:
        """Whether what this thread writes now belongs to a larger transaction."""
        return self._whole.get() is not None

    @contextmanager
    def _all_on(self, connection: Connection) -> Iterator[None]:
        token = self._whole.set(connection)
        try:
            yield
        finally:
            self._whole.reset(token)

    def turn(self) -> AbstractContextManager[None]:
        """On SQLite: while the block lasts, no other process writes."""
        return self.turnstile.turn() if self.turnstile else nullcontext()

    def hurry(self, told: Callable[[str], None]) -> None:
        """On SQLite: as of ``Turnstile.hurry``."""
        if self.turnstile:
            self.turnstile.hurry(told)

    @contextmanager
    def _refusing(self, done: str) -> Iterator[None]:
        """``done``: what can't be done with the database when it fails."""
        try:
            yield
        except Exception as error:
            if not self._is_passing(error):
                raise
            said = f"The database can't be {done} just now{failing.why(error)}."
            raise Busy(said, cause=failing.cause(error)) from error

    def _is_passing(self, error: Exception) -> bool:
        """Whether it says that the database can't be used just now."""
        return isinstance(error, self._failures) or failing.is_told_by_state(error)

    @once
    def _failures(self) -> tuple[type[Exception], ...]:
        return failing.kinds(self.engine)

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """What fails beneath SQLAlchemy is not seen by it: such a connection must not go back to the pool."""
        with self.engine.connect() as connection:
            try:
                yield connection
            except self._failures:
                connection.invalidate()
                raise

    def _begin(self, connection: Connection, how: str, durable: bool = True) -> None:
        """On SQLite we begin a transaction ourselves, PostgreSQL's driver does.

        An event would be the usual place; with one, SQLAlchemy makes all its events anew for each connection.
        """
        driver: Any = connection.connection.dbapi_connection
        if self.is_sqlite:
            driver.execute(how)
        elif not durable:
            driver.execute(_NO_WAIT_THERE)

    @contextmanager
    def alone(self, station: str, *, for_long: bool = False) -> Iterator[bool]:
        """Whether this process is the only one at ``station`` for as long as the block lasts; never waits.

        PostgreSQL takes it from a process that is frozen, or whose connection is lost: two may be at it then. And from
        one that is at it for two minutes, unless it is ``for_long``.
        """
        if self._file is not None:
            with alone.by_file(self._file.parent, station) as mine:
                yield mine
        else:
            with self.read() as connection, alone.by_session(connection, station, for_long=for_long) as mine:
                yield mine

    @contextmanager
    def surely_alone(self, station: str) -> Iterator[bool]:
        """As ``alone``, and nothing that was read there is ever written when another may have been at it since.

        On PostgreSQL the block is one transaction, as of ``write(durable=False)``, and the lock is that transaction's.
        SQLite's is the kernel's: nobody takes it from a process that lives.
        """
        if self._file is not None:
            with self.alone(station) as mine:
                yield mine
        else:
            with self.write(durable=False) as connection, self._all_on(connection):
                yield alone.by_transaction(connection, station)

    def tend(self) -> None:
        """To be called several times a second, by any process: keeps SQLite's write-ahead log short.

        :raises Busy: when the disk does not take it.
        """
        if self._wal:
            self._wal.tend()

    def scrub(self) -> bool:
        """Leave no trace of what was deleted in SQLite's write-ahead log; whether it could be emptied.

        The database file itself has none: ``secure_delete`` overwrites. PostgreSQL's own vacuum sees to it there.
        """
        return self._wal.empty() if self._wal else True

    @once
    def lookup(self) -> Lookup:
        """The keyed hash for identifiers; its key is made once per installation and kept sealed."""
        with self.read() as connection:
            sealed = connection.scalar(_SEALED_KEY)
        if sealed is None:
            sealed = self._make_lookup_key()
        return Lookup(self.sealer.open(sealed, _LOOKUP_BINDING))

    def vouch(self) -> None:
        """See, once, that this database and our secret keys belong together. Nothing is sealed before.

        :raises Unsealable: when they do not: what we would seal, those whose it is could not open.
        """
        if not self._vouched:
            with self.read() as connection:
                self._vouched = self.check_keys(connection)

    def check_keys(self, connection: Connection) -> bool:
        """Whether there is anything yet that tells.

        :raises Unsealable: when our secret keys don't open what is stored.
        """
        first = first_sealed(connection)
        if first:
            self.sealer.open(first.value, first.bound)
        return first is not None

    def _make_lookup_key(self) -> bytes:
        sealed = self.sealer.seal(secrets.token_bytes(32), _LOOKUP_BINDING)
        try:
            with self.write() as connection:
                connection.execute(insert(keepsakes).values(name=_LOOKUP_KEY, sealed=sealed))
        except exc.IntegrityError:
            with self.read() as connection:
                stored: bytes = connection.scalars(_SEALED_KEY).one()
            return stored
        return sealed

    def close(self) -> None:
        if "engine" in self.__dict__:
            self.engine.dispose()
        if self._wal and self.turnstile:
            self._wal.close()
            self.turnstile.close()


def _sort_on_disk(connection: Connection) -> None:
    """For an index SQLite sorts all rows, and would in memory: a few million take more than there may be.

    Nobody is given this connection afterwards.
    """
    connection.detach()
    connection.connection.execute("PRAGMA temp_store = FILE")
