"""Mapped fields are read as what a vendor wants, or not at all."""

from functools import partial
from typing import Any

import pytest

from ours.plugin import Rejected, values
from ours.plugin.testing.hostile import hostile_values


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        (5, 5), (1.5, 1.5), ("129.90", 129.9), (" -3 ", -3.0), (".5", 0.5),
        (True, None), (None, None), ("", None), ("1,5", None), ("1e5", None), ("NaN", None), ("9" * 310, None),
        (10**400, None), (-(10**400), None), (float("nan"), None), (float("inf"), None), ([1], None),
    ],
)  # fmt: skip
def test_a_number(raw: Any, read: Any) -> None:
    assert values.number(raw) == read


@pytest.mark.parametrize(
    ("raw", "written"), [("1", "1"), ("-3", "-3"), ("129.50", "129.5"), ("9" * 20, "1e+20"), (1.0, "1.0")]
)
def test_a_whole_number_in_a_text_is_a_whole_number(raw: Any, written: str) -> None:
    assert str(values.number(raw)) == written


@pytest.mark.parametrize(
    ("raw", "read"), [(2, 2), (" 3 ", 3), (2.0, 2), (0, 0), (2.5, None), (" 0.5", None), (True, None), ([2], None)]
)
def test_a_quantity_is_a_whole_number_or_not_read(raw: Any, read: Any) -> None:
    assert values.whole(raw) == read
    assert values.whole(raw) is None or isinstance(values.whole(raw), int)


LINE: Any = {"id": (values.text, ("sku", "id")), "price": (values.number, ("price",))}


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        ([{"sku": "A-1", "price": "0.5", "diagnosis": "x"}, {"id": 7}], [{"id": "A-1", "price": 0.5}, {"id": "7"}]),
        ([{"id": "", "sku": None, "price": 0}], [{"price": 0}]),
        ([], []),
        ([{"sku": "A-1", "price": "1,5"}], None),
        ([{"diagnosis": "x"}], None),
        ([{"sku": "A-1"}, "A-2"], None),
        ({"sku": "A-1"}, None),
        ("A-1", None),
        (None, None),
    ],
)
def test_of_what_was_bought_only_what_is_named_is_read(raw: Any, read: Any) -> None:
    assert values.rows(raw, LINE) == read


@pytest.mark.parametrize(
    ("raw", "said"), [(True, True), ("no", False), ("", False), (None, False), ("opted out", True)]
)
def test_an_objection_is_not_lost_by_its_spelling(raw: Any, said: bool) -> None:
    assert values.objected(raw) is said


def test_what_is_not_known_is_left_out_and_a_nought_is_known() -> None:
    assert values.present({"a": None, "b": {}, "c": [], "d": 0, "e": False}) == {"d": 0, "e": False}


@pytest.mark.parametrize(("raw", "read"), [(10, "10"), (129.9, "129.9"), ("5.50", "5.5"), ("1,5", None), (True, None)])
def test_an_amount_is_a_number_as_text(raw: Any, read: Any) -> None:
    assert values.amount(raw) == read


@pytest.mark.parametrize(
    ("raw", "read"), [(["A", 5], ["A", "5"]), ("A", ["A"]), ([], []), (["A", None], None), (None, None), ([""], None)]
)
def test_texts_are_all_read_or_none(raw: Any, read: Any) -> None:
    assert values.texts(raw) == read


def test_fields_are_read_by_their_rules_and_the_first_that_can_not_be_is_named() -> None:
    rules = {"value": values.number, "currency": values.currency}
    assert values.read_all({"value": "5", "note": "x", "currency": ""}, rules) == ({"value": 5, "note": "x"}, None)
    assert values.read_all({"value": "x", "currency": "euro"}, rules)[1] == "currency"


@pytest.mark.parametrize("empty", [None, "", " \t", [], {}])
def test_what_is_empty_was_not_given(empty: Any) -> None:
    assert values.read_all({"value": empty}, {"value": values.number}) == ({}, None)
    assert values.rows([{"price": empty, "id": "7"}], {
        "price": (values.number, ["price"]), "id": (values.text, ["id"])}) == [{"id": "7"}]  # fmt: skip


def test_fields_that_begin_alike_are_known_by_what_follows() -> None:
    given = {"$set.plan": "gold", "$set.": 1, "$set.$set.a": 2, "plan": "no", "x$set.y": 3}
    assert values.under("$set.", given) == {"plan": "gold", "": 1, "$set.a": 2}


@pytest.mark.parametrize(
    ("name", "rule", "wanted"),
    [
        ("order_id", values.text, "a text"),
        ("value", values.amount, "a number, such as 12.5"),
        ("currency", values.currency, "three letters, such as EUR"),
        ("contents", partial(values.rows, rules={}), "a list of objects"),
        ("groups", dict, "what is taken there"),
    ],
)
def test_what_can_not_be_read_is_rejected_in_words_that_say_what_is_wanted(name: str, rule: Any, wanted: str) -> None:
    said = f"What is mapped to {name} can't be read as {wanted}."
    assert values.unreadable(name, rule) == Rejected(f"invalid_{name}", said, name)


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
        ("accepted", True),
        ("", None),
        (None, None),
        ("withdrawn", False),
        ("x", False),
        ({}, False),
    ],
)
def test_a_consent_is_not_given_where_it_cant_be_read(raw: Any, read: Any) -> None:
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


@pytest.mark.parametrize(
    ("raw", "written"),
    [("properties.time", "properties_time"), (" User Id! ", "user_id"), ("$insert_id", "$insert_id"), (None, "")],
)
def test_a_name_of_a_vendors_becomes_a_part_of_a_code(raw: Any, written: str) -> None:
    assert values.word(raw) == written


@pytest.mark.parametrize(
    ("raw", "written"),
    [
        ("AddToCart", "add_to_cart"),
        (" Add to cart! ", "add_to_cart"),
        ("ADD_CART", "add_cart"),
        ("Prüfung", "prüfung"),
        (None, ""),
        ([], ""),
    ],
)
def test_a_name_in_snake_case(raw: Any, written: str) -> None:
    assert values.snake(raw) == written


@pytest.mark.parametrize(
    ("raw", "own", "name"),
    [
        ("AddCart", "", "ADD_CART"),
        ("Order Completed", "", "PURCHASE"),
        ("order completed", "Order Completed", "Order Completed"),
        ("add_cart", "Add Cart", "ADD_CART"),
        ("booked", "Called, Booked!", "Booked!"),
        ("Called, Booked!", "Called, Booked!", None),
        ("Oncology", "", None),
        ("", "", None),
        ("*", "*", None),
        ("予約", "診断, 予約", "予約"),
        ("診断", "予約", None),
        (None, "Called", None),
    ],
)
def test_a_vendors_name_goes_before_ones_own_and_that_before_what_means_the_same(
    raw: Any, own: str, name: str | None
) -> None:
    assert values.known_name(raw, {"ADD_CART", "PURCHASE"}, {"order_completed": "PURCHASE"}, own) == name


@pytest.mark.parametrize("read", [
    values.text, values.number, values.whole, values.amount, values.texts, values.currency, values.granted,
    values.objected, values.address, values.word, values.snake,
    lambda value: values.rows([{"sku": value, "price": value}], LINE),
])  # fmt: skip
def test_nothing_that_a_caller_may_send_breaks_a_reading(read: Any) -> None:
    for value in hostile_values():
        read(value)
