"""Which sources a destination may be told to listen to: those that there are, or were."""

from collections.abc import Iterable

from sqlalchemy import Connection

from ours.errors import Invalid
from ours.store.queries import sources


def check(connection: Connection, wanted: Iterable[int]) -> None:
    """:raises Invalid: when there never was one of them: nothing would ever leave, and nobody be told."""
    strangers = sorted(set(wanted) - sources.among(connection, wanted))
    if strangers:
        raise Invalid.at("sources", f"There is no source {', '.join(map(str, strangers))}.")
