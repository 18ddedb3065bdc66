"""Who may do what after a restore: as the backup has it, or as the database has it that stood there before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from ours.errors import Invalid
from ours.store import Store, migrate
from ours.store.queries import destinations, forgetting, people, snapshot, sources, tokens, whole
from ours.store.tables import audit, second_factors
from ours.store.tables import keys as keys_table
from ours.store.tables import people as people_table
from ours.store.tables import sources as sources_table
from ours.store.tables import tokens as tokens_table

_WHOSE = (keys_table, tokens_table, people_table, second_factors)
_KEPT = (sources_table, audit)


@dataclass(frozen=True, slots=True)
class Access:
    """What is good now, by name: what a restore may have brought back."""

    keys: Sequence[str]
    tokens: Sequence[str]
    people: Sequence[str]
    destinations: Sequence[str]


def of(connection: Connection, now: int) -> Access:
    """``now`` in milliseconds. ``destinations``: those that are on."""
    return Access(
        keys=[f"{row.name} ({row.mode} {row.id})" for row in sources.good_keys(connection, now)],
        tokens=[f"{row.name} ({row.id})" for row in tokens.good(connection, now)],
        people=[f"{row.email} ({row.role})" for row in people.all_people(connection)],
        destinations=[row.name for row in destinations.rows(connection) if row.status == "on"],
    )


def take_over(store: Store, old: Store) -> None:
    """Sources with their keys, tokens and people as they are in ``old``; who was forgotten there, and its audit log.

    :raises Invalid: when that is another installation, or not of the present shape.
    """
    with old.read() as before, store.write() as connection:
        snapshot.take(before)
        _check(store, old, before)
        for table in _WHOSE:
            whole.clear(connection, [table.name])
        for table in _KEPT:
            whole.put(connection, table, whole.rows(before, table))
        forgetting.remember(connection, forgetting.remembered(before))  # what was taken there, the backup brought back
        for table in _WHOSE:
            whole.put(connection, table, whole.rows(before, table))
        whole.set_sequences(connection, _highest(whole.sequences(connection), whole.sequences(before)))


def _check(store: Store, old: Store, before: Connection) -> None:
    if not migrate.is_current(old):
        raise Invalid("The previous database has another version. Run `ours db upgrade` there first.")
    is_one = "keepsakes" in whole.filled(before)
    if not is_one or old.lookup("live", "userId", "") != store.lookup("live", "userId", ""):
        raise Invalid("The backup belongs to another installation than the previous database. Nothing was restored.")


def _highest(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    names = {*one, *other} & {str(table.name) for table in (*_WHOSE, *_KEPT)}
    return {name: max(one.get(name, 0), other.get(name, 0)) for name in names}
