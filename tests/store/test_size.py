"""How much room the database takes."""

import secrets

from sqlalchemy import insert

from ours.store import Store
from ours.store.queries import server
from ours.store.tables import keepsakes

MIB = 1024 * 1024


def test_what_is_written_counts_once_whether_it_left_the_log_or_not(store: Store) -> None:
    before = size(store)
    with store.write() as connection:
        connection.execute(insert(keepsakes).values(name="big", sealed=secrets.token_bytes(4 * MIB)))
    for _ in range(4):
        with store.write() as connection:
            connection.execute(keepsakes.update().values(sealed=secrets.token_bytes(4 * MIB)))
    assert 4 * MIB <= size(store) - before < (9 if store.is_sqlite else 40) * MIB


def size(store: Store) -> int:
    with store.read() as connection:
        return server.size(connection)
