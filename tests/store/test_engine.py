"""Transactions: what waits for the disk and what does not."""

import pytest
from sqlalchemy import Connection, text

from ours.errors import OursError
from ours.store import Store

_FULL, _NORMAL = 2, 1


def _waits(connection: Connection) -> bool:
    if connection.dialect.name == "sqlite":
        level = connection.scalar(text("PRAGMA synchronous"))
        assert level in {_FULL, _NORMAL}
        return bool(level == _FULL)
    return bool(connection.scalar(text("SHOW synchronous_commit")) == "on")


def test_only_what_says_so_does_not_wait_for_the_disk(store: Store) -> None:
    with store.write() as connection:
        assert _waits(connection)
    with store.write(durable=False) as connection:
        assert not _waits(connection)
    with store.write() as connection:
        assert _waits(connection)
    with store.read() as connection:
        assert _waits(connection)


def test_a_connection_that_did_not_wait_waits_again_whatever_happened(store: Store) -> None:
    with pytest.raises(OursError):
        _fail(store)
    assert store.engine.pool.checkedin() == 1  # type: ignore[attr-defined]
    with store.write() as connection:
        assert _waits(connection)


def _fail(store: Store) -> None:
    with store.write(durable=False) as connection:
        connection.execute(text("DELETE FROM events"))
        raise OursError
