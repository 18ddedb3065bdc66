"""A queue that answers and takes no pokes is as good as one that is away: the scheduler stands in."""

import threading
from collections.abc import Callable

import pytest

from ours import clock
from ours.bootstrap import Ours
from ours.core.incoming import Incoming
from ours.jobs import worker
from ours.queue import Queue
from ours.settings import Settings
from ours.store.queries import events
from tests.jobs import valkeys

Spoil = Callable[[Queue], object]
SPOILT: dict[str, tuple[Spoil, str]] = {
    "replica": (lambda queue: queue.redis.replicaof("127.0.0.1", 1), "replica"),
    "memory": (lambda queue: queue.redis.config_set("maxmemory", 1), "memory"),
}


@pytest.mark.parametrize(("spoil", "word"), SPOILT.values(), ids=SPOILT)
def test_of_a_queue_that_takes_nothing_the_scheduler_does_the_work(
    make_settings: Callable[..., Settings], make_database_url: Callable[[str], str], spoil: Spoil, word: str
) -> None:
    make_database_url("sqlite")
    ours = Ours(make_settings())
    with valkeys.running(ours.settings):
        assert ours.queue.trouble() is None
        spoil(ours.queue)
        caller = ours.accept.authenticate(ours.sources.add("Shop", actor="cli").live_key)
        assert caller
        ours.accept.accept(caller, [Incoming(name="Purchase", occurred_at=clock.now_ms(), user_id="u1")])
        worker._do_duties(ours, OneRound())
        with ours.store.read() as connection:
            assert not events.any_unrouted(connection)
        assert word in (ours.queue.trouble() or "")
        ours.close()


class OneRound(threading.Event):
    """Ends the work when it would rest."""

    def wait(self, timeout: float | None = None) -> bool:
        self.set()
        return True
