"""An installation of ours as an operator would have prepared it."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.senders.deliveries import SECRET
from ours.bootstrap import Ours
from ours.settings import load

LOOPBACK = "127.0.0.0/8"


def prepare(
    environ: Mapping[str, str], hooks: Sequence[str] = (), *, packing: bool = False, taking: int | None = None
) -> str:
    """Make the database, a source and its destinations, as an operator would beforehand; answers the live key.

    ``packing``: the destinations are no webhooks, but take a hundred events a request. ``taking``: how many of them
    take every event, the others none.
    """
    settings = load(environ)
    if packing:
        settings.plugins_dir.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(__file__).with_name("packing.py"), settings.plugins_dir)
    ours = Ours(settings)
    try:
        ours.prepare()
        made = ours.sources.add("bench", actor="cli")
        for number, url in enumerate(hooks):
            slug, given = ("packing", {"url": url}) if packing else ("webhook", {"url": url, "secret": SECRET})
            names = ["*"] if taking is None or number < taking else []
            ours.destinations.add(slug, f"hook {number}", given, events=names, actor="cli")
        return made.live_key
    finally:
        ours.close()
