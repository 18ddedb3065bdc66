"""Runs one job in a process of its own: with `wrk` where it is installed and can do it, else with our own client."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from bench import children
from bench.load import wrk
from bench.load.job import Course, Job, Load, Steady

_PATIENCE = 30.0


def press(job: Job, folder: Path) -> Load:
    """:raises children.Failed: when the load generator did."""
    log, patience = folder / "load.log", job.warm + job.seconds + _PATIENCE
    found = shutil.which("wrk")
    if found and wrk.can(job):
        return wrk.press(job, found, folder, patience)
    said = children.output(children.python("bench.load", json.dumps(asdict(job))), log, patience)
    return Load(**json.loads(said))


@contextmanager
def steadily(steady: Steady, folder: Path) -> Iterator[Callable[[], Course]]:
    """Send as long as the block lasts, or until its value is called, which answers what came of all of it."""
    words, log = children.python("bench.load.steady", json.dumps(asdict(steady))), folder / "load.log"
    with children.running(words, log) as process:

        def end() -> Course:
            process.terminate()
            said, _ = process.communicate(timeout=_PATIENCE)
            if process.returncode:
                raise children.Failed(f"The load generator failed.\n{children.tail(log)}")
            return Course(**json.loads(said))

        yield end


def generator() -> str:
    return "wrk" if shutil.which("wrk") else "the bundled client"
