"""Lets all that a transaction reads be of one moment, as figures that must add up have to be."""

from sqlalchemy import Connection, text

from ours.store.silence import UNHURRIED

_UNHURRIED = text(
    "SELECT set_config(name, '0', true) FROM pg_settings WHERE name IN"
    " ('statement_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout')"
)


def take(connection: Connection) -> None:
    """To be said before anything is read, where that lasts."""
    steady(connection)
    unhurried(connection)


def steady(connection: Connection) -> None:
    """The same where it is soon over. SQLite's transactions are like that by themselves."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))


def unhurried(connection: Connection) -> None:
    """It lasts as long as the data are large, or waits for what they come from and go to: the server ends it neither
    for a pause nor for the time that it takes, whatever our role is given; nor do we."""
    if connection.dialect.name == "postgresql":
        connection.info[UNHURRIED] = True
        connection.execute(_UNHURRIED)
