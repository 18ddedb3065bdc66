"""The vendor's own Python client, pointed at us, works unmodified and raises its typed errors."""

from collections.abc import Iterator
from typing import Any

import httpx
import ours_privacy
import pytest
from flask import Flask


@pytest.fixture
def vendor(app: Flask) -> Iterator[ours_privacy.OursPrivacy]:
    http = httpx.Client(transport=httpx.WSGITransport(app=app))
    with ours_privacy.OursPrivacy(base_url="http://localhost/api/v1", http_client=http, max_retries=0) as client:
        yield client


def test_an_event_with_every_kind_of_field(vendor: ours_privacy.OursPrivacy, accept: Any) -> None:
    taken = vendor.track.event(
        token="live-key",
        event="Purchase",
        user_id="u",
        external_id=None,
        email="ann@example.com",
        distinct_id="order-1",
        time=1_700_000_000_000,
        event_properties={"value": 9.5, "items": [{"sku": "a"}]},
        user_properties={"first_name": "Ann", "phone_number": None, "custom_properties": {"plan": "x"}},
        default_properties={"active_duration": 1.5, "session_count": 2, "ip": "203.0.113.7"},
        identity_context={"ip": "203.0.113.7", "user_agent": "Mozilla"},
    )
    assert taken.success is True
    [item] = accept.items
    assert item.user_properties == {"first_name": "Ann", "phone_number": None, "custom_properties": {"plan": "x"}}
    assert item.default_properties == {"activeDuration": 1.5, "sessionCount": 2, "ip": "203.0.113.7"}
    assert item.identity_context == {"ip": "203.0.113.7", "userAgent": "Mozilla"}


def test_a_visitor(vendor: ours_privacy.OursPrivacy) -> None:
    assert vendor.visitor.upsert(token="live-key", external_id="x", user_properties={"city": "Oslo"}).success is True


def test_a_batch_of_which_a_part_is_wrong(vendor: ours_privacy.OursPrivacy) -> None:
    rows: list[Any] = [{"event": "A", "distinct_id": "d", "user_id": "u"}, {"event": "A", "distinct_id": "e"}]
    taken = vendor.batch.create(token="live-key", events=rows)
    assert (taken.success, taken.accepted, taken.failed) == (True, 1, 1)
    assert [one.success for one in taken.results] == [True, False]


def test_its_typed_errors(vendor: ours_privacy.OursPrivacy, accept: Any) -> None:
    good = {"token": "live-key", "event": "A", "user_id": "u"}
    with pytest.raises(ours_privacy.BadRequestError) as wrong:
        vendor.track.event(**good | {"event": ""})
    assert wrong.value.body["errors"] == {"event": ["Must not be empty."]}
    with pytest.raises(ours_privacy.AuthenticationError):
        vendor.track.event(**good | {"token": "unknown"})
    with pytest.raises(ours_privacy.APIStatusError) as large:
        vendor.batch.create(token="live-key", events=[{"event": "A", "distinct_id": "d"}] * 6)
    assert (large.value.status_code, large.value.body["limit"]) == (413, 5)
    accept.limit(1)
    vendor.track.event(**good)
    with pytest.raises(ours_privacy.RateLimitError):
        vendor.track.event(**good)
    accept.limit(None)
    accept.busy = True
    with pytest.raises(ours_privacy.InternalServerError):
        vendor.track.event(**good)
