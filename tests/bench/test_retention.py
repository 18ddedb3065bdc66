"""What is measured is retention: it deletes what is old enough, and nothing when nothing is."""

from pathlib import Path

import pytest

from bench.finding import Plan
from bench.works import retention


@pytest.mark.long
def test_it_deletes_while_events_are_taken_and_only_then(tmp_path: Path) -> None:
    plan = Plan(tmp_path, rounds=1, seconds=0.3, events=2_000)
    with retention.filled(plan, print) as place:
        quiet = retention.measure(plan, place, retention.steady, delete=False)
        assert retention.deleted(place) == 0
        retention.measure(plan, place, retention.flood, delete=True)
        assert retention.deleted(place) > 100
    assert quiet["accepted/s"] == pytest.approx(retention.RATE, rel=0.1)
