"""Replays that go on by themselves."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, insert, select, update

from ours.store.tables import replays
from ours.store.tables.replays import GOING


def insert_replay(connection: Connection, values: Mapping[str, Any]) -> int:
    return int(connection.scalars(insert(replays).values(dict(values)).returning(replays.c.id)).one())


def locked(connection: Connection, replay_id: int) -> Any | None:
    """The row, which nobody else changes before this transaction ends."""
    return connection.execute(select(replays).where(replays.c.id == replay_id).with_for_update()).one_or_none()


def running(connection: Connection) -> Sequence[int]:
    query = select(replays.c.id).where(GOING, replays.c.state == "running").order_by(replays.c.id)
    return connection.scalars(query).all()


def latest(connection: Connection, limit: int) -> Sequence[Any]:
    """The newest first."""
    return connection.execute(select(replays).order_by(replays.c.id.desc()).limit(limit)).all()


def change(connection: Connection, replay_id: int, values: Mapping[str, Any]) -> None:
    connection.execute(update(replays).where(replays.c.id == replay_id).values(dict(values)))
