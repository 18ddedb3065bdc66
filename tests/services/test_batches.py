"""Many events in one request: each keeps its own outcome, and one that is bad costs no other."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import sqlalchemy as sa

from ours.plugin import Delivered, Network, Outcome, Rejected, Request, Retry, Split, Unknown
from ours.services.deliver import Deliver
from ours.store.tables import attempts, dispatches
from tests.services.batching import Judge, Lists, ReadsAll, ReadsByStatus, ReadsEach, ReadsOne, batching
from tests.services.conftest import Place


@pytest.fixture
def judge() -> Iterator[Judge]:
    with Judge() as opened:
        yield opened


def fill(place: Place, *names: str, **changes: Any) -> None:
    for name in names:
        place.track(name, **changes)


def drain_until(worker: Deliver, done: Callable[[], bool]) -> None:
    """Deliver for a while at a time until something is so; the machine may be busy."""
    for _ in range(100):
        if done():
            return
        worker.drain(threading.Event(), 0.1)
    raise AssertionError("It never came to be so.")


def ended(place: Place) -> dict[str, tuple[str, str | None]]:
    """By event name, how its dispatch ended."""
    with place.store.read() as connection:
        rows = connection.execute(sa.text("SELECT e.name, d.state, d.reason FROM dispatches d, events e"
                                          " WHERE e.id = d.event_id")).all()  # fmt: skip
    return {name: (state, reason) for name, state, reason in rows}


def tries(place: Place) -> list[dict[str, Any]]:
    opened = place.store.sealer.open_json
    with place.store.read() as connection:
        rows = connection.execute(sa.select(attempts).order_by(attempts.c.dispatch_id, attempts.c.number)).all()
    return [
        row._asdict() | {"exchange": opened(row.exchange, f"attempts:{row.dispatch_id}:{row.number}")} for row in rows
    ]


def books_are_right(place: Place) -> None:
    """Every try that ended is kept, none is counted twice, and nothing is missing."""
    assert place.difference() == 0
    kept = Counter(one["dispatch_id"] for one in tries(place))
    with place.store.read() as connection:
        for row in connection.execute(sa.select(dispatches)):
            assert row.attempts == kept[row.id]
            assert row.lease is None


def test_what_is_due_travels_together_and_each_is_recorded(place: Place, judge: Judge) -> None:
    batching(place, judge)
    fill(place, *["Purchase"] * 25)
    place.work()
    assert judge.sizes == [10, 10, 5]
    assert place.states() == {"delivered": 25}
    assert len({item["id"] for batch in judge.batches for item in batch}) == 25
    books_are_right(place)


def test_each_keeps_its_own_part_of_the_request_and_how_many_there_were(place: Place, judge: Judge) -> None:
    batching(place, judge)
    fill(place, "First", "Second")
    judge.answer(200, body=b"x" * 5_000)
    place.work()
    for one in tries(place):
        kept = one["exchange"]["request"]
        assert json.loads(kept["body"])["id"] == one["dispatch_id"]
        assert kept["together"] == 2
        assert len(one["exchange"]["response"]["body"]) < 2_500


def test_a_test_event_is_sunk_alone_and_nothing_is_sent(place: Place, judge: Judge) -> None:
    batching(place, judge)
    fill(place, "Purchase", "Purchase", mode="test")
    place.work()
    assert judge.connections == 0
    assert place.states() == {"sunk": 2}
    assert [len(json.loads(one["exchange"]["request"]["body"])) for one in tries(place)] == [1, 1]


def test_a_batch_goes_when_its_bytes_are_full_and_a_giant_goes_alone(place: Place, judge: Judge) -> None:
    batching(place, judge, max_bytes=300)
    for size in (10, 10, 400, 10):
        fill(place, "Purchase", event_properties={"text": "x" * size})
    place.work()
    assert sorted(judge.sizes) == [1, 1, 2]
    assert [len(batch) for batch in judge.batches if "x" * 400 in str(batch)] == [1]
    books_are_right(place)


def test_only_equal_groups_travel_together(place: Place, judge: Judge) -> None:
    batching(place, judge)
    for group in "abab":
        fill(place, "Purchase", event_properties={"group": group})
    place.work()
    assert sorted(sorted({item["group"] for item in batch}) for batch in judge.batches) == [["a"], ["b"]]


def test_the_first_waits_for_company_and_others_do_not_wait_with_it(place: Place, judge: Judge) -> None:
    batching(place, judge, linger=30)
    fill(place, *["Purchase"] * 12)
    while place.route.run():
        pass
    drain_until(place.deliver, lambda: place.states().get("delivered") == 10)
    assert judge.sizes == [10]
    assert place.states() == {"delivered": 10, "sending": 2}


def test_a_stopped_worker_hands_back_what_still_waited(place: Place, judge: Judge) -> None:
    batching(place, judge, linger=30)
    fill(place, "Purchase", "Purchase")
    while place.route.run():
        pass
    stop = threading.Event()
    place.deliver.drain(stop, 0.2)
    stop.set()
    place.deliver.drain(stop, 0.2)
    assert place.states() == {"pending": 2}
    assert judge.requests == []
    books_are_right(place)


def test_each_item_has_its_own_outcome(place: Place, judge: Judge) -> None:
    batching(place, judge)
    fill(place, "A", "B", "C", "D")
    judge.answer(200, body=b'{"outcomes": ["ok", "no", "later", "?"]}')
    place.work()
    assert judge.sizes == [4]
    assert ended(place) == {
        "A": ("delivered", None), "B": ("rejected", "bad"), "C": ("retrying", "busy"), "D": ("retrying", "read_failed"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "code"),
    [(ReadsEach, "http_400"), (ReadsAll, "read_by_its_own"), (ReadsByStatus, "http_400"), (ReadsOne, "http_400")],
)
def test_whichever_way_a_batch_is_read_it_comes_to_an_end(
    place: Place, judge: Judge, kind: type[Lists], code: str
) -> None:
    batching(place, judge, kind)
    fill(place, "A", "B")
    judge.answer(200)
    place.work()
    assert ended(place) == dict.fromkeys("AB", ("delivered", None))
    fill(place, "C")
    judge.answer(400)
    place.work()
    assert ended(place)["C"] == ("rejected", code)


@pytest.mark.parametrize("body", [b'{"outcomes": ["ok"]}', b'{"outcomes": []}', b'{"outcomes": 5}', b"{}"])
def test_an_answer_that_does_not_fit_the_batch_loses_nothing(place: Place, judge: Judge, body: bytes) -> None:
    batching(place, judge)
    fill(place, "A", "B", "C")
    judge.answer(200, body=body)
    place.work()
    assert ended(place) == dict.fromkeys("ABC", ("retrying", "read_failed"))
    books_are_right(place)


def test_a_bad_event_is_found_by_halves_and_the_others_arrive(place: Place, judge: Judge) -> None:
    batching(place, judge, max_items=16, atomic=True)
    judge.bad = {"Bad", "Worse"}
    fill(place, *["Good"] * 5, "Bad", *["Good"] * 7, "Worse", "Good", "Good")
    place.work()
    assert place.states() == {"delivered": 14, "rejected": 2}
    assert {name for name, (state, _) in ended(place).items() if state == "rejected"} == {"Bad", "Worse"}
    assert judge.sizes[0] == 16
    assert len(judge.sizes) <= 2 * 2 * 4 + 1
    books_are_right(place)


def test_tries_that_only_searched_use_up_no_retry(place: Place, judge: Judge) -> None:
    batching(place, judge, atomic=True)
    fill(place, "Bad", *["Good"] * 7)
    judge.answer(503, times=1)
    place.work()
    assert place.states() == {"retrying": 8}
    with place.store.write() as connection:
        connection.execute(sa.update(dispatches).values(due_at=1))
    judge.bad = {"Bad"}
    place.work()
    assert place.states() == {"delivered": 7, "rejected": 1}
    with place.store.read() as connection:
        rows = connection.execute(sa.select(dispatches.c.attempts - dispatches.c.spared)).scalars().all()
    assert set(rows) == {2}
    books_are_right(place)


def test_a_request_that_is_too_large_is_halved_whatever_the_plugin_reads(place: Place, judge: Judge) -> None:
    batching(place, judge)
    judge.most, judge.status = 3, 413
    fill(place, *["Good"] * 10)
    place.work()
    assert place.states() == {"delivered": 10}
    assert max(size for size, batch in zip(judge.sizes, judge.batches, strict=True) if size <= 3) <= 3
    assert {one["code"] for one in tries(place)} == {"http_413", None}
    books_are_right(place)


def wordy(of_each: int) -> Callable[[Any], bytes]:
    """Says of each item what became of it, in so many bytes."""

    def tells(items: Any) -> bytes:
        outcomes = ["no" if item["name"] == "Bad" else "ok" for item in items]
        return json.dumps({"why": "x" * of_each * len(items), "outcomes": outcomes}).encode()

    return tells


def test_an_answer_that_tells_of_each_of_many_is_read_to_its_end(place: Place, judge: Judge) -> None:
    batching(place, judge, max_items=200, linger=0.3)
    judge.tells = wordy(900)
    fill(place, *["Good"] * 150, "Bad")
    place.work()
    assert ended(place) == {"Good": ("delivered", None), "Bad": ("rejected", "bad")}
    assert judge.sizes == [151]


def test_an_answer_too_long_to_be_read_is_no_yes_and_fewer_are_asked_for(place: Place, judge: Judge) -> None:
    """Cut, it is no JSON, and the plugin would go by the status."""
    batching(place, judge)
    judge.tells = wordy(20_000)
    fill(place, *["Good"] * 7, "Bad")
    place.work()
    assert ended(place) == {"Good": ("delivered", None), "Bad": ("rejected", "bad")}
    assert max(judge.sizes) == 8
    assert {one["code"] for one in tries(place)} == {"answer_cut", "bad", None}
    books_are_right(place)


def test_what_is_kept_of_an_answer_to_many_is_little_however_much_comes(place: Place, judge: Judge) -> None:
    class Quotes(Lists):
        def read_batch(self, response: Any, items: Any) -> Any:
            return Rejected("bad", response.text)

    batching(place, judge, Quotes)
    judge.answer(body=b"x" * 50_000, headers={f"X-{number}": "y" * 1_000 for number in range(200)})
    fill(place, *["Good"] * 5)
    place.work()
    kept = [one["exchange"] for one in tries(place)]
    assert [len(one["message"]) for one in kept] == [2_000] * 5
    assert all(len(json.dumps(one)) < 10_000 for one in kept)
    assert all("X-0" in one["response"]["headers"] for one in kept)


@pytest.mark.parametrize("alone", [True, False])
def test_where_repeats_would_count_an_answer_too_long_is_held_for_a_person(
    place: Place, judge: Judge, alone: bool
) -> None:
    class Counts(Lists):
        dedupes = False

    batching(place, judge, Counts)
    judge.tells = wordy(70_000)
    fill(place, *["Good"] * (1 if alone else 3))
    place.work()
    assert ended(place) == {"Good": ("held", "ambiguous")}
    assert len(judge.sizes) == 1


def test_a_refusal_of_the_whole_stays_one_however_long_it_is(place: Place, judge: Judge) -> None:
    class Refuses(Lists):
        def read_batch(self, response: Any, items: Any) -> Any:
            return Rejected("no")

    batching(place, judge, Refuses, atomic=True)
    judge.tells = wordy(70_000)
    fill(place, *["Good"] * 3)
    place.work()
    assert ended(place) == {"Good": ("rejected", "no")}


def test_what_reads_all_events_as_one_does_not_mind_a_long_answer(place: Place, judge: Judge) -> None:
    batching(place, judge, ReadsAll)
    judge.tells = wordy(70_000)
    fill(place, *["Good"] * 3)
    place.work()
    assert place.states() == {"delivered": 3}


def test_whoever_is_split_off_travels_on_without_the_culprit(place: Place, judge: Judge) -> None:
    class Tells(Lists):
        def read_batch(self, response: Any, items: Any) -> Any:
            if response.status_code == 200:
                return Delivered()
            return [Rejected("bad") if item["name"] == "Bad" else Split("with_bad") for item in items]

    batching(place, judge, Tells)
    judge.bad = {"Bad"}
    fill(place, *["Good"] * 4, "Bad", *["Good"] * 3)
    place.work()
    assert judge.sizes == [8, 7]
    assert place.states() == {"delivered": 7, "rejected": 1}
    books_are_right(place)


def test_one_alone_that_can_not_be_split_is_rejected(place: Place, judge: Judge) -> None:
    class Splits(Lists):
        def read_batch(self, response: Any, items: Any) -> Any:
            return Split("no_end", "Again.")

    batching(place, judge, Splits)
    fill(place, "A", "B", "C")
    place.work()
    assert ended(place) == dict.fromkeys("ABC", ("rejected", "no_end"))
    assert len(judge.sizes) <= 5
    books_are_right(place)


def test_faults_of_the_plugin_cost_no_other_event(place: Place, judge: Judge) -> None:
    batching(place, judge)
    fill(place, "Good", "Skip", "Fault", "Unpackable", "Fine")
    place.work()
    assert ended(place) == {
        "Good": ("delivered", None), "Skip": ("stopped", "not_mine"), "Fault": ("rejected", "build_failed"),
        "Unpackable": ("delivered", None), "Fine": ("delivered", None),
    }  # fmt: skip
    books_are_right(place)


def test_an_unanswered_batch_is_unknown_for_each(place: Place, judge: Judge) -> None:
    batching(place, judge)
    judge.answer(reset=True)
    fill(place, "A", "B")
    place.work()
    assert ended(place) == dict.fromkeys("AB", ("retrying", "connection_lost"))
    assert [one["outcome"] for one in tries(place)] == ["unknown", "unknown"]


def test_a_failing_batch_counts_once_for_the_breaker(place: Place, judge: Judge) -> None:
    hook = batching(place, judge)
    judge.answer(503)
    fill(place, *["A"] * 30)
    place.work()
    assert judge.sizes == [10, 10, 10]
    assert place.destinations.get(hook).breaker.failures == 3


def test_a_destination_that_sends_itself_may_tell_of_each(place: Place, judge: Judge) -> None:
    class Writes(Lists):
        def send(self, request: Request, settings: Mapping[str, Any], network: Network) -> Any:
            outcomes: dict[str, Outcome] = {"A": Delivered(), "B": Rejected("bad"), "C": Retry("busy")}
            return [outcomes.get(item["name"], Unknown("odd")) for item in json.loads(request.data)]

    batching(place, judge, Writes)
    fill(place, "A", "B", "C")
    place.work()
    assert ended(place) == {"A": ("delivered", None), "B": ("rejected", "bad"), "C": ("retrying", "busy")}
    assert judge.connections == 0


def test_a_worker_that_dies_in_the_middle_of_a_search_loses_nothing(place: Place, judge: Judge) -> None:
    from ours import clock
    from tests.services.scripted import route_all, sweep_of

    batching(place, judge, atomic=True)
    judge.answer(400, times=1)
    judge.answer(hang=True)
    fill(place, "A", "B")
    route_all(place)
    dying = Deliver(place.store, place.registry, place.settings)
    drain_until(dying, lambda: len(judge.requests) == 3)
    dying.close()
    assert place.states() == {"sending": 2}
    with place.store.write() as connection:
        connection.execute(sa.update(dispatches).values(lease_until=clock.now_ms() - 1))
    sweep_of(place).run()
    assert [(one["number"], one["outcome"], one["code"]) for one in tries(place)] == [
        (1, "retry", "http_400"), (2, "unknown", "lease_lost"),
    ] * 2  # fmt: skip
    books_are_right(place)


def test_a_batch_that_is_too_large_goes_in_halves_and_a_giant_alone_is_rejected(
    place: Place, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ours.services.deliver.tries.MOST_BYTES", 600)
    batching(place, judge)
    for size in (10, 150, 150, 150, 900):
        fill(place, "Purchase", event_properties={"text": "x" * size})
    place.work()
    assert place.states() == {"delivered": 4, "rejected": 1}
    assert all(len(request.body) <= 600 for request in judge.requests)
    assert {one["code"] for one in tries(place) if one["outcome"] == "rejected"} == {"request_too_large"}
    books_are_right(place)
