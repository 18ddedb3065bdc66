"""Makes the pools of connections: what every connection is told when it is opened, and asked when it is used again."""

import logging
import re
import select
import sqlite3
import time
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Dialect, Engine, create_engine, event, exc
from sqlalchemy.pool import ConnectionPoolEntry

from ours.store.silence import UNHURRIED, Silence

_PRAGMAS = ("synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=10000", "temp_store=MEMORY",
            "cache_size=-16000", "secure_delete=ON", "journal_size_limit=268435456",
            "wal_autocheckpoint=100000")  # fmt: skip
# A host that is cut off must not keep its locks, nor wait for a server that it can't reach: both sides notice in 25 s.
_PATIENCE = 5
_CONNECT = {"connect_timeout": _PATIENCE, "client_encoding": "utf8", "keepalives_idle": 10, "keepalives_interval": 5,
            "keepalives_count": 3, "tcp_user_timeout": 25_000}  # fmt: skip
_ALIVE_THERE = ("SET tcp_keepalives_idle = 10", "SET tcp_keepalives_interval = 5", "SET tcp_keepalives_count = 3",
                "SET tcp_user_timeout = 25000")  # fmt: skip
# Nor must a process that is frozen in a transaction, and whose connection lives; and nobody waits for a lock for long.
_BOUNDED = "SET idle_in_transaction_session_timeout = 20000", "SET lock_timeout = 5000"
# Our locks and conditions see to what must not meet: a database that is stricter would only have us try again.
_AS_EVER = ("SET default_transaction_isolation = 'read committed'",)
_POOL: dict[str, Any] = {"pool_size": 10, "max_overflow": 30, "pool_timeout": 5, "hide_parameters": True}
_REST = 1.0
_SEVERAL = re.compile(r"\A([^/?]*@)?([^/?@]*,[^/?@]*)(/[^?]*)?(?:\?(.*))?\Z")
_SERVER = re.compile(r"\[?(.*?)\]?(?::(\d+))?\Z")  # an IPv6 address stands in brackets


def full(given: str) -> str:
    """The address with the driver that we use; several servers, of which one takes writes, as SQLAlchemy has them."""
    for prefix in ("postgresql://", "postgres://"):
        if given.startswith(prefix):
            return "postgresql+psycopg://" + _SEVERAL.sub(_in_the_query, given.removeprefix(prefix))
    return given


def _in_the_query(address: re.Match[str]) -> str:
    user, servers, name, query = address.groups(default="")
    places = [_SERVER.findall(one)[0] for one in servers.split(",")]
    hosts, ports = ",".join(host for host, _ in places), ",".join(port or "5432" for _, port in places)
    return f"{user}{name or '/'}?host={hosts}&port={ports}{'&' if query else ''}{query}"


def to_file(file: Path) -> Engine:
    """Connections to SQLite; the file is made if it is not there."""
    url = URL.create("sqlite", database=str(file))  # not from text, where ? and % in a folder's name mean something
    engine = create_engine(url, **_POOL, connect_args={"cached_statements": 512})
    event.listen(engine, "connect", _on_connect)
    return engine


def to_server(url: str, name: str, patience: float | None = None) -> Engine:
    """Connections to PostgreSQL, which knows us by that ``name``.

    ``patience``: for how many seconds an answer is waited for, unless the transaction is ``unhurried``.

    :raises ArgumentError, ValueError: when ``url`` can't be read as an address.
    """
    logging.getLogger("psycopg").setLevel(logging.ERROR)  # what it warns of while it ends, it raises, too
    engine = create_engine(url, **_POOL, connect_args={**_CONNECT, "application_name": name})
    silence = Silence(engine.dialect.loaded_dbapi, patience)
    event.listen(engine, "do_connect", partial(_connect_to_server, silence))
    event.listen(engine, "checkin", _on_checkin)
    event.listen(engine, "checkout", partial(_on_checkout, engine.dialect, silence))
    return engine


def _on_connect(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # it is ``Store`` that says BEGIN
    (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
    if mode != "wal":
        raise sqlite3.NotSupportedError("no write-ahead log can be kept there: put it on a local disk")
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _connect_to_server(silence: Silence, dialect: Dialect, record: ConnectionPoolEntry, given: Any, named: Any) -> Any:
    with silence.asking(_PATIENCE):
        connection: Any = dialect.connect(*given, **named)
        try:
            _check_encoding(connection, dialect.loaded_dbapi)
            _tell(connection.pgconn, dialect.loaded_dbapi)
        except Exception:
            connection.close()
            raise
    silence.bound(connection, record.info)
    return connection


def _check_encoding(connection: Any, driver: Any) -> None:
    """A cluster that was made under LANG=C keeps text as SQL_ASCII, which is none; others can't keep every name."""
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        said = f"it keeps text as {encoding}, not as UTF8: `createdb -E UTF8 -T template0 NAME` makes one that does"
        raise driver.NotSupportedError(said)


def _tell(server: Any, driver: Any) -> None:
    """A pooler lets everybody in at once; whom it has no session for then waits for an answer, for minutes."""
    server.send_query("; ".join((*_ALIVE_THERE, *_BOUNDED, *_AS_EVER)).encode())
    ends = time.monotonic() + _PATIENCE
    while result := _answer(server, driver, ends):
        if result.status != driver.pq.ExecStatus.COMMAND_OK:
            raise driver.errors.error_from_result(result)


def _answer(server: Any, driver: Any, ends: float) -> Any:
    """The next of its answers; None after the last."""
    answers = select.poll()
    answers.register(server.socket, select.POLLIN)
    while server.is_busy():
        if not answers.poll(max(ends - time.monotonic(), 0) * 1000):
            said = f"it let us in and then said nothing for {_PATIENCE} s, as a pooler does that has no session left"
            raise driver.OperationalError(said)
        server.consume_input()
    return server.get_result()


def _on_checkin(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info["used_at"] = time.monotonic()
    record.info.pop(UNHURRIED, None)


def _on_checkout(dialect: Dialect, silence: Silence, connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
    """A connection that rested is asked whether it still lives; at each use, that would be a journey for nothing."""
    used_at = record.info.get("used_at")
    if used_at is None:
        return
    try:
        silence.check()
        if time.monotonic() - used_at >= _REST:
            dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error as error:
        raise exc.DisconnectionError from error
