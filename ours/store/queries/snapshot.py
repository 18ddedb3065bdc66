"""Lets all that a transaction reads be of one moment, as figures that must add up have to be."""

from sqlalchemy import Connection, text


def take(connection: Connection) -> None:
    """To be said before anything is read. SQLite's transactions are like that by themselves."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
    unhurried(connection)


def unhurried(connection: Connection) -> None:
    """What is read goes elsewhere, or what is written comes from there: the server does not end us for a pause."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
