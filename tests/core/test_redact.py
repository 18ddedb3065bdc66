"""What is kept out of sight."""

import json
from base64 import b64encode, urlsafe_b64encode
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ours.core.redact import MASK, Masker, mask_email, mask_headers, mask_url, mask_value

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
    assert Masker([]).text("plain") == "plain"


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


def test_a_masker_goes_by_name_and_by_value() -> None:
    masker = Masker(["s3cr3t/value"])
    assert masker.url("https://a.example/s3cr3t%2Fvalue?key=x") == f"https://a.example/{MASK}?key={MASK}"
    assert masker.headers({"X-Custom": "is s3cr3t/value", "Cookie": "x"}) == {"X-Custom": f"is {MASK}", "Cookie": MASK}


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
    ],
)  # fmt: skip
def test_personal_values_are_masked_and_others_shown(name: str, value: Any, shown: Any) -> None:
    assert mask_value(name, value) == shown
