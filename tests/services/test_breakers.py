"""Destinations that fail are left alone without a try being wasted, felt for, and come back; bad credentials pause."""

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs
from time_machine import Traveller

from ours import clock, log
from ours.core.retry import SCHEDULE
from ours.plugin import Delivered, Retry, Unauthorized
from ours.services.audit import Audit
from ours.services.destinations import Destination, backlog
from ours.store.tables import dispatches
from tests.receiver import Receiver
from tests.services.conftest import Place
from tests.services.scripted import Scripted, deliver, die, route_all, scripted, sweep_of

FAILS = Retry("http_503", "Later.")
REFUSED = Unauthorized("http_401", "Who are you?")


@pytest.fixture
def told(place: Place) -> Place:
    scripted(place).destinations.add("scripted", "Told", {}, events=["*"], actor="cli")
    return place


def only(place: Place) -> Destination:
    (one,) = place.destinations.list()
    return one


def held(place: Place) -> dict[str, int]:
    with place.store.read() as connection:
        query = sa.select(dispatches.c.reason, sa.func.count()).where(dispatches.c.state == "held")
        return {reason: count for reason, count in connection.execute(query.group_by(dispatches.c.reason))}  # noqa: C416


def step(place: Place) -> None:
    """What happens about once a second: a sweep, and what is due is delivered."""
    sweep_of(place).run()
    deliver(place)


def break_down(place: Place, more: int = 5) -> None:
    """Ten failures, with ``more`` dispatches waiting behind them."""
    Scripted.outcomes.extend([FAILS] * 10)
    for _ in range(10):
        place.track()
    route_all(place)
    deliver(place)
    for _ in range(more):
        place.track()
    route_all(place)
    sweep_of(place).run()


def test_ten_failures_in_a_row_hold_what_waits_and_no_try_is_used_up(told: Place, now: Traveller) -> None:
    break_down(told)
    assert (only(told).breaker.state, only(told).breaker.failures) == ("open", 10)
    assert only(told).breaker.until == clock.now_ms() + 30_000
    assert held(told) == {"breaker_open": 15}
    for _ in range(3):
        now.shift(9)
        step(told)
    assert len(Scripted.sent) == 10
    with told.store.read() as connection:
        assert set(connection.scalars(sa.select(dispatches.c.attempts))) == {0, 1}


def test_after_its_pause_exactly_one_is_tried_and_its_success_frees_the_rest(told: Place, now: Traveller) -> None:
    break_down(told)
    now.shift(30)
    step(told)
    assert len(Scripted.sent) == 11
    assert only(told).breaker.state == "closed"
    assert told.states() == {"delivered": 1, "held": 14}
    step(told)
    assert told.states() == {"delivered": 15}


def test_a_probe_that_fails_doubles_the_pause(told: Place, now: Traveller) -> None:
    break_down(told)
    for seconds in (30, 60, 120):
        Scripted.outcomes.append(FAILS)
        now.shift(seconds - 1)
        step(told)
        before = len(Scripted.sent)
        now.shift(1)
        step(told)
        step(told)
        assert len(Scripted.sent) == before + 1
        assert held(told) == {"breaker_open": 15}
    assert only(told).breaker.until == clock.now_ms() + 240_000


def test_while_a_probe_is_in_hand_there_is_no_second_one(told: Place, now: Traveller) -> None:
    break_down(told)
    now.shift(30)
    sweep_of(told).run()
    die(told)
    assert told.states() == {"sending": 1, "held": 14}
    step(told)
    assert told.states() == {"sending": 1, "held": 14}
    now.shift(16)
    step(told)
    assert held(told)["ambiguous"] == 1
    assert only(told).breaker.state == "closed"


def let_all_be_due(place: Place) -> None:
    """As if nobody had held them yet."""
    with place.store.write() as connection:
        free = {"state": "pending", "reason": None, "due_at": clock.now_ms()}
        connection.execute(sa.update(dispatches).where(dispatches.c.state != "delivered").values(free))


def test_what_nobody_held_yet_is_no_second_probe(told: Place, now: Traveller) -> None:
    break_down(told)
    now.shift(30)
    sweep_of(told).run()
    let_all_be_due(told)
    die(told)
    assert told.states() == {"sending": 1, "pending": 14}


def test_what_nobody_held_yet_is_not_tried_while_it_is_open(told: Place, now: Traveller) -> None:
    break_down(told)
    now.shift(1)
    let_all_be_due(told)
    deliver(told)
    assert len(Scripted.sent) == 10


def test_events_that_come_while_it_is_open_wait_with_the_others(told: Place, now: Traveller) -> None:
    break_down(told, more=0)
    told.track()
    told.track(mode="test")
    route_all(told)
    assert held(told) == {"breaker_open": 12}
    now.shift(30)
    Scripted.outcomes.append(FAILS)
    step(told)
    assert told.states() == {"sunk": 1, "retrying": 1, "held": 10}


def test_connections_that_fail_fast_count_alike(place: Place, now: Traveller) -> None:
    with Receiver() as gone:
        place.webhook(gone)
    for _ in range(10):
        place.track()
    place.work()
    assert only(place).breaker.state == "open"
    assert place.states() == {"retrying": 10}


def test_half_of_many_failing_opens_it_too(told: Place, now: Traveller) -> None:
    Scripted.outcomes.extend([Delivered(), FAILS] * 20)
    for _ in range(40):
        told.track()
    route_all(told)
    deliver(told)
    assert only(told).breaker.state == "open"
    assert only(told).breaker.why == "at least half of its tries within a minute"


def test_a_few_failures_among_successes_leave_it_closed(told: Place, now: Traveller) -> None:
    Scripted.outcomes.extend(([Delivered()] * 3 + [FAILS]) * 15)
    for _ in range(60):
        told.track()
    route_all(told)
    deliver(told)
    assert only(told).breaker.state == "closed"
    told.track()
    route_all(told)
    deliver(told)
    assert only(told).breaker.failures == 0


def test_the_backlog_behind_a_breaker_is_let_go_at_the_drain_rate(told: Place, now: Traveller) -> None:
    told.destinations.update(only(told).id, limits={"drain_rate": 1}, actor="cli")
    break_down(told)
    now.shift(30)
    step(told)
    step(told)
    assert told.states() == {"delivered": 2, "pending": 13}
    now.shift(13)
    step(told)
    assert told.states() == {"delivered": 15}


def test_the_log_tells_a_destination_by_its_number_in_each_line(told: Place, now: Traveller) -> None:
    """What collects logs takes a field for one kind of value, and drops lines where it is another."""
    log.configure("INFO", "text")
    with capture_logs() as lines:
        break_down(told)
        now.shift(31)
        Scripted.outcomes.extend([Delivered()] + [REFUSED] * 5)
        for _ in range(20):
            step(told)
            now.shift(2)
    said = {line["event"]: (line["destination"], line["name"]) for line in lines if "destination" in line}
    assert {"breaker_open", "breaker_half_open", "breaker_closed", "destination_paused"} <= set(said)
    assert set(said.values()) == {(only(told).id, "Told")}


def test_five_refusals_of_our_credentials_pause_it_for_a_person(
    told: Place, now: Traveller, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure("ERROR", "text")  # to the stderr that is captured now
    Scripted.outcomes.extend([REFUSED] * 12)
    for _ in range(12):
        told.track()
    route_all(told)
    deliver(told)
    tried = len(Scripted.sent)
    assert 5 <= tried < 12
    step(told)
    assert (only(told).status, only(told).paused_for) == ("paused", "auth_failed")
    assert held(told) == {"destination_paused": 12}
    (entry,) = [entry for entry in Audit(told.store).list() if entry.actor == "ours"]
    assert (entry.verb, entry.subject) == ("pause", f"destination {only(told).id}")
    assert "destination_paused" in capsys.readouterr().err
    now.shift(86_400)
    step(told)
    assert len(Scripted.sent) == tried
    Scripted.outcomes.clear()
    told.destinations.resume(only(told).id, actor="cli")
    assert only(told).breaker.refusals == 0
    deliver(told)
    assert told.states() == {"delivered": 12}
    assert len(Scripted.sent) == tried + 12


def test_four_refusals_do_not_pause_it(told: Place) -> None:
    Scripted.outcomes.extend([REFUSED] * 4)
    for _ in range(6):
        told.track()
    route_all(told)
    deliver(told)
    assert only(told).status == "on"


def test_a_person_who_resumes_a_destination_gives_it_a_fresh_start(told: Place, now: Traveller) -> None:
    break_down(told)
    hook = only(told).id
    told.destinations.pause(hook, actor="cli")
    step(told)
    assert held(told) == {"breaker_open": 15}
    told.destinations.resume(hook, actor="cli")
    assert only(told).breaker.state == "closed"
    deliver(told)
    assert told.states() == {"delivered": 15}


def test_turning_it_off_stops_what_the_breaker_held(told: Place, now: Traveller) -> None:
    break_down(told)
    told.destinations.turn_off(only(told).id, actor="cli")
    assert told.states() == {"stopped": 15}
    assert told.difference() == 0


def test_a_large_backlog_is_held_and_let_go_in_parts(
    told: Place, now: Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "PART", 4)
    break_down(told, more=10)
    assert held(told) == {"breaker_open": 20}
    now.shift(30)
    step(told)
    step(told)
    assert told.states() == {"delivered": 20}


def test_a_breaker_opened_by_one_worker_stops_the_other(told: Place, now: Traveller) -> None:
    from ours.services.deliver import Deliver

    break_down(told, more=0)
    told.track()
    route_all(told)
    other = Deliver(told.store, told.registry, told.settings)
    assert other._turn(claim=True).claimed == ()
    other.close()


def test_a_probe_that_fails_uses_up_no_try(told: Place, now: Traveller) -> None:
    """It is the oldest that probes, each time: an outage of two hours would else end it, and then the next."""
    break_down(told)
    for _ in range(30):
        Scripted.outcomes.append(FAILS)
        now.shift(600)
        step(told)
        step(told)
    assert len(Scripted.sent) == 40
    assert held(told) == {"breaker_open": 15}
    Scripted.outcomes.clear()
    now.shift(600)
    step(told)
    step(told)
    assert told.states() == {"delivered": 15}


def test_one_that_probes_for_ever_ends_some_day(told: Place, now: Traveller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ours.core.retry.MOST_SPARED", 5)
    break_down(told, more=0)
    for _ in range(5 + len(SCHEDULE) + 1):
        Scripted.outcomes.append(FAILS)
        now.shift(600)
        step(told)
        step(told)
    assert told.states() == {"exhausted": 1, "held": 9}
