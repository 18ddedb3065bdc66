"""The file destination, on a real disk."""

import json
import resource
import stat
import threading
from pathlib import Path
from typing import Any, ClassVar

import pytest

from destinations.file import File
from ours.plugin import Delivered, Network, Retry, ValidationError, load_settings
from ours.plugin.testing import DestinationContract, sample_delivery, sample_event


class TestFile(DestinationContract):
    destination = File
    settings: ClassVar = {"folder": "/var/lib/ours/events of ours?#%"}


def deliver(folder: Path, **changes: Any) -> Any:
    values = load_settings(File, {"folder": str(folder)})
    request = File().build(sample_delivery(settings=values, **changes))
    return File().send(request, values, Network(lambda _: False))


def lines(folder: Path) -> list[Any]:
    return [json.loads(line) for file in sorted(folder.iterdir()) for line in file.read_text().splitlines()]


def test_each_event_is_a_line_with_the_dispatchs_id(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "events"
    assert deliver(folder, id="a" * 32) == deliver(folder, id="b" * 32) == Delivered()
    first, second = lines(folder)
    assert (first["id"], second["id"]) == ("a" * 32, "b" * 32)
    assert first["type"] == "Order Completed"
    assert first["data"]["distinctId"] == "order-1001"


def test_the_file_is_named_for_the_day_of_the_event_in_utc(tmp_path: Path) -> None:
    for moment in (1_767_225_599_999, 1_767_225_600_000):
        deliver(tmp_path, event=sample_event(occurred_at=moment))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["2025-12-31.jsonl", "2026-01-01.jsonl"]


def test_what_comes_together_is_one_write_and_one_flush_for_each_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = load_settings(File, {"folder": str(tmp_path)})
    days = [1_767_225_599_999, 1_767_225_600_000]
    deliveries = [
        sample_delivery(settings=values, id=f"{number:032x}", event=sample_event(occurred_at=days[number % 2]))
        for number in range(100)
    ]
    assert {File().group(one) for one in deliveries} == {"2025-12-31", "2026-01-01"}
    even = File().pack([File().item(one) for one in deliveries[::2]], values)
    flushed: list[int] = []
    monkeypatch.setattr("os.fsync", flushed.append)
    assert File().send(even, values, Network(lambda _: False)) == Delivered()
    assert len(flushed) == 2  # the file, and the folder that it is new in
    assert [line["id"] for line in lines(tmp_path)] == [one.id for one in deliveries[::2]]


def test_folder_and_file_are_the_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "events"
    deliver(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()] == [0o600]


def test_build_touches_no_disk_and_survives_odd_folder_names(tmp_path: Path) -> None:
    folder = tmp_path / "a b?c#d%2e é"
    values = load_settings(File, {"folder": str(folder)})
    request = File().build(sample_delivery(settings=values))
    assert not folder.exists()
    assert str(request.url).startswith("file:///")
    assert File().send(request, values, Network(lambda _: False)) == Delivered()
    assert len(lines(folder)) == 1


def test_a_line_that_was_cut_short_spoils_no_other(tmp_path: Path) -> None:
    deliver(tmp_path)
    [file] = tmp_path.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole + whole[:40])
    deliver(tmp_path, id="c" * 32)
    assert file.read_bytes().splitlines()[1] == whole[:40]
    assert json.loads(file.read_bytes().splitlines()[2])["id"] == "c" * 32


def test_when_no_room_is_left_it_is_a_retry_and_the_next_line_is_whole(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        first, second = deliver(tmp_path), deliver(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert first == Retry("file_unwritable", "The file can't be written: No space left on device.")
    assert second == Retry("file_unwritable", "The file can't be written: File too large.")
    assert deliver(tmp_path) == Delivered()
    [file] = tmp_path.iterdir()
    cut, whole = file.read_bytes().splitlines()
    assert len(cut) == 10
    assert json.loads(whole)["type"] == "Order Completed"


def test_a_link_laid_in_the_files_place_is_not_followed(tmp_path: Path) -> None:
    deliver(tmp_path / "events")
    [file] = (tmp_path / "events").iterdir()
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    assert isinstance(deliver(tmp_path / "events"), Retry)


def test_a_folder_that_is_a_file_is_a_retry_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    outcome = deliver(tmp_path / "taken")
    assert outcome == Retry("file_unwritable", "The file can't be written: File exists.")


def test_many_writers_at_once_tear_no_line(tmp_path: Path) -> None:
    def write() -> None:
        for _ in range(20):
            deliver(tmp_path, fields={"text": "x" * 20_000})

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(lines(tmp_path)) == 80


@pytest.mark.parametrize("folder", ["events", "./events", "~/events", "/events\0"])
def test_a_folder_must_be_an_absolute_path(folder: str) -> None:
    with pytest.raises(ValidationError, match="absolute path"):
        load_settings(File, {"folder": folder})
