"""Answers are read by their status, and no header or body can make reading fail."""

from typing import Any

import pytest
from hypothesis import example, given, settings, strategies

from ours.cli import double as doubles
from ours.core.reasons import describe
from ours.plugin import (
    Delivered,
    Rejected,
    Retry,
    SecretValue,
    Split,
    Token,
    Unauthorized,
    Unknown,
    by_api_answer,
    by_api_code,
    by_api_status,
    by_status,
    oauth_token,
    rate_limit_after,
    read_json,
    read_object,
    refused_together,
    refused_whole,
    retry_after,
)
from ours.plugin.testing.exchange import answer
from ours.registry import load_built_in
from tests.destinations.asking import alone

SENT = "Mon, 23 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_delivered(status: int) -> None:
    assert by_status(answer(status)) == Delivered()


@pytest.mark.parametrize("status", [408, 425, 500, 501, 502, 503, 504, 599])
def test_what_may_pass_is_tried_again(status: int) -> None:
    assert by_status(answer(status)) == Retry(f"http_{status}", f"The destination answered {status}.")


@pytest.mark.parametrize("status", [401, 402, 403, 407])
def test_refused_credentials_are_not_the_events_fault(status: int) -> None:
    assert by_status(answer(status)) == Unauthorized(f"http_{status}", f"The destination answered {status}.")


def test_too_many_requests_is_a_throttle_and_says_until_when() -> None:
    said = by_status(answer(429, b"", {"X-RateLimit-Reset": "30"}))
    assert said == Retry("http_429", "The destination answered 429.", 30.0, throttle=True)


@pytest.mark.parametrize("status", [100, 301, 302, 304, 400, 404, 410, 422])
def test_all_else_is_final(status: int) -> None:
    outcome = by_status(answer(status))
    assert isinstance(outcome, Rejected)
    assert outcome.code == f"http_{status}"


def test_a_403_that_says_when_to_come_back_is_a_throttle() -> None:
    said = by_status(answer(403, b"", {"Retry-After": "30"}))
    assert said == Retry("http_403", "The destination answered 403.", 30.0, throttle=True)


@pytest.mark.parametrize("status", [301, 302, 404, 405, 410, 421])
def test_that_an_api_is_not_where_it_was_looked_for_is_no_events_fault(status: int) -> None:
    outcome = by_api_status(answer(status))
    assert isinstance(outcome, Unauthorized)
    assert outcome.code == f"http_{status}"


@pytest.mark.parametrize(
    "page",
    [
        b"<html>",
        b"\n<!DOCTYPE html><title>Sign in to this network</title>",
        b"<HTML lang=en>",
        b"\xef\xbb\xbf<html>",
        b"<!-- a proxy's --> <html>",
        b"<?xml version='1.0'?><!DOCTYPE html>",
        b"<head>",
    ],
)
def test_a_web_page_in_the_place_of_an_answer_delivers_nothing(page: bytes) -> None:
    for status in (200, 400):
        said = by_api_status(answer(status, page))
        assert isinstance(said, Unauthorized)
        assert "Something other" in describe(said.code).words
    assert isinstance(by_api_code(answer(400, page), "theirs", "Said."), Unauthorized)
    assert by_api_status(answer(500, page)) == by_status(answer(500, page))


@pytest.mark.parametrize("status", [200, 400, 422])
def test_a_system_of_your_own_may_say_yes_and_no_on_a_page(status: int) -> None:
    page = answer(status, b"<!doctype html><title>400 Bad Request</title>")
    assert by_api_status(page, pages=True) == by_status(page)
    assert isinstance(by_api_status(answer(404, b"<html>"), pages=True), Unauthorized)


@pytest.mark.parametrize("body", [b"", b"Bad Request", b"<html>", b"GIF89a"])
def test_a_no_that_is_not_in_the_apis_words_is_no_verdict(body: bytes) -> None:
    for status in (400, 409, 422):
        said = by_api_answer(answer(status, body), taken=False)
        assert isinstance(said, Unauthorized)
        assert "Something other" in describe(said.code).words
    assert isinstance(by_api_answer(answer(413, body), taken=False), Rejected)
    assert by_api_answer(answer(503, body), taken=False) == by_status(answer(503))


@pytest.mark.parametrize("body", [b"{}", b" []", b"1", b'{"cut": "sho'])
def test_a_no_in_json_is_one(body: bytes) -> None:
    assert isinstance(by_api_answer(answer(400, body), taken=False), Rejected)


def test_a_vendor_may_say_no_in_plain_words() -> None:
    assert isinstance(by_api_answer(answer(400, b"Invalid JSON"), taken=False, in_json=False), Rejected)
    assert isinstance(by_api_answer(answer(400, b"<html>"), taken=False, in_json=False), Unauthorized)


def test_a_2xx_by_which_the_vendor_does_not_say_that_it_took_the_events_is_nobodys_word() -> None:
    assert by_api_answer(answer(202), taken=True) == Delivered()
    assert isinstance(by_api_answer(answer(200), taken=False), Unknown)
    assert by_api_answer(answer(503), taken=False) == by_api_status(answer(503))
    assert isinstance(by_api_answer(answer(200, b"<html>"), taken=True), Unauthorized)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, Rejected), (400, Rejected), (302, Unauthorized), (404, Unauthorized), (408, Retry), (503, Retry)],
)
def test_a_no_in_the_vendors_words_is_whose_fault_the_status_says(status: int, kind: type) -> None:
    said: Any = by_api_code(answer(status), "theirs", "Said.")
    assert isinstance(said, kind)
    assert (said.code, said.message) == ("theirs", "Said.")


@pytest.mark.parametrize("body", [b"", b"ok", b"{}", b"[]", b"GIF89a", b'<?xml version="1.0"?>', b"<htmlish>"])
def test_all_else_with_200_may_be_an_answer(body: bytes) -> None:
    assert by_api_status(answer(200, body)) == Delivered()


def test_no_vendor_is_taken_for_a_page_and_no_page_for_a_vendor() -> None:
    """A captive portal, a proxy, the sign-in of a gateway: what answers there did not take the event."""
    loaded = {one.slug: one.plugin for one in load_built_in().loaded}
    vendors = set(doubles.names()) - {"webhook"}
    verdicts = {slug: alone(loaded[slug], answer(200, b"<!doctype html><p>Sign in</p>")) for slug in vendors}
    assert {slug: said for slug, said in verdicts.items() if not isinstance(said, Unauthorized)} == {}


@pytest.mark.parametrize("status", [200, 400, 401, 413, 422, 429, 500])
def test_all_else_an_api_means_as_anybody(status: int) -> None:
    assert by_api_status(answer(status)) == by_status(answer(status))


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("99999999999", 86400.0),
        ("Mon, 23 Nov 2026 12:05:00 GMT", 300.0),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0.0),
        ("Tue, 24 Nov 2037 12:00:00 GMT", 86400.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("²", None),
    ],
)
def test_retry_after_is_understood_in_both_forms(asked: str, seconds: float | None) -> None:
    assert retry_after(answer(429, b"", {"Retry-After": asked, "Date": SENT})) == seconds


def test_a_retry_after_date_without_a_date_of_the_answer_is_ignored() -> None:
    assert retry_after(answer(503, b"", {"Retry-After": SENT})) is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7", "RateLimit-Reset": "60"}, 7.0),
        ({"RateLimit-Reset": "60"}, 60.0),
        ({"X-Ratelimit-Retry-After": "7", "X-RateLimit-Reset": "1795435230", "Date": SENT}, 7.0),
        ({"X-RateLimit-Reset": "0.5"}, 0.5),
        ({"X-RateLimit-Reset": "1795435230", "Date": SENT}, 30.0),
        ({"X-RateLimit-Reset": "1795435230000", "Date": SENT}, 30.0),
        ({"X-Rate-Limit-Reset": "1795435100", "Date": SENT}, 0.0),
        ({"X-RateLimit-Reset": "1895435230", "Date": SENT}, 86400.0),
        ({"X-RateLimit-Reset": "1795435230"}, None),
        ({"X-RateLimit-Reset": "nan"}, None),
        ({"X-RateLimit-Reset": "soon"}, None),
        ({}, None),
    ],
)
def test_a_rate_limits_reset_is_understood_as_seconds_or_as_a_moment(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert rate_limit_after(answer(429, b"", headers)) == seconds


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, b'{"access_token": "t", "expires_in": 60}', Token(SecretValue("t"), 60.0)),
        (200, b'{"access_token": "t"}', Token(SecretValue("t"), 3600.0)),
        (200, b'{"access_token": "t", "expires_in": "300"}', Token(SecretValue("t"), 300.0)),
        (200, b'{"access_token": "t", "expires_in": "soon"}', Token(SecretValue("t"), 3600.0)),
        (200, b'{"access_token": "t", "expires_in": -5}', Token(SecretValue("t"), 3600.0)),
        (200, b'{"access_token": "t", "expires_in": true}', Token(SecretValue("t"), 3600.0)),
        (200, b'{"access_token": "t", "expires_in": NaN}', Token(SecretValue("t"), 3600.0)),
        (200, b'{"access_token": "t", "expires_in": 1e999}', Token(SecretValue("t"), 365 * 86_400.0)),
        (200, b'{"access_token": "t", "expires_in": 1%s}' % (b"0" * 400), Token(SecretValue("t"), 365 * 86_400.0)),
        (200, b"{}", Unauthorized("no_token", "No access token was given (status 200).")),
        (400, b'{"error": "invalid_grant"}', Unauthorized("no_token", "No access token was given (status 400).")),
        (500, b"", Retry("http_500", "The destination answered 500.")),
    ],
)
def test_an_oauth_answer_gives_a_token_or_says_whose_fault_it_is(status: int, body: bytes, said: object) -> None:
    assert oauth_token(answer(status, body)) == said


@settings(max_examples=100, deadline=None)
@given(asked=strategies.text(), sent=strategies.text())
@example(asked="Mon, 01 Jan 99999999999999999999 00:00:00 GMT", sent=SENT)
@example(asked="Mon, 01 Jan 2024 00:00:00 +99999999999999999999", sent=SENT)
@example(asked=SENT, sent="Mon, 01 Jan 0001 00:00:00 +2359")
def test_no_header_makes_reading_fail(asked: str, sent: str) -> None:
    seconds = retry_after(answer(429, b"", {"Retry-After": asked, "Date": sent}))
    assert seconds is None or 0 <= seconds <= 86400


@pytest.mark.parametrize("body", [b"", b"{", b"<html>", b"\xff\xfe\x00", b"[" * 100_000])
def test_a_body_that_is_no_json_reads_as_none(body: bytes) -> None:
    assert read_json(answer(200, body)) is None


def test_a_json_body_is_read() -> None:
    assert read_json(answer(200, b'{"a": [1]}')) == {"a": [1]}


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'"text"', b"<html>", b"[" * 5_000])
def test_what_is_no_object_is_read_as_an_empty_one(body: bytes) -> None:
    assert read_object(answer(200, body)) == {}
    assert read_object(answer(400, b'{"code": 5}')) == {"code": 5}


def test_of_a_batch_refused_whole_those_that_are_named_are_told_and_the_others_go_again() -> None:
    bad, rest = Rejected("bad"), Split("refused_with_others", "Chat refused the request for another event in it.")
    assert refused_together({1: bad, 7: bad}, 3, "Chat") == [rest, bad, rest]


def test_a_batch_of_which_none_is_named_goes_in_smaller_parts_and_one_alone_is_rejected() -> None:
    bad = Rejected("no_address", "No address.")
    assert refused_whole(bad, 1, "Chat") is bad
    assert refused_whole(bad, 2, "Chat") == Split(
        "no_address", "Chat refused the whole request, and named none of the events."
    )
    for other in (Delivered(), Unauthorized("http_401")):
        assert refused_whole(other, 2, "Chat") is other
