"""What may be done to sources and their keys; each change is one transaction, with its entry in the audit log."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from ours import clock, ids
from ours.core import reasons, subjects
from ours.core.deeds import Verb
from ours.errors import Invalid, NotFound, Unsealable
from ours.plugin import SecretValue
from ours.services import audit, naming
from ours.services.actors import Who, needs
from ours.services.sources.values import Key, NewSource, Refusals, Source, Volume
from ours.store import Store, binding, key_hash
from ours.store.queries import refusals
from ours.store.queries import sources as queries
from ours.store.queries.naming import hold as hold_names
from ours.store.queries.sources import NewKey

MODES = ("live", "test")
LONGEST_OVERLAP = 90 * 24 * 3600
MOST_REQUESTS = 100_000
REFUSALS_DAYS = 7
_MOST_REASONS = 20


class Sources:
    """``actor`` is who does it; what they may not is refused here."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @needs("editor", "sources:write")
    def add(self, name: str, *, actor: Who) -> NewSource:
        """A new source with a live key and a test key that don't tell each other.

        :raises Invalid: when the name is taken or can't be one.
        """
        name, now = naming.clean(name), clock.now_ms()
        with self._store.write() as connection:
            hold_names(connection, "sources")
            naming.check_free(name, _names(connection))
            source_id = queries.insert_source(connection, name, now)
            (_, live), (_, test) = (self._issue(connection, source_id, mode, now) for mode in MODES)
            audit.record(connection, actor, "add", subjects.source(source_id), {"name": name})
        return NewSource(Source(source_id, name, "active", now, None, None, Volume(), Volume()), live, test)

    def list(self) -> Sequence[Source]:
        """All that are not deleted, the oldest first."""
        with self._store.read() as connection:
            volumes = _volumes(connection)
            return [_source(row, volumes) for row in queries.current(connection, clock.now_ms())]

    def names(self) -> Sequence[naming.Named]:
        """As ``list``, where no more than their names is asked for."""
        with self._store.read() as connection:
            return _names(connection)

    def get(self, source_id: int) -> Source:
        """Deleted ones too: their events are still there.

        :raises NotFound: when there never was one.
        """
        with self._store.read() as connection:
            return _source(_row(connection, source_id), _volumes(connection))

    def find(self, name_or_id: str | int) -> Source:
        """:raises NotFound: saying which sources there are."""
        with self._store.read() as connection:
            found = naming.find(name_or_id, _names(connection), "source")
        return self.get(found)

    def keys(self, source_id: int) -> Sequence[Key]:
        """All that it ever had, the newest first."""
        with self._store.read() as connection:
            _row(connection, source_id)
            rows = queries.keys_of(connection, [source_id])
        return [self._key(row) for row in rows]

    def keys_by_source(self, source_ids: Iterable[int]) -> Mapping[int, Sequence[Key]]:
        """As ``keys``, of each of these sources."""
        with self._store.read() as connection:
            rows = queries.keys_of(connection, source_ids)
        found: defaultdict[int, list[Key]] = defaultdict(list)
        for row in rows:
            found[row.source_id].append(self._key(row))
        return found

    def refusals(self, source_id: int) -> Sequence[Refusals]:
        """Why events of it were refused in the last 7 days, the latest reason first.

        :raises NotFound: when there never was such a source.
        """
        with self._store.read() as connection:
            _row(connection, source_id)
            rows = refusals.since(connection, source_id, clock.now_ms() - REFUSALS_DAYS * clock.DAY, _MOST_REASONS)
        return [Refusals(*row) for row in rows]

    @needs("editor", "sources:write")
    def activate(self, source_id: int, *, actor: Who) -> Source:
        return self._set_status(source_id, "active", "activate", actor)

    @needs("editor", "sources:write")
    def deactivate(self, source_id: int, *, actor: Who) -> Source:
        """Its keys are refused from now on. What was accepted before is still delivered."""
        return self._set_status(source_id, "deactivated", "deactivate", actor)

    @needs("editor", "sources:write")
    def delete(self, source_id: int, *, actor: Who) -> Source:
        """For good; its events stay."""
        return self._set_status(source_id, "deleted", "delete", actor)

    @needs("editor", "sources:write")
    def limit(self, source_id: int, requests: int | None, *, actor: Who) -> Source:
        """Take so many requests a second from it, within a second from now; None: as many as come.

        :raises Invalid: below 1 or above 100,000.
        """
        if requests is not None and not 1 <= requests <= MOST_REQUESTS:
            raise Invalid.at("limit", f"The limit is 1 to {MOST_REQUESTS:,} requests a second, or none.")
        with self._store.write() as connection:
            if _alive(connection, source_id).rate_limit != requests:
                queries.set_rate_limit(connection, source_id, requests)
                audit.record(connection, actor, "limit", subjects.source(source_id), {"requests_a_second": requests})
            return _source(_row(connection, source_id), _volumes(connection))

    @needs("editor", "sources:write")
    def rotate(self, source_id: int, mode: str, overlap_seconds: int, *, actor: Who) -> str:
        """A new key; the old ones of that mode work for ``overlap_seconds`` more.

        :raises Invalid: when the overlap is below zero or above 90 days, or there is no such mode.
        """
        if mode not in MODES:
            raise Invalid("The mode is live or test.", {"mode": ["Must be live or test."]})
        if not 0 <= overlap_seconds <= LONGEST_OVERLAP:
            raise Invalid.at("overlap_seconds", "The overlap is 0 seconds to 90 days.")
        now = clock.now_ms()
        with self._store.write() as connection:
            _alive(connection, source_id)
            old = queries.end_keys(connection, source_id, mode, now + overlap_seconds * clock.SECOND)
            key_id, text = self._issue(connection, source_id, mode, now)
            detail = {"mode": mode, "overlap_seconds": overlap_seconds, "key": key_id, "old_keys": old}
            audit.record(connection, actor, "rotate", subjects.source(source_id), detail)
        return text

    @needs("editor", "sources:write")
    def revoke_key(self, key_id: int, *, actor: Who) -> None:
        """That key is refused from now on."""
        with self._store.write() as connection:
            key = queries.one_key(connection, key_id)
            if key is None:
                raise NotFound(f"There is no key {key_id}. The page of its source lists its keys.")
            if key.revoked_at is None:
                queries.revoke_key(connection, key_id, clock.now_ms())
                detail = {"key": key_id, "mode": key.mode}
                audit.record(connection, actor, "revoke_key", subjects.source(key.source_id), detail)

    def _issue(self, connection: Connection, source_id: int, mode: str, now: int) -> tuple[int, str]:
        """The key's id, and the key."""
        text = ids.new_key(mode)
        hashed = key_hash(text)
        sealed = self._store.sealer.seal(text.encode(), binding.key(hashed))
        return queries.insert_key(connection, NewKey(source_id, mode, hashed, sealed, now)), text

    def _key(self, row: Any) -> Key:
        text, unopened = "", None
        try:
            text = self._store.sealer.open(row.sealed, binding.key(row.hash)).decode()
        except Unsealable as error:
            unopened = reasons.unopened(error.reason)
        return Key(
            row.id, row.mode, SecretValue(text), row.created_at, row.expires_at, row.revoked_at, row.last_used_at,
            unopened,
        )  # fmt: skip

    def _set_status(self, source_id: int, status: str, verb: Verb, actor: Who) -> Source:
        with self._store.write() as connection:
            if _alive(connection, source_id).status != status:
                queries.set_status(connection, source_id, status)
                audit.record(connection, actor, verb, subjects.source(source_id))
            return _source(_row(connection, source_id), _volumes(connection))


def _names(connection: Connection) -> list[naming.Named]:
    return [naming.Named(row.id, row.name) for row in queries.names(connection)]


def _row(connection: Connection, source_id: int) -> Any:
    row = queries.one(connection, source_id, clock.now_ms())
    if row is None:
        raise NotFound(f"There is no source {source_id}. `ours source list` shows those there are.")
    return row


def _alive(connection: Connection, source_id: int) -> Any:
    row = _row(connection, source_id)
    if row.status == "deleted":
        raise Invalid(f'The source "{row.name}" was deleted for good. Add a new one.')
    return row


def _volumes(connection: Connection) -> dict[tuple[int, str], Volume]:
    now = clock.now_ms()
    rows = queries.volumes_between(connection, now - clock.DAY, now)
    return {(row.source_id, row.mode): Volume(int(row.received), int(row.duplicate), int(row.rejected)) for row in rows}


def _source(row: Any, volumes: dict[tuple[int, str], Volume]) -> Source:
    live, test = (volumes.get((row.id, mode), Volume()) for mode in MODES)
    last_seen_at = max((moment for moment in (row.minute, row.used_at) if moment is not None), default=None)
    return Source(row.id, row.name, row.status, row.created_at, row.rate_limit, last_seen_at, live, test)
