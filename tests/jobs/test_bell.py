"""The bell of a station, at a real Valkey: who waits for something else hears it, too."""

import select
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from redis.exceptions import RedisError
from rq import Queue as RqQueue

from ours.bell import Bell
from ours.queue import Queue
from ours.services.deliver import Deliver, drain
from ours.settings import Settings
from tests.jobs import valkeys
from tests.receiver import Receiver
from tests.services.conftest import Place, place
from tests.whole.conftest import until

__all__ = ["place"]


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Iterator[Settings]:
    made = make_settings()
    with valkeys.running(made):
        yield made


@pytest.fixture
def queue(settings: Settings) -> Iterator[Queue]:
    opened = Queue(settings)
    yield opened
    opened.close()


def readable(bell: Bell, seconds: float) -> bool:
    return bool(select.select([bell.descriptor()], [], [], seconds)[0])


def test_it_rings_for_who_waits_and_for_who_comes_later(queue: Queue) -> None:
    bell = queue.bell("deliver")
    queue.poke("deliver")
    assert bell.wait(5)
    assert not bell.wait(0.05)
    threading.Timer(0.1, queue.poke, ["deliver"]).start()
    assert bell.wait(5)


def test_its_descriptor_is_readable_once_it_rings_and_no_longer(queue: Queue) -> None:
    bell = queue.bell("deliver")
    assert not readable(bell, 0.05)
    queue.poke("deliver")
    assert readable(bell, 5)
    assert bell.heard()
    assert not bell.heard()
    assert not readable(bell, 0.05)


def test_a_poke_that_comes_between_two_ways_of_waiting_is_heard(queue: Queue) -> None:
    bell = queue.bell("deliver")
    assert not readable(bell, 0)
    queue.poke("deliver")
    assert bell.wait(5)


def test_another_stations_pokes_are_not_heard(queue: Queue) -> None:
    queue.poke("route")
    assert not queue.bell("deliver").wait(0.05)


def test_two_installations_on_one_redis_take_nothing_from_each_other(queue: Queue, settings: Settings) -> None:
    """Neither the pokes, nor the jobs that call a worker to its bell."""
    other = Queue(replace(settings, secret_keys=(b"another installation's" + bytes(10),)))
    queue.poke("deliver")
    assert not other.bell("deliver").wait(0.05)
    waiting = [RqQueue(one.name_of("deliver"), connection=queue.redis).count for one in (queue, other)]
    assert waiting == [1, 0]
    assert queue.bell("deliver").wait(5)
    other.close()


def test_of_two_workers_one_is_woken(queue: Queue, settings: Settings) -> None:
    other = Queue(settings)
    bells = [queue.bell("deliver"), other.bell("deliver")]
    assert not any(readable(bell, 0) for bell in bells)
    queue.poke("deliver")
    until(lambda: any(readable(bell, 0) for bell in bells), 5)
    time.sleep(0.05)
    assert sorted(bell.heard() for bell in bells if readable(bell, 0)) == [True]
    other.close()


def test_a_queue_that_goes_is_told_to_who_waits_and_heard_again_when_it_is_back(
    make_settings: Callable[..., Settings],
) -> None:
    settings = make_settings()
    queue = Queue(settings)
    bell = queue.bell("deliver")
    with valkeys.running(settings):
        assert not bell.wait(0.05)
        assert not readable(bell, 0)
    assert readable(bell, 5)  # the connection has ended
    assert not bell.heard()
    assert bell.descriptor() is None
    with pytest.raises(RedisError):
        bell.wait(1)
    with valkeys.running(settings):
        assert bell.descriptor() is None  # who waits for other things does not try to connect
        queue.poke("deliver")
        assert bell.wait(5)
        assert bell.descriptor() is not None
    queue.close()


def test_a_line_on_which_nothing_is_heard_for_long_is_begun_anew(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    bell = queue.bell("deliver")
    bell.descriptor()
    first = waiting(queue)
    monkeypatch.setattr("ours.bell._PATIENCE", 0.0)
    bell.descriptor()
    until(lambda: len(waiting(queue)) == 1 and waiting(queue) != first, 5)
    queue.poke("deliver")
    assert bell.heard()


def waiting(queue: Queue) -> set[str]:
    return {client["id"] for client in queue.redis.client_list() if client["cmd"] == "blpop"}


def test_what_becomes_due_while_a_receiver_hangs_is_sent_when_the_bell_rings_and_not_at_the_next_look(
    place: Place, receiver: Receiver, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain, "_TICK", 60.0)
    receiver.answer(path="/hangs", hang=True)
    for name in ("hangs", "good"):
        place.destinations.add("webhook", name, {"url": f"{receiver.url}/{name}"}, events=[name], actor="cli")
    worker, stop = Deliver(place.store, place.registry, place.settings), threading.Event()
    thread = threading.Thread(target=lambda: worker.drain(stop, bell=queue.bell("deliver")))
    place.track("hangs")
    place.route.run()
    thread.start()
    try:
        until(lambda: len(receiver.requests) == 1, 5)
        time.sleep(0.1)
        place.track("good")
        place.route.run()
        queue.poke("deliver")
        until(lambda: len(receiver.requests) == 2, 5)
    finally:
        stop.set()
        queue.poke("deliver")
        thread.join(20)
        worker.close()
    assert place.states()["delivered"] == 1
