"""Lets all that a transaction reads be of one moment, as figures that must add up have to be."""

from sqlalchemy import Connection, text


def take(connection: Connection) -> None:
    """To be said before anything is read. SQLite's transactions are like that by themselves."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
