"""The first page: is all well, how much comes in, does it arrive?"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from flask import render_template, url_for

from ours import clock
from ours.core import subjects
from ours.core.retry import TROUBLED
from ours.services.alerts import Alert
from ours.services.conservation import Watched
from ours.services.destinations import Destination
from ours.services.overview import Health
from ours.services.overview.pace import MOST_TRIES
from ours.web.current import ours
from ours.web.show import remedies
from ours.web.show.bars import bars
from ours.web.show.door import may, page
from ours.web.show.remedies import Way

_MOST = 12
_MOST_PLACES = 20
_STALE = 10 * clock.MINUTE
_PAGES = {"plugin": "show.plugins", "unopened": "show.dispatches", "ending": "show.sources"}
_GRAVE = {"balance", "lost", "disk", "paused", "plugin", "unopened", "unfit", "late", "clock", "refused"}
_NAMES = {"balance": "Conservation", "lost": "Conservation", "disk": "Disk", "backlog": "Backlog", "plugin": "Plugins",
          "unopened": "Secret keys", "ending": "Expiring soon", "late": "Routing", "clock": "Clock",
          "refused": "New events", "queue": "Queue"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Concern:
    """Something that wants a person: ``name`` leads to ``address``, ``words`` go on from it, ``until`` it is over.

    ``ways``: where else it is looked into, or mended.
    """

    tone: str
    name: str
    words: str
    address: str
    since: int | None = None
    until: int | None = None
    ways: Sequence[Way] = ()


@page("/", "viewer")
def overview() -> str:
    here = ours()
    destinations, standing = here.destinations.list(), here.overview.lately()
    alerts, watched = here.alerts.list(), here.conservation.watched()
    told = {(one.kind, one.subject) for one in alerts}
    sources = here.sources.list()
    last = sorted(sources, key=lambda one: one.last_seen_at or 0, reverse=True)[:_MOST]
    worst = sorted(destinations, key=lambda one: _trouble(standing.health[one.id]), reverse=True)[:_MOST_PLACES]
    concerns = [
        *_alerts(alerts, {one.id: one.name for one in destinations}),
        *_watch(watched),
        *_plugins(told),
        *_destinations(destinations, standing.health, told),
    ]
    return render_template(
        "overview/overview.html",
        attention=sorted(concerns, key=lambda one: one.tone),  # "bad" stands before "warn"
        most_concerns=_MOST,
        standing=standing,
        balance=standing.balance,
        pace=here.overview.pace(),
        most_tries=MOST_TRIES,
        listed_as_trouble=TROUBLED,
        watched=watched,
        chart=bars(here.overview.hours()),
        sources=[one for one in sources if one in last],
        sources_left_out=len(sources) - len(last),
        destinations=[one for one in destinations if one in worst],
        destinations_left_out=len(destinations) - len(worst),
        health=standing.health,
    )


def _trouble(health: Health) -> tuple[int, ...]:
    """The more of it, the sooner somebody wants to see it; then who has the most to do."""
    return health.failed, health.held, health.open, health.delivered


def _alerts(alerts: Sequence[Alert], names: Mapping[int, str]) -> Iterator[Concern]:
    for one in alerts:
        tone, place = "bad" if one.kind in _GRAVE else "warn", one.destination_id
        name, words = _NAMES.get(one.kind) or "Destination", one.words
        if place is not None and place in names and words.startswith(f"“{names[place]}” "):
            name, words = names[place], words.removeprefix(f"“{names[place]}” ")
        said = f"{words} {remedies.words(one.kind)}"
        yield Concern(tone, name, said, _address(one, place), one.opened_at, ways=remedies.ways(one.kind, place))


def _address(one: Alert, destination_id: int | None) -> str:
    if destination_id is not None:
        anchor = "failed" if one.kind == "failing" else None
        return url_for("show.destination", destination_id=destination_id, _anchor=anchor)
    if subjects.read(one.subject)[0] == "token":
        return url_for("show.tokens" if may("admin") else "show.overview")
    return url_for(_PAGES.get(one.kind, "show.overview"))


def _watch(watched: Watched) -> Iterator[Concern]:
    if watched.at is not None and clock.now_ms() - watched.at > _STALE:
        words = "has not checked the balance for a while. Check that `ours worker scheduler` is running."
        yield Concern("bad", "The scheduler", words, url_for("show.overview"), watched.at)


def _plugins(told: AbstractSet[tuple[str, str]]) -> Iterator[Concern]:
    for one in ours().registry.set_aside:
        if ("plugin", subjects.plugin(one.name)) in told:
            continue
        yield Concern("bad", one.name, f"is a plugin that was set aside. {one.reason}", url_for("show.plugins"))


def _destinations(
    destinations: Sequence[Destination], health: Mapping[int, Health], told: AbstractSet[tuple[str, str]]
) -> Iterator[Concern]:
    """What alerts do not tell of: a person did it, or may well mean it."""
    for one in destinations:
        address, subject = url_for("show.destination", destination_id=one.id), subjects.destination(one.id)
        if not one.loaded and ("plugin", subject) not in told:
            words = f"has no plugin: “{one.slug}” is not loaded. Its backlog is held."
            yield Concern("bad", one.name, words, address, ways=remedies.ways("plugin", one.id))
        elif one.status == "paused" and ("paused", subject) not in told:
            words, ways = f"is paused, and holds {health[one.id].held:,}.", remedies.ways("paused_by_hand", one.id)
            yield Concern("warn", one.name, words, address, ways=ways)
        elif one.status == "on" and one.rests_until is not None and one.rests_until > clock.now_ms():
            yield Concern("warn", one.name, "asked us to wait: nothing is tried.", address, until=one.rests_until)
        elif one.leaving:
            yield Concern("warn", one.name, "is being removed: what waits is delivered first.", address)
        elif not one.events:
            ways = remedies.ways("empty", one.id)
            yield Concern("warn", one.name, "has an empty allow list: nothing is sent to it.", address, ways=ways)
