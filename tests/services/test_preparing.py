"""Requests are prepared exactly as ``requests`` prepares them, the plain ones and the odd ones."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests import Request

from ours.services.deliver.preparing import _is_plain, prepare

URLS = st.sampled_from([
    "https://example.com/hook", "http://127.0.0.1:9000", "https://example.com/a b/é?x=1 2&y=ü#z", "HTTP://EXAMPLE.com",
    "https://user:word@example.com/", "file:///var/lib/a%20b.jsonl", "https://bücher.example/", "not a url", "", "http://",
])  # fmt: skip
HEADERS = st.dictionaries(
    st.sampled_from(
        ["Content-Type", "content-type", "X-Id", "Content-Length", "Cookie", "Authorization", " odd", "a\nb"]
    ),
    st.one_of(st.text(max_size=10), st.binary(max_size=5), st.integers(), st.none()),
    max_size=4,
)
BODIES = st.one_of(st.binary(max_size=20), st.text(max_size=20), st.none(), st.dictionaries(st.text(), st.text()))


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def told(make: Any) -> Any:
    """The prepared request, or the kind of complaint."""
    try:
        made = make()
    except Exception as error:
        return type(error)
    return made.method, made.url, list(made.headers.items()), made.body


@given(st.sampled_from(["POST", "put", "GET", "HEAD", "DELETE"]), URLS, HEADERS, BODIES, st.booleans())
def test_it_is_what_requests_makes_of_it(method: str, url: str, headers: Any, data: Any, more: bool) -> None:
    extra: dict[str, Any] = {"params": {"q": "1"}, "auth": ("a", "b")} if more else {}
    first, second = (Request(method, url, headers=dict(headers), data=data, **extra) for _ in "12")
    expected = told(second.prepare)
    if isinstance(expected, tuple):
        *line, headers, body = expected
        expected = *line, [(name, _text(value)) for name, value in headers], body
    assert told(lambda: prepare(first)) == expected


@pytest.mark.parametrize(
    ("extra", "plain"),
    [
        ({"data": b"x"}, True),
        ({"json": {}}, False),
        ({"data": b""}, False),
        ({"data": b"x", "cookies": {"a": "b"}}, False),
    ],
)
def test_the_short_way_is_taken_where_it_may_be(extra: dict[str, Any], plain: bool) -> None:
    assert _is_plain(Request("POST", "https://example.com/", **extra)) == plain
