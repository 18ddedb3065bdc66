"""Answers are read by their status, and no header or body can make reading fail."""

import pytest
from hypothesis import example, given, settings, strategies

from ours.plugin import Delivered, Rejected, Retry, by_status, read_json, retry_after
from ours.plugin.testing.exchange import answer

SENT = "Mon, 23 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_delivered(status: int) -> None:
    assert by_status(answer(status)) == Delivered()


@pytest.mark.parametrize("status", [408, 425, 429, 500, 501, 502, 503, 504, 599])
def test_what_may_pass_is_tried_again(status: int) -> None:
    assert by_status(answer(status)) == Retry(f"http_{status}", f"The destination answered {status}.")


@pytest.mark.parametrize("status", [100, 301, 302, 304, 400, 401, 404, 410, 422])
def test_all_else_is_final(status: int) -> None:
    outcome = by_status(answer(status))
    assert isinstance(outcome, Rejected)
    assert outcome.code == f"http_{status}"


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
