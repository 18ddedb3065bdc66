"""The works: each runs its contenders side by side and answers what it found."""

from collections.abc import Callable, Mapping

from bench.finding import Finding, Plan
from bench.works import (
    backlog,
    batch,
    batched,
    deliver,
    events,
    growth,
    idle,
    isolation,
    latency,
    mapping,
    processes,
    retention,
    rolling,
    route,
    size,
    sustained,
    track,
)

Say = Callable[[str], None]

WORKS: Mapping[str, Callable[[Plan, Say], Finding]] = {
    "track": track.run,
    "batch": batch.run,
    "route": route.run,
    "deliver": deliver.run,
    "batched": batched.run,
    "latency": latency.run,
    "sustained": sustained.run,
    "backlog": backlog.run,
    "isolation": isolation.run,
    "memory": idle.run,
    "processes": processes.run,
    "rolling": rolling.run,
    "retention": retention.run,
    "mapping": mapping.run,
    "events": events.run,
    "growth": growth.run,
    "size": size.run,
}
