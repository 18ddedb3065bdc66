"""A station that only one process may hold: the next takes it over, also when the holder is lost."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from ours.errors import Busy
from ours.settings import Settings
from ours.store import Store


def test_one_at_a_time_and_then_the_next(
    store: Store, engine_kind: str, make_settings: Callable[..., Settings]
) -> None:
    other = Store(make_settings(database_url=store.url if engine_kind == "postgresql" else ""))
    with store.alone("scheduler") as first, other.alone("scheduler") as second, other.alone("route") as elsewhere:
        assert (first, second, elsewhere) == (True, False, True)
    with other.alone("scheduler") as second:
        assert second
    other.close()


def test_a_holder_whose_connection_is_cut_holds_nothing_more(
    make_settings: Any, make_database_url: Callable[[str], str]
) -> None:
    url = make_database_url("postgresql")
    leader, standby = Store(make_settings(database_url=url)), Store(make_settings(database_url=url))
    mine = "= (SELECT oid FROM pg_database WHERE datname = current_database())"
    cut = sa.text(
        f"SELECT pg_terminate_backend(pid, 9000) FROM pg_locks WHERE locktype = 'advisory' AND database {mine}"
    )
    idle = sa.text(f"SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND datid {mine}")
    took_over = []
    with pytest.raises(Busy), leader.alone("scheduler"):  # noqa: PT012 - who was cut off learns of it in the end
        with standby.read() as connection:
            assert connection.scalar(idle) == 0
            connection.execute(cut)
        with standby.alone("scheduler") as taken:
            took_over.append(taken)
    assert took_over == [True]
    leader.close()
    standby.close()
