"""Which destinations are there, and which were: said in one sentence of one that is not."""

from typing import Any

from sqlalchemy import Connection

from ours.errors import Invalid, NotFound
from ours.services.naming import Named
from ours.store.queries import destinations as queries


def names(connection: Connection) -> list[Named]:
    """Those that are not removed, the oldest first."""
    return [Named(row.id, row.name) for row in queries.names(connection)]


def ever(connection: Connection) -> list[Named]:
    """The same, and then those that were removed, the latest first."""
    found = [Named(row.id, row.name, row.status == "removed") for row in queries.ever(connection)]
    return sorted(found, key=lambda one: (one.removed, -one.id if one.removed else one.id))


def known(row: Any | None, destination_id: int) -> Any:
    """:raises NotFound: when there never was one."""
    if row is None:
        raise NotFound(f"There is no destination {destination_id}. `ours destination list` shows those there are.")
    return row


def alive(row: Any | None, destination_id: int) -> Any:
    """:raises Invalid: when it was removed."""
    there = known(row, destination_id)
    if there.status == "removed":
        raise Invalid(f'The destination "{there.name}" was removed for good. Add a new one.')
    return there
