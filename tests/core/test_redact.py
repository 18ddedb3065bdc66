"""What is kept out of sight."""

import json
import re
from base64 import b64encode, urlsafe_b64encode
from typing import Any
from urllib.parse import quote, quote_plus, unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ours.core.redact import MASK, Masker, Person, cut_url, mask_email, mask_headers, mask_url, mask_value, texts_in

SECRETS = st.text(st.characters(codec="utf-8", exclude_characters="|"), min_size=4, max_size=24)
DISGUISES = {
    "as it is": str,
    "in a path": quote,
    "in a form": quote_plus,
    "in a query": lambda secret: quote(secret, safe=""),
    "in ASCII JSON": lambda secret: json.dumps(secret)[1:-1],
    "in UTF-8 JSON": lambda secret: json.dumps(secret, ensure_ascii=False)[1:-1],
    "in base64": lambda secret: b64encode(secret.encode()).decode(),
    "in URL-safe base64": lambda secret: urlsafe_b64encode(secret.encode()).decode(),
}


@pytest.mark.parametrize("disguise", DISGUISES)
@given(secret=SECRETS)
@example(secret="all of it/ü+")
def test_a_secret_is_masked_in_every_disguise(disguise: str, secret: str) -> None:
    text = f"|{DISGUISES[disguise](secret)}|"
    masker = Masker([secret])
    assert masker.text(text) == f"|{MASK}|"


@given(
    st.text("ABÖ:", max_size=9),
    st.text("ABÖ:", max_size=9),
    st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=8),
)
def test_a_secret_inside_basic_credentials_is_masked_wherever_it_begins(before: str, behind: str, secret: str) -> None:
    token = b64encode(f"{before}{secret}{behind}".encode()).decode()
    shown = Masker([secret]).text(token)
    assert MASK in shown
    assert b64encode(secret.encode()).decode()[:6] not in shown


def test_what_is_no_secret_stays() -> None:
    masker = Masker(["s3cr3t-value", "", "1", "abc"])
    assert masker.text("1 abc and s3cr3t") == "1 abc and s3cr3t"
    assert (Masker([]).text("plain"), Masker([]).beginning("plain", 3)) == ("plain", "pla")


def test_of_two_secrets_the_longer_is_masked_whole() -> None:
    assert Masker(["token", "token-and-more"]).text("token-and-more, token") == f"{MASK}, {MASK}"


@pytest.mark.parametrize(
    "name",
    ["Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "X-API-Key", "Api-Key", "X-Auth", "access_token",
     "client_secret", "X-Amz-Security-Token", "X-Password"],
)  # fmt: skip
def test_headers_that_say_secret_are_masked(name: str) -> None:
    assert mask_headers({name: "value"}) == {name: MASK}


@pytest.mark.parametrize(
    "name",
    ["Content-Type", "webhook-signature", "X-Hub-Signature", "Idempotency-Key", "webhook-id", "X-Author", "User-Agent"],
)
def test_other_headers_stay(name: str) -> None:
    assert mask_headers({name: "value"}) == {name: "value"}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a.example/x?api_secret=abc&id=7", f"https://a.example/x?api_secret={MASK}&id=7"),
        ("https://a.example/?q=1#access_token=abc", f"https://a.example/?q=1#access_token={MASK}"),
        ("https://a.example/?acc%65ss_token=abc", f"https://a.example/?acc%65ss_token={MASK}"),
        ("https://jane:p@ss@a.example/x@y", f"https://{MASK}@a.example/x@y"),
        ("https://a.example/?mail=j@k&token=", f"https://a.example/?mail=j@k&token={MASK}"),
        ("https://a.example/x", "https://a.example/x"),
    ],
)
def test_a_url_is_shown_without_what_says_secret(url: str, shown: str) -> None:
    assert mask_url(url) == shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://hooks.example.com/services/T0/B0/secret", f"https://hooks.example.com/{MASK}"),
        ("http://receiver:9000?q=secret", f"http://receiver:9000/{MASK}"),
        ("https://me:secret@example.com/secret", f"https://{MASK}@example.com/{MASK}"),
        ("https://me:secret@example.com", f"https://{MASK}@example.com"),
        ("https://example.com//secret", f"https://example.com/{MASK}"),
        ("https://example.com/", "https://example.com/"),
        ("https://example.com", "https://example.com"),
        ("not /an address", "not /an address"),
        ("", ""),
    ],
)
def test_a_url_is_cut_behind_its_server(url: str, shown: str) -> None:
    assert cut_url(url) == shown


def test_of_settings_that_nobody_knows_every_text_is_taken_for_a_secret() -> None:
    assert texts_in({"url": "a", "headers": {"X": "b"}, "more": ["c", {"d": "e"}], "n": 5}) == ["a", "b", "c", "e"]


def test_a_masker_goes_by_name_and_by_value() -> None:
    masker = Masker(["s3cr3t/value"])
    assert masker.url("https://a.example/s3cr3t%2Fvalue?key=x") == f"https://a.example/{MASK}?key={MASK}"
    assert masker.headers({"X-Custom": "is s3cr3t/value", "Cookie": "x"}) == {"X-Custom": f"is {MASK}", "Cookie": MASK}


_PIECES = st.sampled_from(["", "plain", "is s3cr3t/value", "s3cr3t%2Fvalue", "of two", "lines", "of two\nlines", MASK])


@given(st.dictionaries(st.sampled_from(["X-Custom", "Cookie", "Date"]), _PIECES), st.lists(_PIECES, max_size=3))
def test_a_message_is_masked_as_each_of_its_parts_is(headers: dict[str, str], texts: list[str]) -> None:
    masker = Masker(["s3cr3t/value", "of two\nlines"])
    shown = {name: masker.text(value) for name, value in mask_headers(headers).items()}
    assert masker.message(headers, *texts) == (shown, tuple(map(masker.text, texts)))
    assert masker.headers(headers) == shown


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("jane@example.com", "j•••@e•••.com"),
        (" jane@mail.example.co.uk ", "j•••@m•••.uk"),
        ("jane@localhost", "j•••@l•••"),
        ("not an address", "n•••"),
        ("", "•••"),
    ],
)
def test_an_email_keeps_its_initials_and_its_top_level_domain(address: str, shown: str) -> None:
    assert mask_email(address) == shown


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("email", "jane@example.com", "j•••@e•••.com"),
        ("first_name", "Jane", "J•••"),
        ("lastName", "Doe", "D•••"),
        ("phone_number", 15550100000, "•••"),
        ("date_of_birth", "1990-01-02", "•••"),
        ("gender", "f", "•••"),
        ("ip", "192.0.2.7", "•••"),
        ("zip", 12345, "•••"),
        ("city", "Paris", "•••"),
        ("anything", "jane@example.com", "j•••@e•••.com"),
        ("custom", {"plan": "pro", "address": {"line": "1 High St"}}, {"plan": "pro", "address": {"line": "•••"}}),
        ("phone_number", ["1", "2"], ["•••", "•••"]),
        ("email_opt_in", True, True),
        ("email", None, None),
        ("email", "", ""),
        ("state", "CA", "CA"),
        ("company_name", "Acme", "Acme"),
        ("gclid", "Cj0", "Cj0"),
        ("membership", "gold", "gold"),
        ("capacity", 7, 7),
        ("patient_name", "Ada", "A•••"),
        ("customerName", "Ada", "A•••"),
        ("event.event_properties.name", "Ada", "A•••"),
        ("form", {"name": "Ada"}, {"name": "A•••"}),
        ("name", {"first": "Ada"}, {"first": "A•••"}),
        ("userName2", "ada", "a•••"),
        ("firstname", "Ada", "A•••"),
        ("product_name", "Shoe", "Shoe"),
        ("product__name", "Shoe", "Shoe"),
        ("products", [{"name": "Shoe"}], [{"name": "Shoe"}]),
        ("items[0].name", "Shoe", "Shoe"),
        ("campaignName", "Spring", "Spring"),
        ("filename", "report.pdf", "report.pdf"),
        ("form_name", "Contact", "Contact"),
        ("userAgent", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5)", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5)"),
        ("tel", "+4917055555", "•••"),
        ("hotel", "Ritz", "Ritz"),
        ("card", "4111111111111111", "•••"),
        ("card_type", "visa", "visa"),
        ("iban", "DE89370400440532013000", "•••"),
        ("accountNumber", 12345678, "•••"),
        ("acct_no", 12345678, "•••"),
        ("sortCode", "20-00-00", "•••"),
        ("ccNumber", "4111111111111111", "•••"),
        ("pan", 4111111111111111, "•••"),
        ("cardholder", "Ada Doe", "A•••"),
        ("prenom", "Ada", "A•••"),
        ("birth.town", "Slough", "•••"),
        ("bday", "1990-01-02", "•••"),
        ("nhsNumber", "9434765919", "•••"),
        ("X-Forwarded-For", "192.0.2.7", "•••"),
        ("passcode", 4711, "•••"),
        ("company", "Panasonic", "Panasonic"),
        ("downtown", "yes", "yes"),
        ("newborn", "yes", "yes"),
        ("accounting", "Q3", "Q3"),
        ("mrn", "MRN-777", "•••"),
        ("geo", {"lat": 51.5, "lng": -0.1, "country": "GB"}, {"lat": "•••", "lng": "•••", "country": "GB"}),
        ("platform", "web", "web"),
        ("coordinates", [51.5, -0.1], ["•••", "•••"]),
        ("reset_token", "abc", "•••"),
        ("Authorization", "Bearer abc", "•••"),
        ("headers", {"Set-Cookie": "sid=abc", "x-api-key": "abc"}, {"Set-Cookie": "•••", "x-api-key": "•••"}),
        ("request.cookie", "sid=abc", "•••"),
        ("apiKey", "abc", "•••"),
        ("sessionJWT", "abc", "•••"),
        ("prior_authorization", "granted", "granted"),
        ("cookie_consent", "all", "all"),
        ("keyboard", "de", "de"),
        ("note", "Mail jane@example.com, please.", "Mail j•••@e•••.com, please."),
        ("note", "Call +49 170 1234567 or (555) 010-0000 or 0170 1234567.", "Call ••• or ••• or •••."),
        ("note", "Paid with 4111 1111 1111 1111, SSN 078-05-1120", "Paid with •••, SSN •••"),
        ("note", '{"patient_name": "Ada", "n": 1}', '{"patient_name": "A•••", "n": 1}'),
        ("note", "{not json, jane@example.com", "{not json, j•••@e•••.com"),
        ("by", {"jane@example.com": 1}, {"j•••@e•••.com": 1}),
        ("url", "https://a.example/x?last_name=Doe&utm_source=mail", "https://a.example/x?last_name=D•••&utm_source=mail"),
        ("url", "https://a.example/u/jane%40example.com/x", "https://a.example/u/j•••@e•••.com/x"),
        ("url", "https://a.example/?token=abc", f"https://a.example/?token={MASK}"),
        ("url", "https://jane:secret@a.example/x", f"https://{MASK}@a.example/x"),
        ("url", "/go?next=https%3A%2F%2Fa.example%2F%3Femail%3Djane%2540example.com",
         "/go?next=https://a.example/?email=j•••@e•••.com"),
        ("body", "email=jane%40example.com&plan=pro", "email=j•••@e•••.com&plan=pro"),
        ("body", "last_name=Doe&plan=pro", "last_name=D•••&plan=pro"),
        ("when", "2026-11-26T14:30:00.000+00:00", "2026-11-26T14:30:00.000+00:00"),
        ("day", "01-02-2026 14:30", "01-02-2026 14:30"),
        ("fbp", "fb.1.1754874909594.1234567890", "fb.1.1754874909594.1234567890"),
        ("order", "019a0000-0000-7000-8000-000000000101", "019a0000-0000-7000-8000-000000000101"),
        ("sdk", "react@18.2.0", "react@18.2.0"),
        ("url", "https://a.example/search?q=red%20shoes&page=2", "https://a.example/search?q=red%20shoes&page=2"),
    ],
)  # fmt: skip
def test_personal_values_are_masked_and_others_shown(name: str, value: Any, shown: Any) -> None:
    assert mask_value(name, value) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Hello Ada van Loon!", "Hello •••!"),
        ("Dear ms LOON", "Dear ms •••"),
        ("Ada van", "••• van"),
        ("It was Ada", "It was •••"),
        ("Adamant balloons", "Adamant balloons"),
        ("He went to the van", "He went to the van"),
        ("0170/5550000 or 01705550000 or 49 170 555 0000", "••• or ••• or •••"),
        ("born 1988/3/7", "born •••"),
        ("李小龙 was here, 你好李小龙", "••• was here, 你好•••"),
        ("https://a.example/ada-van-loon?x=Loon", "https://a.example/•••?x=•••"),
    ],
)
def test_what_is_known_of_a_person_is_masked_under_any_name(text: str, shown: str) -> None:
    known = {"customer_name": "Ada van Loon", "phone_number": "+491705550000", "date_of_birth": "1988-03-07",
             "first_name": "小龙", "full_name": "李小龙"}  # fmt: skip
    person = Person(known, {"plan": "gold", "zip": 12345})
    assert person.value("title", text) == shown
    assert person.value("total", 12345) == "•••"
    assert person.value("total", 12346) == 12346
    assert person.value("plan", "gold") == "gold"


def test_what_names_nobody_alone_is_not_known_of_a_person() -> None:
    assert Person({"first_name": "A", "zip": 7}).value("title", "A line of 7") == "A line of 7"


_WORDS = st.text(st.characters(categories=["Lu", "Ll"], max_codepoint=0x2000), min_size=5, max_size=12)
_PADS = st.text(" .,;:!?/&=%#()[]<>'\"-_@+0a", max_size=12)


@given(before=_PADS, name=_WORDS, after=_PADS)
def test_no_text_shows_a_name_that_is_known(before: str, name: str, after: str) -> None:
    """As a word of its own, and as the value in an address; whatever stands around it."""
    person = Person({"last_name": name})
    for text in (f"{before} {name} {after}", f"https://a.example/{before}?x={quote(name, safe='')}&y={quote(after)}"):
        assert name.casefold() not in unquote(person.value("title", text)).casefold()


@given(
    local=st.text("abcXYZ019.+-_'", min_size=3, max_size=20), host=st.text("abcz0-", min_size=3, max_size=20), pad=_PADS
)
def test_no_text_shows_an_email(local: str, host: str, pad: str) -> None:
    address = f"q{local}@x{host}.example"
    for text in (
        f"{pad} {address} {pad}",
        f"/?x={quote(address, safe='')}",
        f"/?x={quote(quote(address, safe=''), safe='')}",
    ):
        shown = mask_value("note", text)
        assert f"q{local}" not in unquote(unquote(shown))
        assert f"x{host}" not in unquote(unquote(shown))


@pytest.mark.parametrize("between", ["!", "+", "~", "*", "'", "\x08", "%21", "..."])
def test_addresses_that_nothing_parts_are_all_masked(between: str) -> None:
    shown = mask_value("note", f"jane@example.com{between}john.doe@mail.test{between}eve@example.org")
    assert not re.search("jane|john|doe|eve|example|mail", unquote(shown))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=12), _JSON, max_size=4))
def test_masking_again_changes_nothing(values: dict[str, Any]) -> None:
    person = Person(values)
    once = person.bag(values)
    assert person.bag(once) == once


@given(st.integers(0, 40), st.lists(st.sampled_from(["sesame-open", "a", "sesa", "=="]), max_size=12))
def test_a_beginning_shows_no_half_of_a_secret(most: int, parts: list[str]) -> None:
    masker, text = Masker(["sesame-open"]), "".join(parts)
    shown = masker.beginning(text, most)
    assert len(shown) <= most
    assert masker.text(text).startswith(shown)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("jane＠canary.example", "j•••@c•••.example"),
        ("to jane﹫canary.example.", "to j•••@c•••.example."),
        ("amFuZUBjYW5hcnkuZXhhbXBsZQ==", "•••"),
        ("https://x.example/?u=amFuZUBjYW5hcnkuZXhhbXBsZQ%3D%3D&page=2", "https://x.example/?u=•••&page=2"),
        ("https://x.example/u/amFuZUBjYW5hcnkuZXhhbXBsZQ/edit", "https://x.example/u/•••/edit"),
        ("https://x.example/#d=eyJlbWFpbCI6ImphbmVAY2FuYXJ5LmV4YW1wbGUifQ", "https://x.example/#d=•••"),
        ("ewogImUiOiAiamFuZUBjYW5hcnkuZXhhbXBsZSIKfQ==", "•••"),  # JSON over several lines
        ("ChNqYW5lQGNhbmFyeS5leGFtcGxlEAE=", "•••"),  # a protocol buffer
    ],
)
def test_an_email_with_another_at_sign_or_in_base64_is_seen(text: str, shown: str) -> None:
    assert mask_value("note", text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "react＠18.2.0", "aGVsbG8gd29ybGQgYWdhaW4=", "understandings", "IwAR0_gclid-abcdefghijklmnopqrstuvwxyz",
        "01a22536-19ae-756f-b0c6-19c4456f883e", "cGF5bG9hZEAx",
    ],
)  # fmt: skip
def test_what_only_looks_like_base64_or_an_address_stays(text: str) -> None:
    assert mask_value("note", text) == text
