"""The first page: is all well, how much comes in, does it arrive?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from flask import render_template, url_for

from ours.services.destinations import Destination
from ours.services.overview import Health
from ours.web.current import ours
from ours.web.show.bars import bars
from ours.web.show.door import page


@dataclass(frozen=True, slots=True)
class Concern:
    """Something that wants a person: ``name`` leads to ``address``, ``words`` go on from it."""

    tone: str
    name: str
    words: str
    address: str


@page("/", "viewer")
def overview() -> str:
    here = ours()
    destinations, standing = here.destinations.list(), here.overview.standing()
    return render_template(
        "overview/overview.html",
        attention=[*_plugins(), *_destinations(destinations, standing.health)],
        balance=standing.balance,
        chart=bars(here.overview.hours()),
        sources=here.sources.list(),
        destinations=destinations,
        health=standing.health,
    )


def _plugins() -> Iterator[Concern]:
    for one in ours().registry.set_aside:
        yield Concern("bad", one.name, f"is a plugin that was set aside. {one.reason}", url_for("show.plugins"))


def _destinations(destinations: Sequence[Destination], health: Mapping[int, Health]) -> Iterator[Concern]:
    for one in destinations:
        address = url_for("show.destination", destination_id=one.id)
        if not one.loaded:
            yield Concern("bad", one.name, f"has no plugin: “{one.slug}” is not loaded. Its backlog is held.", address)
        elif one.status == "paused":
            yield Concern("warn", one.name, f"is paused, and holds {health[one.id].held:,}.", address)
        elif not one.events:
            yield Concern("warn", one.name, "has an empty allow list: nothing leaves for it.", address)
