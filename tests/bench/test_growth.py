"""What is measured as an installation grows."""

import json
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bench import filling, servers
from bench.finding import Plan
from bench.installation import LOOPBACK
from bench.load.bodies import event, event_template
from bench.tally import Tally
from bench.works import growth
from ours.store import tables
from ours.web.ingest.schemas import BATCH_ROW


def test_every_event_arrives_where_it_is_taken_and_nowhere_else(tmp_path: Path) -> None:
    plan = Plan(tmp_path, quick=True)
    with servers.receiver(tmp_path) as receiver, Tally(receiver.tally) as tally:
        with growth.installation(tmp_path, [receiver.url] * 3, taking=2) as ours:
            found = growth.measure(plan, ours, receiver, 2)
            balance = ours.overview.balance()
        assert tally.count == balance.delivered == balance.accepted * 2
        assert balance.stopped == balance.accepted
    assert all(figure > 0 for figure in found.values())


@pytest.mark.parametrize(("most", "steps"), [(500, [500]), (10_000, [10_000]), (2_000_000, [10**4, 10**5, 10**6])])
def test_each_store_holds_ten_times_what_the_last_one_did(most: int, steps: list[int]) -> None:
    assert growth.steps(most) == steps


def test_what_was_stored_is_guarded_against_coming_twice(tmp_path: Path) -> None:
    environ = {"OURS_HOME": str(tmp_path / "data"), "OURS_PLUGINS_DIR": str(tmp_path), "OURS_ALLOW_NETWORKS": LOOPBACK}
    ours = filling.installation(environ)
    try:
        filling.fill(ours, 50)
        with ours.store.read() as connection:
            assert connection.scalar(select(func.count()).select_from(tables.seen)) == 50
    finally:
        ours.close()


@pytest.mark.parametrize("size", [0, 500, 5_000, 50_000])
def test_an_event_has_the_size_that_is_asked_for_and_is_one_that_is_taken(size: int) -> None:
    written = event_template("t", size) % (1, 2)
    assert size <= len(written) < max(size + 200, 600)
    assert event("t", 1, size)["event"] == json.loads(written)["event"]
    assert not BATCH_ROW.incoming(event("t", 1, size), 0).warnings
