"""What a worker takes from the queue: the word that there is work at its station, and nothing else.

Others may be able to write to Redis. RQ would run whatever function a job names there, with the arguments and callbacks
that stand beside it, in a process that has the secret keys.
"""

import json
import re
import zlib
from collections.abc import Mapping
from typing import Any

from rq.job import Job, JobStatus

from ours import log
from ours.jobs import stations
from ours.queue import FAILED_SECONDS, JOB_SECONDS

_logger = log.get("jobs")
_ORIGIN = re.compile(rb"ours:[0-9a-f]+:(?:route|deliver)")
_NOTHING = b'["", null, [], {}]'
_LONGEST = 200
_LONGEST_SAID = 80
_STATUSES = {status.value.encode() for status in JobStatus}


class Order(Job):
    """A job that can only run the station whose queue it came by. What asks for anything else is dropped and logged."""

    def restore(self, raw_data: Mapping[bytes, bytes]) -> None:
        """Read which station is meant; all else is as we make it ourselves, whatever stands there."""
        self._asked = _asked(raw_data.get(b"data", b""))
        origin, status = raw_data.get(b"origin", b""), raw_data.get(b"status", b"")
        super().restore(
            {
                b"data": _NOTHING,
                b"origin": origin if _ORIGIN.fullmatch(origin) else b"",
                b"status": status if status in _STATUSES else JobStatus.QUEUED.value.encode(),
            }
        )
        self.timeout, self.result_ttl, self.failure_ttl = JOB_SECONDS, 0, FAILED_SECONDS

    def perform(self) -> None:
        station = self.origin.rpartition(":")[2]
        if station and self._asked == [f"ours.jobs.stations.{station}", None, [], {}]:
            getattr(stations, station)()
        else:
            _logger.error("job_refused", queue=station, asked=_name(self._asked))


def _asked(data: bytes) -> Any:
    """What a job wants, as RQ writes it: a function's name, an object, arguments; None when it is none of ours."""
    try:
        return json.loads(zlib.decompressobj().decompress(data, _LONGEST))
    except (zlib.error, ValueError, RecursionError):
        return None


def _name(asked: Any) -> str:
    return asked[0][:_LONGEST_SAID] if isinstance(asked, list) and asked and isinstance(asked[0], str) else "unreadable"
