"""Lets one at a time give a name, for whoever looks whether it is free does not see what others have not committed."""

from typing import Literal

from sqlalchemy import Connection, select

from ours.store import alone


def hold(connection: Connection, of: Literal["sources", "destinations"]) -> None:
    """Nobody else names one of these before this transaction ends; on SQLite nobody writes meanwhile anyway.

    To be said before any of them is locked.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(alone.waited_for(f"names of {of}")))
