"""The latest standing as the scheduler keeps it in a row: read in no time, however much there was to count."""

import time
from collections import Counter
from dataclasses import asdict
from typing import NamedTuple

import orjson
from sqlalchemy import Connection

from ours.core.balance import Balance
from ours.services.overview import figures
from ours.services.overview.views import Health, Standing
from ours.store.queries import checks

_NAME = "standing"


class Struck(NamedTuple):
    """A standing, and how long it took to count (seconds)."""

    standing: Standing
    took: float


def strike(connection: Connection) -> Struck:
    begun = time.monotonic()
    return Struck(figures.standing(connection), time.monotonic() - begun)


def put(connection: Connection, struck: Struck) -> None:
    shares = {str(place): health.states for place, health in struck.standing.health.items()}
    result = {"balance": asdict(struck.standing.balance), "health": shares, "took": struck.took}
    checks.put(connection, _NAME, struck.standing.at, orjson.dumps(result).decode())


def latest(connection: Connection) -> Struck | None:
    """What was put last; None: nothing yet."""
    row = checks.latest(connection, _NAME)
    if row is None:
        return None
    result = orjson.loads(row.result)
    shares = {int(place): Health(Counter(states)) for place, states in result["health"].items()}
    return Struck(Standing(Balance(**result["balance"]), figures.of_each(shares), row.at), result["took"])
