"""What a schema says is told in words for people: which fields there are, and which is the nearest."""

from ours.core.mistakes import plain

KNOWN = {"url": "Address", "secret": "Signing secret", "headers": "Extra headers"}


def test_a_name_that_is_none_is_told_the_nearest_and_all() -> None:
    assert plain({"headrs": ["Unknown field."], "Adress": ["Unknown field."], "tenant": ["Unknown field."]}, KNOWN) == {
        "headrs": ["There is no such field. Did you mean headers? There are url, secret, headers."],
        "Adress": ["There is no such field. Did you mean url?"],
        "tenant": ["There is no such field."],
    }
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
