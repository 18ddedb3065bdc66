"""What waits in a worker's hand is asked once more before it leaves: consent, a forgetting, a lease that ran out."""

import threading
import time
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from ours import clock
from ours.errors import Busy, Unsealable
from ours.plugin import Batching
from ours.services.deliver import outbox
from ours.services.deliver.carrier import Carrier
from ours.services.rules import Governance, Rule
from ours.services.visitors import Visitors, forgetting
from ours.store.tables import attempts, dispatches
from tests.services.batching import Judge, Lists, batching
from tests.services.conftest import Place
from tests.services.scripted import route_all

WITHDRAWN = {"consent": {"rejected_categories": ["advertising"]}}
REJECTED = {
    "condition": {"property": "visitor.consent.rejected_categories", "operator": "Contains", "value": "advertising"}
}


@pytest.fixture(autouse=True)
def _every_moment_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "_FRESH", -1)


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> Iterator[Judge]:
    """Of a destination whose events wait for company until they are three."""
    monkeypatch.setattr(Lists, "batching", Batching(max_items=3, linger=60))
    with Judge() as opened:
        yield opened


def have_wait(place: Place, *user_ids: str) -> None:
    """Let the worker claim an event of each, and pack none."""
    for user_id in user_ids:
        place.track(user_id=user_id, event_properties={"of": user_id})
    route_all(place)
    place.deliver._begin(place.deliver._turn(claim=True))


def whom_it_asks_about(place: Place, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The dispatches that are asked about again from now on."""
    asked, again = list[str](), place.deliver._outbox._again
    monkeypatch.setattr(
        place.deliver._outbox, "_again", lambda many: asked.extend(one.id for one in many) or again(many)
    )
    return asked


def states(place: Place) -> list[tuple[str, str | None, int]]:
    columns = dispatches.c.state, dispatches.c.reason, dispatches.c.attempts
    with place.store.read() as connection:
        return [tuple(row) for row in connection.execute(sa.select(*columns).order_by(dispatches.c.id))]


def sent(judge: Judge) -> list[str]:
    return [item["of"] for batch in judge.batches for item in batch]


@pytest.mark.parametrize("covers", ["*", "infrastructure"])
def test_who_withdraws_while_an_event_waits_for_company_is_heard(place: Place, judge: Judge, covers: str) -> None:
    batching(place, judge)
    Governance(place.store).add(Rule(name="Consent", covers=[covers], logic=REJECTED), actor="cli")
    have_wait(place, "jane", "joe")
    place.identify(user_id="jane", user_properties=WITHDRAWN)
    route_all(place)
    have_wait(place, "jim")
    place.deliver.drain(threading.Event(), 20)
    assert sent(judge) == ["joe", "jim"]
    assert states(place) == [("stopped", "rule:Consent", 1), ("delivered", None, 1), ("delivered", None, 1)]
    assert place.difference() == 0


def test_a_rule_that_comes_while_events_wait_for_company_is_heard(place: Place, judge: Judge) -> None:
    batching(place, judge)
    place.identify(user_id="jane", user_properties=WITHDRAWN)
    have_wait(place, "jane", "joe")
    Governance(place.store).add(Rule(name="Consent", covers=["*"], logic=REJECTED), actor="cli")
    have_wait(place, "jim")
    place.deliver.drain(threading.Event(), 20)
    assert sent(judge) == ["joe", "jim"]


@pytest.mark.parametrize("ago", [2 * clock.HOUR, -2 * clock.HOUR])
def test_each_is_asked_about_however_fresh_the_others_of_its_batch_are(
    place: Place, judge: Judge, monkeypatch: pytest.MonkeyPatch, ago: int
) -> None:
    """As where it waited for a token, and they did not; or where the clock was set back since, for nobody knows."""
    monkeypatch.setattr(outbox, "_FRESH", clock.HOUR)
    batching(place, judge)
    Governance(place.store).add(Rule(name="Consent", covers=["*"], logic=REJECTED), actor="cli")
    have_wait(place, "joe", "jane")
    (waiting,) = place.deliver._outbox._batches._bins.values()
    waiting.tries[1].started_at -= ago
    asked = whom_it_asks_about(place, monkeypatch)
    place.identify(user_id="jane", user_properties=WITHDRAWN)
    route_all(place)
    have_wait(place, "jim")
    place.deliver.drain(threading.Event(), 20)
    assert sent(judge) == ["joe", "jim"]
    assert asked == [waiting.tries[1].id]


def test_of_what_is_fresh_nobody_is_asked(place: Place, judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "_FRESH", clock.HOUR)
    batching(place, judge)
    monkeypatch.delattr(place.deliver._outbox, "_again")
    have_wait(place, "joe", "jane", "jim")
    place.deliver.drain(threading.Event(), 20)
    assert sent(judge) == ["joe", "jane", "jim"]


def test_who_withdraws_while_a_batch_waits_for_another_to_land_is_heard(
    place: Place, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing may be left of what waited, and yet the next has its turn."""
    lists = batching(place, judge, max_items=6, linger=0)
    place.destinations.update(lists, limits={"max_in_flight": 1}, actor="cli")
    Governance(place.store).add(Rule(name="Consent", covers=["*"], logic=REJECTED), actor="cli")
    for number, user_id in enumerate(("joe", "jane", "jack", "jill", "jim")):
        place.track(user_id=user_id, event_properties={"of": user_id, "group": str(number - number // 3)})
    route_all(place)
    place.deliver._begin(place.deliver._turn(claim=True))
    with monkeypatch.context() as patched:
        patched.setattr(Carrier, "answers", lambda *_: [])
        place.deliver._outbox.collect(0)
    for user_id in ("jane", "jill"):
        place.identify(user_id=user_id, user_properties=WITHDRAWN)
    route_all(place)
    place.deliver.drain(threading.Event(), 20)
    assert sent(judge) == ["joe", "jack", "jim"]
    assert [state for state, *_ in states(place)] == ["delivered", "stopped", "delivered", "stopped", "delivered"]
    assert place.difference() == 0


def test_nothing_is_sent_of_whom_to_forget_was_asked_while_it_waited(
    place: Place, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "_PATIENCE", 20)
    batching(place, judge)
    visitors = Visitors(place.store, place.route, place.settings.home)
    have_wait(place, "jane", "joe")
    (jane,) = visitors.find("jane", "userId", actor="cli")
    receipts = []
    asked = threading.Thread(target=lambda: receipts.append(visitors.forget(jane.id, actor="cli")))
    asked.start()
    while not visitors.left():
        time.sleep(0.01)
    for number in range(2):  # which complete the batch
        place.track(user_id=f"jim{number}", event_properties={"of": "jim"})
    while asked.is_alive():
        route_all(place)
        place.deliver.drain(threading.Event(), 0.2)
    asked.join()
    assert "jane" not in sent(judge)
    assert [(one.stopped, one.attempts, list(one.destinations)) for one in receipts] == [(1, 0, [])]
    assert states(place)[0] == ("stopped", "forgotten", 0)
    assert place.difference() == 0


def test_a_worker_that_hung_sends_nothing_of_who_was_forgotten_meanwhile(place: Place, judge: Judge) -> None:
    batching(place, judge)
    have_wait(place, "jane", "joe")
    with place.store.write() as connection:  # what the sweep does when its lease has run out
        free = {"state": "retrying", "due_at": clock.now_ms() + 60_000, "lease": None, "lease_until": None}
        connection.execute(sa.update(dispatches).values(free))
    visitors = Visitors(place.store, place.route, place.settings.home)
    (jane,) = visitors.find("jane", "userId", actor="cli")
    visitors.forget(jane.id, actor="cli")
    have_wait(place, "jim")
    place.deliver.drain(threading.Event(), 20)
    assert sent(judge) == ["jim"]
    assert [state for state, *_ in states(place)] == ["stopped", "retrying", "delivered"]
    with place.store.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(attempts)) == 1


@pytest.mark.parametrize("error", [Busy("The database is away."), Unsealable("Another key.", "key_missing")])
def test_what_nobody_can_be_asked_about_is_handed_back(
    place: Place, judge: Judge, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    batching(place, judge, max_items=3, linger=60)
    have_wait(place, "jane", "joe")

    def away(*_: object) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr("ours.services.deliver.asking.forgetting.held_by", away)
        have_wait(place, "jim")
    assert sent(judge) == []
    place.deliver.drain(threading.Event(), 20)
    assert sorted(sent(judge)) == ["jane", "jim", "joe"]
    assert states(place) == [("delivered", None, 1)] * 3
