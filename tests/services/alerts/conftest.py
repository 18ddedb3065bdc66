"""Alerts of a place, and a mail server for them."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from ours.services.alerts import Alerts
from tests.services.alerts.hearing import Mailbox, always
from tests.services.conftest import Place


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    box = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    yield box, port
    server.stop()


@pytest.fixture
def alerts_of(place: Place) -> Callable[..., Alerts]:
    """Alerts with these settings, on the place's database."""

    def make(reachable: Callable[[], bool] = always, **changes: Any) -> Alerts:
        return Alerts(place.store, place.registry, replace(place.settings, min_free_mb=0, **changes), reachable)

    return make
