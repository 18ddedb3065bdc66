"""Mapped fields are read as what a vendor wants, or not at all."""

from typing import Any

import pytest

from ours.plugin import values
from ours.plugin.testing.hostile import hostile_values


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        (5, 5), (1.5, 1.5), ("129.90", 129.9), (" -3 ", -3.0), (".5", 0.5),
        (True, None), (None, None), ("", None), ("1,5", None), ("1e5", None), ("NaN", None), ("9" * 310, None),
        (float("nan"), None), (float("inf"), None), ([1], None),
    ],
)  # fmt: skip
def test_a_number(raw: Any, read: Any) -> None:
    assert values.number(raw) == read


@pytest.mark.parametrize(
    ("raw", "written"), [("1", "1"), ("-3", "-3"), ("129.50", "129.5"), ("9" * 20, "1e+20"), (1.0, "1.0")]
)
def test_a_whole_number_in_a_text_is_a_whole_number(raw: Any, written: str) -> None:
    assert str(values.number(raw)) == written


@pytest.mark.parametrize(("raw", "read"), [("eur", "EUR"), (" USD ", "USD"), ("EURO", None), ("€", None), (978, None)])
def test_a_currency(raw: Any, read: Any) -> None:
    assert values.currency(raw) == read


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        (True, True),
        (False, False),
        ("GRANTED", True),
        ("denied", False),
        (1, True),
        ("0", False),
        ("x", None),
        ({}, None),
    ],
)
def test_a_consent(raw: Any, read: Any) -> None:
    assert values.granted(raw) is read


@pytest.mark.parametrize(
    ("raw", "site", "path"),
    [
        ("https://u:p@shop.example.com/a/b?q=1#c", "https://shop.example.com/", "https://shop.example.com/a/b"),
        ("http://shop.example.com:8080", "http://shop.example.com:8080/", "http://shop.example.com:8080/"),
        ("ftp://shop.example.com/", None, None),
        ("https:///nowhere", None, None),
        ("https://[broken/", None, None),
        ("https://shop.example.com/a b", None, None),
        (None, None, None),
    ],
)
def test_an_address_is_reduced_to_what_may_leave(raw: Any, site: str | None, path: str | None) -> None:
    assert values.address(raw) == site
    assert values.address(raw, "path") == path


def test_the_whole_address_leaves_only_where_that_was_asked_for() -> None:
    assert values.address(" https://a.example/b?c=d ", "full") == "https://a.example/b?c=d"


def test_the_first_field_that_can_not_be_read_is_named() -> None:
    rules = {"value": values.number, "currency": values.currency}
    assert values.first_unread({"value": "9,50", "currency": "€"}, rules) == "value"
    assert values.first_unread({"value": 9, "currency": "€"}, rules) == "currency"
    assert values.first_unread({"value": "", "other": "€"}, rules) is None


@pytest.mark.parametrize(
    ("raw", "written"),
    [("properties.time", "properties_time"), (" User Id! ", "user_id"), ("$insert_id", "$insert_id"), (None, "")],
)
def test_a_name_of_a_vendors_becomes_a_part_of_a_code(raw: Any, written: str) -> None:
    assert values.word(raw) == written


@pytest.mark.parametrize(
    "read", [values.text, values.number, values.currency, values.granted, values.address, values.word]
)
def test_nothing_that_a_caller_may_send_breaks_a_reading(read: Any) -> None:
    for value in hostile_values():
        read(value)
