"""Puts a great many events straight into a store, as months of traffic would leave them, to be read."""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import text

from bench.installation import LOOPBACK, prepare
from ours import clock, ids
from ours.bootstrap import Ours
from ours.core.allow import name_key
from ours.settings import load
from ours.store import tables

NAMES = [f"Event {number:03}" for number in range(200)]
RARE = "Asked For Once A Month"
_SOURCES = 8
_HOOKS = 3
NOWHERE = [f"http://127.0.0.1:9/{number}" for number in range(_HOOKS)]
_VISITORS = 50_000
_PART = 20_000
_DAY = 24 * 3_600_000
_DAYS = 90
_SOME = 5_000
"""How often the rarest things come: once in so many events."""
_EVENTS = ("id", "kind", "mode", "source_id", "name", "name_key", "occurred_at", "received_at", "payload", "routed_at",
           "visitor_id", "owed", "refused")  # fmt: skip
_DISPATCHES = ("id", "event_id", "destination_id", "mode", "state", "reason", "attempts", "created_at", "updated_at")
_TROUBLE = (("rejected", "http_422"), ("exhausted", "http_503"), ("stopped", "consent"), ("held", "destination_paused"))
_ATTEMPTS = ("dispatch_id", "number", "started_at", "duration_ms", "outcome", "plugin_version", "config_version",
             "exchange")  # fmt: skip
_EXCHANGE = 1_200
"""Bytes of a webhook's request and answer, sealed."""
_VISITOR = ("id", "mode", "born", "created_at", "seen_at", "profile")
_SEEN = ("hash", "event_id", "content", "received_at")
_HASHES = 1 << 128
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Filled:
    """What there is to ask for. ``moment`` lies in the middle of the time that the events cover (milliseconds)."""

    count: int
    visitor_id: str
    moment: int


def fill(ours: Ours, count: int, *, whole: bool = False) -> Filled:
    """A dispatch each, to one of three destinations; every fiftieth did not simply arrive; every tenth is a test.

    ``whole``: with its dispatch's attempt; and nothing is held.
    """
    chance = random.Random(7)
    now = clock.now_ms()
    step = _DAYS * _DAY / count
    visitors = [f"{chance.getrandbits(128):032x}" for _ in range(min(_VISITORS, count))]
    put = _putter(ours)
    profile = orjson.dumps({"id": "u1", "properties": {}})
    indexes = [one for table in (tables.events, tables.dispatches, tables.seen) for one in table.indexes]
    with ours.store.write() as connection:  # to build them once is several times faster than to keep them
        for one in indexes:
            one.drop(connection)
    put("visitors", _VISITOR, ((one, "live", one, now, now, ours.store.sealer.seal(profile, f"visitors:{one}"))
                               for one in visitors))  # fmt: skip
    for part in (range(start, min(start + _PART, count)) for start in range(0, count, _PART)):
        events = [_event(ours, chance, number, int(now - (count - number) * step), visitors) for number in part]
        put("events", _EVENTS, events)
        trouble = _TROUBLE[:-1] if whole else _TROUBLE
        owed = [_dispatch(chance, number, row, trouble) for number, row in zip(part, events, strict=True)]
        put("dispatches", _DISPATCHES, owed)
        # The hashes are as far apart as chance would have them, and come in order, which is quicker.
        hashes = (f"{number * (_HASHES // count):032x}" for number in part)
        put("seen", _SEEN, ((hash_, row[0], hash_, row[7]) for hash_, row in zip(hashes, events, strict=True)))
        if whole:
            put("attempts", _ATTEMPTS, (_attempt(chance, row) for row in owed))
    with ours.store.write() as connection:
        for one in indexes:
            one.create(connection)
    return Filled(count, visitors[0], int(now - _DAYS * _DAY / 2))


def _event(ours: Ours, chance: random.Random, number: int, at: int, visitors: Sequence[str]) -> Row:
    """Few names are frequent and many are rare; a source has its own share of each."""
    name = RARE if number % _SOME == 1 else NAMES[min(int(chance.expovariate(0.08)), len(NAMES) - 1)]
    source = 1 + min(int(chance.expovariate(0.9)), _SOURCES - 1)
    mode = "test" if number % 10 == 3 else "live"
    event_id = ids.floor(at)[:12] + f"{number:020x}"
    body = {"event_properties": {"amount": number % 1_000, "order": number}, "distinct_id": f"order-{number}",
            "default_properties": {"url": f"https://shop.example.com/p/{number % 500}"}}  # fmt: skip
    sealed = ours.store.sealer.seal(orjson.dumps(body), f"events:{event_id}")
    visitor = chance.choice(visitors)
    return (event_id, "track", mode, source, name, name_key(name), at, at, sealed, at, visitor, _HOOKS, "1-2")


def _dispatch(chance: random.Random, number: int, event: Row, trouble: Sequence[tuple[str, str]]) -> Row:
    event_id, _, mode, *_ = event
    at = event[6]
    state, reason = ("sunk" if mode == "test" else "delivered"), None
    if number % 50 == 0 and mode == "live":
        state, reason = chance.choice(trouble)
    place = 1 + number % _HOOKS
    return (event_id[:12] + f"{number:019x}f", event_id, place, mode, state, reason, 1, at, at)


def _attempt(chance: random.Random, dispatch: Row) -> Row:
    return (dispatch[0], 1, dispatch[7], 3, "delivered", "1", 1, chance.randbytes(_EXCHANGE))


def _putter(ours: Ours) -> Callable[[str, Sequence[str], Iterable[Row]], None]:
    return _put_on_sqlite(ours) if ours.store.is_sqlite else _put_on_server(ours)


def _put_on_sqlite(ours: Ours) -> Callable[[str, Sequence[str], Iterable[Row]], None]:
    def put(table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        marks = ", ".join("?" for _ in columns)
        with ours.store.write() as connection:
            connection.exec_driver_sql(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", list(rows))

    return put


def _put_on_server(ours: Ours) -> Callable[[str, Sequence[str], Iterable[Row]], None]:
    def put(table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        with ours.store.write() as connection:
            cursor: Any = connection.connection.cursor()
            with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)

    return put


def settle(ours: Ours) -> None:
    """Let the server know what it holds, as its own housekeeping would have told it."""
    if not ours.store.is_sqlite:
        with ours.store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


def environment(home: Path) -> dict[str, str]:
    """That of an installation below ``home``, which may reach loopback."""
    return {"OURS_HOME": str(home / "data"), "OURS_PLUGINS_DIR": str(home / "plugins"),
            "OURS_ALLOW_NETWORKS": LOOPBACK, "OURS_LOG_LEVEL": "WARNING"}  # fmt: skip


def installation(environ: Mapping[str, str], hooks: Sequence[str] = NOWHERE, *, taking: int | None = None) -> Ours:
    """With the sources and destinations that the events are of; close it. ``taking`` as in ``prepare``."""
    prepare(environ, hooks, taking=taking)
    ours = Ours(load(environ))
    for number in range(1, _SOURCES):
        ours.sources.add(f"bench {number}", actor="cli")
    return ours
