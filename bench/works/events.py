"""Pages of the dashboard over a store with a million events: the server's time for each, with every filter."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from flask.testing import FlaskClient

from bench import filling, servers
from bench.children import Failed
from bench.finding import Contender, Figures, Finding, Plan, Ratio, interleave
from ours import clock
from ours.bootstrap import Ours
from ours.processes import keep_memory
from ours.web import create_app

_TARGET = 50
_ASKED = 61
_PASSWORD = "correct horse battery"


def run(plan: Plan, say: Callable[[str], None]) -> Finding:
    """One row for each page; SQLite, and PostgreSQL on the same events."""
    worst: dict[str, float] = {}
    rows = []
    for name, where in (("SQLite", _on_sqlite), ("PostgreSQL", _on_postgres)):
        found = where(plan, say)
        contenders = [Contender(f"{name}: {page}", partial(dict, figures)) for page, figures in found.items()]
        rows += interleave(contenders, 1, say)
        worst[name] = max(figures["p95 ms"] for figures in found.values())
    ratios = [
        Ratio(f"the slowest page on {name}, p95 (ms)", value, _TARGET, most=True) for name, value in worst.items()
    ]
    asked = f"{plan.events:,} events and as many dispatches; each page asked for {_ASKED} times in this process"
    notes = [f"{asked}, one after the other, the first time apart."]
    return Finding("Pages of the dashboard over many events", rows, ratios, notes)


def _on_sqlite(plan: Plan, say: Callable[[str], None]) -> Mapping[str, Figures]:
    with servers.folder(plan.base) as home:
        return measure(home, plan.count(plan.events), say)


def _on_postgres(plan: Plan, say: Callable[[str], None]) -> Mapping[str, Figures]:
    with servers.folder(plan.base) as home, servers.postgres(home) as address:
        return measure(home, plan.count(plan.events), say, {"OURS_DATABASE_URL": address})


def measure(
    home: Path, count: int, say: Callable[[str], None], given: Mapping[str, str] | None = None, times: int = _ASKED
) -> Mapping[str, Figures]:
    """By page, what it took when all were asked for so many times, in turn: what disturbs one disturbs all."""
    environ = {**filling.environment(home), **(given or {})}
    ours = filling.installation(environ)
    try:
        began = time.perf_counter()
        filled = filling.fill(ours, count)
        filling.settle(ours)
        ours.conservation.strike()  # as the scheduler of a running installation has
        say(f"filled with {count:,} events in {time.perf_counter() - began:.0f} s")
        client = _signed_in(ours)
        keep_memory()
        return _timed(client, pages(filled), times)
    finally:
        ours.close()


def pages(filled: filling.Filled) -> Mapping[str, str]:
    """A name for each page, and its address."""
    often, rare = filling.NAMES[0], filling.RARE
    since, until = (clock.iso(filled.moment + days * clock.DAY)[:16] for days in (-1, 1))  # type: ignore[index]
    return {
        "overview": "/",
        "sources": "/sources",
        "events": "/events",
        "events, refreshing": "/events/rows",
        "a frequent name": f"/events?name={often}",
        "a rare name": f"/events?name={rare}",
        "no such name": "/events?name=Nothing",
        "a source": "/events?source=2",
        "test": "/events?mode=test",
        "a visitor": f"/events?visitor={filled.visitor_id}",
        "two days": f"/events?from={since}&to={until}",
        "name and test": f"/events?name={often}&mode=test",
        "rare name and live": f"/events?name={rare}&mode=live",
        "rare name and source": f"/events?name={rare}&source=8",
        "no such name and live": "/events?name=Nothing&mode=live",
        "source and test": "/events?source=8&mode=test",
        "name, source and test": f"/events?name={often}&source=8&mode=test",
        "name, source, test, two days": f"/events?name={often}&source=3&mode=test&from={since}&to={until}",
        "rare name, two days": f"/events?name={rare}&from={since}&to={until}",
        "visitor and test": f"/events?visitor={filled.visitor_id}&mode=test",
        "no such source": "/events?source=99&mode=live",
        "destination": "/events?destination=1",
        "destination and state": "/events?destination=2&state=rejected",
        "state": "/events?state=exhausted",
        "no such state": "/events?state=retrying",
        "property": "/events?property=order=17",
        "url": "/events?url=/p/17",
        "dispatches": "/dispatches",
        "dispatches, rejected": "/dispatches?state=rejected",
        "dispatches, a destination": "/dispatches?destination=1&state=held",
        "dispatches, a reason": "/dispatches?reason=consent",
        "dispatches, no such reason": "/dispatches?reason=nothing",
        "dispatches, test, a day": "/dispatches?mode=test&age=24h",
        "visitor's page": f"/visitors/{filled.visitor_id}",
        "destinations": "/destinations",
        "a destination's page": "/destinations/1",
    }


def _signed_in(ours: Ours) -> FlaskClient:
    person, given = ours.people.add("bench@example.com", "admin", actor="cli")
    now = ours.people.change_password(person.id, given, _PASSWORD)
    client = create_app(ours).test_client()
    with client.session_transaction() as session:
        session["_user_id"] = f"{now.id}.{now.session}"
    return client


def _timed(client: FlaskClient, pages: Mapping[str, str], times: int) -> Mapping[str, Figures]:
    took: dict[str, list[float]] = {name: [] for name in pages}
    worked: dict[str, list[float]] = {name: [] for name in pages}
    for _ in range(times):
        for name, path in pages.items():
            began, begun = time.perf_counter(), time.process_time()
            answer = client.get(path)
            took[name].append((time.perf_counter() - began) * 1_000)
            worked[name].append((time.process_time() - begun) * 1_000)
            if answer.status_code != 200:
                raise Failed(f"{path} answered {answer.status_code}.")
    return {name: _figures(took[name], worked[name]) for name in pages}


def _figures(took: Sequence[float], worked: Sequence[float]) -> Figures:
    first, *others = took
    figures = {"p95 ms": statistics.quantiles(others, n=20)[-1], "p50 ms": statistics.median(others)}
    return figures | {"processor p50 ms": statistics.median(worked[1:]), "first ms": first}
