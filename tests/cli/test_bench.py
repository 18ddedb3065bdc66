"""``ours bench``: a trial beside the installation, and what follows from its figures."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from ours.bootstrap import Ours
from ours.cli.bench import bottleneck, outlook
from ours.cli.trial import Measured
from tests.cli.conftest import Terminal
from tests.whole.conftest import ROOT, until

GB = 1e9
CALM = Measured(accepted=900.0, delivered=400.0, failed=0, p50=20.0, p95=40.0, p99=60.0, flush=0.2, busy=0.5, bytes_per_event=3000.0)  # fmt: skip # noqa: E501


@pytest.mark.slow
def test_a_trial_takes_events_delivers_all_of_them_and_leaves_nothing_behind(terminal: Terminal, ours: Ours) -> None:
    shown = terminal.json("bench", "--seconds", "1", "--connections", "4")
    assert shown["eventsPerSecond"] > 0
    assert shown["deliveredPerSecond"] > 0
    assert shown["failed"] == 0
    assert 0 < shown["p50Ms"] <= shown["p95Ms"] <= shown["p99Ms"]
    assert 300 < shown["bytesPerEvent"] < 100_000
    assert (shown["eventsLastDay"], shown["diskFullOn"]) == (0, None)
    home = ours.settings.home
    assert not [*home.glob("ours-bench-*"), *home.parent.glob("ours-bench-*")]
    assert ours.overview.balance().accepted == 0
    assert not Path(home, "valkey.sock").exists()


@pytest.mark.slow
def test_its_server_does_not_outlive_a_killed_command(tmp_path: Path) -> None:
    environ = os.environ | {"OURS_HOME": str(tmp_path / "home")}
    command = psutil.Popen([sys.executable, "-m", "ours", "bench", "--seconds", "60"], cwd=ROOT, env=environ)
    family: list[psutil.Process] = until(lambda: len(all_ := command.children(recursive=True)) > 5 and all_)
    command.kill()
    command.wait()
    _, alive = psutil.wait_procs(family, timeout=5)
    outlived = [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]
    for process in outlived:
        process.kill()
    assert outlived == []


def test_what_holds_it_back_is_named() -> None:
    assert bottleneck(CALM).startswith("Neither")
    assert bottleneck(replace(CALM, busy=0.97, flush=9.0)).startswith("The processors")
    assert "9.0 ms" in bottleneck(replace(CALM, flush=9.0))
    assert "9.0 ms" in bottleneck(replace(CALM, flush=9.0, busy=None))


def test_the_disk_is_full_on_a_day_unless_retention_makes_room_before(time_machine_at: None) -> None:
    assert outlook(1_000_000, 2_000, 20 * GB, 90) == (
        "2026-01-11", "In 10 days at this rate. Keep events for fewer days, or add disk.",
    )  # fmt: skip
    day, why = outlook(1_000_000, 2_000, 20 * GB, 7)
    assert (day, why) == (None, "Never at this rate: what is kept for 7 days comes to 14.0 GB.")
    assert outlook(0, 2_000, 20 * GB, 7)[0] is None
    assert outlook(1_000_000, 2_000, -GB, 90)[0] == "2026-01-01"


@pytest.fixture
def time_machine_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ours.clock.now_ms", lambda: 1_767_225_600_000)  # 2026-01-01
