"""JSON that is written piece by piece is that which is written whole, to the byte."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ours.cli.shell import dump as printed
from ours.core.piecewise import Dump, pieces

_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=10,
)


def _compact(value: Any) -> str:
    return orjson.dumps(value).decode()


def _indented(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


@pytest.mark.parametrize(("dump", "line"), [(printed, "\n"), (_indented, "\n"), (_compact, "")])
@given(heads=st.dictionaries(_text, _values, max_size=3), lists=st.dictionaries(_text, st.lists(_values), max_size=3))
def test_what_is_written_in_pieces_is_what_is_written_whole(
    dump: Dump, line: str, heads: dict[str, Any], lists: dict[str, list[Any]]
) -> None:
    whole = heads | lists
    one, *others = [heads | {name: iter(values) for name, values in lists.items()} for _ in range(3)]
    assert "".join(pieces(one, dump, line)) == dump(whole)
    assert "".join(pieces(iter(others), dump, line)) == dump([whole, whole])


def test_no_more_than_one_value_is_taken_ahead() -> None:
    taken: list[int] = []

    def values() -> Iterator[int]:
        for number in range(9):
            taken.append(number)
            yield number

    written = pieces({"many": values()}, printed)
    while "3" not in next(written):
        pass
    assert taken == [0, 1, 2, 3]
