"""What the vendor's clients for Node, Go and PHP send is taken as it is.

Their runtimes are not here: what Node and PHP sent to a server, and what Go's source says that it sends, is repeated
by hand.
"""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

NODE = {
    "Accept": "application/json",
    "User-Agent": "OursPrivacy/JS 1.17.2",
    "X-Stainless-Retry-Count": "0",
    "X-Stainless-Timeout": "5",
    "X-Stainless-Lang": "js",
    "X-Stainless-Package-Version": "1.17.2",
    "X-Stainless-Runtime": "node",
    "Content-Type": "application/json",
    "Accept-Language": "*",
    "Sec-Fetch-Mode": "cors",
    "Accept-Encoding": "gzip, deflate",
}
GO = {
    "Accept": "application/json",
    "User-Agent": "OursPrivacy/Go 1.14.0",
    "X-Stainless-Retry-Count": "0",
    "X-Stainless-Lang": "go",
    "Content-Type": "application/json",
    "Accept-Encoding": "gzip",
}
PHP = {
    "Accept": "application/json",
    "User-Agent": "ours-privacy/PHP 1.12.0",
    "X-Stainless-Retry-Count": "0",
    "X-Stainless-Lang": "php",
    "Content-Type": "application/json",
}
# JavaScript: undefined is left out, in a list it is null, as is NaN; a Date is text.
NODE_TRACK = (
    '{"token":"live-key","event":"Purchase","userId":"u","externalId":null,"distinctId":"order-1",'
    '"eventProperties":{"amount":99.5,"when":"1970-01-01T00:00:00.000Z","list":[null,null],"ü":"\u2028"},'
    '"userProperties":{"first_name":null,"consent":{"rejected_categories":"[\\"advertising\\"]"}},'
    '"defaultProperties":null,"identityContext":null}'
)
# Go: every property is text. PHP: an empty array is an object where one is asked for, and 9.0 is 9.
GO_TRACK = (
    '{"event":"Purchase","token":"live-key","distinctId":"order-1","time":1795872588247,"userId":"u",'
    '"eventProperties":{"amount":"9.5"},"userProperties":{"first_name":"Gö","consent":{"rejected_categories":"sale"}}}'
)
PHP_TRACK = (
    '{"token":"live-key","event":"Purchase","distinctId":"order-1","eventProperties":{"amount":9,"é":"ü"},'
    '"userId":"u","userProperties":{"custom_properties":{},"consent":{}}}'
)


@pytest.mark.parametrize(
    ("headers", "body"), [(NODE, NODE_TRACK), (GO, GO_TRACK), (PHP, PHP_TRACK)], ids=["node", "go", "php"]
)
def test_an_event_is_taken_and_its_repeat_is_one(client: FlaskClient, headers: dict[str, str], body: str) -> None:
    first = client.post("/api/v1/track", data=body.encode(), headers=headers)
    again = client.post("/api/v1/track", data=body.encode(), headers=headers | {"X-Stainless-Retry-Count": "1"})
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.mimetype == "application/json"  # all three read the answer only when it says so
    known = {"success": True, "distinctId": "order-1", "eventId": first.get_json()["eventId"]}
    assert {name: value for name, value in first.get_json().items() if name != "warnings"} == known
    assert again.get_json()["duplicate"] is True


def test_what_node_leaves_out_and_what_it_sends_as_null_are_kept_apart(client: FlaskClient, accept: Any) -> None:
    answer = client.post("/api/v1/track", data=NODE_TRACK.encode(), headers=NODE)
    assert "warnings" not in answer.get_json()
    [item] = accept.items
    assert item.event_properties["list"] == [None, None]
    assert item.event_properties["ü"] == "\u2028"
    assert item.user_properties == {"first_name": None, "consent": {"rejected_categories": '["advertising"]'}}


def test_a_visitor_and_a_batch(client: FlaskClient) -> None:
    visitor = {"token": "live-key", "userId": "u", "userProperties": {"city": "Oslo"}}
    rows = [{"event": "Row", "distinctId": "d1", "userId": "u"}, {"event": "Row", "distinctId": "d2"}]
    for headers in NODE, GO, PHP:
        assert client.post("/api/v1/identify", data=_written(visitor), headers=headers).get_json() == {"success": True}
        batch = {"token": "live-key", "events": rows}
        answer = client.post("/api/v1/batch", data=_written(batch), headers=headers)
        assert answer.status_code == 207
        assert [row["success"] for row in answer.get_json()["results"]] == [True, False]


@pytest.mark.parametrize("group", ["eventProperties", "userProperties", "defaultProperties", "identityContext"])
def test_phps_empty_array_is_told_how_an_empty_object_is_written(client: FlaskClient, group: str) -> None:
    """PHP's own ``json_encode``, without the client, writes ``[]``."""
    body = {"token": "live-key", "event": "Row", "userId": "u", group: []}
    answer = client.post("/api/v1/track", data=_written(body), headers=PHP)
    assert answer.status_code == 400
    assert answer.get_json()["errors"] == {group: ["Must be an object; an empty one is {}, not []."]}


@pytest.mark.parametrize("path", ["/experiments/assignments/button", "/experiments/personalization"])
def test_their_experiments_are_no_address_here_and_nothing_to_send_again(client: FlaskClient, path: str) -> None:
    answer = client.post(f"/api/v1{path}", data=b'{"token":"exp_1"}', headers=NODE)
    assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found")


def _written(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
