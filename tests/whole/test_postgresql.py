"""The whole server on PostgreSQL: the same road, the same promises."""

import json
import time
from collections.abc import Callable

import pytest

from tests.receiver import Receiver
from tests.whole.conftest import Server, until

pytestmark = pytest.mark.slow


@pytest.fixture
def server(make_server: Callable[..., Server], make_database_url: Callable[[str], str]) -> Server:
    url = make_database_url("postgresql")
    return make_server(database_url=url, allow_networks="127.0.0.0/8", deliver_workers=2)


@pytest.mark.long
def test_events_arrive_although_workers_are_killed(server: Server, receiver: Receiver) -> None:
    server.ours("destination", "add", "webhook", "Hook", "--set", f"url={receiver.url}", "--events", "*")
    for number in range(120):
        assert server.track("Purchase", distinctId=f"d{number}").status_code == 200
        if number in {40, 80}:
            server.child("deliver-1").kill()
    assert server.track("Purchase", mode="test").status_code == 200
    until(lambda: len({json.loads(one.body)["data"]["id"] for one in list(receiver.requests)}) == 120, within=60)
    figures = server.settled(accepted=121)
    assert (figures["delivered"], figures["sunk"]) == (120, 1)


def test_two_web_processes_make_one_event_of_one_distinct_id(
    server: Server, make_server: Callable[..., Server]
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    import requests

    second = make_server("second", verb="web", database_url=server.environ["OURS_DATABASE_URL"],
                         secret_keys=(server.home / "secret.key").read_text())  # fmt: skip
    key = server.key()

    def send(number: int) -> tuple[str, bool]:
        url = (server, second)[number % 2].url
        body = {"token": key, "event": "Purchase", "externalId": "same", "distinctId": f"d{number // 4}"}
        answer = requests.post(f"{url}/api/v1/track", json=body, timeout=30).json()
        return answer["eventId"], answer.get("duplicate", False)

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(send, range(80)))
    assert len({event_id for event_id, _ in answers}) == 20
    assert sum(not duplicate for _, duplicate in answers) == 20
    server.settled(accepted=20)
    time.sleep(0.1)
    listed = server.ours("event", "list", "--limit", "100")
    assert len({event["visitorId"] for event in listed}) == 1
