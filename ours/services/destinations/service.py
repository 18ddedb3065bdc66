"""What can be done with destinations. A change, its audit entry and what it does to dispatches are one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypedDict, Unpack

from sqlalchemy import Connection

from ours import clock
from ours.core import subjects
from ours.core.deeds import Verb
from ours.errors import Invalid
from ours.plugin import Destination as Plugin
from ours.registry import Registry
from ours.services import audit, naming
from ours.services.actors import Actor, Who, needs
from ours.services.destinations import backlog, leaving, listening, overriding, shown, standing, typed
from ours.services.destinations import settings as sealed
from ours.services.destinations.config import Config, Given, check_fits, drafted, from_row, newly_exposed
from ours.services.destinations.shown import Destination
from ours.services.destinations.standing import alive, known
from ours.services.opening import try_open
from ours.services.versions import FOUND, Change, check_seen, forget_secrets, keep
from ours.store import Store, binding
from ours.store.queries import destinations as queries
from ours.store.queries.naming import hold as hold_names
from ours.store.queries.versions import newest_number


class More(TypedDict, total=False):
    """What else may be said of a new destination; each as ``Given`` has it."""

    mapping: Mapping[str, Any] | None
    cases: Sequence[Mapping[str, Any]] | None
    sources: Sequence[int] | None
    category: str | None
    agreement: str | None
    limits: Mapping[str, Any]


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
        actor: Who,
        why: str = "",
        override: str = "",
        **given: Unpack[More],
    ) -> Destination:
        """A new destination, on. ``events``: ``["*"]`` for all, ``[]`` for none.

        ``limits`` may hold ``max_in_flight``, ``rate_limit``, ``retry_schedule`` and ``drain_rate``. ``override`` says
        why sensitive fields may leave though nothing is agreed about them; it is kept in the audit log.

        :raises Invalid: naming each wrong field: ``name``, ``events``, ``settings.NAME``, ``mapping.FIELD``,
            ``cases.NAME.FIELD``, ``limits.NAME``, ``override``.
        """
        plugin, name = self._registry.needed(slug), naming.clean(name)
        now, empty = clock.now_ms(), Config(name=name, settings={}, events=(), mapping={})
        config = drafted(plugin, empty, {"name": name, "settings": settings, "events": events, **given})
        with self._store.write() as connection:
            hold_names(connection, "destinations")
            naming.check_free(name, standing.names(connection))
            listening.check(connection, config.sources)
            values = config.columns() | {"slug": slug, "created_at": now, "updated_at": now}
            destination_id = queries.insert_destination(connection, values)
            exposed, added = newly_exposed(plugin, None, config), Change(actor, "add", why)
            overriding.check(connection, destination_id, exposed, config.agreement, added, override)
            self._write(connection, destination_id, config, 1, added, plugin)
            detail = {"name": name, "type": slug, "events": list(config.events)}
            audit.record(connection, actor, "add", subjects.destination(destination_id), detail)
            return self._get(connection, destination_id)

    def list(self) -> Sequence[Destination]:
        """All that are not removed, the oldest first."""
        with self._store.read() as connection:
            names = queries.allowed_names(connection)
            return [self._destination(row, names.get(row.id, [])) for row in queries.rows(connection)]

    def names(self) -> Sequence[naming.Named]:
        """As ``list``, where no more than their names is asked for."""
        with self._store.read() as connection:
            return standing.names(connection)

    def ever(self) -> Sequence[naming.Named]:
        """As ``names``, and then those that were removed, the latest first."""
        with self._store.read() as connection:
            return standing.ever(connection)

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

    def find(self, name_or_id: str | int, *, removed: bool = False) -> Destination:
        """``removed``: one that was removed will do, too, where none that is there has the name.

        :raises NotFound: saying which destinations there are.
        """
        with self._store.read() as connection:
            among = standing.ever(connection) if removed else standing.names(connection)
            found = naming.find(name_or_id, among, "destination")
            return self._get(connection, found)

    @needs("editor", "destinations:write")
    def update(
        self, destination_id: int, *, actor: Who, why: str = "", override: str = "", seen: int | None = None,
        **given: Unpack[Given],
    ) -> Destination:  # fmt: skip
        """Change what is given. Settings left out stay, and so do secrets left blank; all else is replaced as a whole.

        Where an address leads to another server, each secret must be typed again, but by the command line.

        Limits left out stay; None sets one back to its default. ``seen``: the version that the change began with.

        :raises Invalid: as ``add`` does, or when it was changed since it was ``seen``; nothing is changed then.
        """
        with self._store.write() as connection:
            if "name" in given:
                hold_names(connection, "destinations")
            row = alive(queries.locked(connection, destination_id), destination_id)
            check_seen(connection, subjects.destination(destination_id), row.version, seen)
            before, plugin = self._config(connection, row), self._registry.plugin(row.slug)
            after = drafted(plugin, before, given)
            if plugin and isinstance(actor, Actor):  # the command line has every secret
                sealed.check_direction(plugin, before.settings, given.get("settings") or {})
            self._replace(connection, row, before, after, Change(actor, "update", why), override)
            return self._get(connection, destination_id)

    def draft(self, destination_id: int, **given: Unpack[Given]) -> tuple[Config, Config]:
        """What is set, and what would be set after such a change. Nothing is changed.

        :raises Invalid: as ``update`` does.
        """
        with self._store.read() as connection:
            row = alive(queries.one(connection, destination_id), destination_id)
            before = self._config(connection, row)
        return before, drafted(self._registry.plugin(row.slug), before, given)

    @needs("editor", "destinations:write")
    def restore(self, destination_id: int, config: Config, *, actor: Who, why: str, override: str = "") -> Destination:
        """Set all as a version has it.

        :raises Invalid: when that does not fit its plugin as it is now, in words that show no value.
        """
        with self._store.write() as connection:
            hold_names(connection, "destinations")
            row = alive(queries.locked(connection, destination_id), destination_id)
            before = self._config(connection, row)
            check_fits(self._registry.plugin(row.slug), config)
            self._replace(connection, row, before, config, Change(actor, "roll_back", why), override)
            return self._get(connection, destination_id)

    def config(self, destination_id: int) -> Config:
        """All that is set; secrets in clear."""
        with self._store.read() as connection:
            return self._config(connection, _row(connection, destination_id))

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
        it an allow list again takes that back; not what was written before, for this is a version of its own.
        """
        if not deliver_first:
            return self._set_status(destination_id, "removed", "remove", actor)
        with self._store.write() as connection:
            row = alive(queries.locked(connection, destination_id), destination_id)
            before = self._config(connection, row)
            self._keep(connection, row, before, replace(before, events=()), Change(actor, "remove"))
            leaving.begin(connection, row, actor)
        backlog.settle_now(self._store, destination_id)
        return self.get(destination_id)

    def remove_drained(self) -> None:
        """Remove those that were to be removed once all was delivered, and for which all is."""
        for destination_id in leaving.drained(self._store):
            with self._store.write() as connection:
                row = queries.locked(connection, destination_id)
                still = leaving.is_drained(connection, destination_id)  # it may have been taken back meanwhile
                if still:
                    self._stand(connection, row, "removed", "remove", "ours")
            if still:
                backlog.settle_now(self._store, destination_id)

    def settle_strays(self) -> int:
        """Move what began to wait while a status changed (a try that ended, say) to where the status puts it."""
        return backlog.settle_strays(self._store)

    def _set_status(self, destination_id: int, status: str, verb: Verb, actor: Who) -> Destination:
        with self._store.write() as connection:
            row = alive(queries.locked(connection, destination_id), destination_id)
            if row.status == "off" and verb in {"pause", "resume"}:
                raise Invalid(f'"{row.name}" is off. Turn it on first.')
            if row.status != status:
                self._stand(connection, row, status, verb, actor)
        backlog.settle_now(self._store, destination_id)
        return self.get(destination_id)

    def _stand(self, connection: Connection, row: Any, status: str, verb: Verb, actor: Who) -> None:
        """Write down the new status of a row that is locked, and who wanted it."""
        changes: dict[str, Any] = {"status": status, "paused_for": None, "updated_at": clock.now_ms()}
        if status == "removed":
            changes["settings"] = self._seal(row.id, {})
            forget_secrets(connection, self._store.sealer, subjects.destination(row.id))
        if status == "on":
            changes |= backlog.fresh_start()
        queries.change(connection, row.id, changes)
        concerned = backlog.count(connection, row.id, status)
        audit.record(connection, actor, verb, subjects.destination(row.id), {"dispatches": concerned})

    def _config(self, connection: Connection, row: Any) -> Config:
        return from_row(row, queries.allowed_of(connection, row.id), self._open(row))

    def _replace(
        self, connection: Connection, row: Any, before: Config, after: Config, change: Change, override: str
    ) -> None:
        """Put ``after`` in place of ``before``, as a new version; none when nothing differs and nobody says why."""
        if after == before and not change.why:
            return
        naming.check_free(after.name, standing.names(connection), row.id)
        listening.check(connection, after.sources)
        plugin = self._registry.plugin(row.slug)
        exposed = newly_exposed(plugin, before, after)
        overriding.check(connection, row.id, exposed, after.agreement, change, override)
        self._keep(connection, row, before, after, change)
        if after.events and after.events != before.events:
            queries.change(connection, row.id, {"leaving_since": None})
        old, new = before.document(), after.document()
        changed = sorted(name for name in new if new[name] != old[name])
        detail = {"changed": changed, "version": row.version + 1} | ({"why": change.why} if change.why else {})
        audit.record(connection, change.actor, change.verb, subjects.destination(row.id), detail)

    def _keep(self, connection: Connection, row: Any, before: Config, after: Config, change: Change) -> None:
        """Write ``after`` down as the next version."""
        plugin, subject = self._registry.plugin(row.slug), subjects.destination(row.id)
        if not newest_number(connection, subject):
            keep(connection, self._store.sealer, subject, row.version, FOUND, _document(before, plugin))
        values = after.columns() | {"version": row.version + 1, "updated_at": clock.now_ms()}
        queries.change(connection, row.id, values)
        self._write(connection, row.id, after, row.version + 1, change, plugin)

    def _write(
        self,
        connection: Connection,
        destination_id: int,
        config: Config,
        number: int,
        change: Change,
        plugin: Plugin | None,
    ) -> None:
        queries.change(connection, destination_id, {"settings": self._seal(destination_id, config.settings)})
        queries.replace_allowed(connection, destination_id, typed.allow_list(config.events))
        subject, document = subjects.destination(destination_id), _document(config, plugin)
        keep(connection, self._store.sealer, subject, number, change, document)

    def _seal(self, destination_id: int, raw: Mapping[str, Any]) -> bytes:
        return self._store.sealer.seal_json(raw, binding.settings(destination_id))

    def _open(self, row: Any) -> dict[str, Any]:
        return self._store.sealer.open_json(row.settings, binding.settings(row.id))

    def _get(self, connection: Connection, destination_id: int) -> Destination:
        row = _row(connection, destination_id)
        return self._destination(row, queries.allowed_of(connection, destination_id))

    def _destination(self, row: Any, events: Sequence[str]) -> Destination:
        opened, unopened = try_open(self._store.sealer, row.settings, binding.settings(row.id))
        return shown.from_row(row, events, opened, self._registry.plugin(row.slug), unopened)


def _document(config: Config, plugin: Plugin | None) -> dict[str, Any]:
    """As a version keeps it: with what may have been secret then."""
    return config.document() | {"secrets": sealed.hidden_settings(plugin, config.settings)}


def _row(connection: Connection, destination_id: int) -> Any:
    return known(queries.one(connection, destination_id), destination_id)
