"""The RQ queues, and the pokes that say "there is something to do". A lost Redis costs time, never an event.

One job drains many rows and then lingers at a bell. A poke leaves a token there, and now and then looks whether a
job is queued, or queues one. So while work comes, each worker has a job at hand; and nothing here is ever the only
trace of work.
"""

import math
import threading
import time
from urllib.parse import quote

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue as RqQueue
from rq.serializers import JSONSerializer

from ours import log, processes
from ours.bell import Bell
from ours.once import once
from ours.settings import Settings

_logger = log.get("queue")
JOB_SECONDS, FAILED_SECONDS = 300, 3600
"""How long a job may take, and how long one that failed is kept."""
_MOST_TOKENS = 8
_LOOK_SECONDS = 0.2
_COMPLAIN_SECONDS = 10.0
_POKE_GAP = 0.002
_BUSY_GAP = 0.01
_TRIAL = "ours:trial"


class Queue:
    def __init__(self, settings: Settings) -> None:
        self.url = settings.redis_url or f"unix://{quote(str(settings.queue_socket))}"
        self._installation = settings.sealing_key_id
        self._looked: dict[str, float] = {}
        self._bells: dict[str, Bell] = {}
        self._complained = -math.inf

    @once
    def redis(self) -> Redis:
        """For workers, which block on it."""
        return Redis.from_url(self.url, socket_timeout=10, socket_connect_timeout=2)

    @once
    def _quick(self) -> Redis:
        """For pokes and bells, which rather fail than hold anybody up."""
        return Redis.from_url(self.url, socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0))

    def name_of(self, station: str) -> str:
        """By which RQ knows the station's queue: ours alone, though others use the same Redis for theirs."""
        return f"ours:{self._installation}:{station}"

    def poke(self, station: str) -> int:
        """Make ``station`` look for work now; answers how many pokes lie there, this one too.

        0, and a line in the log, when the queue can't be reached.
        """
        try:
            tokens: int = self._quick.lpush(self._wake(station), 1)
            if tokens > _MOST_TOKENS:
                self._quick.ltrim(self._wake(station), 0, _MOST_TOKENS - 1)
            if time.monotonic() - self._looked.get(station, -math.inf) > _LOOK_SECONDS:
                self._queue_one(station)
                self._looked[station] = time.monotonic()
        except RedisError as error:
            self._lost(station, error)
            return 0
        return tokens

    def _wake(self, station: str) -> str:
        return f"{self.name_of(station)}:wake"

    def _queue_one(self, station: str) -> None:
        """See to it that a job is queued."""
        queue = RqQueue(self.name_of(station), connection=self._quick, serializer=JSONSerializer)
        if queue.count == 0:
            job = f"ours.jobs.stations.{station}"
            queue.enqueue(job, job_timeout=JOB_SECONDS, result_ttl=0, failure_ttl=FAILED_SECONDS, description=station)

    def _lost(self, station: str, error: RedisError) -> None:
        """Say so, once in a while."""
        self._looked.pop(station, None)
        if time.monotonic() - self._complained > _COMPLAIN_SECONDS:
            _logger.warning("poke_lost", station=station, error=type(error).__name__)
            self._complained = time.monotonic()

    def bell(self, station: str) -> Bell:
        """Rings when ``station`` is poked. For its worker alone."""
        if station not in self._bells:
            self._bells[station] = Bell(self._quick, self._wake(station))
        return self._bells[station]

    def reachable(self) -> bool:
        """Whether it takes a poke."""
        return self.trouble() is None

    def trouble(self) -> str | None:
        """What keeps it from taking a poke, in its own words; None when nothing does.

        It is written to: a replica, and one that has no memory left, answer all else, and nobody would stand in.
        """
        try:
            self._quick.set(_TRIAL, 1, ex=JOB_SECONDS)
        except RedisError as error:
            return str(error).rstrip(".") or type(error).__name__
        return None

    def close(self) -> None:
        for bell in self._bells.values():
            bell.close()
        for name in ("redis", "_quick"):
            if name in self.__dict__:
                self.__dict__[name].close()


class Poker:
    """Pokes one station from a thread of its own, so that a slow queue never holds up a commit."""

    def __init__(self, queue: Queue, station: str) -> None:
        self._queue = queue
        self._station = station
        self._asked = threading.Event()
        self._open = True
        self._thread = processes.lasting(self._run, f"poke-{station}")

    def poke(self) -> None:
        self._asked.set()

    def close(self) -> None:
        self._open = False
        self._asked.set()
        self._thread.join(10)

    def _run(self) -> None:
        while self._asked.wait() and self._open:
            self._asked.clear()
            lying = self._queue.poke(self._station)
            # A station that has not taken the last poke yet is at work, and looks again anyhow before it rests.
            time.sleep(_POKE_GAP if lying <= 1 else _BUSY_GAP)
