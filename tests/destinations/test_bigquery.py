"""BigQuery: the very rows, a verdict for each, and a table that differs costs no event."""

import base64
import json
from typing import Any, ClassVar
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from destinations.bigquery import BigQuery
from ours.plugin import (
    Delivered,
    Delivery,
    Outcome,
    Rejected,
    Retry,
    Split,
    Unauthorized,
    Unknown,
    ValidationError,
    load_settings,
)
from ours.plugin.testing import DestinationContract
from ours.plugin.testing.exchange import answer
from ours.plugin.testing.samples import NOW
from tests.destinations.asking import delivery_to

PRIVATE = rsa.generate_private_key(65537, 2048)
FORMAT = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
KEY = {
    "client_email": "ours@my-project.iam.gserviceaccount.com",
    "private_key": PRIVATE.private_bytes(*FORMAT).decode(),
    "token_uri": "https://oauth2.googleapis.com/token",
}
GIVEN = {"service_account": json.dumps(KEY), "project_id": "my-project", "dataset": "my_dataset"}
YES = {"kind": "bigquery#tableDataInsertAllResponse"}
plugin = BigQuery()


class TestBigQuery(DestinationContract):
    destination = BigQuery
    settings: ClassVar = GIVEN


def delivery(*words: Any, **changes: Any) -> Delivery:
    return delivery_to(BigQuery, GIVEN, *words, **changes)


def test_an_event_is_a_row_that_is_the_same_at_every_try() -> None:
    one = delivery()
    item = plugin.item(one)
    assert item["insertId"] == one.id
    row = item["json"]
    assert json.loads(row.pop("data"))["properties"]["order_id"] == "1001"
    assert row == {"id": one.id, "type": "Order Completed", "occurred_at": "2026-11-18T11:06:35.000Z"}


def test_an_identify_is_a_row_like_any_other_and_tells_what_is_mapped() -> None:
    row = plugin.item(delivery("identify", {"company": "Example GmbH"}))["json"]
    assert (row["type"], json.loads(row["data"])["company"]) == ("$identify", "Example GmbH")


def test_the_json_column_gets_a_text_whatever_is_mapped() -> None:
    fields = {"a": 'é " \\ \n', "b": [1, {"c": None}], "d": 2**60, "e": True}
    row = plugin.item(delivery(fields=fields))["json"]
    assert {name: json.loads(row["data"])[name] for name in fields} == fields


def test_a_request_names_the_table_and_asks_for_the_rows_that_are_fine() -> None:
    values = load_settings(BigQuery, GIVEN | {"table": "évents-1"})
    request = plugin.pack([plugin.item(delivery()), plugin.item(delivery("lead"))], values)
    place = "projects/my-project/datasets/my_dataset/tables/%C3%A9vents-1/insertAll"
    assert request.prepare().url == f"https://bigquery.googleapis.com/bigquery/v2/{place}"
    body = json.loads(request.data)
    assert (body["skipInvalidRows"], len(body["rows"])) == (True, 2)
    assert "ignoreUnknownValues" not in body


def test_the_token_may_insert_and_do_nothing_else() -> None:
    request = plugin.token_request(load_settings(BigQuery, GIVEN), NOW)
    [assertion] = parse_qs(str(request.prepare().body))["assertion"]
    assert request.url == KEY["token_uri"]
    claim = json.loads(base64.urlsafe_b64decode(assertion.split(".")[1] + "=="))
    assert claim["scope"] == "https://www.googleapis.com/auth/bigquery.insertdata"


@pytest.mark.parametrize(
    "wrong",
    [
        {"table": "my_dataset.events"}, {"table": "events$20261118"}, {"dataset": "my-dataset"},
        {"dataset": "p.d"}, {"project_id": "My Project"}, {"project_id": "a/b"}, {"service_account": "{}"},
        {"project_id": "mine"}, {"project_id": "my-project-"},
    ],
)  # fmt: skip
def test_what_is_no_table_is_told_where_it_is_typed(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as refused:
        load_settings(BigQuery, GIVEN | wrong)
    assert list(refused.value.messages_dict) == list(wrong)


def error(reason: str, message: str = "", location: str = "") -> dict[str, str]:
    return {"reason": reason, "message": message, "location": location, "debugInfo": ""}


def rows(count: int, named: dict[Any, dict[str, str]], **more: Any) -> list[Outcome]:
    """What comes of ``count`` rows when BigQuery names some."""
    told = [{"index": index, "errors": [one]} for index, one in named.items()]
    said = plugin.read_batch(answer(200, json.dumps(YES | {"insertErrors": told} | more).encode()), [{}] * count)
    return [said] * count if isinstance(said, Outcome) else list(said)


INVALID = error("invalid", "Cannot convert jane@example.com", "data")
NO_FIELD = error("invalid", "no such field: data.", "data")
STOPPED = error("stopped")


def test_rows_that_are_named_are_rejected_and_the_others_are_stored() -> None:
    rejected = Rejected("invalid", "BigQuery refused data: invalid.", "data")
    assert rows(3, {1: INVALID}) == [Delivered(), rejected, Delivered()]
    assert rows(2, {0: INVALID, 1: INVALID}) == [rejected, rejected]


def test_rows_that_were_stopped_for_another_go_again() -> None:
    said = rows(3, {1: INVALID, 0: STOPPED, 2: STOPPED})
    assert [type(one) for one in said] == [Split, Rejected, Split]


@pytest.mark.parametrize("count", [1, 3])
def test_where_all_stopped_and_none_is_named_it_is_tried_again(count: int) -> None:
    assert {type(one) for one in rows(count, dict.fromkeys(range(count), STOPPED))} == {Retry}


@pytest.mark.parametrize(
    "said",
    [
        NO_FIELD,
        error("invalid", "no such field.", "occurred_at"),
        error("invalid", "Missing required field: Msg_0_CLOUD_QUERY_TABLE.tenant."),
        error("invalid", "Cannot convert value to integer (bad value): 2026", "occurred_at"),
        error("invalid", "This field: data is not a record.", "data"),
    ],
)
def test_a_table_that_differs_rejects_no_event(said: dict[str, str]) -> None:
    [first, second] = rows(2, {0: said, 1: STOPPED})
    assert (type(first), type(second)) == (Unauthorized, Split)
    assert "docs/destinations/bigquery.md" in first.message  # type: ignore[union-attr]


@pytest.mark.parametrize("words", ["no such field: a.", "This field: a is not a record.", "a table of type VIEW"])
def test_what_a_row_says_is_no_word_of_the_table(words: str) -> None:
    said = error("invalid", f'Cannot convert value to json (bad value): {{"note": "{words}"}}', "data")
    assert isinstance(rows(1, {0: said})[0], Rejected)


@pytest.mark.parametrize("reason", ["timeout", "backendError", "internalError"])
def test_a_row_that_was_not_stored_in_time_is_tried_again(reason: str) -> None:
    assert [type(one) for one in rows(2, {1: error(reason)})] == [Delivered, Retry]


@pytest.mark.parametrize("index", [None, 5, -1, "0", True, 0.0, [], {}])
def test_rows_that_are_named_oddly_leave_all_unknown(index: Any) -> None:
    told = {"insertErrors": [{"index": index, "errors": [INVALID]}]}
    said = plugin.read_batch(answer(200, json.dumps(YES | told).encode()), [{}] * 2)
    assert isinstance(said, Unknown)


@pytest.mark.parametrize("errors", [None, [], {}, "x", [None], 5])
def test_a_row_that_is_named_without_a_reason_is_not_taken_for_stored(errors: Any) -> None:
    told = {"insertErrors": [{"index": 0, "errors": errors}]}
    said = plugin.read_batch(answer(200, json.dumps(YES | told).encode()), [{}] * 2)
    assert [type(one) for one in said] == [Unknown, Delivered]  # type: ignore[union-attr]


def test_a_row_named_twice_has_its_own_fault_and_no_others() -> None:
    for errors in ([STOPPED, INVALID], [INVALID, STOPPED]):
        told = {"insertErrors": [{"index": 0, "errors": [one]} for one in errors]}
        [first, _] = plugin.read_batch(answer(200, json.dumps(YES | told).encode()), [{}] * 2)  # type: ignore[misc]
        assert isinstance(first, Rejected)


def test_words_that_may_quote_a_row_are_not_kept() -> None:
    for said in (INVALID, error("jane@example.com", "jane@example.com", "jane@example.com")):
        assert "jane" not in repr(rows(2, {0: said}))


def refused(status: int, reason: str, message: str = "", word: str = "", **headers: str) -> Any:
    listed = [{"reason": reason, "domain": "global", "message": message}]
    body = {"error": {"code": status, "message": message, "errors": listed, "status": word}}
    return answer(status, json.dumps(body).encode(), headers)


@pytest.mark.parametrize(
    ("status", "reason", "message", "kind", "alone"),
    [
        (400, "invalid", "Request payload size exceeds the limit", Split, Rejected),
        (413, "uploadTooLarge", "", Split, Rejected),
        (400, "invalid", "The destination table has no schema.", Unauthorized, Unauthorized),
        (400, "invalid", "Cannot add rows to a table of type VIEW.", Unauthorized, Unauthorized),
        (400, "invalid", "Invalid project ID 'my-project'.", Unauthorized, Unauthorized),
        (403, "accessDenied", "Access Denied: Table p:d.t", Unauthorized, Unauthorized),
        (401, "authError", "", Unauthorized, Unauthorized),
        (404, "notFound", "Not found: Table p:d.t", Unauthorized, Unauthorized),
        (403, "rateLimitExceeded", "", Retry, Retry),
        (403, "quotaExceeded", "", Retry, Retry),
        (429, "rateLimitExceeded", "", Retry, Retry),
        (400, "tableUnavailable", "", Retry, Retry),
        (500, "backendError", "", Retry, Retry),
        (503, "backendError", "", Retry, Retry),
    ],
)
def test_a_refusal_of_the_whole_request_goes_by_its_reason(
    status: int, reason: str, message: str, kind: type, alone: type
) -> None:
    assert isinstance(plugin.read_batch(refused(status, reason, message), [{}, {}]), kind)
    said: Any = plugin.read_batch(refused(status, reason, message), [{}])
    assert (type(said), said.code) == (alone, reason)


def test_what_is_to_be_mended_is_told() -> None:
    said: Any = plugin.read_batch(refused(404, "notFound", "Not found: Table p:d.t"), [{}])
    assert said.message == (
        "BigQuery answered notFound (404). Check project, dataset, table and its columns, and what the service"
        " account may do."
    )


def test_too_many_rest_as_long_as_google_asks_or_a_minute() -> None:
    for header, seconds in ({}, 60.0), ({"Retry-After": "7"}, 7.0):  # type: ignore[misc]
        said: Any = plugin.read_batch(refused(403, "quotaExceeded", **header), [{}, {}])
        assert (said.after, said.throttle) == (seconds, True)


def test_a_reason_that_only_googles_other_words_tell_is_read() -> None:
    body = {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "jane@example.com"}}
    said: Any = plugin.read_batch(answer(429, json.dumps(body).encode()), [{}])
    assert (said.code, said.message) == ("RESOURCE_EXHAUSTED", "BigQuery answered RESOURCE_EXHAUSTED (429).")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (YES, Delivered),
        (YES | {"insertErrors": []}, Delivered),
        (YES | {"insertErrors": "x"}, Unknown),
        (YES | {"error": {"code": 500}}, Unknown),
        ({}, Unknown),
        ({"kind": "bigquery#table"}, Unknown),
    ],
)
def test_nothing_but_bigquerys_own_yes_is_one(body: dict[str, Any], kind: type) -> None:
    assert isinstance(plugin.read_batch(answer(200, json.dumps(body).encode()), [{}, {}]), kind)


def test_a_web_page_is_no_yes() -> None:
    assert isinstance(plugin.read_batch(answer(200, b"<html>Sign in</html>"), [{}, {}]), Unauthorized)
