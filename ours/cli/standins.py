"""Stand-ins of the vendors on this machine, for ``ours demo --doubles``: destinations that hear the demo alone."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from ours.bootstrap import Ours
from ours.cli import double
from ours.cli.shell import ACTOR, Shell
from ours.core.retry import TROUBLED
from ours.errors import Invalid, NotFound
from ours.plugin import IDENTIFY
from ours.plugin.testing.doubles import Double
from ours.services.replay import Filter

_NAME = "Stand-in for {}"
_EVENTS = ("*", IDENTIFY)
_PATIENCE = 60.0
_CALM = 1.0
"""Seconds in which nothing happens any more."""
_FIRST = 10.0
"""Seconds to wait for the first request."""
_HINT = (
    "The server may not reach this machine's own network, so it refused to deliver the first event. Start it with"
    " OURS_ALLOW_NETWORKS=127.0.0.0/8, then do this again."
)
_COLUMNS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "stand-in": lambda one: one["plugin"],
    "requests": lambda one: str(one["requests"]),
    "kept": lambda one: str(one["kept"]),
    "did not arrive, and why": lambda one: ", ".join(f"{n} {why}" for why, n in one["not_delivered"].items()) or "–",
}
Standing = Mapping[int, tuple[str, Double]]


@contextmanager
def up(ours: Ours, source_id: int) -> Iterator[Standing]:
    """Have each vendor's double run, and a destination that leads to it; they are off again in the end.

    :raises Invalid: when what is invented would be delivered elsewhere, too.
    """
    _see_to_nobody_else(ours, source_id)
    with ExitStack() as stack:
        standing: dict[int, tuple[str, Double]] = {}
        stack.callback(lambda: [ours.destinations.turn_off(one, actor=ACTOR) for one in standing])
        for slug in double.names():
            vendor = stack.enter_context(double.find(slug)())
            vendor.remember = False
            standing[_destination(ours, slug, source_id, vendor)] = (slug, vendor)
        yield standing


def see_that_they_are_reached(ours: Ours, standing: Standing, since: int) -> None:
    """Wait for the first request, or for long enough.

    :raises Invalid: when the server refuses to send to this machine.
    """
    ends = time.monotonic() + _FIRST
    while time.monotonic() < ends and not any(vendor.came for _, vendor in standing.values()):
        if any("ssrf_refused" in one["not_delivered"] for one in report(ours, standing, since)):
            raise Invalid(_HINT)
        time.sleep(0.1)


def settle(ours: Ours, standing: Standing) -> None:
    """Wait until nothing is under way to them any more."""
    ends, seen, since = time.monotonic() + _PATIENCE, None, time.monotonic()
    while time.monotonic() < ends:
        states = [dict(ours.overview.waiting(one).states) for one in standing]
        under_way = any(one.get(state) for one in states for state in ("pending", "sending"))
        if states != seen or under_way:
            seen, since = states, time.monotonic()
        elif time.monotonic() - since > _CALM:
            return
        time.sleep(0.2)


def report(ours: Ours, standing: Standing, since: int) -> Sequence[Mapping[str, Any]]:
    """Of each stand-in, what it was sent and took ``since`` that moment, and what did not arrive, with why."""
    told = []
    for destination_id, (slug, vendor) in standing.items():
        wanted = Filter(destination_id=destination_id, states=frozenset(TROUBLED), since=since)
        causes = ours.overview.trouble(wanted).causes
        why = {cause.reason or cause.state: cause.count for cause in causes}
        said = {"destination": destination_id, "plugin": slug, "requests": vendor.came, "kept": vendor.took}
        told.append(said | {"not_delivered": why})
    return told


def show(shell: Shell, told: Sequence[Mapping[str, Any]]) -> None:
    """For people."""
    shell.show_all(told, _COLUMNS, "There is no double.")
    shell.say("See the dashboard for each event's request, answer and reason. The stand-ins are off again.")


def _destination(ours: Ours, slug: str, source_id: int, vendor: Double) -> int:
    given: dict[str, Any] = {"events": list(_EVENTS), "sources": [source_id], "agreement": "self-hosted"}
    name = _NAME.format(slug)
    try:
        found = ours.destinations.find(name)
    except NotFound:
        return ours.destinations.add(slug, name, dict(vendor.settings), actor=ACTOR, **given).id
    ours.destinations.update(found.id, actor=ACTOR, settings=dict(vendor.settings), **given)
    return ours.destinations.turn_on(found.id, actor=ACTOR).id


def _see_to_nobody_else(ours: Ours, source_id: int) -> None:
    for one in ours.destinations.list():
        mine = one.name.startswith(_NAME.format(""))
        if not mine and one.status in {"on", "paused"} and one.events and source_id in (one.sources or (source_id,)):
            raise Invalid(
                f"“{one.name}” would be sent the invented events, too. Let it listen to other sources alone"
                f" (`ours destination update {one.id} --source NAME`), or turn it off for as long."
            )
