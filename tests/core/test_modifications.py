"""The modifications: what each makes of a value, and the laws they keep."""

import hashlib
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ours.core.modifications import HASHES, MODIFICATIONS
from ours.plugin import identifiers as ids
from ours.states import STATES
from tests.core.test_mapping import JSON


def done(name: str, value: Any) -> Any:
    return MODIFICATIONS[name].apply(value)


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_there_are_29_and_each_is_described() -> None:
    assert len(MODIFICATIONS) == 29
    assert all(one.label and one.description.endswith(".") for one in MODIFICATIONS.values())


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("None", {"a": 1}, {"a": 1}), ("Null", "x", None), ("Redacted", "x", "REDACTED"), ("Redacted", None, None),
        ("LowerCase", "ÉTÉ", "été"), ("UpperCase", "straße", "STRASSE"), ("LowerCase", 12, "12"),
        ("CamelCase", "Order Completed", "orderCompleted"), ("CamelCase", "HTTPServer error", "httpServerError"),
        ("KebabCase", "Order Completed", "order-completed"), ("SnakeCase", "orderCompleted2", "order_completed_2"),
        ("StartCase", "order_completed", "Order Completed"), ("StartCase", "--", ""), ("CamelCase", "", ""),
        ("FullUrl", "https://jane:pw@shop.example/a?b=c#d", "https://shop.example/a?b=c"),
        ("DomainOnly", "https://Shop.example/a?b", "https://shop.example"), ("DomainOnly", "shop.example.com/x", "https://shop.example.com"),
        ("DomainPathOnly", "https://shop.example/hiv-test?x=1", "https://shop.example/hiv-test"),
        ("DomainUTMs", "https://shop.example/hiv-test?x=1&utm_source=news", "https://shop.example?utm_source=news"),
        ("DomainPathUTMs", "https://shop.example/a?utm_id=7&q=me", "https://shop.example/a?utm_id=7"),
        ("FakeDomain", "https://clinic.example/hiv-test", "https://example.com"),
        ("FakeDomainRealPath", "https://clinic.example/a?b", "https://example.com/a"),
        ("FakeIP", "203.0.113.7", "192.0.2.1"), ("FakeIP", "2001:db8:1::7", "2001:db8::1"),
        ("RegionalIP", "203.0.113.7", "203.0.0.0"), ("DmaIP", " 203.0.113.7 ", "203.0.113.0"),
        ("RegionalIP", "2001:db8:1:2::7", "2001:db8::"), ("DmaIP", "2001:db8:1:2::7", "2001:db8:1::"),
        ("DmaIP", "::ffff:203.0.113.7", "203.0.113.0"),
        ("UpperCase", ["a", None, "b"], ["A", "B"]),
    ],
)  # fmt: skip
def test_what_becomes_of_a_value(name: str, value: Any, expected: Any) -> None:
    assert done(name, value) == expected


@pytest.mark.parametrize(
    ("name", "value", "hashed"),
    [
        ("Hash", "Jane ", "Jane "), ("Hash", 12, "12"), ("Hash", {"a": [1]}, '{"a":[1]}'),
        ("HashedNormalized", " Jane@Example.com ", "jane@example.com"),
        ("HashedNormalizedNoSpecialChars", "O'Brien-Zoë ", "obrienzoë"),
        ("HashedPhone", "+1 (555) 010-0000", "15550100000"), ("HashedCountry", " US", "us"),
        ("HashedCountry", "USA", "us"),
        ("HashedState", "New York", "ny"), ("HashedState", "Île-de-France", "îledefrance"),
        ("HashedZip", "94107-1234", "94107"), ("HashedZip", "SW1A 1AA", "sw1a1aa"),
        ("HashedGender", "Female", "f"), ("HashedDateOfBirth", "1988-03-07", "19880307"),
    ],
)  # fmt: skip
def test_hashes_follow_the_rule_of_their_kind(name: str, value: Any, hashed: str) -> None:
    assert done(name, value) == sha(hashed)


def test_md5_is_there_for_receivers_that_know_nothing_better() -> None:
    assert done("HashMD5", "a") == "0cc175b9c0f1b6a831c399e269772661"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HashedPhone", "call me"), ("HashedCountry", "France"), ("HashedGender", "x"),
        ("HashedDateOfBirth", "07/03/1988"),
        ("HashedDateOfBirth", "1988-02-31"), ("HashedNormalized", "  "), ("Hash", ""),
        ("DomainOnly", "jane@example.com"),
        ("DomainOnly", "javascript:alert(1)"), ("DomainPathOnly", "not a url"), ("FakeDomain", "https://[::1"),
        ("DmaIP", "203.0.113"), ("RegionalIP", "jane"), ("FakeIP", {}),
    ],
)  # fmt: skip
def test_what_can_not_be_hidden_is_left_out(name: str, value: Any) -> None:
    assert done(name, value) is None


@given(st.sampled_from(sorted(MODIFICATIONS)), JSON)
def test_every_modification_has_an_answer_for_every_value(name: str, value: Any) -> None:
    done(name, value)


@given(st.sampled_from(sorted(HASHES)), st.text(alphabet="0123456789abcdefABCDEF", min_size=64, max_size=64))
def test_what_is_hashed_already_is_never_hashed_again(name: str, value: str) -> None:
    assert done(name, f" {value} ") == value.lower()


@given(st.sampled_from(sorted(HASHES - {"HashMD5"})), st.text())
def test_hashing_twice_is_hashing_once(name: str, value: str) -> None:
    once = done(name, value)
    assert done(name, once) == once
    assert once is None or ids.is_hash(once)


def _cased(words: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """As people write it: in capitals or not, with space around it."""
    written = st.sampled_from([str, str.upper, str.title])
    return st.builds(lambda word, how, around: around + how(word) + around, words, written, st.sampled_from(["", " "]))


DAYS = st.builds(
    lambda day, shape, rest: day.strftime(shape) + rest,
    st.dates(date(1900, 1, 1)), st.sampled_from(["%Y-%m-%d", "%Y%m%d"]), st.sampled_from(["", "T00:00:00Z"]),
)  # fmt: skip
PHONES = st.builds(
    lambda digits, sign: f"{sign}1 ({digits[:3]}) {digits[3:6]}-{digits[6:]}",
    st.from_regex(r"[2-9][0-9]{2}[2-9][0-9]{6}", fullmatch=True), st.sampled_from(["+", "00"]),
)  # fmt: skip
TWO_LETTERS = st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=2, max_size=2)
ZIPS = st.from_regex(r"[0-9]{5}(-[0-9]{4})?|[a-z][0-9] [0-9][a-z]{2}", fullmatch=True)
SAME_RULE: list[tuple[str, ids.Rule, st.SearchStrategy[str]]] = [
    ("HashedNormalized", ids.email, _cased(st.from_regex(r"[a-z.+]{1,9}@[a-z]{1,9}\.example", fullmatch=True))),
    ("HashedPhone", ids.phone_digits, PHONES),
    ("HashedCountry", ids.country_code, _cased(TWO_LETTERS | st.just("uk"))),
    ("HashedState", ids.state, _cased(st.sampled_from([*STATES, *STATES.values(), "new york", "bayern"]))),
    (
        "HashedZip",
        ids.postal_code,
        _cased(st.from_regex(r"[0-9]{5}(-[0-9]{4})?|[a-z][0-9] [0-9][a-z]{2}", fullmatch=True)),
    ),
    ("HashedGender", ids.gender, _cased(st.sampled_from(["m", "f", "male", "female", "x"]))),
    ("HashedDateOfBirth", ids.birthday, DAYS),
]


@pytest.mark.parametrize(("name", "rule", "values"), SAME_RULE, ids=[name for name, _, _ in SAME_RULE])
def test_a_destination_that_hashes_by_the_same_rule_sends_the_same_hash(
    name: str, rule: ids.Rule, values: st.SearchStrategy[str]
) -> None:
    @given(values)
    def check(value: str) -> None:
        assert done(name, value) == ids.hashed(value, rule)

    check()


URLS = st.builds(
    lambda host, path, query: f"https://{host}.example/{path}?{query}",
    st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.from_regex(r"[a-z/%-]{0,9}", fullmatch=True),
    st.from_regex(r"(utm_[a-z]{1,4}=[a-z]{0,3}&)?[a-z]=[a-z]{0,3}", fullmatch=True),
)  # fmt: skip
IPS = st.ip_addresses().map(str)
NAMES = st.from_regex(r"[A-Za-z0-9 _-]{0,20}", fullmatch=True)
IDEMPOTENT = [
    *((st.text(), name) for name in ("None", "Redacted", "Null")),
    # Not CamelCase: "a b c" is aBC, in which nobody can tell the words apart any more.
    *((NAMES, name) for name in MODIFICATIONS if name.endswith("Case") and name != "CamelCase"),
    *((URLS, name) for name in MODIFICATIONS if "Domain" in name or "Url" in name),
    *((IPS, name) for name in MODIFICATIONS if name.endswith("IP")),
]


@pytest.mark.parametrize(("values", "name"), IDEMPOTENT, ids=[name for _, name in IDEMPOTENT])
def test_doing_it_twice_changes_nothing_more(values: st.SearchStrategy[str], name: str) -> None:
    @given(values)
    def check(value: str) -> None:
        once = done(name, value)
        assert done(name, once) == once

    check()


@given(URLS)
def test_a_reduced_url_has_nothing_left_of_its_query(url: str) -> None:
    for name in ("DomainOnly", "DomainPathOnly", "FakeDomain", "FakeDomainRealPath"):
        assert "?" not in done(name, url)
