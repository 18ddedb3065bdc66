"""What ``ours doctor`` looks at. Each check yields findings: what is so, and how to mend it when it is not well."""

import shutil
import stat
from collections.abc import Callable, Iterator, Mapping

from ours.bootstrap import Ours
from ours.cli import liveness, partitions, safety
from ours.cli.finding import Finding
from ours.clock import MINUTE, SECOND, is_wrong, iso, now_ms
from ours.core import concerns
from ours.core.reasons import describe
from ours.errors import Busy, Unsealable
from ours.services.opening import unopened
from ours.settings import Settings, unknown
from ours.store import migrate
from ours.store.queries import events, moments, server, whole

_MB = 1024 * 1024
_DRIFT = 2 * SECOND
_PRIVATE = (".", "secret.key", "ours.db", "ours.db-wal")


def environment(environ: Mapping[str, str] | None = None) -> Iterator[Finding]:
    """Variables that look like settings and are none."""
    for name in unknown(environ):
        yield Finding(
            "settings", "warn", f"{name} is not a setting.", "See docs/settings.md for the names; remove this one."
        )


def home(settings: Settings) -> Iterator[Finding]:
    """The data folder is ours alone, and has room."""
    for path in (settings.home / name for name in _PRIVATE):
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            mode = "700" if path.is_dir() else "600"
            yield Finding("data folder", "fail", f"Others may read {path}.", f"chmod {mode} {path}")
        elif path.exists():
            yield Finding("data folder", "ok", f"{path} is closed to others.")
    free, least = shutil.disk_usage(settings.home).free // _MB, settings.min_free_mb
    if free < least:
        yield Finding(
            "disk", "fail", f"{free} MB are free: new events are refused.", "Make room, or lower OURS_MIN_FREE_MB."
        )
    elif free < 5 * least:
        yield Finding(
            "disk", "warn", f"Only {free} MB are free.", f"Make room: below {least} MB new events are refused."
        )
    else:
        yield Finding("disk", "ok", f"{free} MB are free.")


def moment() -> Iterator[Finding]:
    """The clock shows a time that can be."""
    if is_wrong():
        said = f"It shows {iso(now_ms())}, before 2025. New events are refused, nothing is delivered."
        yield Finding(
            "clock", "fail", said, "Correct it, and synchronise it by NTP: everything then resumes automatically."
        )


def database(ours: Ours) -> Iterator[Finding]:
    """It answers, takes writes, and its clock goes right."""
    with ours.store.read() as connection:
        drift = moments.now(connection) - now_ms()
        read_only = not ours.store.is_sqlite and server.is_read_only(connection)
    if read_only:
        said = "It is read-only: new events are answered 503, and nothing is delivered."
        mend = "Name the primary in OURS_DATABASE_URL, not a standby; or set default_transaction_read_only = off."
        yield Finding("database", "fail", said, mend)
    else:
        yield Finding("database", "ok", "It answers.")
    if abs(drift) > _DRIFT:
        yield Finding(
            "clock", "warn", f"The database's clock is {drift / SECOND:+.1f} s off ours.", "Synchronise both by NTP."
        )
    elif not is_wrong():
        yield Finding("clock", "ok", "The database's clock and ours agree.")


def tables(ours: Ours) -> Iterator[Finding]:
    if migrate.is_ahead(ours.store):
        yield Finding(
            "tables",
            "warn",
            "A newer version of ours has migrated them; this one still works.",
            "Update this machine too.",
        )
    elif migrate.is_current(ours.store):
        yield Finding("tables", "ok", "They have the current version.")
    else:
        yield Finding("tables", "fail", "They have another version.", "ours db upgrade")
    with ours.store.read() as connection:
        if moment := whole.unfinished(connection):
            again = "with the same file" if whole.are_in(moment) else "or ours db copy, once more"
            yield Finding("tables", "fail", "A restore was interrupted.", f"ours restore, {again}")


def past(ours: Ours) -> Iterator[Finding]:
    """No event comes from the future: this clock is not behind, and none was ahead."""
    with ours.store.read() as connection:
        newest = moments.newest_event(connection)
    if newest is not None and newest > now_ms() + MINUTE:
        yield Finding(
            "clock", "warn", "The newest event was received in the future.",
            "If this machine's clock is behind, set it. If one was ahead when the event came, this goes away with time."
        )  # fmt: skip


def secrets(ours: Ours) -> Iterator[Finding]:
    """What is stored opens with the keys that we have."""
    try:
        _ = ours.store.lookup
    except Unsealable as error:
        yield Finding("secret keys", "fail", str(error), "Put the old key at the end of OURS_SECRET_KEYS.")
    else:
        with ours.store.read() as connection:
            waiting = unopened(connection)
        for reason, count in sorted(waiting.items()):
            said = concerns.unopened(reason, count.events, count.dispatches)
            lost = f"If that can never be: ours secrets abandon {reason}"
            yield Finding("secret keys", "fail", said.words, f"{describe(reason).remedy} {lost}")
        if not waiting:
            yield Finding("secret keys", "ok", "They open what is stored.")
    if ours.secrets.any_old():
        yield Finding(
            "secret keys", "warn", "Some stored data is sealed with an older key.",
            "ours secrets rotate, and then remove the old key."
        )  # fmt: skip


def forgotten(ours: Ours) -> Iterator[Finding]:
    """Nobody is here who was forgotten: brought back by a tool of the database itself, or not done with."""
    if count := ours.visitors.left():
        said = f"Forgotten visitors who are here: {count}. A backup brought them back, or forgetting was not finished."
        mend = "Unless somebody is forgetting them right now: ours visitor forget --again, before you start the server."
        yield Finding("forgotten", "fail", said, mend)


def queue(ours: Ours) -> Iterator[Finding]:
    trouble = ours.queue.trouble()
    if not trouble:
        yield Finding("queue", "ok", "It accepts pokes.")
    elif ours.settings.embedded_queue:
        yield Finding(
            "queue", "warn", "The embedded queue is not running, because the server is not running.", "ours serve"
        )
    else:
        said = f"It can't be used: {trouble}. Deliveries go on, more slowly."
        mend = "Check OURS_REDIS_URL, and that it is not a replica and has memory left."
        yield Finding("queue", "warn", said, mend)


def plugins(ours: Ours) -> Iterator[Finding]:
    yield Finding("plugins", "ok", f"{len(ours.registry.loaded)} loaded.")
    for one in ours.registry.set_aside:
        yield Finding("plugins", "warn", f"{one.name} was set aside: {one.reason}", f"Fix {one.where} and restart.")


def work(ours: Ours) -> Iterator[Finding]:
    """Whether anything waits for a person, and whether all adds up."""
    with ours.store.read() as connection:
        unrouted = events.count_unrouted(connection)
    balance, faults = ours.overview.balance(), ours.conservation.watched().faults
    if balance.difference:
        yield Finding("balance", "fail", f"It is off by {balance.difference}: this is a bug in ours.", "Report it.")
    if faults:
        mend = "`ours balance --check` lists them. This is a bug in ours: report it."
        yield Finding("balance", "fail", concerns.lost(len(faults)).words, mend)
    elif not balance.difference:
        yield Finding("balance", "ok", "Every decision was made exactly once.")
    if unrouted > ours.settings.max_backlog // 10:
        yield Finding("backlog", "warn", f"{unrouted} events wait to be routed.", "Check that the route worker runs.")
    for state, count in (("held", balance.held), ("retrying", balance.retrying)):
        if count:
            yield Finding(
                "backlog", "warn", f"{count} dispatches are {state}.", "See their reasons on the Destinations page."
            )


def installation(ours: Ours) -> Iterator[Finding]:
    """All that needs the database, as far as it goes.

    :raises SettingsInvalid: when the settings name none.
    """
    try:
        ours.store.reach()
        yield from database(ours)
        yield from liveness.locks(ours)
        shaped = list(tables(ours))
        yield from shaped
        later: tuple[Callable[[Ours], Iterator[Finding]], ...] = (
            liveness.writes, safety.rights, safety.durability, past, secrets, forgotten, partitions.check, work,
            liveness.scheduler, liveness.waiting, liveness.destinations, liveness.alerts,
        )  # fmt: skip
        for check in later if shaped[0].status != "fail" else ():
            yield from check(ours)
    except Busy as error:
        said, cut, mend = str(error).partition("). ")
        if error.reason == "database":
            yield Finding("database", "fail", said + cut.rstrip(), mend or "Check that it runs, and OURS_DATABASE_URL.")
    yield from queue(ours)
    yield from plugins(ours)
