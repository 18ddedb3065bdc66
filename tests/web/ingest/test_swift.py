"""The short way through a body never differs from the schemas: it says the same, or nothing."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from marshmallow import Schema, fields

from ours.core import categories
from ours.core.catalogues import DEFAULT_PROPERTIES, IDENTITY_CONTEXT, TWINS, USER_PROPERTIES
from ours.errors import Invalid
from ours.web.ingest.schemas import BATCH_BODY, BATCH_ROW, IDENTIFY_BODY, TRACK_BODY, Contract
from ours.web.ingest.swift import Swift

NOW = 1_754_874_909_594
CONTRACTS = [TRACK_BODY, IDENTIFY_BODY, BATCH_BODY, BATCH_ROW]
PLAIN = {
    "event": " Order Completed ",
    "distinctId": "order-1",
    "userId": "user-1",
    "externalId": "crm-7",
    "email": " Ada@Example.com",
    "time": NOW - 5_000,
    "eventProperties": {"amount": 129.9, "items": [{"sku": "A", "quantity": 2}], "note": None},
    "properties": {"currency": "EUR"},
    "userProperties": {
        "city": "Leeds",
        "email": "ada@example.com",
        "phone_number": "+15550100000",
        "custom_properties": {"plan": "pro"},
    },
    "defaultProperties": {"utm_source": "newsletter", "screen_width": 1280, "of our own": [1, 2]},
    "identityContext": {"ip": "203.0.113.7", "userAgent": "Firefox"},
    "token": "key",
}

EDGES = ["", " ", "$identify", "a@b.example", " A@B.example\u2028", "\x1cx", "ß" * 401, "x" * 2_001, "+15550100000"]
texts = st.sampled_from(EDGES) | st.text("aß @.\u2028\x1c", max_size=6)
scalars = (
    st.none() | st.booleans() | texts | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(2**70), 2**70) | st.integers(NOW - 8 * 86_400_000, NOW + 100_000)
)  # fmt: skip
names = st.text("ab.", max_size=3)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=6
)
brims = st.sampled_from(
    [[0] * 250, [0] * 251, dict.fromkeys(map(str, range(200)), 1), dict.fromkeys(map(str, range(201)), 1),
     {"1": {"2": {"3": {"4": {"5": 5}}}}}, {"1": {"2": {"3": {"4": {"5": {"6": 6}}}}}}]
)  # fmt: skip


def group(known: Iterable[str]) -> st.SearchStrategy[Any]:
    return scalars | st.dictionaries(st.sampled_from(sorted(known)) | names, texts | values | brims, max_size=5)


consents = st.dictionaries(st.sampled_from([*categories.NAMES, *categories.TWINS]), texts | values, max_size=3)
SINGLE = ("event", "distinctId", "userId", "externalId", "email", "time", "token", "surplus")
bodies = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(SINGLE, texts | values)
    | dict.fromkeys(("eventProperties", "properties"), values | brims)
    | {
        "userProperties": group({*USER_PROPERTIES, *TWINS}) | st.fixed_dictionaries({"consent": consents}),
        "defaultProperties": group(DEFAULT_PROPERTIES),
        "identityContext": group(IDENTITY_CONTEXT),
        "events": st.lists(st.just({}), max_size=2) | scalars,
    },
)
nearly_plain = bodies.map(lambda body: PLAIN | dict(list(body.items())[:1]))


def slowly(contract: Contract, body: dict[str, Any]) -> Any:
    try:
        read, notices = contract.read_slowly(body, NOW)
    except Invalid as problem:
        return problem.errors
    return read, notices.all()


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda one: type(one).__name__)
@settings(deadline=None)
@given(body=nearly_plain | bodies)
@example(body=PLAIN)
@example(body={})
@example(body={"event": "$identify", "userId": "u", "distinctId": "d"})
@example(body={"event": "x", "userProperties": {"phone_number": 0}})
@example(body={"event": "x", "userId": "u", "userProperties": {"email": "N/A"}})
@example(body={"event": "x", "externalId": "a", "userProperties": {"external_id": "b"}})
@example(body={"event": "x", "userId": "u", "userProperties": {"external_id": None}})
@example(body={"event": "x", "userId": "u", "userProperties": {"custom_properties": {"plan": None}}})
@example(body={"event": "x", "userId": "u", "userProperties": {"custom_properties": {"plan": ""}}})
@example(body={"event": "x", "userId": "u", "time": True})
@example(body={"token": 7, "events": []})
def test_it_says_what_the_schema_says_or_nothing(contract: Contract, body: dict[str, Any]) -> None:
    found = contract.swift.read(body, NOW)
    if found is not None:
        assert slowly(contract, body) == (found, ())


@pytest.mark.parametrize(
    ("contract", "body"),
    [
        (TRACK_BODY, PLAIN),
        (BATCH_ROW, PLAIN),
        (TRACK_BODY, dict.fromkeys(PLAIN) | {"event": "x", "userId": "u"}),
        (IDENTIFY_BODY, {"token": "key", "userId": "user-1", "userProperties": {"city": None, "gender": "f"}}),
        (BATCH_BODY, {"token": "key", "events": [{}]}),
    ],
    ids=["track", "row", "nulls", "identify", "batch"],
)
def test_what_backends_send_takes_the_short_way(contract: Contract, body: dict[str, Any]) -> None:
    assert contract.swift.read(body, NOW) is not None


def test_a_field_that_it_does_not_know_is_found_at_the_start() -> None:
    class New(Schema):
        field = fields.Integer()

    with pytest.raises(TypeError, match=r"swift\.py"):
        Swift(New(), lambda _: True)
