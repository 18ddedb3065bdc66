"""What can be done with destinations. A change, its audit entry and what it does to dispatches are one transaction."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection

from ours import clock
from ours.errors import Invalid
from ours.plugin import Destination as Plugin
from ours.registry import Registry
from ours.services import audit, naming
from ours.services.actors import Who, needs
from ours.services.destinations import backlog, leaving, shown, typed
from ours.services.destinations import settings as sealed
from ours.services.destinations.limits import read as read_limits
from ours.services.destinations.shown import Destination
from ours.services.destinations.standing import alive, known
from ours.store import Store
from ours.store.queries import destinations as queries

_NONE: Mapping[str, Any] = MappingProxyType({})


class Destinations:
    """``actor`` is who does it; what they may not is refused here."""

    def __init__(self, store: Store, registry: Registry) -> None:
        self._store = store
        self._registry = registry

    @needs("editor", "destinations:write")
    def add(
        self,
        slug: str,
        name: str,
        settings: Mapping[str, Any],
        *,
        events: Sequence[str],
        mapping: Mapping[str, str] = _NONE,
        limits: Mapping[str, Any] = _NONE,
        actor: Who,
    ) -> Destination:
        """A new destination, on. ``events``: ``["*"]`` for all, ``[]`` for none.

        ``limits`` may hold ``max_in_flight``, ``rate_limit``, ``retry_schedule`` and ``drain_rate``.

        :raises Invalid: naming each wrong field: ``name``, ``events``, ``settings.NAME``, ``mapping.FIELD``,
            ``limits.NAME``.
        """
        plugin, name = self._plugin(slug), naming.clean(name)
        raw, names = sealed.read(plugin, settings), typed.allow_list(events)
        now = clock.now_ms()
        values = {"name": name, "slug": slug, "mapping": typed.mapping_json(plugin, mapping), "created_at": now,
                  "updated_at": now, **read_limits(limits)}  # fmt: skip
        with self._store.write() as connection:
            naming.check_free(name, _names(connection))
            destination_id = queries.insert_destination(connection, values)
            queries.change(connection, destination_id, {"settings": self._seal(destination_id, raw)})
            queries.replace_allowed(connection, destination_id, names)
            detail = {"name": name, "type": slug, "events": list(names.values())}
            audit.record(connection, actor, "add", _subject(destination_id), detail)
            return self._get(connection, destination_id)

    def list(self) -> Sequence[Destination]:
        """All that are not removed, the oldest first."""
        with self._store.read() as connection:
            names = queries.allowed_names(connection)
            return [self._destination(row, names.get(row.id, [])) for row in queries.rows(connection)]

    def get(self, destination_id: int) -> Destination:
        """Removed ones too: their dispatches are still there.

        :raises NotFound: when there never was one.
        """
        with self._store.read() as connection:
            return self._get(connection, destination_id)

    def kept(self, destination_id: int) -> Mapping[str, Any]:
        """Its settings in clear, to compare them with others; never to be shown."""
        with self._store.read() as connection:
            return self._open(_row(connection, destination_id))

    def find(self, name_or_id: str | int) -> Destination:
        """:raises NotFound: saying which destinations there are."""
        with self._store.read() as connection:
            found = naming.find(name_or_id, _names(connection), "destination")
            return self._get(connection, found)

    @needs("editor", "destinations:write")
    def update(
        self,
        destination_id: int,
        *,
        name: str | None = None,
        settings: Mapping[str, Any] | None = None,
        events: Sequence[str] | None = None,
        mapping: Mapping[str, str] | None = None,
        limits: Mapping[str, Any] = _NONE,
        actor: Who,
    ) -> Destination:
        """Change what is given. Settings left out stay, and so do secrets left blank; events and mapping are replaced.

        Limits left out stay; None sets one back to its default.

        :raises Invalid: as ``add`` does; nothing is changed then.
        """
        with self._store.write() as connection:
            row = alive(queries.one(connection, destination_id), destination_id)
            changes = self._changes(row, settings, mapping) | read_limits(limits)
            if name is not None:
                changes["name"] = naming.clean(name)
                naming.check_free(changes["name"], _names(connection), destination_id)
            changed = sorted(changes)
            if events is not None:
                changed.append("events")
                changes |= {"leaving_since": None} if events else {}
                queries.replace_allowed(connection, destination_id, typed.allow_list(events))
            changes |= {"version": row.version + 1, "updated_at": clock.now_ms()}
            queries.change(connection, destination_id, changes)
            audit.record(connection, actor, "update", _subject(destination_id), {"changed": changed})
            return self._get(connection, destination_id)

    @needs("editor", "destinations:write")
    def pause(self, destination_id: int, *, actor: Who) -> Destination:
        """Hold what waits and what comes. What is just being sent is finished."""
        return self._set_status(destination_id, "paused", "pause", actor)

    @needs("editor", "destinations:write")
    def resume(self, destination_id: int, *, actor: Who) -> Destination:
        """After a pause: deliver what was held, and what comes."""
        return self._set_status(destination_id, "on", "resume", actor)

    @needs("editor", "destinations:write")
    def turn_off(self, destination_id: int, *, actor: Who) -> Destination:
        """Stop what waits or is held, and what comes."""
        return self._set_status(destination_id, "off", "turn_off", actor)

    @needs("editor", "destinations:write")
    def turn_on(self, destination_id: int, *, actor: Who) -> Destination:
        """Deliver what comes. What was stopped stays stopped."""
        return self._set_status(destination_id, "on", "turn_on", actor)

    @needs("editor", "destinations:write")
    def remove(self, destination_id: int, *, actor: Who, deliver_first: bool = False) -> Destination:
        """For good: stop what waits or is held, and erase the settings.

        ``deliver_first``: take nothing new, deliver what waits (resumed, if it was paused), and then remove it. Giving
        it an allow list again takes that back.
        """
        if deliver_first:
            leaving.begin(self._store, destination_id, actor)
            return self.get(destination_id)
        return self._set_status(destination_id, "removed", "remove", actor)

    def remove_drained(self) -> None:
        """Remove those that were to be removed once all was delivered, and for which all is."""
        for destination_id in leaving.drained(self._store):
            self.remove(destination_id, actor="ours")

    def settle_strays(self) -> int:
        """Move what began to wait while a status changed (a try that ended, say) to where the status puts it."""
        return backlog.settle_strays(self._store)

    def _set_status(self, destination_id: int, status: str, verb: str, actor: Who) -> Destination:
        with self._store.write() as connection:
            row = alive(queries.one(connection, destination_id), destination_id)
            if row.status == "off" and verb in {"pause", "resume"}:
                raise Invalid(f'"{row.name}" is off. Turn it on first.')
            if row.status != status:
                changes: dict[str, Any] = {"status": status, "paused_for": None, "updated_at": clock.now_ms()}
                if status == "removed":
                    changes["settings"] = self._seal(destination_id, {})
                if status == "on":
                    changes |= backlog.fresh_start()
                queries.change(connection, destination_id, changes)
                concerned = backlog.count(connection, destination_id, status)
                audit.record(connection, actor, verb, _subject(destination_id), {"dispatches": concerned})
        backlog.settle_now(self._store, destination_id)
        return self.get(destination_id)

    def _plugin(self, slug: str) -> Plugin:
        loaded = self._registry.get(slug)
        if loaded is None:
            there = ", ".join(sorted(plugin.slug for plugin in self._registry.loaded))
            sentence = f'There is no plugin "{slug}". Loaded are: {there}. `ours plugin list` shows what was set aside.'
            raise Invalid(sentence, {"type": [sentence]})
        return loaded.plugin

    def _changes(
        self, row: Any, settings: Mapping[str, Any] | None, mapping: Mapping[str, str] | None
    ) -> dict[str, Any]:
        changes: dict[str, Any] = {}
        if settings is not None:
            plugin = self._plugin(row.slug)
            merged = sealed.merge(plugin, self._open(row), settings)
            changes["settings"] = self._seal(row.id, sealed.read(plugin, merged))
        if mapping is not None:
            changes["mapping"] = typed.mapping_json(self._plugin(row.slug), mapping)
        return changes

    def _seal(self, destination_id: int, raw: Mapping[str, Any]) -> bytes:
        return self._store.sealer.seal_json(raw, _place(destination_id))

    def _open(self, row: Any) -> dict[str, Any]:
        return self._store.sealer.open_json(row.settings, _place(row.id))

    def _get(self, connection: Connection, destination_id: int) -> Destination:
        row = _row(connection, destination_id)
        return self._destination(row, queries.allowed_names(connection).get(destination_id, []))

    def _destination(self, row: Any, events: Sequence[str]) -> Destination:
        loaded = self._registry.get(row.slug)
        return shown.from_row(row, events, self._open(row), loaded.plugin if loaded else None)


def _names(connection: Connection) -> list[naming.Named]:
    return [naming.Named(row.id, row.name) for row in queries.rows(connection)]


def _row(connection: Connection, destination_id: int) -> Any:
    return known(queries.one(connection, destination_id), destination_id)


def _place(destination_id: int) -> str:
    return f"destinations:{destination_id}:settings"


def _subject(destination_id: int) -> str:
    return f"destination {destination_id}"
