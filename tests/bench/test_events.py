"""The store that pages are measured over is one that the dashboard can show."""

from pathlib import Path

import pytest

from bench.works import events


@pytest.mark.long
def test_every_page_that_is_measured_is_there(tmp_path: Path) -> None:
    found = events.measure(tmp_path, 300, print, times=3)
    assert len(found) > 30
    assert all(figures["p95 ms"] > 0 for figures in found.values())
