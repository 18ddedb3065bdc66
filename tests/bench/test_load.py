"""The load generator and the receiver, which must be right before any figure is."""

import json
import shutil
from pathlib import Path

import pytest

from bench import servers
from bench.load import Job, press
from bench.load.bodies import USERS, Bodies
from bench.load.job import percentile
from bench.tally import Tally
from bench.works import latency


def body(request: bytes) -> dict[str, object]:
    head, _, rest = request.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(rest)}".encode() in head
    made: dict[str, object] = json.loads(rest)
    return made


def test_no_two_events_are_alike_and_users_come_back() -> None:
    render = Bodies(Job(port=1, key='a"key', tag="t", seconds=1))
    made = [body(render(number)) for number in (*range(100), *range(USERS, USERS + 100))]
    assert {one["token"] for one in made} == {'a"key'}
    assert len({one["distinctId"] for one in made}) == 200
    assert len({one["userId"] for one in made}) == 100


def test_the_rows_of_successive_batches_are_different_events() -> None:
    render = Bodies(Job(port=1, key="k", tag="t", seconds=1, rows=3))
    ids = [row["distinctId"] for number in range(2) for row in body(render(number))["events"]]  # type: ignore[attr-defined]
    assert len(set(ids)) == 6


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.5, 2), (0.51, 3), (0.99, 4), (1.0, 4)])
def test_a_percentile_is_a_value_that_occurred(share: float, value: float) -> None:
    assert percentile([4, 1, 3, 2], share) == value


def test_every_request_that_the_client_counts_reached_the_receiver(tmp_path: Path) -> None:
    with servers.receiver(tmp_path) as receiver, Tally(receiver.tally) as tally:
        load = press(
            Job(port=receiver.port, key="k", tag="t", seconds=0.3, warm=0, tally=str(receiver.tally)), tmp_path
        )
        assert load.failed == 0
        assert 0 < load.answered <= load.sent == tally.count


def test_a_rate_is_kept_and_each_event_is_found_again_by_its_moment(tmp_path: Path) -> None:
    with servers.receiver(tmp_path, "--moments") as receiver:
        load = press(Job(port=receiver.port, key="k", tag="t", seconds=0.5, warm=0, rate=200), tmp_path)
        moments = dict(latency.moments(receiver))
    assert load.sent == pytest.approx(100, abs=3)
    assert all(moments[f"t-{number:09}"] > begun for number, begun in enumerate(load.begun))


def test_a_window_holds_the_load_back_until_the_receiver_has_caught_up(tmp_path: Path) -> None:
    elsewhere = tmp_path / "never-counts"
    with servers.receiver(tmp_path) as receiver:
        job = Job(port=receiver.port, key="k", tag="t", seconds=0.3, warm=0, window=50, tally=str(elsewhere))
        assert press(job, tmp_path).sent == 50


def test_a_large_batch_arrives_whole(tmp_path: Path) -> None:
    with servers.receiver(tmp_path) as receiver:
        load = press(Job(port=receiver.port, key="k", tag="t", seconds=0.3, warm=0, rows=2000, connections=2), tmp_path)
    assert load.answered == load.sent > 0


@pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is not installed here")
def test_wrk_reports_in_the_same_words(tmp_path: Path) -> None:
    with servers.receiver(tmp_path) as receiver:
        load = press(Job(port=receiver.port, key="k", tag="t", seconds=1, warm=0), tmp_path)
    assert load.failed == 0
    assert load.rate > 0
