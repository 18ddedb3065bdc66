"""Access tokens: fetched once for many events, renewed in time, and never the reason that an event is lost."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine

from ours import clock
from ours.plugin import Batching, Delivery, Destination, Endpoint, Request, Schema, Secret, to_json
from ours.store.tables import attempts, dispatches
from tests.receiver import Receiver
from tests.services.conftest import Place


class Guarded(Destination):
    slug = "guarded"
    label = "Guarded"
    dedupes = True

    class Settings(Schema):
        url = Endpoint(required=True)
        key = Secret(required=True)

    def token_request(self, settings: Mapping[str, Any], now: int) -> Request | None:
        return Request("POST", f"{settings['url']}/token", data={"key": settings["key"].reveal(), "at": now})

    def build(self, delivery: Delivery) -> Request:
        return Request("POST", f"{delivery.settings['url']}/events", json={"id": delivery.id})


class InBatches(Guarded):
    batching = Batching(max_items=10, linger=0.05)
    build = Destination.build

    def item(self, delivery: Delivery) -> Any:
        return delivery.id

    def pack(self, items: Sequence[Any], settings: Mapping[str, Any]) -> Request:
        return Request("POST", f"{settings['url']}/events", data=to_json(list(items)))


@pytest.fixture
def issuer(receiver: Receiver) -> Receiver:
    give(receiver, "first")
    return receiver


def give(receiver: Receiver, token: str, seconds: int = 3600) -> None:
    receiver.answer(200, path="/token", body=json.dumps({"access_token": token, "expires_in": seconds}).encode())


def guarded(place: Place, receiver: Receiver, kind: type[Destination] = Guarded) -> int:
    place.load_only(kind())
    settings = {"url": receiver.url, "key": "k-123456"}
    limits = {"retry_schedule": [86_400]}  # so that no retry comes during a test
    return int(place.destinations.add("guarded", "G", settings, events=["*"], limits=limits, actor="cli").id)


def asked(receiver: Receiver) -> int:
    return sum(request.path == "/token" for request in receiver.requests)


def tokens(receiver: Receiver) -> list[str]:
    sent = [request for request in receiver.requests if request.path == "/events"]
    return [request.headers["Authorization"].removeprefix("Bearer ") for request in sent]


def kept(place: Place) -> str:
    with place.store.read() as connection:
        rows = connection.execute(sa.select(attempts)).all()
    opened = place.store.sealer.open_json
    return json.dumps([opened(row.exchange, f"attempts:{row.dispatch_id}:{row.number}") for row in rows])


def fill(place: Place, count: int, **changes: Any) -> None:
    for _ in range(count):
        place.track(**changes)


@pytest.mark.parametrize("kind", [Guarded, InBatches])
def test_one_token_serves_many_events_and_shows_nowhere(
    place: Place, issuer: Receiver, kind: type[Destination]
) -> None:
    issuer.answer(200, path="/events", body=b"hello first, I know your token")
    give(issuer, "first-token")
    issuer.answer(200, path="/events", body=b"you sent first-token")
    guarded(place, issuer, kind)
    fill(place, 20)
    place.work()
    assert place.states() == {"delivered": 20}
    assert asked(issuer) == 1
    assert set(tokens(issuer)) == {"first-token"}
    assert "first-token" not in kept(place)
    fill(place, 1)
    place.work()
    assert asked(issuer) == 1


def test_a_test_event_fetches_nothing_and_shows_where_the_token_goes(place: Place, issuer: Receiver) -> None:
    guarded(place, issuer)
    fill(place, 1, mode="test")
    place.work()
    assert issuer.connections == 0
    assert place.states() == {"sunk": 1}
    assert "Bearer access-token" in kept(place)


def test_a_token_is_renewed_before_it_expires(place: Place, issuer: Receiver) -> None:
    guarded(place, issuer)
    with time_machine.travel(clock.now_ms() / 1000, tick=False) as traveller:
        for seconds in (3500, 100, 0):
            fill(place, 1)
            place.work()
            traveller.shift(seconds)
            give(issuer, "second")
    assert tokens(issuer) == ["first", "first", "second"]


@pytest.mark.parametrize("kind", [Guarded, InBatches])
def test_a_refused_token_is_fetched_once_more_and_the_events_arrive(
    place: Place, issuer: Receiver, kind: type[Destination]
) -> None:
    hook = guarded(place, issuer, kind)
    fill(place, 1)
    place.work()
    give(issuer, "second")
    issuer.answer(401, path="/events", times=1)
    fill(place, 1)
    place.work()
    assert tokens(issuer) == ["first", "first", "second"]
    assert place.states() == {"delivered": 2}
    assert place.destinations.get(hook).breaker.refusals == 0
    with place.store.read() as connection:
        assert sorted(connection.execute(sa.select(dispatches.c.attempts, dispatches.c.spared)).all()) == [
            (1, 0), (2, 1),
        ]  # fmt: skip
        assert len(connection.execute(sa.select(attempts)).all()) == 3


def test_a_token_that_is_always_refused_pauses_the_destination_and_loses_nothing(
    place: Place, issuer: Receiver
) -> None:
    hook = guarded(place, issuer)
    issuer.answer(401, path="/events")
    fill(place, 6)
    place.work()
    assert place.destinations.get(hook).paused_for == "auth_failed"
    assert set(place.states()) <= {"retrying", "held", "pending"}
    assert asked(issuer) <= 7
    assert place.difference() == 0


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"status": 400}, "no_token"),
        ({"status": 200, "body": b"{}"}, "no_token"),
        ({"status": 200, "body": b'{"access_token": 5}'}, "no_token"),
        ({"status": 503}, "http_503"),
        ({"status": 200, "reset": True}, "connection_lost"),
    ],
)
def test_without_a_token_events_wait_and_are_tried_again(
    place: Place, receiver: Receiver, answer: dict[str, Any], reason: str
) -> None:
    receiver.answer(path="/token", **answer)
    guarded(place, receiver)
    fill(place, 3)
    place.work()
    assert place.states() == {"retrying": 3}
    with place.store.read() as connection:
        assert set(connection.scalars(sa.select(dispatches.c.reason))) == {reason}
    assert asked(receiver) == len(receiver.requests)


@pytest.mark.parametrize("verb", ["token_request", "read_token"])
def test_a_plugins_fault_with_tokens_loses_nothing(place: Place, issuer: Receiver, verb: str) -> None:
    def fault(*_: Any) -> Any:
        raise KeyError("oops")

    guarded(place, issuer, type("Faulty", (Guarded,), {verb: fault}))
    fill(place, 2)
    place.work()
    assert place.states() == {"retrying": 2}


@pytest.mark.parametrize("token", ["t\n", "t\r\nX-Evil: 1", " t", "t\u20ac", "t\x7f", "t" * 20_000])
def test_a_token_that_no_header_can_carry_is_none_and_costs_no_event(
    place: Place, issuer: Receiver, token: str
) -> None:
    guarded(place, issuer)
    give(issuer, token)
    fill(place, 2)
    place.work()
    assert place.states() == {"retrying": 2}
    assert tokens(issuer) == []
    assert "t" * 100 not in kept(place)


def test_settings_may_say_that_no_token_is_needed(place: Place, issuer: Receiver) -> None:
    def none(*_: Any) -> None:
        return None

    guarded(place, issuer, type("Open", (Guarded,), {"token_request": none}))
    fill(place, 1)
    place.work()
    assert place.states() == {"delivered": 1}
    assert [request.path for request in issuer.requests] == ["/events"]
    assert "Authorization" not in issuer.requests[0].headers


def test_changed_settings_fetch_anew(place: Place, issuer: Receiver) -> None:
    hook = guarded(place, issuer)
    fill(place, 1)
    place.work()
    place.destinations.update(hook, settings={"key": "k-new-key"}, actor="cli")
    fill(place, 1)
    place.work()
    assert [b"k-new-key" in request.body for request in issuer.requests if request.path == "/token"] == [False, True]
