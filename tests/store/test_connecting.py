"""An address as an operator writes it, and what PostgreSQL's driver is told."""

from collections.abc import Callable

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from ours.settings import Settings
from ours.store import Store
from ours.store.connecting import full
from ours.store.queries import snapshot


def told(address: str) -> dict[str, object]:
    _, words = PGDialect_psycopg().create_connect_args(make_url(full(address)))
    return dict(words)


@pytest.mark.parametrize("prefix", ["postgresql://", "postgres://"])
def test_of_several_servers_the_driver_looks_for_the_one_that_takes_writes(prefix: str) -> None:
    assert told(f"{prefix}ours:p%40ss@one:6432,two/ours?target_session_attrs=read-write&sslmode=require") == {
        "user": "ours", "password": "p@ss", "host": "one,two", "port": "6432,5432", "dbname": "ours",
        "target_session_attrs": "read-write", "sslmode": "require",
    }  # fmt: skip
    assert told(f"{prefix}one,two") == {"host": "one,two", "port": "5432,5432"}


def test_several_servers_may_be_named_by_ipv6_address() -> None:
    words = told("postgresql://ours:p@[::1]:6432,[2001:db8::2],three/ours")
    assert (words["host"], words["port"]) == ("::1,2001:db8::2,three", "6432,5432,5432")
    assert (words["user"], words["dbname"]) == ("ours", "ours")


@pytest.mark.parametrize("query", ["", "?options=-c%20a,b"])
def test_a_comma_in_a_password_is_a_part_of_it(query: str) -> None:
    words = told(f"postgresql://ours:a,b@one/ours{query}")
    assert (words["host"], words["password"]) == ("one", "a,b")


def test_a_database_that_isolates_more_strictly_has_nobody_of_ours_try_again(
    make_settings: Callable[..., Settings], make_database_url: Callable[[str], str]
) -> None:
    """`ALTER DATABASE … SET default_transaction_isolation`, or the role: another program there may need it."""
    strict = "&options=-c%20default_transaction_isolation%3Dserializable"
    store = Store(make_settings(database_url=make_database_url("postgresql") + strict))
    how = text("SHOW transaction_isolation")
    with store.alone("route"), store.write() as connection:
        assert connection.scalar(how) == "read committed"
    with store.read() as connection:
        snapshot.take(connection)
        assert connection.scalar(how) == "repeatable read"
    with store.read() as connection:
        assert connection.scalar(how) == "read committed"
    store.close()
