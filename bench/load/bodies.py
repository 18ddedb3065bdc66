"""The requests as bytes. Numbers of fixed width go into one template, so that a request costs one formatting."""

import json
from typing import Any

from bench.load.job import Job

USERS = 10_000
_NOTE, _MOST_NOTES = 64, 100
_STRIDE = 7_919  # a prime that does not divide USERS: neighbours in time are far apart as users
_EVENT: dict[str, Any] = {
    "event": "Order Completed",
    "distinctId": "@TAG@-%09d",
    "userId": "user-%05d",
    "eventProperties": {
        "order_id": "A-20931",
        "amount": 129.9,
        "currency": "EUR",
        "items": [{"sku": "SKU-1", "quantity": 2}, {"sku": "SKU-2", "quantity": 1}],
    },
    "userProperties": {"city": "Leeds", "country": "GB", "custom_properties": {"plan": "pro"}},
    "defaultProperties": {"utm_source": "newsletter", "browser_name": "Firefox", "os_name": "Linux"},
}


def user_of(number: int) -> int:
    return number * _STRIDE % USERS


def event_template(tag: str, size: int = 0) -> str:
    """The JSON of one event with two places: for its number and for its user. ``size``: its bytes, at least."""
    plain = _written(_EVENT).replace("@TAG@", tag)
    if len(plain) >= size:
        return plain
    properties = {**_EVENT["eventProperties"], **_notes(size - len(plain))}
    return _written({**_EVENT, "eventProperties": properties}).replace("@TAG@", tag)


def _notes(size: int) -> dict[str, str]:
    """Properties whose JSON has so many bytes, a few more where it must: a hundred at most."""
    count = min(size // _NOTE + 1, _MOST_NOTES)
    length = max(-(-size // count) - len(_written({"note_00": ""})) + 1, 0)
    return {f"note_{number:02}": "n" * length for number in range(count)}


def _written(value: dict[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"))


def event(tag: str, number: int, size: int = 0) -> dict[str, Any]:
    """The same event as a value."""
    made: dict[str, Any] = json.loads(event_template(tag, size) % (number, user_of(number)))
    return made


def head(job: Job, length: int) -> str:
    return (
        f"POST {job.path} HTTP/1.1\r\nHost: 127.0.0.1:{job.port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    )


class Bodies:
    """Renders the ``number``-th request of a job, head and all."""

    def __init__(self, job: Job) -> None:
        token = json.dumps(job.key)
        row = event_template(job.tag, job.size)
        self._rows = job.rows or 1
        body = (
            f'{{"token":{token},"events":[{",".join([row] * job.rows)}]}}'
            if job.rows
            else f'{{"token":{token},{row[1:]}'
        )
        length = len(body % self._numbers(0))
        self._template = (head(job, length) + body).encode()

    def __call__(self, number: int) -> bytes:
        return self._template % self._numbers(number)

    def _numbers(self, number: int) -> tuple[int, ...]:
        first = number * self._rows
        return tuple(value for n in range(first, first + self._rows) for value in (n, user_of(n)))
