"""Why what a source sent was refused is counted, by kind, for whoever looks after it; of what was sent nothing is."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from ours.bootstrap import Ours
from ours.services.sources import NewSource
from ours.store.tables import refusals
from tests.refusing import until

Reasons = list[tuple[str, str, str, int]]


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def made(here: Ours) -> NewSource:
    return here.sources.add("Shop", actor="cli")


@pytest.fixture
def reasons(here: Ours, made: NewSource) -> Callable[..., Reasons]:
    def read(wanted: tuple[str, str, str, int]) -> Reasons:
        def kinds() -> Reasons:
            found = here.sources.refusals(made.source.id)
            return sorted((one.code, one.fields, one.mode, one.count) for one in found)

        return until(kinds, wanted)

    return read


def post(client: FlaskClient, door: str, **body: Any) -> Any:
    return client.post(f"/api/v1/{door}", json=body)


def test_refusals_of_one_kind_are_one_line_with_the_last_request(
    client: FlaskClient, made: NewSource, reasons: Callable[..., Reasons], here: Ours
) -> None:
    for _ in range(3):
        last = post(client, "track", token=made.live_key, event="A", email=5, userProperties={"gender": [1]})
    post(client, "identify", token=made.test_key, email=5, userProperties={})
    wanted = ("invalid_fields", "email", "test", 1)
    assert reasons(wanted) == [wanted, ("invalid_fields", "email userProperties", "live", 3)]
    (one,) = (one for one in here.sources.refusals(made.source.id) if one.mode == "live")
    assert one.request == last.headers["X-Request-Id"]


def test_each_row_of_a_batch_counts_by_its_own_reason(
    client: FlaskClient, made: NewSource, reasons: Callable[..., Reasons]
) -> None:
    good = {"event": "A", "userId": "u"}
    rows = [good | {"distinctId": "1"}, good, good, good | {"distinctId": "2", "event": 5}, "x"]
    assert post(client, "batch", token=made.live_key, events=rows).status_code == 207
    wanted = ("invalid_event", "distinctId", "live", 2)
    assert reasons(wanted) == [("invalid_event", "", "live", 1), wanted, ("invalid_event", "event", "live", 1)]


def test_a_body_that_can_not_be_read_counts_where_a_header_has_the_key(
    client: FlaskClient, made: NewSource, reasons: Callable[..., Reasons]
) -> None:
    for headers in ({"X-API-Key": made.live_key}, {"X-API-Key": "nonsense"}, {}):
        assert client.post("/api/v1/track", data="{", headers=headers).status_code == 400
    wanted = ("invalid_json", "", "live", 1)
    assert reasons(wanted) == [wanted]


@pytest.mark.parametrize("ends", ["revoked", "expired", "deactivated", "deleted"])
def test_who_still_sends_with_a_key_that_ended_is_counted_for_its_source(
    client: FlaskClient, made: NewSource, reasons: Callable[..., Reasons], here: Ours, ends: str
) -> None:
    live = next(one for one in here.sources.keys(made.source.id) if one.mode == "live")
    {
        "revoked": lambda: here.sources.revoke_key(live.id, actor="cli"),
        "expired": lambda: here.sources.rotate(made.source.id, "live", 0, actor="cli"),
        "deactivated": lambda: here.sources.deactivate(made.source.id, actor="cli"),
        "deleted": lambda: here.sources.delete(made.source.id, actor="cli"),
    }[ends]()
    answer = post(client, "track", token=made.live_key, event="A", userId="u")
    assert (answer.status_code, answer.json["code"]) == (401, "invalid_key")
    wanted = ("invalid_key", "", "live", 1)
    assert reasons(wanted) == [wanted]
    assert here.overview.recent_events().rows == []


def test_a_key_that_never_was_writes_nothing(client: FlaskClient, here: Ours, made: NewSource) -> None:
    assert post(client, "track", token="nonsense", event="A", userId="u").status_code == 401
    post(client, "track", token=made.live_key, event="A")  # is written after it
    until(lambda: [one.code for one in here.sources.refusals(made.source.id)], "invalid_fields")
    with here.store.read() as connection:
        assert connection.scalars(sa.select(refusals.c.source_id)).all() == [made.source.id]


def test_nothing_that_was_sent_is_kept(
    client: FlaskClient, made: NewSource, reasons: Callable[..., Reasons], here: Ours
) -> None:
    secret, whole = "jane@example.com", {"token": made.live_key, "event": "A", "userId": "u"}
    post(client, "track", **whole | {"event": [secret], "userId": {secret: 1}, "eventProperties": secret, secret: 1})
    post(client, "track", **whole, userProperties={"email": [secret], secret: [secret]})
    wanted = ("invalid_fields", "userProperties", "live", 1)
    assert len(reasons(wanted)) == 2
    with here.store.read() as connection:
        assert secret not in str(connection.execute(sa.select(refusals)).all())
