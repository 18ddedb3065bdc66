"""A pooler in front of PostgreSQL must lend a session for as long as we are connected: locks belong to it."""

from collections.abc import Callable
from contextlib import closing

import psycopg
import pytest
from sqlalchemy import make_url

from ours.errors import Busy, SettingsInvalid
from ours.settings import Settings
from ours.store import Store, connecting
from tests.pooler import Pooler


@pytest.fixture
def through(postgres: str, make_settings: Callable[..., Settings]) -> Callable[[Pooler], Store]:
    def make(pooler: Pooler) -> Store:
        plain = make_url(postgres)
        address = f"postgresql://{plain.username}@127.0.0.1:{pooler.port}/{plain.database}"
        return Store(make_settings(database_url=address))

    return make


@pytest.fixture
def socket_path(postgres: str) -> str:
    with psycopg.connect(postgres) as connection:
        return f"{connection.info.host}/.s.PGSQL.{connection.info.port}"


def test_one_that_lends_another_session_for_each_transaction_is_refused(
    socket_path: str, through: Callable[[Pooler], Store]
) -> None:
    with (
        Pooler(socket_path, by="transaction") as pooler,
        closing(through(pooler)) as store,
        pytest.raises(SettingsInvalid) as caught,
    ):
        store.reach()
    assert "A pooler lends us another session for each transaction" in caught.value.problems["OURS_DATABASE_URL"]


def test_one_that_lends_a_session_for_good_is_taken(socket_path: str, through: Callable[[Pooler], Store]) -> None:
    with Pooler(socket_path, by="session") as pooler, closing(through(pooler)) as store:
        store.reach()
        with store.alone("route") as mine, store.alone("route") as twice:
            assert (mine, twice) == (True, False)


@pytest.mark.parametrize("by", ["none", "lost"])
def test_who_has_no_session_left_keeps_nobody_waiting(
    socket_path: str, through: Callable[[Pooler], Store], monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    monkeypatch.setattr(connecting, "_PATIENCE", 1)
    with Pooler(socket_path, by=by) as pooler, closing(through(pooler)) as store:
        with pytest.raises(Busy, match="said nothing for 1 s") as caught:
            store.reach()
        with pytest.raises(Busy), store.read():
            raise AssertionError("nobody is let in")
    assert "default_pool_size" in str(caught.value)
