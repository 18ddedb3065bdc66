"""Statements run by the driver itself mean what SQLAlchemy makes of them."""

import sqlite3
from unittest.mock import Mock

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy import bindparam, func, select

from ours import ids
from ours.errors import Busy
from ours.store import Store, connecting, hand
from ours.store.hand import Prepared
from ours.store.tables import dispatches, rules, visitors

_ROW = {"mode": "live", "created_at": 1, "seen_at": 2, "profile": b"sealed"}


def _fill(store: Store, count: int) -> list[str]:
    made = sorted(ids.new_id() for _ in range(count))
    with store.write() as connection:
        rows = [_ROW | {"id": one, "born": one, "alias_of": None, "seen_at": at} for at, one in enumerate(made)]
        connection.execute(sa.insert(visitors), rows)
    return made


def test_rows_are_those_that_sqlalchemy_reads(store: Store) -> None:
    _fill(store, 3)
    query = select(visitors).where(visitors.c.seen_at >= bindparam("since")).order_by(visitors.c.id)
    with store.read() as connection:
        by_hand = Prepared(query).all(connection, since=1)
        assert by_hand == [tuple(row) for row in connection.execute(query, {"since": 1})]
        assert by_hand[0]._fields == tuple(visitors.c.keys())
        assert (by_hand[0].alias_of, by_hand[0].profile) == (None, b"sealed")


def test_truth_is_truth_on_both_databases(store: Store) -> None:
    row = {"position": 1, "name": "r", "note": "", "enabled": True, "covers": "[]", "logic": "{}", "updated_at": 1}
    with store.write() as connection:
        connection.execute(sa.insert(rules).values(row))
    with store.read() as connection:
        assert Prepared(select(rules.c.enabled)).column(connection) == [True]
        assert type(Prepared(select(rules.c.enabled)).value(connection)) is bool


def test_among_many_and_among_none(store: Store) -> None:
    made = _fill(store, 600)
    query = Prepared(select(visitors.c.id, visitors.c.seen_at))
    with store.read() as connection:
        found = query.among(connection, "id", made)
        assert sorted(found) == [(one, at) for at, one in enumerate(made)]
        assert query.among(connection, "id", []) == []


def test_what_is_asked_for_at_once_comes_in_its_order(store: Store) -> None:
    made = _fill(store, 30)
    query = Prepared(select(visitors.c.id, visitors.c.seen_at).where(visitors.c.seen_at >= bindparam("since")))
    with store.read() as connection:
        found = query.each(connection, ({"since": since} for since in (30, 28, 29, 99)))
        assert [sorted(found[:2]), *found[2:]] == [[(made[28], 28), (made[29], 29)], (made[29], 29)]
        assert query.each(connection, ()) == []
        assert query.all(connection, since=29) == [(made[29], 29)]


def test_what_goes_wrong_among_many_is_told_and_spoils_no_later_transaction(store: Store) -> None:
    query = Prepared(select(func.abs(bindparam("wrong", type_=sa.Integer))))
    with store.read() as connection, pytest.raises((sqlite3.Error, psycopg.Error)):
        query.each(connection, [{"wrong": -1}, {}, {"wrong": -2}])
    with store.read() as connection:
        assert query.each(connection, [{"wrong": -1}, {"wrong": -2}]) == [(1,), (2,)]


def test_a_value_that_is_not_given_is_an_error(store: Store) -> None:
    query = Prepared(select(func.count()).where(dispatches.c.due_at <= bindparam("now")))
    with store.read() as connection:
        assert query.value(connection, now=1) == 0
        with pytest.raises((sqlite3.ProgrammingError, psycopg.ProgrammingError)):
            query.value(connection)


def test_an_update_gives_back_what_it_changed_and_is_undone_with_its_transaction(store: Store) -> None:
    made = _fill(store, 2)
    change = Prepared(
        sa.update(visitors)
        .where(visitors.c.id == bindparam("key"))
        .values(seen_at=bindparam("moment"))
        .returning(visitors.c.id, visitors.c.seen_at)
    )
    with pytest.raises(ZeroDivisionError), store.write() as connection:  # noqa: PT012 - what was done before the error is what matters
        assert change.all(connection, key=made[0], moment=99) == [(made[0], 99)]
        raise ZeroDivisionError
    with store.read() as connection:
        assert Prepared(select(func.max(visitors.c.seen_at))).value(connection) == 1


def test_a_connection_that_fails_in_the_drivers_hand_is_busy_and_not_used_again(store: Store, engine_kind: str) -> None:
    if engine_kind == "sqlite":
        pytest.skip("a file is not cut off")
    with pytest.raises(Busy), store.read() as connection:  # noqa: PT012 - the same connection must fail twice
        with pytest.raises(psycopg.OperationalError):
            hand.run(connection, "SELECT pg_terminate_backend(pg_backend_pid())")
        hand.run(connection, "SELECT 1")
    with store.read() as connection:
        assert hand.run(connection, "SELECT 1").fetchone() == (1,)


def test_a_connection_that_died_while_it_rested_is_replaced(
    store: Store, engine_kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine_kind == "sqlite":
        pytest.skip("a file is not cut off")
    with store.read() as connection:
        victim = connection.scalar(select(func.pg_backend_pid()))
    address = store.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address) as other:
        other.execute("SELECT pg_terminate_backend(%s)", (victim,))
    monkeypatch.setattr(connecting, "_REST", 0.0)
    for _ in range(3):
        with store.read() as connection:
            assert connection.scalar(select(func.pg_backend_pid())) != victim


def test_only_a_connection_that_rested_is_asked_whether_it_lives(
    store: Store, engine_kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine_kind == "sqlite":
        pytest.skip("a file is not cut off")
    ask = Mock(wraps=store.engine.dialect.do_ping)
    monkeypatch.setattr(store.engine.dialect, "do_ping", ask)
    for _ in range(3):
        with store.read() as connection:
            connection.scalar(select(1))
    assert ask.call_count == 0
    monkeypatch.setattr(connecting, "_REST", 0.0)
    with store.read() as connection:
        connection.scalar(select(1))
    assert ask.call_count == 1
