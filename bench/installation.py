"""An installation of ours as an operator would have prepared it."""

from collections.abc import Mapping, Sequence

from bench.senders.deliveries import SECRET
from ours.bootstrap import Ours
from ours.settings import load

LOOPBACK = "127.0.0.0/8"


def prepare(environ: Mapping[str, str], hooks: Sequence[str] = ()) -> str:
    """Make the database, a source and its destinations, as an operator would beforehand; answers the live key."""
    ours = Ours(load(environ))
    try:
        ours.prepare()
        made = ours.sources.add("bench", actor="cli")
        for number, url in enumerate(hooks):
            settings = {"url": url, "secret": SECRET}
            ours.destinations.add("webhook", f"hook {number}", settings, events=["*"], actor="cli")
        return made.live_key
    finally:
        ours.close()
