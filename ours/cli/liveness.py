"""What ``ours doctor`` looks at for life: does anybody work, and does anything wait too long?"""

from collections.abc import Iterator
from typing import Any

from ours.bootstrap import Ours
from ours.cli.finding import Finding
from ours.clock import MINUTE, SECOND, is_wrong, now_ms
from ours.core.breaker import IN_A_ROW
from ours.errors import Busy
from ours.services.metrics.counting import SCHEDULER
from ours.store import reaching, turnstile
from ours.store.queries import counters, events, moments, reading_figures, server

_LONGEST_SILENCE = MINUTE
_LONGEST_ROUTING = MINUTE
_LONGEST_DUE = 5 * MINUTE
_LONGEST_TURN = 10.0


def locks(ours: Ours) -> Iterator[Finding]:
    """Nobody keeps others out of the database, nor from cleaning it up.

    :raises Busy: when nobody can write, so that what else there is to look at would wait.
    """
    if ours.store.turnstile:
        if who := ours.store.turnstile.kept_by(_LONGEST_TURN):
            said = f"{who} keeps others waiting: nobody has written for {_LONGEST_TURN:.0f} s."
            yield Finding("locks", "fail", said, turnstile.MEND)
            raise Busy(said, reason="waiting")
        return
    with ours.store.read() as connection:
        found, uncleaned = server.in_the_way(connection), server.uncleaned(connection)
    for one in found:
        lasts = f", in a transaction that has lasted {one.seconds:,} s" if one.seconds is not None else ""
        said = f"{_session(one)} keeps others waiting{lasts}."
        yield Finding("locks", "fail", said, f"If nobody needs it: SELECT pg_terminate_backend({one.pid})")
    for one in uncleaned:
        yield Finding(
            "vacuum", "warn",
            f"{_session(one)} has had a transaction open for {one.seconds:,} s. What was changed since can't be"
            " cleaned away: to find what is next to route and to send takes longer and longer.",
            f"A backup ends by itself. If nobody needs it: SELECT pg_terminate_backend({one.pid})",
        )  # fmt: skip


def _session(one: Any) -> str:
    return f"Session {one.pid} ({one.person}, {one.program or 'unnamed'})"


def writes(ours: Ours) -> Iterator[Finding]:
    """The database takes what an event would write. One that is read-only, and a wrong clock, are told of elsewhere."""
    if is_wrong():
        return
    with ours.store.read() as connection:
        if not ours.store.is_sqlite and server.is_read_only(connection):
            return
    try:
        with ours.store.write() as connection:
            server.try_to_write(connection)
    except Busy as error:
        yield Finding("database", "fail", str(error), reaching.remedy(str(error)))


def scheduler(ours: Ours) -> Iterator[Finding]:
    """It notes that it is at work every ten seconds."""
    with ours.store.read() as connection:
        seen = counters.noted(connection, SCHEDULER)
        begun, now = moments.first_event(connection), moments.common(connection)
    silent = now - (seen or begun or now)
    if silent > _LONGEST_SILENCE:
        yield Finding(
            "scheduler", "warn", f"No scheduler has worked for {silent // SECOND} s: lost work is not found,"
            " and no alerts are sent.", "Start `ours serve`, or `ours worker scheduler`.",
        )  # fmt: skip
    elif not seen:
        return  # nothing ever ran here: what the queue says is enough
    else:
        yield Finding("scheduler", "ok", "It is running.")


def waiting(ours: Ours) -> Iterator[Finding]:
    """Nothing waits longer than it should."""
    with ours.store.read() as connection:
        unrouted = events.oldest_unrouted(connection)
        places = reading_figures.oldest_due(connection)
    now = now_ms()
    if unrouted is not None and now - unrouted > _LONGEST_ROUTING:
        yield Finding(
            "waiting", "warn", f"An event has waited {(now - unrouted) // SECOND} s to be routed.",
            "Check that the route worker runs, and its log.",
        )  # fmt: skip
    for place in places:
        if place.due_at is not None and now - place.due_at > _LONGEST_DUE:
            yield Finding(
                "waiting", "warn", f"{place.name} has had something due for {(now - place.due_at) // SECOND} s.",
                "Check that a deliver worker runs, and the destination's limits.",
            )  # fmt: skip


def destinations(ours: Ours) -> Iterator[Finding]:
    """Each has its plugin, and none stands still or takes nothing."""
    with ours.store.read() as connection:
        in_vain = counters.rejected_in_a_row(connection, IN_A_ROW)
    for one in ours.destinations.list():
        if not one.loaded:
            yield Finding(
                "destinations", "fail",
                f'{one.name} needs the plugin "{one.slug}", which is not loaded: what it is owed is held.',
                "`ours plugin list` says why; put it back, and restart.",
            )  # fmt: skip
        elif one.unfit and one.status != "off":
            yield Finding(
                "destinations", "fail", f"{one.name} holds all that it is owed. {one.unfit.words}",
                f"Fix it: `ours destination update {one.id}`, or put its plugin back as it was, and restart.",
            )  # fmt: skip
        elif one.paused_for:
            yield Finding(
                "destinations", "warn", f"{one.name} paused itself ({one.paused_for}).",
                f"Renew its credentials, or fix its settings or plugin, then `ours destination resume {one.id}`.",
            )  # fmt: skip
        elif one.breaker.state != "closed":
            yield Finding(
                "destinations", "warn", f"{one.name} fails; what it is owed is held, and it is probed.",
                "See its last attempts on the dashboard.",
            )  # fmt: skip
        elif one.status == "on" and one.id in in_vain:
            yield Finding(
                "destinations", "warn", f"{one.name} takes nothing: the last {in_vain[one.id]:,} were rejected.",
                "See its last attempts on the dashboard, fix its mapping or settings, then `ours replay many`.",
            )  # fmt: skip


def alerts(ours: Ours) -> Iterator[Finding]:
    """Whoever is to be told of what is not well was told."""
    for problem in sorted({one.problem for one in ours.alerts.list() if one.problem}):
        yield Finding("alerts", "warn", f"Some could not be sent. {problem}", "Fix it, and test it: `ours alert test`.")
