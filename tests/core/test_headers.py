"""Our short ways with headers against the long ones of ``requests``."""

from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from ours.core import headers

_NAMES = st.sampled_from(["A", "a", "Content-Type", "content-type", "X-Ä", "x-ä"]) | st.text(max_size=5)


@given(st.dictionaries(_NAMES, st.text(max_size=5) | st.binary(max_size=3)))
def test_they_are_what_requests_makes_of_them(written: dict[str, str]) -> None:
    made, expected = headers.of_mapping(written), CaseInsensitiveDict(written)
    assert made == expected
    assert list(made.items()) == list(expected.items())
    assert headers.plain(made) == headers.plain(expected) == dict(expected)
    assert list(headers.plain(made)) == list(expected)


def test_they_can_be_changed_copied_and_asked_as_any() -> None:
    made = headers.of_mapping({"Accept": "a", "Date": "b"})
    made["ACCEPT"] = "c"
    made["New"] = "d"
    del made["date"]
    assert "new" in made
    assert made.get("nEW") == headers.look_up(made, "new") == "d"
    assert headers.look_up(made, "date") is None
    assert made.copy() == CaseInsensitiveDict({"accept": "c", "new": "d"})
    assert headers.plain(made) == {"ACCEPT": "c", "New": "d"}
