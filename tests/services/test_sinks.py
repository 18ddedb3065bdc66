"""The sinks that a team owns itself, all the way: rows in a real PostgreSQL, objects in a server that speaks S3."""

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import psycopg
import pytest
from moto.server import ThreadedMotoServer

from ours.services.overview import Overview
from tests.services.conftest import Place

KEYS = {"access_key_id": "AKIA-for-tests", "secret_access_key": "a-secret-for-tests-9"}


@pytest.fixture
def engine_kind() -> str:
    return "sqlite"


@pytest.fixture(autouse=True)
def _in_a_hurry(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for one in place.registry.loaded:
        if one.plugin.batching:
            monkeypatch.setattr(type(one.plugin), "batching", replace(one.plugin.batching, linger=0.05))


@pytest.fixture
def bucket() -> Iterator[Any]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"aws_access_key_id": "AKIA-for-tests", "aws_secret_access_key": "x"}
    session = boto3.session.Session(region_name="us-east-1", **keys)
    yield session.resource("s3", endpoint_url=f"http://{host}:{port}").create_bucket(Bucket="my-events")
    server.stop()


def test_rows_arrive_and_one_that_can_not_be_stored_costs_no_other(
    place: Place, make_database_url: Callable[[str], str]
) -> None:
    url = make_database_url("postgresql")
    parts = urlsplit(url)
    settings = {"host": parse_qs(parts.query)["host"][0], "database": parts.path[1:], "user": parts.username,
                "table": "arrived", "sslmode": "disable"}  # fmt: skip
    with psycopg.connect(url) as connection:
        connection.execute(
            "CREATE TABLE arrived (id text PRIMARY KEY, type text CHECK (type <> 'Poison'),"
            " occurred_at timestamptz, data jsonb)"
        )
    place.destinations.add("postgres", "Warehouse", settings, events=["*"], actor="cli")
    for name in ("A", "B", "Poison", "C", "D"):
        place.track(name)
    place.work()
    assert place.states() == {"delivered": 4, "rejected": 1}
    assert Overview(place.store, place.registry).balance().difference == 0
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT type, data ->> 'userId' FROM arrived ORDER BY type").fetchall()
    assert rows == [(name, "u1") for name in "ABCD"]


def test_events_of_an_hour_become_one_object_and_test_events_none(place: Place, bucket: Any) -> None:
    endpoint = bucket.meta.client.meta.endpoint_url
    place.destinations.add(
        "s3", "Lake", {"bucket": "my-events", "endpoint": endpoint, **KEYS}, events=["*"], actor="cli"
    )
    moment = 1_795_000_000_000
    for number in range(5):
        place.track("A", occurred_at=moment + number)
    place.track("A", "test", occurred_at=moment)
    place.work()
    assert place.states() == {"delivered": 5, "sunk": 1}
    [found] = bucket.objects.all()
    lines = gzip.decompress(found.get()["Body"].read()).splitlines()
    assert len({json.loads(line)["id"] for line in lines}) == 5
