"""The sinks that a team owns itself, all the way: rows in a real PostgreSQL, objects in a server that speaks S3."""

import gzip
import json
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from itertools import chain, repeat
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import psycopg
import pytest
import sqlalchemy as sa
from moto.server import ThreadedMotoServer

from ours.services.deliver import Deliver
from ours.settings import Settings
from ours.store.tables import attempts, dispatches
from tests.receiver import Receiver
from tests.services.conftest import Place

pytestmark = pytest.mark.usefixtures("in_a_hurry")
KEYS = {"access_key_id": "AKIA-for-tests", "secret_access_key": "a-secret-for-tests-9"}


@pytest.fixture
def engine_kind() -> str:
    return "sqlite"


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
    assert place.difference() == 0
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


def test_events_become_records_of_a_stream_and_test_events_none(place: Place, bucket: Any) -> None:
    endpoint = bucket.meta.client.meta.endpoint_url
    keys = {"aws_access_key_id": "AKIA-for-tests", "aws_secret_access_key": "x"}
    client = boto3.session.Session(region_name="us-east-1", **keys).client("kinesis", endpoint_url=endpoint)
    given = {"stream": "my-events", "endpoint": endpoint, **KEYS}
    place.destinations.add("kinesis", "Stream", given, events=["*"], actor="cli")
    for _ in range(5):
        place.track("A")
    place.work()
    assert (place.states(), said(place)[0]) == ({"retrying": 5}, "ResourceNotFoundException")
    place.track("A", "test")
    client.create_stream(StreamName="my-events", ShardCount=1)
    with place.store.write() as connection:
        connection.execute(sa.update(dispatches).where(dispatches.c.state == "retrying").values(due_at=1))
    place.work()
    assert place.states() == {"delivered": 5, "sunk": 1}
    shard = client.get_shard_iterator(
        StreamName="my-events", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )
    found = client.get_records(ShardIterator=shard["ShardIterator"])["Records"]
    assert len({json.loads(one["Data"])["id"] for one in found}) == 5


class HangsUp(socketserver.TCPServer):
    """Takes connections, counts them, and closes each."""

    connections = 0

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def finish_request(self, *_: object) -> None:
        self.connections += 1


@pytest.fixture
def hangs_up() -> Iterator[HangsUp]:
    with HangsUp(("127.0.0.1", 0), socketserver.BaseRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def settings_at(slug: str, host: str, port: int) -> dict[str, Any]:
    if slug == "s3":
        return {"bucket": "my-events", "endpoint": f"http://{host}:{port}", **KEYS}
    if slug == "sqs":
        return {"queue": f"http://{host}:{port}/123456789012/my-events", **KEYS}
    if slug == "kinesis":
        return {"stream": "my-events", "endpoint": f"http://{host}:{port}", **KEYS}
    return {"host": host, "port": port, "database": "warehouse", "user": "ours", "sslmode": "disable"}


def said(place: Place) -> tuple[str, str]:
    """The code and the message of the latest attempt."""
    with place.store.read() as connection:
        row = connection.execute(sa.select(attempts).order_by(attempts.c.dispatch_id.desc())).first()
    assert row is not None
    kept = place.store.sealer.open_json(row.exchange, f"attempts:{row.dispatch_id}:{row.number}")
    return row.code or "", kept["message"]


@pytest.mark.parametrize("slug", ["kinesis", "postgres", "s3", "sqs"])
def test_what_sends_by_itself_reaches_no_network_that_is_not_open_to_it(
    place: Place, receiver: Receiver, make_settings: Callable[..., Settings], slug: str
) -> None:
    place.destinations.add(slug, "Inside", settings_at(slug, "127.0.0.1", receiver.port), events=["*"], actor="cli")
    place.deliver.close()
    place.deliver = Deliver(place.store, place.registry, make_settings())
    place.track()
    place.work()
    assert place.states() == {"rejected": 1}
    code, message = said(place)
    assert code == "ssrf_refused"
    assert "127.0.0.1" in message
    assert "OURS_ALLOW_NETWORKS" in message
    assert receiver.connections == 0


@pytest.mark.parametrize("slug", ["kinesis", "postgres", "s3", "sqs"])
def test_a_name_that_means_something_else_the_second_time_leads_nowhere(
    place: Place, hangs_up: HangsUp, monkeypatch: pytest.MonkeyPatch, slug: str
) -> None:
    """Nobody but us knows this name, so a connection shows that the address is ours and not looked up once more."""
    meanings = chain(["127.0.0.1"], repeat("10.1.2.3"))  # the first event may be tried again beside the second
    really = socket.getaddrinfo

    def look_up(host: str, *given: Any, **options: Any) -> Any:
        return really(next(meanings) if host == "rebind.example.com" else host, *given, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    settings = settings_at(slug, "rebind.example.com", hangs_up.port)
    place.destinations.add(slug, "Inside", settings, events=["*"], actor="cli")
    place.track()
    place.work()
    assert place.states() == {"retrying": 1}
    assert hangs_up.connections == 1
    place.track()
    place.work()
    code, message = said(place)
    assert (code, hangs_up.connections) == ("ssrf_refused", 1)
    assert "10.1.2.3" in message


def test_a_name_without_an_address_may_have_one_later(place: Place) -> None:
    settings = settings_at("postgres", "x" * 70 + ".example.com", 5432)
    place.destinations.add("postgres", "Nowhere", settings, events=["*"], actor="cli")
    place.track()
    place.work()
    assert place.states() == {"retrying": 1}
    assert said(place)[0] == "dns_failed"
