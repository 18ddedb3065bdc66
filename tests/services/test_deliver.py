"""The deliver station and the sweep: from due dispatches to what a receiver got and what was written down."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import Mock

import pytest
import sqlalchemy as sa
import time_machine
from standardwebhooks import Webhook

from ours import clock
from ours.core.breaker import Breaker
from ours.errors import Busy
from ours.plugin import Delivery, Destination, Mapped, Request
from ours.queue import Queue
from ours.registry import Registry
from ours.services.deliver import Deliver, records
from ours.services.deliver.drain import LEASE
from ours.services.deliver.targets import Targets
from ours.services.destinations import backlog
from ours.services.sweep import Sweep
from ours.store import Store
from ours.store.queries import destinations as queries
from ours.store.queries import dispatches as life
from ours.store.tables import attempts, dispatches
from tests.receiver import Receiver
from tests.services.conftest import Place

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def last(place: Place) -> "sa.Row[tuple[object, ...]]":
    with place.store.read() as connection:
        return connection.execute(sa.select(dispatches).order_by(dispatches.c.id.desc())).first()  # type: ignore[return-value]


def tries(place: Place) -> list[dict[str, object]]:
    """Every attempt, with what was kept of it opened."""
    with place.store.read() as connection:
        rows = connection.execute(sa.select(attempts).order_by(attempts.c.dispatch_id, attempts.c.number)).all()
    opened = place.store.sealer.open_json
    return [
        row._asdict() | {"exchange": opened(row.exchange, f"attempts:{row.dispatch_id}:{row.number}")} for row in rows
    ]


@pytest.mark.parametrize("status", [200, 503])
def test_an_answer_with_more_headers_than_are_read_says_neither_yes_nor_no(
    place: Place, receiver: Receiver, status: int
) -> None:
    receiver.answer(raw=f"HTTP/1.1 {status} X\r\n".encode() + b"X: a\r\n" * 6_000 + b"\r\n")
    place.webhook(receiver, limits={"retry_schedule": [86_400]})
    place.track()
    place.work()
    assert (last(place).state, last(place).reason) == ("retrying", "response_too_large")


def test_a_live_event_arrives_signed_and_says_what_it_should(place: Place, receiver: Receiver) -> None:
    place.destinations.add("webhook", "Hook", {"url": receiver.url, "secret": SECRET}, events=["*"], actor="cli")
    receipt = place.track("Purchase", distinct_id="order-1", event_properties={"amount": 99.99})
    place.work()
    (request,) = receiver.requests
    body = Webhook(SECRET).verify(request.body, dict(request.headers))
    assert body["type"] == "Purchase"
    assert body["data"]["id"] == receipt.event_id
    assert body["data"]["distinctId"] == "order-1"
    assert body["data"]["userId"] == "u1"
    assert body["data"]["properties"] == {"amount": 99.99}
    assert place.states() == {"delivered": 1}
    assert request.headers["webhook-id"] == last(place).id


def test_a_test_event_is_sunk_with_its_exact_request_and_nothing_is_sent(place: Place, receiver: Receiver) -> None:
    place.destinations.add("webhook", "Hook", {"url": receiver.url, "secret": SECRET}, events=["*"], actor="cli")
    place.track(mode="test", event_properties={"amount": 1})
    place.work()
    assert receiver.requests == []
    assert receiver.connections == 0
    assert place.states() == {"sunk": 1}
    kept = tries(place)[0]["exchange"]["request"]  # type: ignore[index]
    assert Webhook(SECRET).verify(kept["body"], kept["headers"])["data"]["properties"] == {"amount": 1}


def test_the_database_itself_refuses_a_delivered_test_dispatch(place: Place, receiver: Receiver) -> None:
    place.webhook(receiver)
    place.track(mode="test")
    place.work()
    with pytest.raises(sa.exc.IntegrityError), place.store.write() as connection:
        connection.execute(sa.update(dispatches).values(state="delivered"))


def test_what_identify_said_is_there_for_later_events_that_map_it(place: Place, receiver: Receiver) -> None:
    place.webhook(receiver, mapping={"plan": "{{visitor.custom_properties.plan}}", "city": "{{visitor.city}}"})
    place.identify(user_id="u1", user_properties={"city": "Bern", "custom_properties": {"plan": "premium"}})
    place.identify(user_id="u1", user_properties={"city": None})
    place.track(user_id="u1")
    place.work()
    data = json.loads(receiver.requests[0].body)["data"]
    assert data["plan"] == "premium"
    assert "city" not in data


def test_an_identify_leaves_under_an_id_of_its_own_by_which_repeats_are_dropped(
    place: Place, receiver: Receiver
) -> None:
    place.webhook(receiver, events=["$identify"])
    for city in ("Bern", "Basel"):
        place.identify(user_id="u1", user_properties={"city": city})
    place.work()
    sent = [json.loads(request.body)["data"] for request in receiver.requests]
    assert len({one["distinctId"] for one in sent}) == 2
    assert all(one["distinctId"] == one["id"] for one in sent)


def test_the_visitor_is_read_at_each_try(place: Place, receiver: Receiver) -> None:
    destination = place.webhook(receiver, mapping={"city": "{{visitor.city}}"})
    place.destinations.pause(destination, actor="cli")
    place.track(user_id="u1", user_properties={"city": "Bern"})
    place.work()
    place.identify(user_id="u1", user_properties={"city": "Basel"})
    place.destinations.resume(destination, actor="cli")
    place.work()
    assert json.loads(receiver.requests[0].body)["data"]["city"] == "Basel"


def test_a_failure_is_tried_again_at_its_time_and_every_try_is_kept(place: Place, receiver: Receiver) -> None:
    place.webhook(receiver)
    receiver.answer(503, times=1, headers={"Retry-After": "120"})
    with time_machine.travel(clock.now_ms() / 1000, tick=False) as traveller:
        place.track()
        place.work()
        row = last(place)
        assert (row.state, row.reason, row.attempts) == ("retrying", "http_503", 1)
        assert row.due_at == clock.now_ms() + 120_000
        traveller.shift(119)
        place.work()
        assert len(receiver.requests) == 1
        traveller.shift(1)
        place.work()
    assert place.states() == {"delivered": 1}
    assert [(one["number"], one["outcome"], one["status"]) for one in tries(place)] == [
        (1, "retry", 503),
        (2, "delivered", 200),
    ]
    assert receiver.requests[0].headers["webhook-id"] == receiver.requests[1].headers["webhook-id"]


def test_a_refusal_for_good_is_rejected_with_its_answer_kept(place: Place, receiver: Receiver) -> None:
    place.webhook(receiver)
    receiver.answer(400, body=b"no such thing")
    place.track()
    place.work()
    assert (last(place).state, last(place).reason) == ("rejected", "http_400")
    assert tries(place)[0]["exchange"]["response"]["body"] == "no such thing"  # type: ignore[index]


def test_a_private_address_is_refused_and_says_which_setting_allows_it(place: Place, receiver: Receiver) -> None:
    closed = replace(place.settings, allow_networks=())
    place.webhook(receiver)
    place.track()
    place.route.run()
    guarded = Deliver(place.store, place.registry, closed)
    guarded.drain(threading.Event(), 5)
    guarded.close()
    assert (last(place).state, last(place).reason) == ("rejected", "ssrf_refused")
    assert "OURS_ALLOW_NETWORKS" in tries(place)[0]["exchange"]["message"]  # type: ignore[index]
    assert receiver.connections == 0


def test_secrets_are_masked_in_what_is_kept_of_live_requests(place: Place, receiver: Receiver) -> None:
    settings = {"url": receiver.url, "secret": SECRET, "headers": {"X-Team": "sesame-open"}}
    place.destinations.add("webhook", "Hook", settings, events=["*"], actor="cli")
    receiver.answer(400, body=b"you sent sesame-open")
    place.track()
    place.work()
    assert receiver.requests[0].headers["X-Team"] == "sesame-open"
    assert "sesame-open" not in json.dumps(tries(place)[0]["exchange"])


def test_no_half_of_a_secret_is_kept_where_an_answer_is_cut(place: Place, receiver: Receiver) -> None:
    settings = {"url": receiver.url, "headers": {"X-Team": "sesame-open"}}
    place.destinations.add("webhook", "Hook", settings, events=["*"], actor="cli")
    receiver.answer(400, body=b"x" * (16 * 1024 - 6) + b"sesame-open" + b"y" * 100)
    place.track()
    place.work()
    kept = tries(place)[0]["exchange"]["response"]["body"]
    assert len(kept) > 16_000
    assert set(kept) <= set("x•")


class Choosy(Destination):
    slug = "choosy"
    label = "Choosy"
    default_mapping: ClassVar = {"plan": Mapped("{{event.event_properties.plan}}", required=True)}

    def build(self, delivery: Delivery) -> Request:
        raise AssertionError(delivery)


def test_an_event_without_what_the_destination_needs_is_rejected_and_its_plugin_is_not_asked(place: Place) -> None:
    place.load_only(Choosy())
    place.destinations.add("choosy", "Choosy", {}, events=["*"], actor="cli")
    place.track()
    place.work()
    assert (last(place).state, last(place).reason) == ("rejected", "field_missing")
    assert tries(place)[0]["exchange"]["message"] == "The mapping gives no value for plan."  # type: ignore[index]


class Signed(Destination):
    """Its headers are what ``requests`` takes, and no texts."""

    slug = "signed"
    label = "Signed"
    url = ""

    def build(self, delivery: Delivery) -> Request:
        return Request("POST", self.url, json={"id": delivery.id}, headers={"X-Signature": "é".encode()}, auth=_sign)


def _sign(request: Any) -> Any:
    request.headers["Authorization"], request.headers[b"X-Version"] = b"Signature of canary", 3
    return request


@pytest.mark.parametrize(("mode", "state"), [("live", "delivered"), ("test", "sunk")])
def test_a_header_that_is_no_text_is_sent_and_kept_as_one(
    place: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, mode: str, state: str
) -> None:
    monkeypatch.setattr(Signed, "url", receiver.url)
    place.load_only(Signed())
    place.destinations.add("signed", "Signed", {}, events=["*"], actor="cli")
    place.track(mode=mode)
    place.work()
    assert place.states() == {state: 1}
    said = {"X-Signature": "Ã©", "X-Version": "3", "Authorization": "••••" if mode == "live" else "Signature of canary"}
    kept = tries(place)[0]["exchange"]["request"]["headers"]
    assert {name: kept[name] for name in said} == said
    sent = [one.headers["Authorization"] for one in receiver.requests]
    assert sent == (["Signature of canary"] if mode == "live" else [])


def test_the_file_destination_writes_a_line(place: Place, tmp_path: Path) -> None:
    place.destinations.add("file", "File", {"folder": str(tmp_path / "out")}, events=["*"], actor="cli")
    place.track("Purchase")
    place.track("Purchase", mode="test")
    place.work()
    (file,) = (tmp_path / "out").iterdir()
    (line,) = file.read_text().splitlines()
    assert json.loads(line)["data"]["event"] == "Purchase"
    assert place.states() == {"delivered": 1, "sunk": 1}


def test_a_hanging_destination_does_not_hold_up_the_others(place: Place, receiver: Receiver) -> None:
    with Receiver() as hanging:
        hanging.answer(hang=True)
        place.webhook(hanging, "Hangs")
        place.webhook(receiver, "Works")
        for _ in range(100):
            place.track()
        while place.route.run():
            pass
        place.deliver.drain(threading.Event(), 3)
        assert len(receiver.requests) == 100
        assert place.states()["delivered"] == 100


def test_pausing_keeps_the_backlog_and_resuming_delivers_it(place: Place, receiver: Receiver) -> None:
    hook = place.webhook(receiver)
    place.track()
    place.route.run()
    place.destinations.pause(hook, actor="cli")
    place.work()
    assert place.states() == {"held": 1}
    place.destinations.resume(hook, actor="cli")
    place.work()
    assert place.states() == {"delivered": 1}
    assert len(receiver.requests) == 1


def test_two_workers_never_send_the_same_dispatch(place: Place, receiver: Receiver) -> None:
    place.webhook(receiver)
    for _ in range(300):
        place.track()
    while place.route.run():
        pass
    other = Deliver(place.store, place.registry, place.settings)
    workers = [threading.Thread(target=one.drain, args=(threading.Event(), 20)) for one in (place.deliver, other)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    other.close()
    seen = [request.headers["webhook-id"] for request in receiver.requests]
    assert len(seen) == len(set(seen)) == 300
    assert place.states() == {"delivered": 300}


@pytest.fixture
def sweep(place: Place) -> Iterator[Sweep]:
    queue = Queue(place.settings)
    yield Sweep(place.store, place.registry, queue)
    queue.close()


def abandoned(place: Place, receiver: Receiver) -> None:
    """A dispatch that was claimed by a worker which is no more."""
    place.webhook(receiver)
    place.track()
    place.route.run()
    dead = Deliver(place.store, place.registry, place.settings)
    dead._turn(claim=True)
    dead.close()
    assert place.states() == {"sending": 1}


def test_the_sweep_frees_what_a_dead_worker_had_in_hand(place: Place, receiver: Receiver, sweep: Sweep) -> None:
    with time_machine.travel(clock.now_ms() / 1000, tick=False) as traveller:
        abandoned(place, receiver)
        sweep.run()
        assert place.states() == {"sending": 1}
        traveller.shift(LEASE / 1000 + 1)
        sweep.run()
        assert (last(place).state, last(place).reason) == ("retrying", "lease_lost")
        traveller.shift(10)
        place.work()
    assert place.states() == {"delivered": 1}
    assert [one["outcome"] for one in tries(place)] == ["unknown", "delivered"]


def test_a_bug_of_ours_keeps_nothing_in_hand_for_ever(
    place: Place, receiver: Receiver, sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it struck is freed as a dead worker's is, and the worker goes on."""
    wrote, struck = records.write_up, iter([True])

    def stumble(*given: Any) -> Any:
        if next(struck, False):
            raise RuntimeError("a bug")
        return wrote(*given)

    with time_machine.travel(clock.now_ms() / 1000, tick=False) as traveller:
        place.webhook(receiver)
        place.track()
        place.route.run()
        monkeypatch.setattr(records, "write_up", stumble)
        with pytest.raises(RuntimeError, match="a bug"):
            place.deliver.drain(threading.Event(), 20)
        assert (place.states(), place.deliver.in_flight) == ({"sending": 1}, 0)
        for _ in range(int(LEASE / clock.SECOND)):
            traveller.shift(1)
            place.track()
            place.work()
        assert place.states() == {"delivered": LEASE / clock.SECOND, "sending": 1}
        traveller.shift(1)
        sweep.run()
        assert place.states() == {"delivered": LEASE / clock.SECOND, "retrying": 1}


def test_what_can_not_be_recorded_stops_the_worker_once(
    place: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(_: Any, settled: Sequence[Any], **__: Any) -> int:
        if settled:
            raise RuntimeError("a bug")
        return 0

    place.webhook(receiver)
    place.track()
    place.route.run()
    with monkeypatch.context() as patched:
        patched.setattr(life, "settle", stumble)
        with pytest.raises(RuntimeError, match="a bug"):
            place.deliver.drain(threading.Event(), 20)
    place.track()
    place.work()
    assert place.states() == {"delivered": 1, "sending": 1}


def test_what_a_worker_recorded_while_the_sweep_looked_stays(
    place: Place, receiver: Receiver, sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, records = life.lost, iter([partial(place.deliver._turn, claim=False)])

    def looked(connection: sa.Connection, *asked: Any, **more: Any) -> Any:
        found = look(connection, *asked, **more)
        next(records, list)()
        return found

    with time_machine.travel(clock.now_ms() / 1000, tick=False) as traveller:
        place.webhook(receiver)
        place.track()
        place.route.run()
        place.deliver._begin(place.deliver._turn(claim=True))
        while not place.deliver._in_hand.finished:
            place.deliver._outbox.collect(1)
        traveller.shift(LEASE / 1000 + 1)  # both were asleep, and wake at once
        monkeypatch.setattr(life, "lost", looked)
        sweep.run()
    assert place.states() == {"delivered": 1}
    assert [one["outcome"] for one in tries(place)] == ["delivered"]


@pytest.fixture
def asleep(
    place: Place, receiver: Receiver, sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> Iterator[time_machine.Traveller]:
    """A worker whose request is answered, and the sweep, were asleep for as long as a lease lasts."""
    monkeypatch.setattr("ours.services.sweep._CHANCE", 0)
    with time_machine.travel(clock.now_ms() / 1000, tick=False) as traveller:
        place.webhook(receiver)
        place.track()
        place.route.run()
        place.deliver._begin(place.deliver._turn(claim=True))
        while not place.deliver._in_hand.finished:
            place.deliver._outbox.collect(1)
        sweep.tick()
        traveller.shift(LEASE / 1000 + 1)
        yield traveller


@pytest.mark.usefixtures("asleep")
def test_who_was_asleep_with_the_sweep_keeps_what_it_has_in_hand(place: Place, sweep: Sweep) -> None:
    sweep.tick()
    assert place.states() == {"sending": 1}
    place.deliver._turn(claim=False)
    sweep.tick()
    assert place.states() == {"delivered": 1}


@pytest.mark.usefixtures("asleep")
def test_who_does_not_wake_up_again_loses_it_all_the_same(place: Place, sweep: Sweep) -> None:
    for _ in range(2):
        sweep.tick()
    assert place.states() == {"retrying": 1}


def test_where_each_round_of_the_sweep_takes_long_what_is_lost_is_freed_still(
    place: Place, sweep: Sweep, asleep: time_machine.Traveller
) -> None:
    sweep.tick()
    asleep.shift(LEASE / 1000 + 1)
    sweep.tick()
    assert place.states() == {"retrying": 1}


def test_who_falls_asleep_again_at_once_keeps_what_it_has_in_hand(
    place: Place, sweep: Sweep, asleep: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second sleep outlasts the time that was given after the first."""
    monkeypatch.setattr("ours.services.sweep._CHANCE", 10)
    watch = Mock()
    monkeypatch.setattr("ours.services.sweep.time", watch)
    for seconds, passed in ((0, 100.0), (1, 101.0), (LEASE / 1000 + 1, 200.0)):
        asleep.shift(seconds)
        watch.monotonic.return_value = passed
        sweep.tick()
        assert place.states() == {"sending": 1}
    place.deliver._turn(claim=False)
    assert place.states() == {"delivered": 1}


def test_who_only_stood_by_frees_at_once_what_is_lost(
    place: Place, sweep: Sweep, asleep: time_machine.Traveller
) -> None:
    del asleep
    sweep.stand_by()
    sweep.tick()
    assert place.states() == {"retrying": 1}


@pytest.mark.usefixtures("asleep")
def test_who_could_not_write_either_is_given_the_time_once_it_can(
    place: Place, sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep.stand_by()
    with monkeypatch.context() as full:
        full.setattr(Store, "write", _no_space)
        with pytest.raises(Busy):
            sweep.tick()
    sweep.tick()
    place.deliver._turn(claim=False)
    sweep.tick()
    assert place.states() == {"delivered": 1}


@pytest.mark.usefixtures("asleep")
def test_who_could_not_renew_within_the_time_that_was_given_is_given_it_anew(
    place: Place, sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One index after the other is made, say."""
    sweep.tick()
    monkeypatch.setattr("ours.services.sweep._CHANCE", 10)
    with monkeypatch.context() as locked:
        locked.setattr(life, "be_let_in", Mock(side_effect=Busy("Another session keeps a lock.")))
        with pytest.raises(Busy):
            sweep.tick()
    sweep.tick()
    place.deliver._turn(claim=False)
    assert place.states() == {"delivered": 1}


def _no_space(_: Store, **__: Any) -> None:
    raise Busy("The database can't be written just now.")


def _refused(work: Callable[[], None]) -> None:
    with pytest.raises(Busy, match="another session keeps a lock"):
        work()


def test_nothing_is_called_lost_while_nobody_could_have_recorded_it(
    place: Place, sweep: Sweep, asleep: time_machine.Traveller
) -> None:
    del asleep
    if place.store.is_sqlite:
        pytest.skip("there, who writes has all of the database")
    with place.store.read() as holder:
        holder.execute(sa.text("LOCK TABLE dispatches IN SHARE MODE"))  # an index is made, say
        sweeping = threading.Thread(target=_refused, args=(sweep.run,))
        sweeping.start()
        sweeping.join(1)
    sweeping.join()
    assert place.states() == {"sending": 1}


def test_an_ambiguous_try_is_held_where_the_destination_does_not_dedupe(
    place: Place, receiver: Receiver, sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook = place.registry.get("webhook")
    assert webhook
    monkeypatch.setattr(type(webhook.plugin), "dedupes", False)
    with time_machine.travel(clock.now_ms() / 1000, tick=False) as traveller:
        abandoned(place, receiver)
        traveller.shift(LEASE / 1000 + 1)
        sweep.run()
    assert (last(place).state, last(place).reason) == ("held", "ambiguous")


@pytest.mark.parametrize(("dedupes", "seen", "ends"), [(False, 2, "held"), (True, 3, "delivered")])
def test_what_a_broken_connection_took_is_sent_again_by_itself_only_where_repeats_are_dropped(
    place: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, dedupes: bool, seen: int, ends: str
) -> None:
    found = place.registry.plugin("webhook")
    monkeypatch.setattr(type(found), "dedupes", dedupes)
    place.webhook(receiver)
    place.track()
    place.work()
    receiver.answer(reset=True, times=1)  # on the connection that is used again
    place.track()
    place.work()
    assert len(receiver.requests) == seen
    assert place.states() == ({"delivered": 1, ends: 1} if ends == "held" else {"delivered": 2})


def test_what_was_held_for_a_missing_plugin_goes_on_when_it_is_back(
    place: Place, receiver: Receiver, sweep: Sweep
) -> None:
    from ours.services.route import Route

    place.webhook(receiver)
    place.track()
    Route(place.store, Registry([])).run()
    sweep.run()
    place.work()
    assert place.states() == {"delivered": 1}


def test_a_stopped_worker_gives_up_gracefully_and_calls_the_open_try_unknown(place: Place, receiver: Receiver) -> None:
    receiver.answer(hang=True)
    place.webhook(receiver)
    place.track()
    place.route.run()
    stop = threading.Event()
    worker = threading.Thread(target=place.deliver.drain, args=(stop,))
    worker.start()
    receiver.wait_for(1)
    stop.set()
    worker.join(5)
    assert not worker.is_alive()
    assert (last(place).state, last(place).reason) == ("retrying", "worker_stopped")


def test_a_plugin_that_raises_spoils_only_its_own_dispatch(
    place: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.webhook(receiver)
    webhook = place.registry.get("webhook")
    assert webhook
    build = type(webhook.plugin).build

    def moody(self: object, delivery: object) -> object:
        if delivery.event.name == "Bad":  # type: ignore[attr-defined]
            raise RuntimeError("jane@example.com")
        return build(self, delivery)  # type: ignore[arg-type]

    monkeypatch.setattr(type(webhook.plugin), "build", moody)
    place.track("Bad")
    place.track("Good")
    place.work()
    assert place.states() == {"delivered": 1, "rejected": 1}
    assert "jane" not in json.dumps([one["exchange"] for one in tries(place)])


def test_a_turn_sees_what_changed_of_a_destination_and_opens_no_other(
    place: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = place.webhook(receiver, "First"), place.webhook(receiver, "Second")
    opened: list[int] = []
    made = Targets._make

    def noted(self: Targets, row: Any, *more: Any) -> Any:
        opened.append(row.id)
        return made(self, row, *more)

    monkeypatch.setattr(Targets, "_make", noted)
    targets = Targets(place.registry, place.store.sealer)

    def turn() -> list[int]:
        opened.clear()
        with place.store.read() as connection:
            targets.refresh(connection)
        return sorted(opened)

    assert [turn(), turn()] == [[first, second], []]
    place.destinations.update(second, mapping={"plan": "{{event.name}}"}, actor="cli")
    assert [turn(), turn()] == [[second], []]
    with place.store.write() as connection:
        queries.change(connection, first, backlog.breaker_columns(Breaker("half_open", 3, 0, None)))
    assert turn() == []
    assert [targets.breaker(one).state for one in (first, second)] == ["half_open", "closed"]
    with place.store.write() as connection:  # as the standby has it that took over, and did not have the latest
        queries.change(connection, second, {"mapping": "{}", "updated_at": clock.now_ms() + 1})
    assert [turn(), turn()] == [[second], []]
    place.destinations.pause(first, actor="cli")
    assert turn() == []
    assert targets.get(first) is None
    place.destinations.resume(first, actor="cli")
    assert [turn(), turn()] == [[first], []]
    assert targets.breaker(first).state == "closed"
