"""Runs one job in a process of its own: with `wrk` where it is installed and can do it, else with our own client."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

from bench import children
from bench.load import wrk
from bench.load.job import Job, Load

_PATIENCE = 30.0


def press(job: Job, folder: Path) -> Load:
    """:raises children.Failed: when the load generator did."""
    log, patience = folder / "load.log", job.warm + job.seconds + _PATIENCE
    found = shutil.which("wrk")
    if found and wrk.can(job):
        return wrk.press(job, found, folder, patience)
    said = children.output(children.python("bench.load", json.dumps(asdict(job))), log, patience)
    return Load(**json.loads(said))


def generator() -> str:
    return "wrk" if shutil.which("wrk") else "the bundled client"
