"""Single events sent by `wrk`, which costs less than any Python; a generated script tells it how to number them."""

import json
from pathlib import Path

from bench import children
from bench.load.bodies import USERS, event_template, user_of
from bench.load.job import Job, Load

_WARMING = 500_000_000  # far from the numbers of the measured run: no event is sent twice
_SCRIPT = """
local template = [==[%(body)s]==]
local headers = {["Content-Type"] = "application/json"}
local number = %(first)d

function request()
  number = number + 1
  return wrk.format("POST", "%(path)s", headers, string.format(template, number, (number * %(stride)d) %% %(users)d))
end

function done(summary, latency)
  local errors = summary.errors
  local broken = errors.connect + errors.read + errors.write + errors.timeout
  local form = '{"seconds": %%f, "sent": %%d, "refused": %%d, "broken": %%d, "p50": %%f, "p95": %%f, "p99": %%f}'
  io.write("\\nREPORT ", string.format(form, summary.duration / 1e6, summary.requests, errors.status, broken,
    latency:percentile(50) / 1e3, latency:percentile(95) / 1e3, latency:percentile(99) / 1e3), "\\n")
end
"""


def can(job: Job) -> bool:
    """wrk knows neither an open rate nor the receiver, and does not wait for long answers."""
    return not (job.rows or job.rate or job.window or job.tally)


def press(job: Job, binary: str, folder: Path, patience: float) -> Load:
    if job.warm:
        _run(job, binary, folder, job.warm, patience, first=_WARMING)
    return _run(job, binary, folder, job.seconds, patience, first=0)


def _run(job: Job, binary: str, folder: Path, seconds: float, patience: float, *, first: int) -> Load:
    script = folder / "wrk.lua"
    body = f'{{"token":{json.dumps(job.key)},{event_template(job.tag, job.size)[1:]}'
    script.write_text(_SCRIPT % {"body": body, "path": job.path, "first": first, "stride": user_of(1), "users": USERS})
    words = [binary, "-t1", f"-c{job.connections}", f"-d{max(round(seconds), 1)}s", "-s", str(script),
             "--timeout", "30s", f"http://127.0.0.1:{job.port}"]  # fmt: skip
    told = json.loads(children.output(words, folder / "load.log", patience).split("REPORT ", 1)[1])
    return Load(
        seconds=told["seconds"], answered=told["sent"] - told["refused"], failed=told["refused"] + told["broken"],
        p50_ms=told["p50"], p95_ms=told["p95"], p99_ms=told["p99"], sent=told["sent"],
    )  # fmt: skip
