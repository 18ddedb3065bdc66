"""Looks what is not well just now. Cheap: it may be asked every few seconds, whatever the tables hold."""

import math
import shutil
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import Connection

from ours import clock
from ours.core import concerns
from ours.core.breaker import IN_A_ROW
from ours.core.concerns import Concern
from ours.errors import Busy
from ours.registry import Registry
from ours.services import caution
from ours.services.conservation import Watched, watched
from ours.services.destinations import Destination, Destinations, backlog
from ours.services.opening import unopened
from ours.settings import Settings
from ours.store import Store
from ours.store.queries import alerts as queries
from ours.store.queries import counters, destinations, dispatches, events, moments, sources, tokens
from ours.store.queries.reading_events import destination_names

_MB = 1024 * 1024
_DISK_MARGIN = 5
_LAST_TENTH = 0.9
_LATE_MINUTES = 5
_WEEK = 7 * clock.DAY


def notice(store: Store, registry: Registry, settings: Settings) -> list[Concern]:
    """:raises Busy: when the database is away."""
    with store.read() as connection:
        rows = destinations.rows(connection)
        found = [
            *_destinations(rows, registry),
            *_rejecting(rows, counters.rejected_in_a_row(connection, IN_A_ROW)),
            *_ambiguous(connection),
            *_expiring(connection, settings.keep_held_days),
            *_ending(connection, clock.now_ms()),
            *_backlog(connection, settings.max_backlog),
            *_late(connection, moments.common(connection)),
            *_clock(connection, clock.now_ms()),
            *_conservation(watched(connection)),
            *_unopened(connection),
        ]
    return [*found, *_unfit(Destinations(store, registry).list()), *_plugins(registry), *_disk(settings)]


def unwritten(error: Busy, settings: Settings) -> Concern:
    """That nothing can be written, and whether that is for want of room."""
    return concerns.database(error.sentence, [one.words for one in _disk(settings) if one.kind == "disk"])


def _destinations(rows: Any, registry: Registry) -> Iterator[Concern]:
    for row in rows:
        if row.status != "off" and registry.plugin(row.slug) is None:
            yield concerns.unloaded(row.id, row.name, row.slug)
        if row.status == "on" and row.breaker != "closed":
            yield concerns.failing(row.id, row.name, backlog.breaker_of(row).why)
        elif row.status == "paused" and row.paused_for:
            yield concerns.paused(row.id, row.name, row.paused_for)


def _rejecting(rows: Any, in_a_row: Mapping[int, int]) -> Iterator[Concern]:
    """Those that answer, so that their breaker stays closed, and take nothing."""
    for row in rows:
        if row.status == "on" and row.id in in_a_row:
            yield concerns.rejecting(row.id, row.name, in_a_row[row.id])


def _ambiguous(connection: Connection) -> Iterator[Concern]:
    for row in queries.held_for(connection, "ambiguous"):
        yield concerns.ambiguous(row.id, row.name, row.count)


def _expiring(connection: Connection, keep_days: int) -> Iterator[Concern]:
    """What is in the last tenth of the time for which it is held."""
    age = int(keep_days * clock.DAY * _LAST_TENTH)
    days = math.ceil((keep_days * clock.DAY - age) / clock.DAY)
    for row in queries.held_since(connection, clock.now_ms() - age):
        yield concerns.expiring(row.id, row.name, row.count, days)


def _ending(connection: Connection, now: int) -> Iterator[Concern]:
    """Tokens in the last tenth of their life, a week at most; old keys that are still used, two days before."""
    for row in tokens.ending(connection, now, now + _WEEK):
        if row.expires_at - now <= (row.expires_at - row.created_at) // 10:
            yield concerns.ending_token(row.id, row.name, str(clock.iso(row.expires_at)))
    for row in sources.ending_keys(connection, now, now + 2 * clock.DAY):
        if row.last_used_at > now - clock.DAY:
            key = f"{row.mode} key {row.id}"
            yield concerns.ending_key(row.source_id, row.name, key, str(clock.iso(row.expires_at)))


def _backlog(connection: Connection, most: int) -> Iterator[Concern]:
    waiting = events.count_unrouted(connection)
    if waiting >= max(most // 2, 1):
        yield concerns.backlog(waiting, most)
    if waiting >= most:
        yield concerns.refused_for_backlog(most)


def _late(connection: Connection, now: int) -> Iterator[Concern]:
    """Something could go on for minutes, and does not: nobody is at work, or who is hangs, or can't keep up."""
    moment = now - _LATE_MINUTES * clock.MINUTE
    came = events.oldest_unrouted(connection)
    if came is not None and came < moment:
        yield concerns.unrouted(_LATE_MINUTES)
    if due := dispatches.with_work(connection, now, moment):
        names = destination_names(connection)
        yield from (concerns.undelivered(one, names[one], _LATE_MINUTES) for one in due)


def _clock(connection: Connection, now: int) -> Iterator[Concern]:
    if (ends := caution.rests_until(connection, now)) is not None:
        yield concerns.leapt(str(clock.iso(ends)))


def _unopened(connection: Connection) -> Iterator[Concern]:
    for reason, count in sorted(unopened(connection).items()):
        yield concerns.unopened(reason, count.events, count.dispatches)


def _unfit(found: Iterable[Destination]) -> Iterator[Concern]:
    for one in found:
        if one.unfit and one.status != "off":
            yield concerns.unfit(one.id, one.name, one.unfit.words)


def _conservation(found: Watched) -> Iterator[Concern]:
    if found.difference:
        yield concerns.balance(found.difference)
    if found.faults:
        yield concerns.lost(len(found.faults))


def _plugins(registry: Registry) -> Iterator[Concern]:
    return (concerns.plugin(one.name, one.reason) for one in registry.set_aside)


def _disk(settings: Settings) -> Iterator[Concern]:
    free = shutil.disk_usage(settings.home).free // _MB
    if free < _DISK_MARGIN * settings.min_free_mb:
        yield concerns.disk(free, settings.min_free_mb)
    if free < settings.min_free_mb:
        yield concerns.refused_for_disk(settings.min_free_mb)
