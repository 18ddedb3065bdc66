"""pubsub: accepted, routed, packed, sent over real HTTP, and read back from its double."""

from contextlib import ExitStack

from ours.plugin.testing.doubles import Answer
from ours.plugin.testing.doubles.pubsub import PubSubDouble
from tests.services.conftest import Place
from tests.services.vendors.road import DONE, add, again, buy, ended, pause_and_mend, unheard


def test_pubsub_publishes_each_event_and_a_repeat_has_the_same_id(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(PubSubDouble())
    add(place, "pubsub", vendor)
    for distinct_id in "ab":
        buy(place, distinct_id)
    place.work()
    assert set(ended(place).values()) == {DONE}
    assert [call.path.rpartition("/")[2] for call in vendor.calls] == ["token", "events:publish"]
    assert sorted(one["data"]["data"]["distinctId"] for one in vendor.kept) == ["a", "b"]
    assert {one["attributes"]["type"] for one in vendor.kept} == {"Purchase"}
    assert "jane" not in str(vendor.kept)
    unheard(place)
    assert (len(vendor.kept), len({one["attributes"]["id"] for one in vendor.kept})) == (4, 2)


def test_pubsub_refuses_all_for_one_and_only_that_one_is_rejected(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(PubSubDouble(unwanted='"unwanted"'))
    add(place, "pubsub", vendor)
    for distinct_id in ("a", "b", "unwanted", "d", "e"):
        buy(place, distinct_id)
    place.track("é" * 1000, user_id="u1", distinct_id="long")
    place.work()
    assert sorted(ended(place).values(), key=str) == [*[DONE] * 5, ("rejected", "INVALID_ARGUMENT")]
    assert sorted(one["data"]["data"]["distinctId"] for one in vendor.kept) == ["a", "b", "d", "e", "long"]


def test_pubsub_takes_the_messages_of_one_ordering_key_a_request(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(PubSubDouble())
    add(place, "pubsub", vendor, ordering_key=True)
    for distinct_id, user_id in (("a", "u1"), ("b", "u2"), ("c", "u1")):
        place.track("Purchase", user_id=user_id, distinct_id=distinct_id)
    place.work()
    assert set(ended(place).values()) == {DONE}
    assert len([call for call in vendor.calls if call.path.endswith(":publish")]) == 2
    assert sorted(one["orderingKey"] for one in vendor.kept) == ["u1", "u1", "u2"]


def test_pubsub_refuses_a_topic_or_a_quota_and_no_event_is_lost(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(PubSubDouble())
    add(place, "pubsub", vendor, topic="another")
    buy(place, "a")
    pause_and_mend(place, vendor, {"topic": "events"}, turns=6)
    vendor.revoked = True
    buy(place, "b")
    place.work()
    vendor.then(Answer(429, {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}))
    buy(place, "c")
    place.work()
    again(place)
    assert sorted(state for state, _ in ended(place).values()) == ["delivered", "delivered", "retrying"]
    assert len(vendor.kept) == 2
