"""The threads of what sends by itself: a few for each destination, for as long as it sends."""

import threading
import time

import pytest

from ours import pool


def threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith("send-777_")]


def test_the_threads_of_a_destination_that_nothing_is_sent_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    here = pool.Pool()
    here.submit("a", 777, lambda: "done")
    while not (ended := here.wait(1)):
        pass
    assert [one.said for one in ended] == ["done"]
    here.wait(0)
    assert [*here._threads] == [777]  # for more may come
    monkeypatch.setattr(pool, "_IDLE", -1)
    here.wait(0)
    patience = time.monotonic() + 10
    while threads() and time.monotonic() < patience:
        time.sleep(0.01)
    assert threads() == []
    here.submit("b", 777, lambda: "again")
    while not (ended := here.wait(1)):
        pass
    assert [one.said for one in ended] == ["again"]
    here.close()


def test_a_destination_that_hangs_keeps_its_own_threads_and_gets_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    here, over = pool.Pool(), threading.Event()
    monkeypatch.setattr(pool, "_DEADLINE", -1)
    monkeypatch.setattr(pool, "_IDLE", -1)
    try:
        for tag in range(2 * pool.THREADS):
            here.submit(str(tag), 777, over.wait)
            while here.in_flight:
                here.wait(0)
            here.wait(0)
        assert len(threads()) == pool.THREADS
    finally:
        over.set()
        here.close()
