"""The scheduler's threads: none of them keeps another from what it is for."""

import threading
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from ours.bootstrap import Ours
from ours.jobs import worker
from ours.settings import Settings
from ours.store.turnstile import Turnstile
from tests.receiver import Receiver


def test_who_keeps_the_turn_to_write_keeps_nobody_from_being_told_of_it(
    make_settings: Callable[..., Settings],
    make_database_url: Callable[[str], str],
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stops: list[threading.Event] = []
    monkeypatch.setattr(worker, "_stop_on_signals", stops.append)
    monkeypatch.setattr(worker, "_WATCH_SECONDS", 0.05)
    monkeypatch.setattr("ours.services.alerts.unwritten._PATIENCE", 0.2)
    make_database_url("sqlite")
    settings = make_settings(alert_webhook=receiver.url, allow_networks="127.0.0.0/8")
    with closing(Ours(settings)) as ours, closing(Turnstile(settings.home)) as frozen:
        ours.prepare()
        _ = ours.registry
        scheduler = threading.Thread(target=worker._schedule, args=(ours,))
        with frozen.turn():
            scheduler.start()
            ends = time.monotonic() + 20
            while not receiver.requests and time.monotonic() < ends:
                time.sleep(0.01)
            told = len(receiver.requests)
            stops[0].set()
        scheduler.join()
    assert told
    assert b"waits for another program" in receiver.requests[0].body
