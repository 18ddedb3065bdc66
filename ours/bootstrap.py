"""Ties the rooms together, once per process. Everything is made, and what is heavy imported, when first asked for."""

from typing import TYPE_CHECKING

from ours import clock, processes
from ours.errors import Invalid
from ours.once import once
from ours.registry import Registry
from ours.registry import load as load_registry
from ours.services.accept import Accept
from ours.services.audit import Audit
from ours.services.destinations import Destinations
from ours.services.overview import Overview
from ours.services.people import People, SecondFactors
from ours.services.sources import Sources
from ours.services.tokens import Tokens
from ours.services.unavailable import Unavailable
from ours.settings import Settings
from ours.store import Store, derive, migrate
from ours.store.queries import whole
from ours.store.writer import Writer

if TYPE_CHECKING:
    from ours.queue import Poker, Queue
    from ours.services.abandoning import Abandoning
    from ours.services.alerts import Alerts
    from ours.services.apply import Configuration
    from ours.services.backup import Backup
    from ours.services.conservation import Conservation
    from ours.services.deliver import Deliver
    from ours.services.explain import Explain
    from ours.services.history import History
    from ours.services.lockout import Lockout
    from ours.services.metrics import Counting, Metrics
    from ours.services.partitions import Partitions
    from ours.services.preview import Preview
    from ours.services.reconcile import Reconcile
    from ours.services.replay import Confirming, PacedReplays, Replay
    from ours.services.retention import Retention
    from ours.services.route import Route
    from ours.services.rules import Governance
    from ours.services.rules.allow import Allow
    from ours.services.rules.checking import Check
    from ours.services.secrets import Secrets
    from ours.services.sweep import Sweep
    from ours.services.visitors import Visitors


_NOTHING_YET = (
    "A restore, or a copy, was interrupted here before anything was in. Do it once more, or begin in another database."
)
_UNFINISHED = "The restore of the backup of {} was interrupted. Run it once more: `ours restore` with the same file."


class Ours:
    """One installation, seen from one process. ``close`` when done. ``patience``: as of ``Store``."""

    def __init__(self, settings: Settings, patience: float | None = None) -> None:
        self.settings = settings
        self.store = Store(settings, patience)

    def prepare(self) -> None:
        """Bring the database to the present shape.

        :raises SettingsInvalid: when there can be none where the settings say.
        :raises Busy: when it can't be reached, saying what to do about it.
        """
        self.store.reach()
        if not migrate.is_current(self.store):
            migrate.upgrade(self.store)
        self.refuse_unfinished()

    def refuse_unfinished(self) -> None:
        """:raises Invalid: when a restore was interrupted: whom it was to forget again is still here."""
        with self.store.read() as connection:
            if moment := whole.unfinished(connection):
                raise Invalid(_UNFINISHED.format(clock.iso(moment)) if whole.are_in(moment) else _NOTHING_YET)

    def is_served(self) -> bool:
        """Whether a server or a worker runs on this database."""
        if self.store.is_sqlite:
            return bool(processes.notes(self.settings.home))
        with self.store.read() as connection:
            return bool(whole.others(connection))

    @once
    def session_keys(self) -> list[str]:
        """What signs the dashboard's cookies: the newest key first."""
        return [derive(key, "session").hex() for key in self.settings.secret_keys]

    @once
    def registry(self) -> Registry:
        return load_registry(self.settings)

    @once
    def queue(self) -> "Queue":
        from ours.queue import Queue

        return Queue(self.settings)

    @once
    def accept(self) -> Accept:
        return Accept(self.store, self.settings, self._writer, self.unavailable)

    @once
    def unavailable(self) -> Unavailable:
        return Unavailable()

    @once
    def route(self) -> "Route":
        from ours.services.route import Route

        return Route(self.store, self.registry)

    @once
    def deliver(self) -> "Deliver":
        from ours.services.deliver import Deliver

        return Deliver(self.store, self.registry, self.settings)

    @once
    def sweep(self) -> "Sweep":
        from ours.services.sweep import Sweep

        return Sweep(self.store, self.registry, self.queue)

    @once
    def retention(self) -> "Retention":
        from ours.services.retention import Retention

        return Retention(self.store, self.settings)

    @once
    def partitions(self) -> "Partitions":
        from ours.services.partitions import Partitions

        return Partitions(self.store, self.settings)

    @once
    def replay(self) -> "Replay":
        from ours.services.replay import Replay

        return Replay(self.store, self.registry)

    @once
    def confirming(self) -> "Confirming":
        from ours.services.replay import Confirming

        return Confirming(self.store, self.registry)

    @once
    def paced_replays(self) -> "PacedReplays":
        from ours.services.replay import PacedReplays

        return PacedReplays(self.store, self.registry)

    @once
    def reconcile(self) -> "Reconcile":
        from ours.services.reconcile import Reconcile

        return Reconcile(self.store)

    @once
    def conservation(self) -> "Conservation":
        from ours.services.conservation import Conservation

        return Conservation(self.store)

    @once
    def alerts(self) -> "Alerts":
        from ours.services.alerts import Alerts

        return Alerts(self.store, self.registry, self.settings, self.queue.reachable)

    @once
    def sources(self) -> Sources:
        return Sources(self.store)

    @once
    def destinations(self) -> Destinations:
        return Destinations(self.store, self.registry)

    @once
    def governance(self) -> "Governance":
        from ours.services.rules import Governance

        return Governance(self.store)

    @once
    def allow(self) -> "Allow":
        from ours.services.rules.allow import Allow

        return Allow(self.store, self.registry)

    @once
    def check(self) -> "Check":
        from ours.services.rules.checking import Check

        return Check(self.store, self.registry)

    @once
    def history(self) -> "History":
        from ours.services.history import History

        return History(self.store, self.registry)

    @once
    def preview(self) -> "Preview":
        from ours.services.preview import Preview

        return Preview(self.store, self.registry)

    @once
    def explain(self) -> "Explain":
        from ours.services.explain import Explain

        return Explain(self.store, self.registry)

    @once
    def people(self) -> People:
        return People(self.store)

    @once
    def second_factors(self) -> SecondFactors:
        return SecondFactors(self.store)

    @once
    def abandoning(self) -> "Abandoning":
        from ours.services.abandoning import Abandoning

        return Abandoning(self.store, self.registry)

    @once
    def secrets(self) -> "Secrets":
        from ours.services.secrets import Secrets

        return Secrets(self.store, self.settings)

    @once
    def lockout(self) -> "Lockout":
        from ours.services.lockout import Lockout

        return Lockout(self.store)

    @once
    def tokens(self) -> Tokens:
        return Tokens(self.store)

    @once
    def visitors(self) -> "Visitors":
        from ours.services.visitors import Visitors

        return Visitors(self.store, self.route, self.settings.home)

    @once
    def audit(self) -> Audit:
        return Audit(self.store)

    @once
    def overview(self) -> Overview:
        return Overview(self.store, self.registry)

    @once
    def backup(self) -> "Backup":
        from ours.services.backup import Backup

        return Backup(self.store, again=(self._free_lost, self._forget_again))

    def _free_lost(self, _: Store) -> None:
        while self.sweep.free_lost():
            pass

    def _forget_again(self, _: Store) -> None:
        self.visitors.reapply_forgotten(actor="ours")

    @once
    def configuration(self) -> "Configuration":
        from ours.services.apply import Configuration
        from ours.services.apply.destinations import DestinationsSection
        from ours.services.apply.governance import GovernanceSection
        from ours.services.apply.sources import SourcesSection

        destinations = DestinationsSection(self.destinations, self.sources, self.registry, self.audit)
        governance = GovernanceSection(self.governance, self.destinations)
        return Configuration(self.store, [SourcesSection(self.sources), destinations, governance])

    @once
    def metrics(self) -> "Metrics":
        from ours.services.metrics import Metrics

        return Metrics(self.store, self.registry, self.queue, self.settings, self.unavailable)

    @once
    def counting(self) -> "Counting":
        from ours.services.metrics import Counting

        return Counting(self.store)

    @once
    def _poker(self) -> "Poker":
        from ours.queue import Poker

        return Poker(self.queue, "route")

    @once
    def _writer(self) -> Writer:
        return Writer(self.store, self._poker.poke)

    def close(self) -> None:
        """End the threads and close the files of what was used."""
        for name in ("_writer", "unavailable", "_poker", "deliver", "queue", "store"):
            if name in self.__dict__:
                self.__dict__[name].close()
