"""A rolling restart is what it is said to be: each process is ended and started anew, and all is counted."""

from pathlib import Path

import pytest

from bench.finding import Plan
from bench.works import rolling


@pytest.mark.long
def test_a_small_one_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rolling, "_APART", 0)
    said: list[str] = []
    found = rolling.measure(Plan(tmp_path, rounds=1, seconds=0.2), said.append, ["route", "deliver"])
    assert [line.split(":")[0] for line in said] == ["web 1", "web 2", "route 1", "deliver 1"]
    quiet, rolled = found.quiet[0], found.rolling[0]
    assert quiet["answered"] > 50
    assert rolled["answered"] > 100
    assert (quiet["never answered"], rolled["never answered"]) == (0, 0)
    assert (found.missing, found.twice, found.difference) == (0, 0, 0)
