"""Two workers on one database, while events come in and are routed: nobody is sent anything twice."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from ours.errors import Busy
from ours.services.deliver import Deliver
from tests.receiver import Receiver
from tests.services.conftest import Place

_SECONDS = 1.5


def test_under_load_each_dispatch_is_sent_by_one_of_them(place: Place, receiver: Receiver) -> None:
    for name in ("A", "B"):
        place.webhook(receiver, name)
    other, stop = Deliver(place.store, place.registry, place.settings), threading.Event()
    taken: list[str] = []

    def again(step: Callable[[], object]) -> None:
        while not stop.is_set():
            with suppress(Busy):
                step()
            time.sleep(0.001)

    steps: list[Callable[[], object]] = [
        lambda: taken.append(place.track().event_id),
        place.route.run,
        lambda: place.deliver.drain(stop, 0.5),
        lambda: other.drain(stop, 0.5),
    ]
    threads = [threading.Thread(target=again, args=(step,)) for step in steps]
    for thread in threads:
        thread.start()
    time.sleep(_SECONDS)
    stop.set()
    for thread in threads:
        thread.join()
    other.drain(threading.Event(), 5)
    place.work()
    other.close()
    sent = [request.headers["webhook-id"] for request in receiver.requests]
    assert len(sent) == len(set(sent)) == 2 * len(taken)
    assert place.states() == {"delivered": 2 * len(taken)}
