"""Each vendor's way of writing a person's identifiers, against the vectors that were measured and published."""

import hashlib
from functools import partial
from typing import Any

import pytest

from ours.plugin import SecretValue, ValidationError
from ours.plugin import identifiers as ids
from ours.plugin.testing.hostile import hostile_values

JOHN = "836f82db99121b3481011f16b49dfa5fbc714a0d1b1b9f784a1ebbbf5b39577f"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("raw", "plain", "google", "stripped"),
    [
        (" John.Doe+x@Gmail.com ", "john.doe+x@gmail.com", "johndoe@gmail.com", "johndoe@gmail.com"),
        ("J.Doe+tag@Outlook.com", "j.doe+tag@outlook.com", "j.doe+tag@outlook.com", "jdoe@outlook.com"),
        ("a.b@googlemail.com", "a.b@googlemail.com", "ab@googlemail.com", "ab@googlemail.com"),
        ("jane doe@example.com", None, "janedoe@example.com", None),
        ("Zoë@Example.com", "zoë@example.com", "zoë@example.com", "zoë@example.com"),
        ("+x@gmail.com", "+x@gmail.com", None, None),
        ("nobody", None, None, None),
        ("a@b@c", None, None, None),
        ("Jane Doe <jane@example.com>", None, None, None),
        ("mailto:jane@example.com", None, None, None),
        ("jane@example.com;", None, None, None),
        ("jane@example.com, doe", None, None, None),
        ("", None, None, None),
        (None, None, None, None),
        (["jane@example.com"], None, None, None),
    ],
)
def test_an_email_is_written_as_each_vendor_writes_it(
    raw: Any, plain: str | None, google: str | None, stripped: str | None
) -> None:
    assert (ids.email(raw), ids.google_email(raw), ids.stripped_email(raw)) == (plain, google, stripped)


@pytest.mark.parametrize(
    ("raw", "region", "number"),
    [
        ("+1 (415) 555-0100", None, "+14155550100"),
        ("0044 20 7946 0958", None, "+442079460958"),
        ("0044 20 7946 0958", "US", "+442079460958"),
        ("(415) 555-0100", "us", "+14155550100"),
        ("1 415 555 0100", "US", "+14155550100"),
        (14155550100, "US", "+14155550100"),
        ("020 7946 0958", "GB", "+442079460958"),
        ("06 12 34 56 78", "FR", "+33612345678"),
        ("+33 (0)6 12 34 56 78", None, "+33612345678"),
        ("+39 06 6982 0000", None, "+390669820000"),
        ("+1 415 555 0100 ext. 7", None, "+14155550100"),
        ("+४४ २०७९४६०९५८", None, "+442079460958"),
        ("(415) 555-0100", None, None),
        ("14155550100", None, None),
        ("+1 415", None, None),
        ("+1 555 0100", None, None),
        ("555-0100", "US", None),
        ("20 7946", "GB", None),
        ("call me", "US", None),
        ("+999 1234567", None, None),
        ("+1 415 555 0100" + " " * 10 + "0" * 60, None, None),
        ("(415) 555-0100", "nowhere", None),
        (True, "US", None),
        (None, "US", None),
    ],
)
def test_a_phone_number_is_read_as_e164_or_not_at_all(raw: Any, region: str | None, number: str | None) -> None:
    assert ids.phone(raw, region) == number
    assert ids.phone_digits(raw, region) == (number[1:] if number else None)


def test_the_hashes_are_those_that_were_measured() -> None:
    digits, plus = ids.hashed("+1 (415) 555-0100", ids.phone_digits), ids.hashed("+1 (415) 555-0100", ids.phone)
    assert (digits or "")[:8] + (digits or "")[-4:] == "5e7ec4c773b9"
    assert (plus or "")[:8] + (plus or "")[-4:] == "40d3f4e0cda0"
    assert ids.hashed(" John.Doe@Example.com", ids.email) == JOHN
    assert ids.hashed("(415) 555-0100", partial(ids.phone_digits, region="US")) == digits


def test_what_is_hashed_already_passes_in_lower_case_and_is_never_hashed_again() -> None:
    for given in (JOHN, JOHN.upper(), f" {JOHN} "):
        assert ids.hashed(given, ids.email) == ids.hashed(given, ids.google_name) == JOHN
    assert ids.hashed(JOHN[:32], ids.email) is None  # an MD5 is no SHA-256, and no address
    assert ids.hashed("", ids.email) is None


@pytest.mark.parametrize(
    ("rule", "raw", "written"),
    [
        (ids.name, " Zoë ", "zoë"),
        (ids.name, "Zoe\u0308", "zoë"),
        (ids.name, "O'Brien-Smith", "obriensmith"),
        (ids.name, "D\u2019Angelo", "dangelo"),
        (ids.name, "Mary Ann", "maryann"),
        (ids.name, " - ", None),
        (ids.google_name, "O'Brien-Smith ", "obriensmith"),
        (ids.google_name, "Jean Luc", "jean luc"),
        (ids.name, "李", "李"),
        (ids.place, "St. Denis", "stdenis"),
        (ids.place, "São Paulo 1", "sãopaulo"),
        (ids.place, "CA", "ca"),
        (ids.place, "94105", None),
        (ids.state, "New York", "ny"),
        (ids.state, " CA ", "ca"),
        (ids.state, "Île-de-France", "îledefrance"),
        (partial(ids.state, country="United States"), "California", "ca"),
        (partial(ids.state, country="US"), "District of Columbia", "dc"),
        (partial(ids.state, country="AU"), "Victoria", "victoria"),
        (partial(ids.state, country="CO"), "Florida", "florida"),
        (ids.state, None, None),
        (ids.postal_code, "94105-1234", "94105"),
        (partial(ids.postal_code, country="US"), "94105 1234", "94105"),
        (partial(ids.postal_code, country="GB"), "SW1A 1AA", "sw1a1aa"),
        (ids.postal_code, 94105, "94105"),
        (ids.country_code, "FR", "fr"),
        (ids.country_code, " UK", "gb"),
        (ids.country_code, "France", None),
        (ids.birthday, "1990-02-28", "19900228"),
        (ids.birthday, "19900228", "19900228"),
        (ids.birthday, "1990-02-28T00:00:00Z", "19900228"),
        (ids.birthday, "1990-02-30", None),
        (ids.birthday, "02/28/1990", None),
        (ids.gender, "Female", "f"),
        (ids.gender, "M", "m"),
        (ids.gender, "unsaid", None),
        (ids.lowered, " Mary O'Neil ", "mary o'neil"),
        (ids.lowered, 5, "5"),
        (ids.lowered, " ", None),
        (ids.squeezed, " Mary O'Neil ", "maryo'neil"),
        (ids.squeezed, [], None),
        (ids.plain, " fb.1.1554763741205.AbCdEf ", "fb.1.1554763741205.AbCdEf"),
    ],
)
def test_names_and_places_are_written_as_vendors_write_them(rule: ids.Rule, raw: Any, written: str | None) -> None:
    assert rule(raw) == written
    assert ids.hashed(raw, rule) == (sha256(written) if written else None)


@pytest.mark.parametrize("region", ["US", "gb", "FR"])
def test_a_region_is_one_of_which_numbers_can_be_read(region: str) -> None:
    ids.is_region(region)
    assert ids.phone({"US": "415 555 0100", "gb": "020 7946 0958", "FR": "06 12 34 56 78"}[region], region)


@pytest.mark.parametrize("region", ["UK", "EN", "USA", "", "1"])
def test_a_region_as_of_which_every_number_would_be_left_out_is_refused(region: str) -> None:
    assert ids.phone("020 7946 0958", region) is None
    with pytest.raises(ValidationError, match="GB for the United Kingdom"):
        ids.is_region(region)


def test_an_id_can_be_hidden_under_a_key() -> None:
    assert ids.keyed("customer-7", "salt") == ids.keyed(" customer-7 ", "salt") != ids.keyed("customer-7", "other")
    assert ids.keyed("customer-7", "salt") != sha256("customer-7")
    assert ids.keyed(None, "salt") is None


def test_an_external_id_is_hashed_where_there_is_no_key() -> None:
    assert ids.external_id("Customer-7", SecretValue("key")) == ids.keyed("Customer-7", "key")
    assert ids.external_id(" Customer-7 ", None) == sha256("Customer-7")
    assert ids.external_id(" Customer-7 ", None, ids.squeezed) == sha256("customer-7")
    assert ids.external_id({}, SecretValue("key")) is None


@pytest.mark.parametrize("nobody", ["null", "undefined", " None ", "anonymous"])
def test_an_external_id_of_nobody_makes_no_one_person_of_many(nobody: str) -> None:
    assert ids.external_id(nobody, None) is None
    assert ids.external_id(nobody, SecretValue("key"), ids.squeezed) is None


@pytest.mark.parametrize("raw", [None, "", " Null ", 0, "-1", "N/A", "Anonymous", "unknown", {}, "[]", True])
def test_what_stands_for_nobody_names_nobody(raw: Any) -> None:
    assert ids.somebody(raw) is None


@pytest.mark.parametrize(("raw", "kept"), [(" Customer-7 ", "Customer-7"), (42, "42"), ("nobody", "nobody")])
def test_whoever_is_named_is_named_as_written(raw: Any, kept: str) -> None:
    assert ids.somebody(raw) == kept


def test_an_event_is_known_by_its_name_and_its_id_together() -> None:
    assert ids.event_key("Order Paid", "1001") == sha256("Order Paid\x001001")[:32]
    assert ids.event_key("Order Paid", "1001") != ids.event_key("Order Sent", "1001")
    assert ids.event_key("a", "bc") != ids.event_key("ab", "c")


RULES = [
    ids.plain, ids.email, ids.google_email, ids.stripped_email, ids.phone, ids.phone_digits, ids.name, ids.google_name,
    ids.place, ids.somebody, ids.postal_code, ids.country_code, ids.birthday, ids.gender, ids.lowered,
    ids.squeezed,
]  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_no_value_that_a_caller_may_send_breaks_a_rule(rule: ids.Rule) -> None:
    for value in [*hostile_values(), "\ud800@example.com", float("nan"), b"bytes"]:
        written = ids.hashed(value, rule)
        assert written is None or len(written) == 64
