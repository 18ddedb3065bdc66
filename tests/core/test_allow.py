"""What an allow list lets out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ours.core.allow import ALL, allows, name_key


def test_an_empty_list_lets_nothing_out() -> None:
    assert not allows([], "Purchase", "track")
    assert not allows(set(), "$identify", "identify")


def test_names_match_whatever_their_case_and_surrounding_space() -> None:
    assert allows([name_key(" purchase ")], "PURCHASE", "track")
    assert name_key("straße") == name_key("STRASSE")
    assert not allows([name_key("Purchase")], "Purchases", "track")


def test_a_key_is_32_hex_digits() -> None:
    assert len(name_key("Purchase")) == 32
    assert int(name_key("Purchase"), 16) >= 0


def test_the_star_lets_out_every_ordinary_event_and_no_identify() -> None:
    assert allows([ALL], "anything at all", "track")
    assert not allows([ALL], "$identify", "identify")
    assert not allows([ALL], " $heatmap_click", "track")
    assert not allows([ALL], "*$", "identify")


def test_names_with_a_dollar_are_let_out_when_listed_by_name() -> None:
    assert allows([ALL, name_key("$identify")], "$identify", "identify")
    assert allows([name_key("$reset")], "$Reset", "track")


@pytest.mark.parametrize("name", ["$identify", "$Identify", "$IDENTIFY", "\x1c$identify\x85"])
def test_an_ordinary_event_does_not_pass_for_an_identify(name: str) -> None:
    assert name_key(name) == name_key("$identify")
    assert not allows([name_key("$identify")], name, "track")
    assert not allows([ALL, name_key("$identify")], name, "track")


@given(st.text(), st.lists(st.text()))
def test_an_event_that_is_neither_listed_nor_starred_stays(name: str, others: list[str]) -> None:
    keys = {name_key(other) for other in others} - {name_key(name)}
    assert not allows(keys, name, "track")


def test_an_event_named_like_the_star_needs_its_own_entry() -> None:
    assert not allows([name_key("*")], "Purchase", "track")
    assert allows([name_key("*")], "*", "track")
