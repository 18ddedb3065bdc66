"""What a schema says is told in words for people: which fields there are, and which is the nearest."""

from itertools import permutations

from ours.core.mistakes import plain

KNOWN = {"url": "Address", "secret": "Signing secret", "headers": "Extra headers"}


def test_a_name_that_is_none_is_told_the_nearest_and_all() -> None:
    """The library tells them in any order."""
    for names in permutations(["tenant", "Adress", "headrs"]):
        unknown = {name: ["Unknown field."] for name in names}
        told = plain(unknown | {"url": ["Missing data for required field."]}, KNOWN)
        assert list(told.items()) == [
            ("url", ["Must be given."]),
            ("Adress", ["There is no such field. Did you mean url? There are url, secret, headers."]),
            ("headrs", ["There is no such field. Did you mean headers?"]),
            ("tenant", ["There is no such field."]),
        ]
    assert plain({"any": ["Unknown field."]}, {}) == {"any": ["There is no such field."]}


def test_what_the_library_says_is_said_plainly_and_once_and_an_authors_words_stay() -> None:
    said = {
        "url": ["Missing data for required field."],
        "headers": {0: {"key": ["Not a valid string."]}, 1: {"key": ["Unknown field."]}},
        "secret": ["Must begin with whsec_.", "Must begin with whsec_."],
    }
    assert plain(said, KNOWN) == {
        "url": ["Must be given."],
        "headers": ["0: key: Must be a text.", "1: key: There is no such field."],
        "secret": ["Must begin with whsec_."],
    }
