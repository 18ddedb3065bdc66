"""Posts one batch of 5 MiB to a whole installation and prints the status and what it cost: ``weigh.py HOME refused``.

A process of its own, because a peak of memory is a process's own. ``refused`` is a row that parses into as many small
parts as may be; ``taken`` are 1,000 good rows of many small parts, stored durably.
"""

import gzip
import sys

import orjson

from ours import log
from ours.bootstrap import Ours
from ours.settings import load
from ours.web import create_app

MOST = 5 << 20


def refused(key: str) -> bytes:
    body = b'{"token":"%b","events":[{"eventProperties":{"a":[' % key.encode()
    body += b'{"":{}},' * 49_000 + b'"ab",' * 440_000
    return body + b'"' + b"x" * (MOST - len(body) - 10) + b'"]}}]}'


def taken(key: str) -> bytes:
    bag = {f"k{number}": {"b": number} for number in range(80)}
    page = {f"d{number}": ["ab"] * 3 for number in range(10)} | {f"s{number}": "v" for number in range(180)}
    row = {"event": "A", "userId": "u", "eventProperties": bag, "defaultProperties": page}
    rows = [row | {"distinctId": str(number), "properties": {"filling": ""}} for number in range(1000)]
    room = (MOST - len(orjson.dumps({"token": key, "events": rows}))) // 1000
    for one in rows:
        one["properties"] = {"filling": "x" * room}
    return orjson.dumps({"token": key, "events": rows})


def memory(line: str) -> float:
    with open("/proc/self/status") as status:  # noqa: PTH123
        return next(int(text.split()[1]) for text in status if text.startswith(line)) / 1024


def main(home: str, kind: str) -> None:
    log.configure("CRITICAL", "text")
    ours = Ours(load({"OURS_HOME": home}))
    ours.prepare()
    key = ours.sources.add("Shop", actor="cli").live_key
    client = create_app(ours).test_client()
    body = gzip.compress({"refused": refused, "taken": taken}[kind](key), 1)
    headers = {"Content-Encoding": "gzip"}
    client.post("/api/v1/batch", data=gzip.compress(orjson.dumps({"token": key, "events": [{}]})), headers=headers)
    with open("/proc/self/clear_refs", "w") as file:  # noqa: PTH123
        file.write("5")
    before = memory("VmRSS")
    status = client.post("/api/v1/batch", data=body, headers=headers).status_code
    print(status, memory("VmHWM") - before)
    ours.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
