"""google_data_manager: accepted, routed, packed, sent over real HTTP, and read back from its double."""

from contextlib import ExitStack

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import rsa

from ours.plugin.testing.doubles import Answer
from ours.plugin.testing.doubles.google_data_manager import GoogleDataManagerDouble
from ours.store.tables import dispatches
from tests.services.conftest import Place
from tests.services.vendors.road import DONE, WHO, add, again, buy, ended


def test_google_ads_gives_a_token_for_a_claim_and_takes_hashed_conversions(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(GoogleDataManagerDouble())
    add(place, "google_data_manager", vendor)
    for distinct_id in ("a", "b", "a"):
        buy(place, distinct_id)
    place.work()
    assert set(ended(place).values()) == {DONE}
    assert [call.path for call in vendor.calls] == ["/token", "/v1/events:ingest"]
    assert sorted(event["transactionId"] for event in vendor.kept) == ["a", "b"]
    assert b"jane" not in vendor.calls[1].body


def test_google_ads_names_the_wrong_event_and_takes_the_others(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(GoogleDataManagerDouble())
    mapping = {"gclid": "{{event.event_properties.click}}", "email": ""}
    place.destinations.add("google_data_manager", "G", vendor.settings, events=["*"], mapping=mapping, actor="cli")
    for distinct_id, click in (("a", "1"), ("b", "no click!"), ("c", "3")):
        buy(place, distinct_id, event_properties={"click": click})
    place.work()
    assert sorted(ended(place).values(), key=str) == [DONE, DONE, ("rejected", "INVALID_CLICK_ID")]
    assert sorted(event["transactionId"] for event in vendor.kept) == ["a", "c"]
    assert len([call for call in vendor.calls if "ingest" in call.path]) == 2


def test_google_ads_keeps_one_conversion_of_two_tries_whatever_is_mapped(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(GoogleDataManagerDouble())
    given = {"events": ["*", "$identify"], "mapping": {"transaction_id": ""}, "actor": "cli"}
    place.destinations.add("google_data_manager", "G", vendor.settings, **given)
    buy(place, "a")
    place.identify(user_id="u1", user_properties=WHO)
    place.work()
    with place.store.write() as connection:
        delivered = sa.update(dispatches).where(dispatches.c.state == "delivered")
        connection.execute(delivered.values(state="retrying", due_at=1))
    place.work()
    assert sorted(ended(place).values(), key=str) == [DONE, ("stopped", "no_conversion")]
    assert len([call for call in vendor.calls if "ingest" in call.path]) == 2
    assert len(vendor.kept) == 1


def test_google_ads_refuses_a_conversion_without_an_id_as_google_does() -> None:
    with GoogleDataManagerDouble() as vendor:
        body = {
            "destinations": [{}],
            "events": [{"eventTimestamp": "2026-11-18T11:06:35Z", "adIdentifiers": {"gclid": "A"}}],
        }
        answer = vendor._ingest(body)
    assert (answer.status, vendor.kept) == (400, [])


def test_google_ads_token_that_is_good_no_more_is_renewed_at_once(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(GoogleDataManagerDouble())
    add(place, "google_data_manager", vendor)
    buy(place, "a")
    place.work()
    vendor.revoked = True
    buy(place, "b")
    place.work()
    assert set(ended(place).values()) == {DONE}
    assert (vendor.tokens, len(vendor.kept)) == (2, 2)


def test_google_ads_refuses_a_key_or_a_quota_and_no_event_is_lost(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(GoogleDataManagerDouble())
    other = stack.enter_context(GoogleDataManagerDouble(private=rsa.generate_private_key(65537, 2048)))
    stranger = other.key.replace(other.url, vendor.url)
    add(place, "google_data_manager", vendor, service_account=stranger)
    buy(place, "a")
    place.work()
    assert {DONE} != set(ended(place).values())
    [destination] = place.destinations.list()
    place.destinations.update(destination.id, settings={"service_account": vendor.key}, actor="cli")
    quota = {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": []}}
    vendor.then(Answer(200, {"access_token": "token-0", "expires_in": 3599}), Answer(429, quota))
    again(place)
    again(place)
    assert set(ended(place).values()) == {DONE}
